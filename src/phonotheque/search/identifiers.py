"""The files of look-up: identifiers, contents of releases and artists, mergers."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa

from phonotheque.model.numbers import Kind
from phonotheque.search.arrays import (
    U64,
    Array,
    load_array,
    number_type,
    offsets_of,
    write_array,
)
from phonotheque.search.growing import GrowingArray
from phonotheque.search.keys import pack_isrcs, write_exact_keys, write_hashed_keys
from phonotheque.search.reading import EditionTables

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


def write_identifiers(folder: Path, tables: EditionTables) -> None:
    """Write ``isrc_*``, ``barcode_*``, ``mbid_<kind>_*`` and ``source_*``
    (see `phonotheque.search.keys`)."""
    recordings, releases = (
        number_type(tables.count(table)[1]) for table in ("recordings", "releases")
    )
    isrcs = ((pack_isrcs(b.column("key")), _values(b, "number")) for b in tables.stream(_ISRCS))
    write_exact_keys(folder, "isrc", isrcs, recordings)
    write_exact_keys(folder, "barcode", _pairs(tables, _BARCODES), releases)
    for kind, (entity, table, column) in MBID_TABLES.items():
        query = _MBIDS.format(entity=entity, table=table, column=column)
        number = number_type(tables.count(table)[1])
        _write_hashed(folder, f"mbid_{kind.value}", tables, query, number)
    _write_hashed(folder, "source", tables, _SOURCE_KEYS, recordings)


def write_contents(folder: Path, tables: EditionTables) -> None:
    """Write ``release_*`` and ``artist_*``: offsets [greatest + 2] by owner (u4, or u8 where that
    is too small), and recordings: of a release by disc and position, of an artist by document.

    ``number_doc.npy`` and ``doc_number.npy`` must be written.
    """
    kind = number_type(tables.count("recordings")[1])
    releases, artists = (tables.count(table)[1] + 1 for table in ("releases", "artists"))
    counts = np.zeros(releases, np.uint32)
    with GrowingArray(folder / "release_recordings.npy", kind) as recordings:
        for batch in tables.stream(_RELEASE_CONTENTS):
            known = _count(batch, counts)
            recordings.append(_values(batch, "recording")[known])
    _write_offsets(folder, "release", counts)
    counts = np.zeros(artists, np.uint32)
    for batch in tables.stream(_CREDITED):
        _count(batch, counts)
    with GrowingArray(folder / "artist_recordings.npy", kind) as recordings:
        for first, last in _spans(counts, _MOST_CREDITED):
            recordings.append(_credited(folder, tables, first, last))
    _write_offsets(folder, "artist", counts)


def _count(batch: pa.RecordBatch, counts: Array) -> Array:
    """Add the rows of each owner to `counts`; which rows have a known owner."""
    owners = _values(batch, "owner")
    known: Array = owners < len(counts)
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


def _credited(folder: Path, tables: EditionTables, first: int, last: int) -> Array:
    """The recordings of the artists first ≤ number < last, by artist and document."""
    number_doc = load_array(folder / "number_doc.npy")
    parts = [np.zeros(0, np.uint64)]
    for batch in tables.stream(f"{_CREDITED} WHERE owner >= {first} AND owner < {last}"):
        docs = number_doc[_values(batch, "number")].astype(np.uint64)
        parts.append(_values(batch, "owner").astype(np.uint64) << _SHIFT | docs)
    pairs = np.concatenate(parts)
    pairs.sort()
    recordings: Array = load_array(folder / "doc_number.npy")[pairs.astype(np.uint32)]
    return recordings


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


def _write_hashed(folder: Path, name: str, tables: EditionTables, query: str, number: type) -> None:
    keys = tables.value(f"SELECT count(*) FROM ({query.rpartition('ORDER BY')[0]})")
    write_hashed_keys(folder, name, _pairs(tables, query), number, keys)


def _pairs(tables: EditionTables, query: str) -> Iterator[tuple[U64, Array]]:
    for batch in tables.stream(query):
        yield _values(batch, "key"), _values(batch, "number")


def _values(batch: pa.RecordBatch, column: str) -> Array:
    values: Array = batch.column(column).to_numpy(zero_copy_only=False)
    return values
