"""Rows, one mapping each, gathered into blocks of columns."""

from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

from phonotheque.model.findings import Finding
from phonotheque.sources.records import BLOCK_ROWS, Block

__all__ = ["gather"]

Rows = Sequence[Mapping[str, Any]]


def gather(
    records: Iterator[tuple[int, Rows] | Finding], names: Sequence[str], size: int = BLOCK_ROWS
) -> Iterator[Block | Finding]:
    """Blocks of at most `size` rows from (record number, its rows), with two or more columns.

    A finding comes before the block of its neighbours. All rows of a record stand in one block, so
    one record with more rows than `size` makes a block of its own. Memory: one block.
    """
    numbers: list[int] = []
    rows: list[Mapping[str, Any]] = []
    for item in records:
        if isinstance(item, Finding):
            yield item
            continue
        if rows and len(rows) + len(item[1]) > size:
            yield _block(numbers, rows, names)
            numbers, rows = [], []
        numbers += [item[0]] * len(item[1])
        rows += item[1]
    if rows:
        yield _block(numbers, rows, names)


def _block(numbers: list[int], rows: Rows, names: Sequence[str]) -> Block:
    try:
        values = zip(*map(itemgetter(*names), rows), strict=True)
        return Block(numbers, dict(zip(names, map(list, values), strict=True)))
    except KeyError:  # some rows leave columns out
        return Block(numbers, {name: [row.get(name) for row in rows] for name in names})
