"""The row store: RocksDB, key = kind letter + number (u64, big-endian), value = MessagePack array.

Written once as sorted SST files and ingested; opened read-only by any number of processes. Order
of the kinds: ``a`` artists, ``d`` releases, ``r`` recordings. docs/formats/index.md has the arrays.
"""

import os
import shutil
import struct
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from rocksdict import (
    AccessType,
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    Options,
    Rdict,
)

from phonotheque.model.errors import FormatError
from phonotheque.model.numbers import IdKey, Kind, format_public_id, format_public_ids
from phonotheque.search.values import ArtistRow, DisplayRow, FileRow, ReleaseRow, TrackRow

_BLOCK_BYTES = 8_192
_DICTIONARY_BYTES = 65_536
_CACHE_BYTES = 64 << 20
_CONFIGURATION = "rocksdict-config.json"
_KEY = struct.Struct(">cQ")


def row_key(kind: Kind, number: int) -> bytes:
    """Nine bytes: the kind's letter and the number."""
    return _KEY.pack(kind.value.encode(), number)


def _shadow(store: Path) -> tempfile.TemporaryDirectory[str]:
    """A folder of links to the files of `store`, with a configuration that may be written."""
    folder = tempfile.TemporaryDirectory(prefix="phonotheque-rows-")
    for path in store.absolute().glob("*"):
        if path.name == _CONFIGURATION:
            shutil.copyfile(path, Path(folder.name) / path.name)
        elif not path.name.startswith("LOG"):
            (Path(folder.name) / path.name).symlink_to(path)
    return folder


class RowStore:
    """Reads rows by number; safe for many threads."""

    def __init__(self, store: Path, id_key: IdKey) -> None:
        # rocksdict writes beside the store even to read it, so that where nothing may be written
        # it is shown a folder of links (docs/serving.md: nothing is written, also for other users)
        self._shadow = None if os.access(store, os.W_OK) else _shadow(store)
        try:
            self._database = Rdict(
                self._shadow.name if self._shadow else str(store),
                row_options(for_writing=False),
                access_type=AccessType.read_only(),
            )
        except Exception as error:
            raise FormatError(f"{store}: no row store ({error}); build the index again") from error
        self._id_key = id_key
        self._decode = msgspec.msgpack.Decoder().decode

    def recordings(self, numbers: Sequence[int]) -> list[DisplayRow]:
        """The rows of `numbers`, in their order; an unknown number is left out."""
        return [
            _display_row(number, public_id, values)
            for number, public_id, values in self._read(Kind.RECORDING, numbers)
        ]

    def releases(self, numbers: Sequence[int]) -> list[ReleaseRow]:
        """As `recordings`, for releases."""
        return [
            ReleaseRow(n, i, title, artist, year, label, barcode, mbid, country, tuple(genres))
            for n, i, (title, artist, year, label, barcode, mbid, country, genres) in self._read(
                Kind.RELEASE, numbers
            )
        ]

    def artists(self, numbers: Sequence[int]) -> list[ArtistRow]:
        """As `recordings`, for artists."""
        return [
            ArtistRow(n, i, name, sort_name, tuple(aliases), mbid)
            for n, i, (name, sort_name, aliases, mbid) in self._read(Kind.ARTIST, numbers)
        ]

    def close(self) -> None:
        """Let go of the files."""
        self._database.close()
        if self._shadow is not None:
            self._shadow.cleanup()

    def _read(self, kind: Kind, numbers: Sequence[int]) -> Iterator[tuple[int, str, list[Any]]]:
        if not numbers:
            return
        found = self._database.get([row_key(kind, number) for number in numbers])
        known = [(n, v) for n, v in zip(numbers, found, strict=True) if v is not None]
        if len(known) == 1:  # what pages, streams and the guard ask for, thousands of times
            ids = [format_public_id(known[0][0], self._id_key, kind)]
        else:
            ids = format_public_ids([n for n, _ in known], self._id_key, kind) if known else []
        for (number, value), public_id in zip(known, ids, strict=True):
            yield number, public_id, self._decode(value)


def _display_row(number: int, public_id: str, values: list[Any]) -> DisplayRow:
    (title, artist, artist_numbers, year, duration_ms, isrcs, mbid, collections, licence, stream,
     distribute, flags, listens, rank, tier, tracks, file) = values  # fmt: skip
    return DisplayRow(
        number=number, public_id=public_id, title=title, artist=artist,
        artist_numbers=tuple(artist_numbers), release_title=tracks[0][1] if tracks else None,
        year=year, duration_ms=duration_ms, isrcs=tuple(isrcs), mbid=mbid,
        collections=tuple(collections), licence=licence, stream=stream, distribute=distribute,
        flags=flags, listens=listens, rank=rank, tier=tier,
        tracks=tuple(TrackRow(*track) for track in tracks), file=FileRow(*file) if file else None,
    )  # fmt: skip


def row_options(*, for_writing: bool) -> Options:
    """How the store is written, or read."""
    options = Options(raw_mode=True)
    options.create_if_missing(for_writing)
    options.set_keep_log_file_num(1)
    options.set_compression_type(DBCompressionType.zstd())
    options.set_compression_options(-14, 3, 0, _DICTIONARY_BYTES)
    options.set_zstd_max_train_bytes(_DICTIONARY_BYTES * 100)
    blocks = BlockBasedOptions()
    blocks.set_block_size(_BLOCK_BYTES)
    if not for_writing:
        blocks.set_block_cache(Cache(_CACHE_BYTES))
    options.set_block_based_table_factory(blocks)
    return options
