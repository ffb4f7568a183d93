"""Findings of one ingest: counted by code, the first ones at hand, all of them in a table."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.model.tables import FINDINGS
from phonotheque.storage.durable import TEMPORARY_SUFFIX, commit_file, ensure_directory
from phonotheque.storage.tables import write_table

FIRST = 200
HELD_ROWS = 10_000


class FindingsLog:
    """Takes findings in any number; memory is one batch. `close` before the place is removed.

    `keep` makes durable what came so far; a log made with `kept` goes on behind that many keeps.
    """

    def __init__(self, place: Path, kept: int = 0) -> None:
        ensure_directory(place)
        self._place = place
        self._spill = place / f".findings{TEMPORARY_SUFFIX}"
        self._writer: pq.ParquetWriter | None = None
        self._held: list[Finding] = []
        self.kept = kept
        self.first: list[Finding] = []
        self.counts: Counter[str] = Counter()
        for batch in self._iter_kept():
            self.counts.update(batch["code"].to_pylist())
            rows = batch.slice(0, FIRST - len(self.first)).to_pylist()
            self.first += [_finding(row) for row in rows]

    def add(self, finding: Finding) -> None:
        """Take one finding."""
        self.counts[finding.code.value] += 1
        if len(self.first) < FIRST:
            self.first.append(finding)
        self._held.append(finding)
        if len(self._held) >= HELD_ROWS:
            self._flush()

    def keep(self) -> None:
        """Make durable what came since the last time."""
        self._flush()
        self.close()
        commit_file(self._spill, self._kept_path(self.kept))
        self.kept += 1

    def _kept_path(self, number: int) -> Path:
        return self._place / f".findings-{number:05d}.parquet"

    def _flush(self) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._spill, FINDINGS)
        rows = [finding.as_dict() for finding in self._held]
        self._writer.write_table(pa.Table.from_pylist(rows, schema=FINDINGS))
        self._held.clear()

    def write(self, target: Path) -> None:
        """Write all findings durably, in the order they came, and close."""
        self.close()
        write_table(target, FINDINGS, self._iter_batches())
        self._spill.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file."""
        if self._writer is not None:
            if self._held:
                self._flush()
            self._writer.close()
            self._writer = None

    def _iter_kept(self) -> Iterator[pa.RecordBatch]:
        for number in range(self.kept):
            with pq.ParquetFile(self._kept_path(number)) as kept:
                yield from kept.iter_batches()

    def _iter_batches(self) -> Iterator[pa.RecordBatch]:
        yield from self._iter_kept()
        if self._spill.exists():
            with pq.ParquetFile(self._spill) as spilled:
                yield from spilled.iter_batches()
        if self._held:
            rows = [finding.as_dict() for finding in self._held]
            yield pa.RecordBatch.from_pylist(rows, schema=FINDINGS)


def _finding(row: dict[str, Any]) -> Finding:
    code, severity = FindingCode(row["code"]), Severity(row["severity"])
    return Finding(code, severity, row["where"], row["message"], row["row"])
