"""From an input to batches of an import: reader, then maker, findings kept in row order."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from phonotheque.model.findings import Finding
from phonotheque.sources.readers import Reader
from phonotheque.sources.table_makers import Maker

_MANY = 100_000  # findings without any row: a file of another form

Made = tuple[pa.RecordBatch | None, list[Finding]]
"""Rows of some records, and the findings of those and of the records before them, by row."""


def iter_made(reader: Reader, path: Path, after: int, maker: Maker) -> Iterator[Made]:
    """What the input holds behind its first `after` records. Memory: a block."""
    waiting: list[Finding] = []
    for item in reader.iter_blocks(path, after):
        if isinstance(item, Finding):
            waiting.append(item)
            if len(waiting) >= _MANY:
                yield None, waiting
                waiting = []
            continue
        batch, findings = maker.make(item)
        due, waiting = split_findings(waiting, int(item.rows[-1]) if len(item.rows) else 0)
        yield batch, in_order([*due, *findings])
    yield None, waiting


def split_findings(findings: list[Finding], last: int) -> tuple[list[Finding], list[Finding]]:
    """(findings of records up to `last`, the others)."""
    due = [finding for finding in findings if finding.row is not None and finding.row <= last]
    return due, [finding for finding in findings if finding.row is None or finding.row > last]


def in_order(findings: list[Finding]) -> list[Finding]:
    """By row; those of one row as they came."""
    return sorted(findings, key=lambda finding: finding.row or 0)
