"""One batch of rows: its terms into the run."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from phonotheque.search.runs import RunWriter
from phonotheque.search.terms import CREDIT_HASH_BYTES, TITLE_HASH_BYTES, Tokens
from phonotheque.storage.arrays import U32, Array


def add_recordings(batch: pa.RecordBatch, number_doc: U32, run: RunWriter) -> None:
    """Take one batch of `EditionTables.iter_texts`."""
    docs = number_doc[batch.column("number").to_numpy()]
    title = Tokens(batch.column("title"), run.vocabulary, hash_bytes=TITLE_HASH_BYTES)
    artist = Tokens(batch.column("artist_credit"), run.vocabulary, hash_bytes=CREDIT_HASH_BYTES)
    run.add(docs, title, artist)
    _add_lists(run, "docs", batch.column("collections"), docs)


def add_tracks(batch: pa.RecordBatch, number_doc: U32, run: RunWriter) -> None:
    """Take one batch of `EditionTables.iter_other_texts`."""
    docs = number_doc[batch.column("recording").to_numpy()]
    for column in ("title", "artist_credit"):
        _add(run, "docs", batch.column(column), docs)


def add_releases(batch: pa.RecordBatch, run: RunWriter) -> None:
    """Take one batch of `EditionTables.iter_release_texts`: the lists ``release``, ``label``."""
    numbers = batch.column("number").to_numpy().astype(np.uint32)
    _add(run, "release", batch.column("title"), numbers)
    _add(run, "label", batch.column("label"), numbers)


def add_artists(batch: pa.RecordBatch, run: RunWriter) -> None:
    """Take one batch of `EditionTables.iter_artist_texts`: the list ``alias``."""
    numbers = batch.column("number").to_numpy().astype(np.uint32)
    _add(run, "alias", batch.column("name"), numbers)
    _add(run, "alias", batch.column("sort_name"), numbers)
    _add_lists(run, "alias", batch.column("aliases"), numbers)


def _add(run: RunWriter, name: str, texts: pa.Array, numbers: Array) -> None:
    run.add_pairs(name, *Tokens(texts, run.vocabulary).pairs(numbers))


def _add_lists(run: RunWriter, name: str, texts: pa.Array, numbers: Array) -> None:
    owners = np.asarray(pc.list_parent_indices(texts), np.int64)
    _add(run, name, pc.list_flatten(texts), numbers[owners])
