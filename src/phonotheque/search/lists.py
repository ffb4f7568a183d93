"""The small files of documents: number, tier, licence, year and listens of each.

Beside them, while an index is built, the documents of numbers.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from phonotheque.search.reading import EditionTables
from phonotheque.search.steps import StepsWriter
from phonotheque.storage.arrays import (
    U8,
    U32,
    Array,
    create_array,
    load_array,
    number_type,
    write_array,
)

NO_DOCUMENT = 0xFFFFFFFF
_AT_ONCE = 1 << 23


def write_documents(
    folder: Path, spill: Path, tables: EditionTables, licences: list[str], years: list[int]
) -> None:
    """Write ``doc_number``, ``doc_licence``, ``doc_year``, ``tier_*``, ``listens_*``,
    ``has_number``, and into `spill` what `load_number_doc` reads."""
    documents, greatest = tables.count("recordings")
    dtypes = {
        "number": number_type(greatest),
        "licence": _code_type(licences),
        "year": _code_type(years),
    }
    out = {n: create_array(folder / f"doc_{n}.npy", t, documents) for n, t in dtypes.items()}
    number_doc = create_array(spill / "number_doc.npy", np.uint32, greatest + 1)
    number_doc[:] = NO_DOCUMENT
    known_licences, known_years = pa.array(licences, pa.string()), pa.array(years, pa.int16())
    at = 0
    with (
        StepsWriter(folder, "tier", np.uint8) as tiers,
        StepsWriter(folder, "listens", np.float16) as listens,
    ):
        for batch in tables.iter_by_rank():
            rows = slice(at, at + len(batch))
            numbers = _values(batch, "number")
            out["number"][rows] = numbers
            out["licence"][rows] = _codes(batch, "licence", known_licences)
            out["year"][rows] = _codes(batch, "year", known_years)
            tiers.append(_values(batch, "tier"))
            listens.append(np.log10(1.0 + _values(batch, "listens")))
            number_doc[numbers] = np.arange(at, at + len(batch), dtype=np.uint32)
            at += len(batch)
    write_array(folder / "has_number.npy", _bits(number_doc))


def write_has_file(folder: Path, spill: Path, tables: EditionTables) -> None:
    """Write ``has_file``: a bit for each document, whether there is a file of it here. Memory: a
    byte for each document."""
    number_doc = load_number_doc(spill)
    found = np.zeros(tables.count("recordings")[0], np.bool_)
    for batch in tables.iter_owners_of_files():
        docs = number_doc[_values(batch, "recording")]
        found[docs[docs != NO_DOCUMENT]] = True
    write_array(folder / "has_file.npy", np.packbits(found, bitorder="little"))


def load_number_doc(spill: Path) -> U32:
    """u32[greatest number + 1]: the document of each number; `NO_DOCUMENT` where there is none."""
    return load_array(spill / "number_doc.npy")


def _code_type(values: list[str] | list[int]) -> type:
    return np.uint8 if len(values) < 256 else np.uint16


def _codes(batch: pa.RecordBatch, column: str, known: pa.Array) -> Array:
    """Place in `known` + 1; 0 for what is null."""
    codes: Array = np.asarray(pc.fill_null(pc.index_in(batch.column(column), value_set=known), -1))
    return codes + 1


def _bits(number_doc: U32) -> U8:
    """Bit n mod 8 (lowest first) of byte ⌊n/8⌋: whether n is the number of a document."""
    parts = [
        np.packbits(number_doc[first : first + _AT_ONCE] != NO_DOCUMENT, bitorder="little")
        for first in range(0, len(number_doc), _AT_ONCE)
    ]
    return np.concatenate(parts)


def _values(batch: pa.RecordBatch, column: str) -> Array:
    values: Array = batch.column(column).to_numpy(zero_copy_only=False)
    return values
