"""The files of look-up: identifiers, contents of releases and artists, mergers."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa

from phonotheque.model.numbers import Kind
from phonotheque.search.keys import pack_isrcs, write_exact_keys, write_hashed_keys
from phonotheque.search.lists import NO_DOCUMENT, load_number_doc
from phonotheque.search.reading import EditionTables
from phonotheque.storage.arrays import (
    U32,
    U64,
    Array,
    Mask,
    number_type,
    offsets_of,
    write_array,
)
from phonotheque.storage.growing import GrowingArray

_SHIFT = np.uint64(32)

MBID_TABLES = {
    Kind.RECORDING: ("recording", "recordings", "recording_mbid"),
    Kind.RELEASE: ("release", "releases", "release_mbid"),
    Kind.ARTIST: ("artist", "artists", "if(starts_with(key, 'mbid:'), substr(key, 6), NULL)"),
}
_ISRCS = """
SELECT * FROM (SELECT unnest(isrcs) AS key, number FROM recordings)
WHERE regexp_full_match(key, '[A-Z]{2}[A-Z0-9]{3}[0-9]{7}') ORDER BY key, number
"""
_BARCODES = r"""
SELECT ltrim(digits, '0')::UBIGINT AS key, number
FROM (SELECT number, regexp_replace(barcode, '[\s\-]', '', 'g') AS digits FROM releases)
WHERE regexp_full_match(digits, '0*[1-9][0-9]{0,13}') ORDER BY key, number
"""
_MBIDS = """
WITH known AS (SELECT {column} AS mbid, number FROM {table} WHERE regexp_full_match({column},
    '[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}'))
SELECT md5_number_lower(mbid) AS key, number FROM (
    SELECT mbid, number FROM known UNION ALL
    SELECT m.old, k.number FROM merged_ids m JOIN known k ON k.mbid = m.new
    WHERE m.entity = '{entity}')
ORDER BY key, number
"""
_SOURCE_KEYS = """
SELECT md5_number_lower(source || ':' || source_key) AS key, recording AS number
FROM tracks ORDER BY key, number
"""
_RELEASE_CONTENTS = """
SELECT release AS owner, recording FROM tracks WHERE release IS NOT NULL
ORDER BY release, disc NULLS FIRST, position NULLS FIRST, number
"""
_CREDITED = """
SELECT owner, number FROM (
    SELECT unnest(list_distinct(artist_numbers)) AS owner, number FROM recordings)
"""
_MOST_CREDITED = 1 << 25  # pairs sorted at a time: 16 bytes each, and as much again


def write_identifiers(folder: Path, spill: Path, tables: EditionTables) -> None:
    """Write ``isrc_*``, ``barcode_*``, ``mbid_<kind>_*`` and ``source_*`` (see
    `phonotheque.search.keys`): those of recordings lead to documents, the others to numbers.

    `phonotheque.search.lists.write_documents` must have left its file in `spill`.
    """
    number_doc = load_number_doc(spill)
    isrcs = (
        (pack_isrcs(b.column("key")), _documents(number_doc, _values(b, "number")))
        for b in tables.stream(_ISRCS)
    )
    write_exact_keys(folder, "isrc", isrcs, np.uint32)
    releases = number_type(tables.count("releases")[1])
    write_exact_keys(folder, "barcode", _pairs(tables, _BARCODES), releases)
    for kind, (entity, table, column) in MBID_TABLES.items():
        query = _MBIDS.format(entity=entity, table=table, column=column)
        meant = number_doc if kind is Kind.RECORDING else None
        number = np.uint32 if meant is not None else number_type(tables.count(table)[1])
        pairs = _pairs(tables, query, meant)
        write_hashed_keys(folder, f"mbid_{kind.value}", pairs, number, _keys(tables, query))
    pairs = _pairs(tables, _SOURCE_KEYS, number_doc)
    write_hashed_keys(folder, "source", pairs, np.uint32, _keys(tables, _SOURCE_KEYS))


def write_contents(folder: Path, spill: Path, tables: EditionTables) -> None:
    """Write ``release_*`` and ``artist_*``: offsets [greatest + 2] by owner (u4, or u8 where that
    is too small), and documents: of a release by disc and position, of an artist rising.

    `phonotheque.search.lists.write_documents` must have left its file in `spill`.
    """
    number_doc = load_number_doc(spill)
    releases, artists = (tables.count(table)[1] + 1 for table in ("releases", "artists"))
    counts = np.zeros(releases, np.uint32)
    with GrowingArray(folder / "release_docs.npy", np.uint32) as docs:
        for batch in tables.stream(_RELEASE_CONTENTS):
            found = _documents(number_doc, _values(batch, "recording"))
            docs.append(found[_count(batch, counts, found != NO_DOCUMENT)])
    _write_offsets(folder, "release", counts)
    counts = np.zeros(artists, np.uint32)
    for batch in tables.stream(_CREDITED):
        _count(batch, counts, np.ones(len(batch), np.bool_))
    with GrowingArray(folder / "artist_docs.npy", np.uint32) as credited:
        for first, last in _spans(counts, _MOST_CREDITED):
            credited.append(_credited(number_doc, tables, first, last))
    _write_offsets(folder, "artist", counts)


def _documents(number_doc: U32, numbers: Array) -> Array:
    """The documents of `numbers`; `NO_DOCUMENT` for what is no recording of the edition."""
    places = np.minimum(numbers, len(number_doc) - 1)
    docs: Array = np.where(numbers == places, number_doc[places], np.uint32(NO_DOCUMENT))
    return docs


def _count(batch: pa.RecordBatch, counts: Array, wanted: Mask) -> Mask:
    """Add the wanted rows of each owner to `counts`; which of them have a known owner."""
    owners = _values(batch, "owner")
    known: Mask = wanted & (owners < len(counts))
    found, rows = np.unique(owners[known], return_counts=True)
    counts[found] += rows.astype(np.uint32)
    return known


def _spans(counts: Array, most: int) -> Iterator[tuple[int, int]]:
    """first ≤ owner < last that have at most `most` rows together, or are one owner."""
    before = offsets_of(counts)
    first = 0
    while first < len(counts):
        limit = int(before[first]) + most
        last = int(np.searchsorted(before, np.uint64(limit), side="right")) - 1
        last = max(last, first + 1)
        yield first, last
        first = last


def _credited(number_doc: U32, tables: EditionTables, first: int, last: int) -> Array:
    """The documents of the artists first ≤ number < last, by artist, rising."""
    parts = [np.zeros(0, np.uint64)]
    for batch in tables.stream(f"{_CREDITED} WHERE owner >= {first} AND owner < {last}"):
        docs = number_doc[_values(batch, "number")].astype(np.uint64)
        parts.append(_values(batch, "owner").astype(np.uint64) << _SHIFT | docs)
    pairs = np.concatenate(parts)
    pairs.sort()
    credited: Array = pairs.astype(np.uint32)
    return credited


def _write_offsets(folder: Path, name: str, counts: Array) -> None:
    offsets = offsets_of(counts)
    write_array(folder / f"{name}_offsets.npy", offsets.astype(number_type(int(offsets[-1]))))


def write_redirects(folder: Path, tables: EditionTables) -> None:
    """Write ``redirect_<kind>_old.npy`` (sorted) and ``redirect_<kind>_new.npy``, u64 each."""
    for kind in Kind:
        name = f"redirect_{kind.value}"
        with ExitStack() as files:
            old, new = (
                files.enter_context(GrowingArray(folder / f"{name}_{part}.npy", np.uint64))
                for part in ("old", "new")
            )
            query = f"SELECT old, new FROM redirects WHERE kind = '{kind.value}' ORDER BY old"
            for batch in tables.stream(query):
                old.append(_values(batch, "old"))
                new.append(_values(batch, "new"))


def _keys(tables: EditionTables, query: str) -> int:
    return tables.value(f"SELECT count(*) FROM ({query.rpartition('ORDER BY')[0]})")


def _pairs(
    tables: EditionTables, query: str, number_doc: U32 | None = None
) -> Iterator[tuple[U64, Array]]:
    """Keys and numbers; with `number_doc`, keys and documents."""
    for batch in tables.stream(query):
        keys, numbers = _values(batch, "key"), _values(batch, "number")
        if number_doc is not None:
            numbers = _documents(number_doc, numbers)
            keys, numbers = keys[numbers != NO_DOCUMENT], numbers[numbers != NO_DOCUMENT]
        yield keys, numbers


def _values(batch: pa.RecordBatch, column: str) -> Array:
    values: Array = batch.column(column).to_numpy(zero_copy_only=False)
    return values
