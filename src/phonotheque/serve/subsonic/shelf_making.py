"""Making a shelf: arrays derived from an edition and the volumes that stand here.

A shelf is made once for an edition and a set of volumes, beside the index, and read afterwards; no
request reads in proportion to the catalogue.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np

from phonotheque.catalogue import open_edition
from phonotheque.model.edition import EditionManifest
from phonotheque.serve.subsonic.shelf_queries import ARRAYS, FIRST_ARTISTS, GENRE_NAMES, TABLES
from phonotheque.storage.arrays import Array
from phonotheque.storage.documents import write_document

SHELF_FORMAT = 1
MOST_LISTED_ARTISTS = 10_000
MEMORY = "2GB"
_BATCH_ROWS = 65_536
_TYPES = {"song_volume": np.uint32, "album_volume": np.uint32, "album_songs": np.uint32,
          "album_seconds": np.uint32, "artist_albums": np.uint32, "artist_loose": np.uint32,
          "genre_songs": np.uint32, "years": np.int16}  # fmt: skip


class Genre(msgspec.Struct, frozen=True, array_like=True):
    """A genre as sources name it, and how many albums and songs of it there are."""

    name: str
    albums: int
    songs: int


class Letter(msgspec.Struct, frozen=True, array_like=True):
    """A letter, and the artists (numbers) whose names begin with it."""

    letter: str
    artists: list[int]


class ShelfManifest(msgspec.Struct, frozen=True, kw_only=True):
    """`shelf.json`: what the arrays beside it were made from. `volumes` in the order of their
    places, each with the edition that brought it."""

    format: int
    edition_sha256: str
    volumes: list[tuple[str, str]]
    genres: list[Genre]
    letters: list[Letter]


def shelf_name(edition_sha256: str, volumes: Sequence[str]) -> str:
    """The directory of the shelf of these volumes."""
    parts = [f"shelf {SHELF_FORMAT}", edition_sha256, *sorted(volumes)]
    return f"shelf-{sha256(chr(10).join(parts).encode()).hexdigest()[:16]}"


def make_shelf(
    edition: Path,
    manifest: EditionManifest,
    digest: str,
    held: Sequence[str],
    target: Path,
    *,
    memory: str = MEMORY,
) -> None:
    """Make the shelf of `edition` for the volumes `held`, as the directory `target`.

    Memory: `memory` of DuckDB's and some 200 MB, the rest spills. Where another process was
    first, its work stays.
    """
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        _make(edition, manifest, digest, held, partial, memory=memory)
        try:
            partial.rename(target)
        except OSError:
            if not (target / "shelf.json").is_file():
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _make(
    edition: Path,
    manifest: EditionManifest,
    digest: str,
    held: Sequence[str],
    folder: Path,
    *,
    memory: str,
) -> None:
    reader = open_edition(edition, manifest)
    try:
        cursor = reader.cursor()
        cursor.execute(f"SET memory_limit = '{memory}'")
        cursor.execute("SET preserve_insertion_order = false")  # orders are asked for
        cursor.execute("SET temp_directory = ?", [str(folder / ".spill")])
        listed = cursor.execute("SELECT volume, first_edition FROM volumes").fetchall()
        here = set(held)
        volumes = sorted((v for v in listed if v[0] in here), key=lambda v: (_count(v[0]), v[0]))
        cursor.execute("CREATE TEMP TABLE held (volume VARCHAR, place UINTEGER)")
        if volumes:
            places = [[name, place] for place, (name, _) in enumerate(volumes)]
            cursor.executemany("INSERT INTO held VALUES (?, ?)", places)
        for statement in TABLES:
            cursor.execute(statement)
        for query, names in ARRAYS.items():
            _write_columns(folder, names, cursor.sql(query).to_arrow_reader(_BATCH_ROWS))
        genres = [Genre(*row) for row in cursor.execute(GENRE_NAMES).fetchall()]
        first = cursor.execute(FIRST_ARTISTS.format(most=MOST_LISTED_ARTISTS)).fetchall()
    finally:
        reader.close()
        shutil.rmtree(folder / ".spill", ignore_errors=True)
    document = ShelfManifest(
        format=SHELF_FORMAT, edition_sha256=digest, volumes=volumes, genres=genres,
        letters=list(_letters(first)),
    )  # fmt: skip
    write_document(folder / "shelf.json", document)


def _count(volume: str) -> int:
    """How many volumes there were with it: the number at the end of its name."""
    tail = volume.rpartition("-")[2]
    return int(tail) if tail.isdigit() else 0


def _write_columns(folder: Path, names: Sequence[str], batches: Iterator[object]) -> None:
    """Write columns of unknown length as ``.npy`` each; memory is one batch."""
    types = {name: np.dtype(_TYPES.get(name, np.uint64)) for name in names}
    raw = {name: (folder / f".{name}.raw").open("wb") for name in names}
    rows = 0
    for batch in batches:
        for name in names:
            column: Array = batch.column(name).to_numpy(zero_copy_only=False)  # type: ignore[attr-defined]
            raw[name].write(column.astype(types[name]).tobytes())
        rows += batch.num_rows  # type: ignore[attr-defined]
    for name, stream in raw.items():
        stream.close()
        path = folder / f".{name}.raw"
        if rows:
            content: Array = np.memmap(path, types[name], "r", shape=(rows,))
        else:
            content = np.zeros(0, types[name])
        np.save(folder / f"{name}.npy", content)
        path.unlink()


def _letters(artists: Sequence[tuple[int, str]]) -> Iterator[Letter]:
    """Artists by name, gathered under the capital they begin with; else under #."""
    found: dict[str, list[int]] = {}
    for number, name in artists:
        first = name[:1].upper()
        found.setdefault(first if first.isalpha() else "#", []).append(number)
    yield from (Letter(letter, numbers) for letter, numbers in sorted(found.items()))
