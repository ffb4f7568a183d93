"""Rows, one mapping each, gathered into blocks of columns, and blocks taken apart again."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

from phonotheque.model.findings import Finding
from phonotheque.sources.records import BLOCK_ROWS, Block

__all__ = ["each_row", "gather", "in_words"]

Rows = Sequence[Mapping[str, Any]]


def gather(
    records: Iterable[tuple[int, Rows] | Finding], names: Sequence[str], size: int = BLOCK_ROWS
) -> Iterator[Block | Finding]:
    """Blocks of at most `size` rows from (record number, its rows), with two or more columns.

    A finding of a record stands before the first block that goes beyond that record. All rows of a
    record stand in one block, so one record with more rows than `size` makes a block of its own.
    Memory: a block.
    """
    numbers: list[int] = []
    rows: list[Mapping[str, Any]] = []
    findings: list[Finding] = []
    for item in records:
        new = () if isinstance(item, Finding) else item[1]
        if len(findings) >= size or (rows and len(rows) + len(new) > size):
            yield from _flush(numbers, rows, findings, names)
            numbers, rows, findings = [], [], []
        if isinstance(item, Finding):
            findings.append(item)
        else:
            numbers += [item[0]] * len(new)
            rows += new
    yield from _flush(numbers, rows, findings, names)


def each_row(
    items: Iterable[Block | Finding], names: Sequence[str]
) -> Iterator[tuple[int, dict[str, Any]] | Finding]:
    """(number, row) of every row of the blocks, findings where they belong between them."""
    waiting: list[Finding] = []
    for item in items:
        if isinstance(item, Finding):
            waiting.append(item)
            continue
        empty = [None] * len(item.rows)
        columns = [item.columns.get(name, empty) for name in names]
        lists = [c if isinstance(c, list) else c.to_pylist() for c in columns]
        for number, *values in zip(item.rows, *lists, strict=True):
            while waiting and (waiting[0].row or 0) < number:
                yield waiting.pop(0)
            yield number, dict(zip(names, values, strict=True))
        if len(waiting) > BLOCK_ROWS:
            yield from waiting
            waiting = []
    yield from waiting


def in_words(finding: Finding) -> Finding:
    """A finding of a table that is read besides the records, its row in words: the numbers of
    findings are those of records, which are counted by them."""
    message = finding.message if finding.row is None else f"row {finding.row}: {finding.message}"
    return Finding(finding.code, finding.severity, finding.where, message)


def _flush(
    numbers: list[int], rows: Rows, findings: list[Finding], names: Sequence[str]
) -> Iterator[Block | Finding]:
    last = numbers[-1] if numbers else 0
    yield from (f for f in findings if (f.row or 0) <= last)
    if rows:
        yield _block(numbers, rows, names)
    yield from (f for f in findings if (f.row or 0) > last)


def _block(numbers: list[int], rows: Rows, names: Sequence[str]) -> Block:
    try:
        values = zip(*map(itemgetter(*names), rows), strict=True)
        return Block(numbers, dict(zip(names, map(list, values), strict=True)))
    except KeyError:  # some rows leave columns out
        return Block(numbers, {name: [row.get(name) for row in rows] for name in names})
