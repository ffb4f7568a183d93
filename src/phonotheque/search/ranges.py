"""One batch of recordings: its terms into the run, its rows into the row store."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from phonotheque.model.numbers import Kind
from phonotheque.search.arrays import U32
from phonotheque.search.rows import RowWriter
from phonotheque.search.runs import RunWriter
from phonotheque.search.terms import Tokens

_MORE_TEXTS = ("release_titles", "other_titles", "other_artists", "collections")
_ROW = (
    "title", "artist_credit", "artist_numbers", "release_title", "first_release_year",
    "duration_ms", "isrcs", "recording_mbid", "collections", "licence", "stream", "distribute",
    "flags", "listens", "rank", "tier",
)  # fmt: skip


def add_range(batch: pa.RecordBatch, number_doc: U32, run: RunWriter, rows: RowWriter) -> None:
    """Take one batch of `EditionTables.iter_recordings`."""
    docs = number_doc[batch.column("number").to_numpy()]
    title = Tokens(batch.column("title"), run.vocabulary, hashed=True)
    artist = Tokens(batch.column("artist_credit"), run.vocabulary)
    run.add(docs, title, artist)
    for column in _MORE_TEXTS:
        texts = batch.column(column)
        owners = np.asarray(pc.list_parent_indices(texts), np.int64)
        more = Tokens(pc.list_flatten(texts), run.vocabulary)
        run.add_pairs(*more.pairs(docs[owners]))
    rows.add(Kind.RECORDING, _iter_rows(batch))


def _iter_rows(batch: pa.RecordBatch) -> Iterator[tuple[int, tuple[Any, ...]]]:
    tracks = _tuples_of_lists(batch.column("tracks"))
    files = _tuples(batch.column("file"))
    release = [track[0][1] if track else None for track in tracks]
    columns = [release if name == "release_title" else _plain(batch.column(name)) for name in _ROW]
    numbers = batch.column("number").to_pylist()
    yield from zip(numbers, zip(*columns, tracks, files, strict=True), strict=True)


def _plain(column: pa.Array) -> list[Any]:
    if not pa.types.is_list(column.type):
        values: list[Any] = column.to_pylist()
        return values
    return _sliced(pc.list_flatten(column).to_pylist(), column)


def _tuples_of_lists(column: pa.Array) -> list[list[Any]]:
    return _sliced(_tuples(pc.list_flatten(column)), column)


def _sliced(flat: list[Any], column: pa.Array) -> list[list[Any]]:
    """The values of a column of lists, cut into its rows; a null list is an empty one."""
    ends = np.cumsum(pc.fill_null(pc.list_value_length(column), 0).to_numpy()).tolist()
    return [flat[begin:end] for begin, end in pairwise([0, *ends])]


def _tuples(column: pa.Array) -> list[Any]:
    """A column of structs as tuples, column by column (far cheaper than row by row)."""
    if column.null_count == len(column):
        return [None] * len(column)
    whole = list(zip(*(part.to_pylist() for part in column.flatten()), strict=True))
    present = column.is_valid().to_pylist()
    return [row if there else None for row, there in zip(whole, present, strict=True)]
