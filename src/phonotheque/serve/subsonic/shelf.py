"""The shelf at hand: what there is to hear here, in stable orders, any page of it at once."""

import logging
import shutil
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from phonotheque.serve.publication import Publication
from phonotheque.serve.subsonic.parameters import GENERIC, CallError
from phonotheque.serve.subsonic.shelf_making import (
    Genre,
    Letter,
    ShelfManifest,
    make_shelf,
    shelf_name,
)
from phonotheque.serve.subsonic.shelf_queries import ARRAYS
from phonotheque.storage.arrays import Array, load_array
from phonotheque.storage.documents import read_document

_LOG = logging.getLogger(__name__)
_MOST_WAITING, _PATIENCE_SECONDS = 8, 5


@dataclass(frozen=True, slots=True)
class AlbumFacts:
    """What a shelf knows of an album. `artist` is a number, 0 where nobody is known."""

    songs: int
    seconds: int
    volume: int
    artist: int


class Shelf:
    """Arrays of numbers, mapped; any number of threads may read them."""

    def __init__(self, folder: Path) -> None:
        self.manifest = read_document(folder / "shelf.json", ShelfManifest)
        names = [name for columns in ARRAYS.values() for name in columns]
        self._arrays = {name: load_array(folder / f"{name}.npy") for name in names}
        self.songs = self._arrays["songs"]
        """Recordings, by number."""
        self.albums = self._arrays["albums"]
        """Releases with a song, by number."""
        self.artists = self._arrays["artists"]
        """Artists with a song, by number."""
        self.years = self._arrays["years"]
        """The years of the albums of the order `by_year`."""
        self._pair_ends = np.cumsum(self._arrays["artist_albums"], dtype=np.int64)
        ends = np.cumsum([0, *(genre.albums for genre in self.genres)])
        self._genre_slices = {
            genre.name: slice(int(ends[at]), int(ends[at + 1]))
            for at, genre in enumerate(self.genres)
        }

    @property
    def letters(self) -> Sequence[Letter]:
        """The most listened artists (10,000 at most), by name under their letters."""
        return self.manifest.letters

    @property
    def genres(self) -> Sequence[Genre]:
        """Genres by name."""
        return self.manifest.genres

    def order(self, name: str) -> Array:
        """Albums in one order: by_name, by_artist, by_age, by_listens, by_year."""
        return self._arrays[name]

    def has_song(self, number: int) -> bool:
        """Whether the recording is here."""
        return self._place(self.songs, number) is not None

    def album(self, number: int) -> AlbumFacts | None:
        """What is known of an album; None where it has no song here."""
        at = self._place(self.albums, number)
        if at is None:
            return None
        columns = ("album_songs", "album_seconds", "album_volume", "album_artist")
        return AlbumFacts(*(int(self._arrays[name][at]) for name in columns))

    def artist_counts(self, number: int) -> tuple[int, int]:
        """(albums, songs on no album) of an artist; (0, 0) where it has no song here."""
        at = self._place(self.artists, number)
        if at is None:
            return 0, 0
        return int(self._arrays["artist_albums"][at]), int(self._arrays["artist_loose"][at])

    def albums_of(self, number: int) -> list[int]:
        """The albums of an artist, by year and title."""
        at = self._place(self.artists, number)
        if at is None:
            return []
        first = int(self._pair_ends[at - 1]) if at else 0
        found: list[int] = self._arrays["pairs"][first : int(self._pair_ends[at])].tolist()
        return found

    def edition_of(self, volume: int) -> str:
        """The edition that brought the volume at this place."""
        return self.manifest.volumes[volume][1]

    def volume_of(self, number: int) -> int | None:
        """The place of the volume that has a song."""
        at = self._place(self.songs, number)
        return None if at is None else int(self._arrays["song_volume"][at])

    def genre(self, name: str) -> Array:
        """The albums of a genre, the most listened first."""
        return self._arrays["genre_albums"][self._genre_slices.get(name, slice(0, 0))]

    def genre_songs_before(self, name: str) -> Array:
        """For each album of a genre, how many songs the ones before it have; at last of all."""
        counts = self._arrays["genre_songs"][self._genre_slices.get(name, slice(0, 0))]
        before: Array = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])
        return before

    @staticmethod
    def _place(numbers: Array, number: int) -> int | None:
        at = int(np.searchsorted(numbers, np.uint64(number)))
        return at if at < len(numbers) and int(numbers[at]) == number else None


class Shelves:
    """The shelf of a publication: made when it is first wanted, and anew when other volumes
    stand here."""

    def __init__(self, publication: Publication) -> None:
        self._publication = publication
        self._making = threading.Lock()
        self._waiting = threading.BoundedSemaphore(_MOST_WAITING)
        self._current: tuple[str, Shelf] | None = None
        self._seen: tuple[int, str] | None = None  # (when the volumes changed, the shelf's name)
        self._borrowed: tempfile.TemporaryDirectory[str] | None = None

    def current(self) -> Shelf:
        """The shelf as of now.

        The first call makes it, some seconds for a large edition. While it is made, the one before
        is given; where there is none, few calls wait a little, and others are told to come again.

        Raises:
            CallError: it is being made.
        """
        name = self._name()
        found = self._current
        if found is not None and found[0] == name:
            return found[1]
        if not self._take_turn(wait=found is None):
            if found is not None:
                return found[1]
            raise CallError(GENERIC, "the library is being made ready; try again in a minute")
        try:
            found = self._current
            if found is None or found[0] != name:
                found = (name, Shelf(self._ensure(name)))
                self._current = found
            return found[1]
        finally:
            self._making.release()

    def _take_turn(self, *, wait: bool) -> bool:
        """Whether it is this thread's turn to make; who waits answers nobody else, so few do."""
        if self._making.acquire(blocking=False):
            return True
        if not wait or not self._waiting.acquire(blocking=False):
            return False
        try:
            return self._making.acquire(timeout=_PATIENCE_SECONDS)
        finally:
            self._waiting.release()

    def close(self) -> None:
        """Let go of what was made where nothing may be written."""
        with self._making:
            self._current = None
            if self._borrowed is not None:
                self._borrowed.cleanup()
                self._borrowed = None

    def _held(self) -> list[str]:
        area = self._publication.tree.volumes
        return sorted(p.name for p in area.iterdir() if p.is_dir()) if area.is_dir() else []

    def _name(self) -> str:
        area = self._publication.tree.volumes
        changed = area.stat().st_mtime_ns if area.is_dir() else 0
        if self._seen is None or self._seen[0] != changed:
            name = shelf_name(self._publication.edition_sha256, self._held())
            self._seen = (changed, name)
        return self._seen[1]

    def _ensure(self, name: str) -> Path:
        publication = self._publication
        beside = publication.tree.edition_index(publication.manifest.name)
        target = beside / name
        if (target / "shelf.json").is_file():
            return target
        try:
            self._make(target)
        except OSError as error:
            _LOG.info("%s: %s; the shelf is made in a directory of its own", target, error)
            if self._borrowed is None:
                self._borrowed = tempfile.TemporaryDirectory(prefix="phonotheque-shelf-")
            target = Path(self._borrowed.name) / name
            if not target.exists():
                self._make(target)
            return target
        for old in beside.glob("shelf-*"):
            if old != target:
                shutil.rmtree(old, ignore_errors=True)
        return target

    def _make(self, target: Path) -> None:
        publication = self._publication
        make_shelf(
            publication.directory, publication.manifest, publication.edition_sha256,
            self._held(), target,
        )  # fmt: skip
