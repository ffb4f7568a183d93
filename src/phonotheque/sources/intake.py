"""Taking in what is read, part by part, so that a killed ingest goes on where it was.

A part and its findings are durable before the journal says so; what the journal does not name is
written again. Parts are cut behind a record, by the number of rows alone, so that an ingest that
went on ends with the same bytes as one that was never interrupted.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from phonotheque.model.errors import PhonothequeError
from phonotheque.model.findings import Finding, Severity
from phonotheque.model.tables import ARTIST_ROWS, GROUP_ROWS, LISTENS, MBID_REDIRECTS, ROWS
from phonotheque.sources import parts
from phonotheque.sources.findings_log import FindingsLog
from phonotheque.sources.imports import InputRecord
from phonotheque.storage.documents import read_document, write_document
from phonotheque.storage.durable import ensure_directory, partial_file

SCHEMAS = {
    "rows": ROWS,
    "listens": LISTENS,
    "artists": ARTIST_ROWS,
    "groups": GROUP_ROWS,
    "redirects": MBID_REDIRECTS,
}
"""The table of each kind of import."""
JOURNAL = ".journal.json"


class Journal(msgspec.Struct, frozen=True, kw_only=True):
    """How far an ingest is: `parts` are durable (rows of each), and hold the inputs before number
    `input` and of that one all up to record `after`."""

    format: int = 1
    wanted: str  # what was asked for; another question does not go on from here
    read_at: datetime
    input: int = 0
    after: int = 0
    finished: bool = False
    parts: list[int] = []
    findings: int = 0  # kept files of findings
    rows_refused: int = 0
    broken: bool = False
    isrcs: dict[str, int] = {}
    inputs: list[InputRecord] = []


def read_journal(place: Path, wanted: str) -> Journal | None:
    """The journal of an unfinished import that was asked for in the same words, or None."""
    path = place / JOURNAL
    if not path.exists():
        return None
    try:
        journal = read_document(path, Journal)
    except PhonothequeError:
        return None
    return journal if journal.wanted == wanted else None


class Intake:
    """Takes batches of one kind, input by input, into staged parts in `place`.

    With a journal it begins behind what the journal says; `journal.input` and `journal.after` tell
    where to read on. A journal whose `wanted` is "" is never written.
    """

    def __init__(self, place: Path, kind: str, journal: Journal) -> None:
        ensure_directory(place)
        self.place = place
        self.journal = journal
        self.findings = FindingsLog(place, journal.findings)
        self.rows_refused = journal.rows_refused
        self.broken = journal.broken
        self.isrcs = Counter(journal.isrcs)
        self.inputs = list(journal.inputs)
        self.parts = list(journal.parts)
        self._schema = SCHEMAS[kind]
        self._held: list[pa.RecordBatch] = []
        self._count = 0

    @property
    def rows(self) -> int:
        """Rows taken so far."""
        return sum(self.parts) + self._count

    def part_path(self, number: int) -> Path:
        """The staged part."""
        return self.place / f".staged-{number:05d}.parquet"

    def order_path(self, number: int) -> Path:
        """Of each row of the staged part, its place in the order of the input (uint32)."""
        return self.place / f".order-{number:05d}.npy"

    def add(self, batch: pa.RecordBatch | None, findings: Sequence[Finding] = ()) -> None:
        """Take the rows of some records of the current input, and their findings by row."""
        left = list(findings)
        if batch is not None and batch.num_rows:
            self._held.append(batch)
            self._count += batch.num_rows
            while self._count >= parts.PART_ROWS:
                last = self._cut()
                left = self._log(left, last)
                self._note(after=last, finished=False)
        self._log(left, None)

    def end_input(self, record: InputRecord) -> None:
        """The current input is read to its end."""
        self.inputs.append(record)

    def finish(self) -> None:
        """All inputs are read: write the last part."""
        if self.journal.finished:
            return
        if self._count:
            self._write(pa.Table.from_batches(self._held))
            self._held, self._count = [], 0
        self._note(after=0, finished=True)

    def _log(self, findings: list[Finding], last: int | None) -> list[Finding]:
        """Take the findings up to record `last`; returns the later ones."""
        later = []
        for finding in findings:
            if last is not None and finding.row is not None and finding.row > last:
                later.append(finding)
                continue
            self.findings.add(finding)
            refused = finding.severity is Severity.ERROR
            self.rows_refused += refused and finding.row is not None
            self.broken |= refused and finding.row is None
        return later

    def _count_isrcs(self, table: pa.Table) -> None:
        if "isrc_class" not in table.column_names:
            return
        for pair in pc.value_counts(table["isrc_class"]).to_pylist():
            if pair["values"] is not None:
                self.isrcs[pair["values"]] += pair["counts"]
        several = pc.sum(pc.greater(pc.list_value_length(table["isrcs_raw"]), 1)).as_py() or 0
        if several:
            self.isrcs["several"] += several

    def _cut(self) -> int:
        """Write one part from what is held; the number of its last record (0 where unnumbered)."""
        table = pa.Table.from_batches(self._held)
        size, last = parts.PART_ROWS, 0
        if "origin_row" in table.column_names:
            records = table["origin_row"].slice(size - 1).to_numpy()
            last = int(records[0])
            size += int((np.append(records, -1) != last).argmax()) - 1
        self._write(table.slice(0, size))
        rest = table.slice(size)
        self._held, self._count = rest.to_batches(), rest.num_rows
        return last

    def _write(self, table: pa.Table) -> None:
        number, first = len(self.parts), sum(self.parts)
        order = parts.write_part(self.part_path(number), self._schema, table, first)
        if order is not None:
            _write_order(self.order_path(number), order)
        pa.default_memory_pool().release_unused()
        self.parts.append(table.num_rows)
        self._count_isrcs(table)

    def _note(self, *, after: int, finished: bool) -> None:
        if not self.journal.wanted:
            return
        self.findings.keep()
        self.journal = Journal(
            wanted=self.journal.wanted,
            read_at=self.journal.read_at,
            input=len(self.inputs),
            after=after,
            finished=finished,
            parts=list(self.parts),
            findings=self.findings.kept,
            rows_refused=self.rows_refused,
            broken=self.broken,
            isrcs=dict(self.isrcs),
            inputs=list(self.inputs),
        )
        write_document(self.place / JOURNAL, self.journal)


def _write_order(path: Path, order: npt.NDArray[np.int64]) -> None:
    with partial_file(path) as temporary, temporary.open("wb") as file:
        np.save(file, order.astype(np.uint32))
