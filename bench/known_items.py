"""Real rows that are planted in a made-up catalogue and looked for: open data in two halves.

The sets (freemusi: tracks of netlabels, CC BY-SA 4.0; release-names: releases by their MusicBrainz
names, CC0; loc: historical recordings of the Library of Congress) lie in a folder that is named by
``--data`` or PHONOTHEQUE_BENCH_DATA. Where there is none, made-up rows stand in, of another seed
than the catalogue's. All rows are planted; queries are made of one half only: ``tune`` may be
looked at while the search is made, ``held`` is for the report. An artist is in one half with all
rows.
"""

import csv
import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from phonotheque.model.text import normalise
from phonotheque.synth.world import World

SETS = ("freemusi", "release-names", "loc")
HALVES = ("tune", "held")
UNKNOWN = "[unknown]"
_MADE_UP = 3_000
_APART = 13
_OTHER_SEED = 99


@dataclass(frozen=True, slots=True)
class Item:
    """One recording that is planted. `artist` is `UNKNOWN` where the set names none."""

    title: str
    artist: str
    release: str | None
    year: int | None
    source: str

    @property
    def key(self) -> tuple[str, str]:
        """What the same work has in common."""
        return normalise(self.artist), normalise(self.title)

    @property
    def half(self) -> str:
        """By the artist; by the title where there is none."""
        artist, title = self.key
        said = title if self.artist == UNKNOWN else artist
        return HALVES[sha256(f"half {said}".encode()).digest()[0] & 1]


def read_items(folder: Path | None) -> list[Item]:
    """The rows of the sets that are in `folder`; made-up ones where there is none."""
    readers = {"freemusi": _freemusi, "release-names": _release_names, "loc": _loc}
    items: list[Item] = []
    for name in SETS if folder is not None else ():
        assert folder is not None
        if (folder / name).is_dir():
            items += readers[name](folder / name)
    return items or _made_up()


def _freemusi(folder: Path) -> list[Item]:
    releases = {row["id"]: row for row in _rows(folder / "releases.csv")}
    items = []
    for row in _rows(folder / "tracks.csv"):
        release = releases.get(row["id"], {})
        year = str(release.get("year") or "")
        items.append(
            Item(
                title=row["title"],
                artist=row["trackartist"] or UNKNOWN,
                release=release.get("album") or None,
                year=int(year) if year.isdigit() and 1800 < int(year) < 2100 else None,
                source="freemusi",
            )
        )
    return [item for item in items if normalise(item.title)]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _release_names(folder: Path) -> list[Item]:
    """ "title by artist", each release as a recording of its name."""
    found: dict[str, Item] = {}
    for path in sorted(folder.glob("*.json")):
        for row in json.loads(path.read_text(encoding="utf-8")):
            title, by, artist = row["name"].rpartition(" by ")
            if by and normalise(title):
                found[row["release_mbid"]] = Item(title, artist, title, 2022, "release-names")
    return list(found.values())


def _loc(folder: Path) -> list[Item]:
    found: dict[str, Item] = {}
    for path in sorted(folder.glob("*.json")):
        for row in json.loads(path.read_text(encoding="utf-8"))["items"]:
            found[row["id"]] = Item(row["title"], UNKNOWN, None, None, "loc")
    return [item for item in found.values() if normalise(item.title)]


def _made_up() -> list[Item]:
    world = World(_OTHER_SEED, _MADE_UP * _APART)
    numbers = np.arange(_MADE_UP, dtype=np.int64) * _APART  # seldom two of one album
    albums = world.album(numbers)
    artists = world.artist(albums)
    columns: list[list[Any]] = [
        world.titles(numbers, artists).to_pylist(),
        world.credits(numbers, artists).to_pylist(),
        world.album_titles(albums, albums).to_pylist(),
    ]
    return [
        Item(title, artist, release, 2000, "made-up")
        for title, artist, release in zip(*columns, strict=True)
    ]
