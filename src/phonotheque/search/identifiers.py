"""The files of look-up: identifiers, contents of releases and artists, mergers."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from phonotheque.model.numbers import Kind
from phonotheque.search.arrays import Array, number_type, offsets_of, write_array, write_parts
from phonotheque.search.keys import pack_isrcs, pack_mbids
from phonotheque.search.reading import EditionTables

_KEY_PARTS = {"isrc": ["keys"], "mbid": ["high", "low"], "source": ["keys"]}


def write_identifiers(folder: Path, tables: EditionTables) -> None:
    """Write ``isrc_*``, ``mbid_*`` and ``source_*`` (see `phonotheque.search.keys`)."""
    kind = number_type(tables.count("recordings")[1])
    _write_pairs(folder, "isrc", tables.iter_isrcs(), kind, lambda keys: [pack_isrcs(keys)])
    _write_pairs(folder, "mbid", tables.iter_mbids(), kind, lambda keys: [*pack_mbids(keys)])
    _write_pairs(folder, "source", tables.iter_source_keys(), kind, lambda keys: [np.asarray(keys)])


def write_contents(folder: Path, tables: EditionTables) -> None:
    """Write ``release_*`` and ``artist_*``: offsets u64[greatest + 2] by owner, and recordings."""
    kind = number_type(tables.count("recordings")[1])
    for name, table, rows in (
        ("release", "releases", tables.iter_release_tracks),
        ("artist", "artists", tables.iter_artist_recordings),
    ):
        counts = np.zeros(tables.count(table)[1] + 1, np.uint32)
        with _Growing(folder / f"{name}_recordings.npy", kind) as recordings:
            for batch in rows():
                owners = _values(batch, "owner")
                known = owners < len(counts)
                found, tracks = np.unique(owners[known], return_counts=True)
                counts[found] += tracks.astype(np.uint32)
                recordings.append(_values(batch, "recording")[known])
        write_array(folder / f"{name}_offsets.npy", offsets_of(counts))


def write_redirects(folder: Path, tables: EditionTables) -> None:
    """Write ``redirect_<kind>_old.npy`` (sorted) and ``redirect_<kind>_new.npy``, u64 each."""
    for kind in Kind:
        with (
            _Growing(folder / f"redirect_{kind.value}_old.npy", np.uint64) as old,
            _Growing(folder / f"redirect_{kind.value}_new.npy", np.uint64) as new,
        ):
            for batch in tables.iter_redirects(kind):
                old.append(_values(batch, "old"))
                new.append(_values(batch, "new"))


def _write_pairs(
    folder: Path,
    name: str,
    rows: Iterator[pa.RecordBatch],
    number: type,
    pack: Callable[[pa.Array], list[Array]],
) -> None:
    keys = [_Growing(folder / f"{name}_{part}.npy", np.uint64) for part in _KEY_PARTS[name]]
    with _Growing(folder / f"{name}_numbers.npy", number) as numbers:
        for batch in rows:
            for file, packed in zip(keys, pack(batch.column("key")), strict=True):
                file.append(packed)
            numbers.append(_values(batch, "number"))
    for file in keys:
        file.close()


class _Growing:
    """An array whose length is known only at its end: raw values first, then the .npy of them."""

    def __init__(self, path: Path, dtype: type) -> None:
        self._path, self._dtype = path, np.dtype(dtype)
        self._raw = path.with_suffix(".raw")
        self._out = self._raw.open("wb")
        self._count = 0

    def __enter__(self) -> "_Growing":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, values: Array) -> None:
        self._out.write(np.ascontiguousarray(values, self._dtype).tobytes())
        self._count += len(values)

    def close(self) -> None:
        self._out.close()
        write_parts(self._path, self._dtype, self._count, self._parts())
        self._raw.unlink()

    def _parts(self) -> Iterator[Array]:
        with self._raw.open("rb") as source:
            while chunk := source.read(8 << 20):
                yield np.frombuffer(chunk, self._dtype)


def _values(batch: pa.RecordBatch, column: str) -> Array:
    values: Array = batch.column(column).to_numpy(zero_copy_only=False)
    return values
