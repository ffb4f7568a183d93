"""Which of the rows just read count: none whose key an earlier one has, none that is held already.

Keys are compared by hash first and in portions, exactly where hashes meet; memory stays within a
bound whatever the number of rows. What does not fit is on disk, below `.spill`.
"""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.model.tables import ROWS
from phonotheque.sources import parts
from phonotheque.storage.durable import ensure_directory

SPILL = ".spill"
MEMORY = "1GB"
PORTION_ROWS = 8_000_000
"""About how many keys are compared at once."""

_NO_CONTENT = frozenset(
    [
        "source_key", "origin", "origin_row", "evidence", "place",
        "title", "artist_credit", "artist_norm", "release_norm", "isrcs", "isrc_class",
    ]
)  # fmt: skip
"""Where a row was read, when its evidence was seen, and what other columns say: `wording` stands
for title and credit, the rest is computed from what is compared."""

_EVIDENCE = (
    "list_transform(evidence::STRUCT(claim VARCHAR, value VARCHAR, raw VARCHAR, kind VARCHAR, "
    "source VARCHAR, sha256 VARCHAR, witness VARCHAR, confidence DOUBLE)[], "
    "lambda e: hash(e.claim, e.value, e.raw, e.kind, "
    "CASE WHEN e.kind = 'catalogue' THEN NULL ELSE e.source END, e.sha256, e.witness, "
    "e.confidence))"
)
"""The source of a catalogue's word is the file that was read. What was written before evidence had
a witness has none."""


@dataclass(frozen=True, slots=True)
class Staged:
    """A part as it was read, its rows, and where each stood in the input (`Intake.order_path`)."""

    path: Path
    order: Path
    rows: int


@dataclass(frozen=True, slots=True)
class Held:
    """An import that the source has: its number, its rows, and the keys it says are gone."""

    ordinal: int
    paths: tuple[Path, ...]
    gone: tuple[Path, ...]


class Comparison:
    """Compares staged parts among themselves and with what is held; to be used in a `with`.

    `drop` marks the rows that are not to be written, over all parts in the order of the files;
    shape (n,).
    """

    def __init__(self, place: Path, staged: Sequence[Staged]) -> None:
        self._place = place / SPILL
        shutil.rmtree(self._place, ignore_errors=True)
        ensure_directory(self._place)
        self._staged = staged
        self.rows = sum(part.rows for part in staged)
        self.drop = np.memmap(self._place / "drop", np.bool_, "w+", shape=max(self.rows, 1))
        self._engine = duckdb.connect(
            str(self._place / "work.duckdb"),
            config={"temp_directory": str(self._place / "temp"), "memory_limit": MEMORY},
        )
        self._engine.execute("SET preserve_insertion_order = false")

    def __enter__(self) -> "Comparison":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._engine.close()
        del self.drop
        shutil.rmtree(self._place, ignore_errors=True)

    # ------------------------------------------------------------------------------ duplicates

    def refuse_duplicates(self, key: str) -> Iterator[Finding]:
        """Mark the rows whose key (an SQL expression) an earlier row of the input has; a finding
        for each, in the order of the input."""
        suspects = np.unique(np.concatenate([np.zeros(0, np.uint64), *self._iter_met(key)]))
        if not len(suspects):
            return
        engine = self._engine
        engine.register("suspects", pa.table({"hash": suspects}))
        engine.execute("CREATE TABLE met (part INT, pos BIGINT, first BIGINT, key VARCHAR, "
                       "origin VARCHAR, origin_row BIGINT)")  # fmt: skip
        for number, part in enumerate(self._staged):
            reader = engine.sql(
                f"SELECT file_row_number AS pos, {key} AS key, origin, origin_row "
                f"FROM {_parquet(part.path, numbered=True)} "
                f"WHERE hash({key}) IN (SELECT hash FROM suspects)"
            ).to_arrow_reader(100_000)
            order = np.load(part.order, mmap_mode="r") if part.order.exists() else None
            for batch in reader:
                found = _with_first(batch, order)
                cursor = engine.cursor()
                cursor.register("found", found)
                cursor.execute(f"INSERT INTO met SELECT {number}, pos, first, key, origin, "
                               "origin_row FROM found")  # fmt: skip
                cursor.close()
        yield from self._iter_refused()

    def _iter_met(self, key: str) -> Iterator[npt.NDArray[np.uint64]]:
        """Hashes that more than one row has, portion by portion."""
        portions = max(1, -(-self.rows // PORTION_ROWS))
        files = [(self._place / f"hashes-{n}").open("wb") for n in range(portions)]
        for part in self._staged:
            reader = self._engine.sql(
                f"SELECT hash({key}) AS hash FROM {_parquet(part.path)}"
            ).to_arrow_reader(1_000_000)
            for batch in reader:
                hashes = batch["hash"].to_numpy().astype(np.uint64)
                portion = (hashes >> np.uint64(32)) % np.uint64(portions)
                for number, file in enumerate(files):
                    file.write(hashes[portion == number].tobytes())
        for file in files:
            file.close()
            hashes = np.sort(np.fromfile(file.name, np.uint64))
            Path(file.name).unlink()
            yield hashes[1:][hashes[1:] == hashes[:-1]]

    def _iter_refused(self) -> Iterator[Finding]:
        starts = np.cumsum([0, *(part.rows for part in self._staged)])
        cursor = self._engine.execute(
            "SELECT part, pos, origin, origin_row, key FROM met QUALIFY row_number() OVER "
            "(PARTITION BY key ORDER BY part, first) > 1 ORDER BY part, first"
        )
        while rows := cursor.fetchmany(10_000):
            for part, pos, origin, row, key in rows:
                self.drop[starts[part] + pos] = True
                message = f"the key {key!r} stands on an earlier row, which counts; change one"
                yield Finding(FindingCode.ROW_DUPLICATE_KEY, Severity.ERROR, origin, message, row)

    # ------------------------------------------------------------------------------------ held

    def leave_out_held(self, held: Sequence[Held], gone_to: Path | None) -> tuple[int, int]:
        """Mark the rows that the source holds as they are; returns how many were not marked yet,
        and how many the source holds.

        Keys that the source holds and no staged row has go to `gone_to`, a Parquet file with the
        column `source_key`, in the order of the keys; the file is not made without any.
        """
        portions = self._spill_by_key(held)
        starts = np.cumsum([0, *(part.rows for part in self._staged)])
        marked = living = 0
        self._engine.execute("CREATE TABLE gone (source_key VARCHAR)")
        for portion in range(portions):
            marked += self._mark_unchanged(portion, starts)
            living += self._count("newest WHERE content IS NOT NULL")
            if gone_to is not None:
                self._find_gone(portion)
        if gone_to is not None and self._count("gone"):
            self._engine.execute(
                f"COPY (SELECT source_key FROM gone ORDER BY source_key) TO {_literal(gone_to)} "
                "(FORMAT parquet)"
            )
        return marked, living

    def _spill_by_key(self, held: Sequence[Held]) -> int:
        """Write key, content and place of every row to files by portion of the keys."""
        content_of = _content([part.path for part in self._staged] + [
            path for each in held for path in each.paths])  # fmt: skip
        words = [
            f"SELECT source_key, {each.ordinal} AS said, {content} AS content FROM {_parquet(path)}"
            for each in held
            for paths, content in ((each.paths, content_of), (each.gone, "NULL::UBIGINT"))
            for path in paths
        ]
        fresh = [
            f"SELECT source_key, {number}::BIGINT << 32 | file_row_number AS said, "
            f"{content_of} AS content FROM {_parquet(part.path, numbered=True)}"
            for number, part in enumerate(self._staged)
        ]
        held_rows = sum(self._count(_parquet(path))
                        for each in held for path in (*each.paths, *each.gone))  # fmt: skip
        portions = max(1, -(-(self.rows + held_rows) // PORTION_ROWS))
        for name, selects in (("held", words), ("fresh", fresh)):
            for number, select in enumerate(selects):
                self._engine.execute(
                    f"COPY (SELECT *, (hash(source_key) >> 32) % {portions} AS portion "
                    f"FROM ({select})) TO {_literal(self._place / name)} (FORMAT parquet, "
                    f"PARTITION_BY (portion), FILENAME_PATTERN '{number}-{{i}}', "
                    "OVERWRITE_OR_IGNORE)"
                )
        return portions

    def _portion(self, name: str, portion: int) -> str:
        files = sorted((self._place / name / f"portion={portion}").glob("*.parquet"))
        if not files:
            return "(SELECT ''::VARCHAR AS source_key, 0::BIGINT AS said, 0::UBIGINT AS content " \
                   "WHERE false)"  # fmt: skip
        listed = ", ".join(_literal(path) for path in files)
        return f"read_parquet([{listed}], hive_partitioning = false)"

    def _mark_unchanged(self, portion: int, starts: npt.NDArray[np.int64]) -> int:
        """Mark unchanged rows of one portion; leaves the table `newest` of what is held."""
        engine = self._engine
        engine.execute(
            f"CREATE OR REPLACE TABLE newest AS SELECT source_key, arg_max_null(content, said) "
            f"AS content FROM {self._portion('held', portion)} GROUP BY source_key"
        )
        reader = engine.sql(
            f"SELECT fresh.said FROM {self._portion('fresh', portion)} AS fresh "
            "JOIN newest USING (source_key, content)"
        ).to_arrow_reader(1_000_000)
        marked = 0
        for batch in reader:
            said = batch["said"].to_numpy()
            rows = starts[said >> 32] + (said & 0xFFFFFFFF)
            marked += int((~self.drop[rows]).sum())
            self.drop[rows] = True
        return marked

    def _find_gone(self, portion: int) -> None:
        self._engine.execute(
            f"INSERT INTO gone SELECT source_key FROM newest ANTI JOIN "
            f"{self._portion('fresh', portion)} AS fresh USING (source_key) "
            "WHERE content IS NOT NULL"
        )

    def _count(self, what: str) -> int:
        row = self._engine.execute(f"SELECT count(*) FROM {what}").fetchone()
        return int(row[0]) if row else 0


def _content(paths: Sequence[Path]) -> str:
    """SQL: a hash of what makes a row different, of the columns with any value in any file."""
    filled: set[str] = set()
    for path in paths:
        filled |= parts.filled_columns(path)
    names = [f.name for f in ROWS if f.name in filled and f.name not in _NO_CONTENT]
    terms = [f'"{name}"' for name in names] + [_EVIDENCE] * ("evidence" in filled)
    return f"hash({', '.join(terms)})"


def _with_first(batch: pa.RecordBatch, order: npt.NDArray[np.uint32] | None) -> pa.Table:
    pos = batch["pos"].to_numpy()
    first = pos if order is None else order[pos].astype(np.int64)
    return pa.Table.from_batches([batch]).append_column("first", pa.array(first))


def _parquet(path: Path, *, numbered: bool = False) -> str:
    option = ", file_row_number = true" if numbered else ""
    return f"read_parquet({_literal(path)}{option})"


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
