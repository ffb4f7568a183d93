"""The small files of documents: number, tier, licence, year and listens of each."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from phonotheque.search.arrays import U32, Array, create_array, number_type
from phonotheque.search.reading import EditionTables

NO_DOCUMENT = 0xFFFFFFFF


def write_documents(folder: Path, tables: EditionTables, licences: list[str]) -> U32:
    """Write ``doc_*.npy`` and ``number_doc.npy``; returns the latter, u32[greatest number + 1]."""
    documents, greatest = tables.count("recordings")
    dtypes = {
        "number": number_type(greatest),
        "tier": np.uint8,
        "licence": np.uint8 if len(licences) < 256 else np.uint16,
        "year": np.int16,
        "listens": np.float16,
    }
    out = {n: create_array(folder / f"doc_{n}.npy", t, documents) for n, t in dtypes.items()}
    number_doc = create_array(folder / "number_doc.npy", np.uint32, greatest + 1)
    number_doc[:] = NO_DOCUMENT
    known, at = pa.array(licences, pa.string()), 0
    for batch in tables.iter_by_rank():
        rows = slice(at, at + len(batch))
        numbers = _values(batch, "number")
        out["number"][rows] = numbers
        out["tier"][rows] = _values(batch, "tier")
        out["year"][rows] = _values(batch, "year")
        out["listens"][rows] = np.log10(1.0 + _values(batch, "listens"))
        codes = pc.fill_null(pc.index_in(batch.column("licence"), value_set=known), -1)
        out["licence"][rows] = np.asarray(codes) + 1
        number_doc[numbers] = np.arange(at, at + len(batch), dtype=np.uint32)
        at += len(batch)
    return number_doc


def _values(batch: pa.RecordBatch, column: str) -> Array:
    values: Array = batch.column(column).to_numpy(zero_copy_only=False)
    return values
