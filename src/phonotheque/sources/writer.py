"""Writing one import, so that its report is the last thing that appears.

Rows that the source already holds, unchanged, are not written again: an import holds what is new or
different, and a source's rows are the newest of each key (docs/formats/import.md).
"""

import shutil
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from phonotheque.model.errors import UsageError
from phonotheque.model.tables import GONE
from phonotheque.sources import parts
from phonotheque.sources.comparing import Comparison, Held, Staged
from phonotheque.sources.imports import (
    ImportReport,
    PartRecord,
    discard_incomplete,
    discard_leftovers,
    imports_of,
    next_import,
)
from phonotheque.sources.intake import SCHEMAS, Intake, Journal, read_journal
from phonotheque.storage.digests import digest_file
from phonotheque.storage.documents import write_document
from phonotheque.storage.layout import Tree
from phonotheque.storage.tables import write_table

_KEYS = {
    "rows": "source_key",
    "artists": "source_key",
    "groups": "source_key",
    "redirects": "concat_ws(':', entity, old)",
}
"""What is unique in an import, by kind, as SQL; other kinds have nothing of that sort."""
_GONE_NAME = "gone-00000.parquet"


class ImportWriter:
    """One import of `source` in the making. The caller holds the archive's lock.

    `wanted` says what was asked for, in words that tell this ingest from any other; with it, the
    ingest of the same that was killed goes on. "" begins anew, always.
    """

    def __init__(
        self, tree: Tree, source: str, kind: str, now: datetime, *, wanted: str = ""
    ) -> None:
        self.source = source
        self.kind = kind
        self.name = next_import(tree, source)
        self.place = tree.sources / source / self.name
        journal = read_journal(self.place, wanted) if wanted else None
        discard_incomplete(tree, source, keep=self.place if journal else None)
        self._held = [ref for ref in imports_of(tree, source) if ref.kind == kind]
        if journal is not None:
            self._take_back()
        self.intake = Intake(self.place, kind, journal or Journal(wanted=wanted, read_at=now))
        self._parts: list[Path] = []
        self.rows_read = self.rows_kept = self.rows_unchanged = 0
        self.rows_refused = self.rows_gone = 0

    @property
    def read_at(self) -> datetime:
        """When this import was begun."""
        return self.intake.journal.read_at

    def settle(self, *, replace: bool, surely: bool = True) -> None:
        """Everything is taken in: keep the first of equal keys, leave out what the source holds.
        With `replace`, what the source holds and was not read is gone.

        Raises:
            UsageError: more than half of the source would be gone, and nobody said it `surely`.
                What was read stays: the next run with the same inputs goes on from there.
        """
        self.intake.finish()
        staged = self._staged()
        self.rows_refused = self.intake.rows_refused
        self.rows_read = sum(part.rows for part in staged) + self.rows_refused
        if self.kind in _KEYS and (staged or (replace and self._held)):
            with Comparison(self.place, staged) as comparison:
                self._compare(comparison, replace=replace, surely=surely)
                self._write(staged, comparison.drop)
        else:
            self._write(staged, np.zeros(sum(part.rows for part in staged) or 1, np.bool_))
        if self.kind != "rows" and self._held and self._same_as_held():
            self.rows_unchanged, self.rows_kept = self.rows_kept, 0
            self._parts = []

    def commit(self, report: ImportReport) -> ImportReport | None:
        """Make the import complete, or remove it when it holds nothing new (None)."""
        if not self._parts:
            self.intake.findings.close()
            shutil.rmtree(self.place)
            return None
        self.intake.findings.write(self.place / "findings.parquet")
        write_document(self.place / "report.json", report)
        discard_leftovers(self.place)
        return report

    def part_records(self) -> list[PartRecord]:
        """The files written, with their digests."""
        return [_record(path) for path in self._parts]

    def _staged(self) -> list[Staged]:
        paths, orders = self.intake.part_path, self.intake.order_path
        return [Staged(paths(n), orders(n), rows) for n, rows in enumerate(self.intake.parts)]

    def _final(self, number: int) -> Path:
        return self.place / f"{self.kind}-{number:05d}.parquet"

    def _take_back(self) -> None:
        """Undo what a killed run did behind its last part: all of it is made again."""
        (self.place / _GONE_NAME).unlink(missing_ok=True)
        for path in sorted(self.place.glob(f"{self.kind}-*.parquet")):
            staged = path.with_name(path.name.replace(f"{self.kind}-", ".staged-"))
            if staged.exists():
                path.unlink()
            else:
                path.rename(staged)

    def _compare(self, comparison: Comparison, *, replace: bool, surely: bool) -> None:
        for finding in comparison.refuse_duplicates(_KEYS[self.kind]):
            self.intake.findings.add(finding)
            self.rows_refused += 1
        if self.kind != "rows" or not self._held:
            return
        held = [Held(ref.ordinal, ref.paths, ref.gone) for ref in self._held]
        spilled = self.place / ".gone.parquet" if replace else None
        self.rows_unchanged, living = comparison.leave_out_held(held, spilled)
        if spilled is not None and spilled.exists():
            if not surely:
                self._check_loss(spilled, living)
            self._write_gone(spilled)

    def _check_loss(self, spilled: Path, living: int) -> None:
        lost = pq.read_metadata(spilled).num_rows
        if lost * 2 <= living:
            return
        spilled.unlink()
        raise UsageError(
            f"source {self.source}: {lost:,} of the {living:,} rows it holds are not in this input "
            "and would be gone; if it is the whole source today, say --replace; if it is another "
            "one, give it a name of its own with --source; --add keeps both"
        )

    def _write_gone(self, spilled: Path) -> None:
        target = self.place / _GONE_NAME
        with pq.ParquetFile(spilled) as file:
            self.rows_gone = write_table(target, GONE, file.iter_batches(parts.GROUP_ROWS))
        spilled.unlink()
        self._parts.append(target)

    def _write(self, staged: list[Staged], drop: npt.NDArray[np.bool_]) -> None:
        """Name the parts that stay whole, up to the first row left out; write the others anew."""
        start = 0
        kept: list[pa.Table] = []
        made: list[Path] = []
        for part in staged:
            stays = ~np.asarray(drop[start : start + part.rows])
            whole = bool(stays.all()) and self.rows_kept == start and not kept
            start += part.rows
            if whole:
                made.append(part.path.rename(self._final(len(made))))
                self.rows_kept += part.rows
                continue
            if kept and sum(t.num_rows for t in kept) + int(stays.sum()) > parts.PART_ROWS:
                made.append(self._write_table(pa.concat_tables(kept), len(made)))
                kept = []
            if stays.any():
                kept.append(_read(part.path, stays))
        if kept:
            made.append(self._write_table(pa.concat_tables(kept), len(made)))
        self._parts = [*made, *self._parts]

    def _write_table(self, table: pa.Table, number: int) -> Path:
        path = self._final(number)
        parts.write_part(path, SCHEMAS[self.kind], table, self.rows_kept)
        self.rows_kept += table.num_rows
        return path

    def _same_as_held(self) -> bool:
        newest = self._held[-1].paths
        return [digest_file(p).sha256 for p in newest] == [
            digest_file(p).sha256 for p in self._parts
        ]


def _read(path: Path, stays: npt.NDArray[np.bool_]) -> pa.Table:
    """The rows of a part that are not left out. Memory: those, and one row group."""
    kept, start = [], 0
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(parts.GROUP_ROWS):
            mask = pa.array(stays[start : start + batch.num_rows])
            kept.append(batch.filter(mask))
            start += batch.num_rows
    return pa.Table.from_batches(kept)


def _record(path: Path) -> PartRecord:
    digests = digest_file(path)
    rows = pq.read_metadata(path).num_rows
    return PartRecord(
        path=path.name, rows=rows, bytes=digests.size_bytes, sha256=digests.sha256.hex()
    )
