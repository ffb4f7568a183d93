"""One batch of recordings: its terms into the run, its rows into the row store."""

from collections.abc import Iterator
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
_TRACK = ("track_release", "track_release_title", "track_disc", "track_position", "track_title")
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
    tracks = [_zipped(row) for row in zip(*_lists(batch, _TRACK), strict=True)]
    files = [f and tuple(f.values()) for f in batch.column("file").to_pylist()]
    release = [track[0][1] if track else None for track in tracks]
    columns = [
        release if name == "release_title" else batch.column(name).to_pylist() for name in _ROW
    ]
    numbers = batch.column("number").to_pylist()
    yield from zip(numbers, zip(*columns, tracks, files, strict=True), strict=True)


def _lists(batch: pa.RecordBatch, names: tuple[str, ...]) -> list[list[Any]]:
    return [batch.column(name).to_pylist() for name in names]


def _zipped(row: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    return [] if row[0] is None else list(zip(*row, strict=True))
