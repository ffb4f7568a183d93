"""One batch of recordings: its terms into the run."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from phonotheque.search.arrays import U32
from phonotheque.search.runs import RunWriter
from phonotheque.search.terms import Tokens

_MORE_TEXTS = ("release_titles", "other_titles", "other_artists", "collections")


def add_range(batch: pa.RecordBatch, number_doc: U32, run: RunWriter) -> None:
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
