"""One edition of a tree, opened for serving: its manifest, tables, index and revocations."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar, cast

import pyarrow.parquet as pq

from phonotheque.catalogue import open_edition
from phonotheque.model.edition import EditionManifest, Latest
from phonotheque.model.errors import FormatError, NotFoundError
from phonotheque.model.numbers import IdKey
from phonotheque.search import SearchIndex, SearchPage
from phonotheque.serve.counting import Counting
from phonotheque.serve.handing import Handing
from phonotheque.serve.queries import Cursor, read_file_row, read_tombstoned
from phonotheque.serve.revoked import RevocationList
from phonotheque.statistics import (
    DrawnStatistics,
    Statistics,
    format_feed,
)
from phonotheque.storage.documents import parse_document, read_document
from phonotheque.storage.layout import Tree
from phonotheque.storage.part_tables import paths_here, volumes_lacking

T = TypeVar("T")
_SEARCHES_AT_ONCE = 1  # several would share one interpreter, and all end later
_CACHED_VOLUMES = 8  # file lists kept; about 6 MB each at 30,000 files


class Publication:
    """What is served. Immutable but for the revocations, which are watched."""

    def __init__(
        self,
        tree: Tree,
        manifest: EditionManifest,
        digest: str,
        index: SearchIndex,
        handing: Handing | None = None,
    ) -> None:
        self.tree = tree
        self.handing = handing
        self.manifest = manifest
        self.edition_sha256 = digest
        self.index = index
        self.id_key = IdKey(bytes.fromhex(manifest.id_key))
        self.revocations = RevocationList(tree.revocations_json)
        self._reader = open_edition(self.directory, manifest)
        self._lock = threading.Lock()
        self._searching = ThreadPoolExecutor(_SEARCHES_AT_ONCE, "phonotheque-search")
        self._made: dict[Any, Any] = {}
        self._counting = Counting(
            self.directory, tree.edition_statistics(manifest.name), manifest.counts.recordings
        )
        self._feed_of = lru_cache(maxsize=4)(lambda site: format_feed(tree, site))
        self._files_of = lru_cache(maxsize=_CACHED_VOLUMES)(self._read_files_of)
        self._training_of = lru_cache(maxsize=_CACHED_VOLUMES)(self._read_training_of)

    @property
    def directory(self) -> Path:
        """``editions/<name>``."""
        return self.tree.edition(self.manifest.name)

    @property
    def state(self) -> str:
        """A short text that changes when any answer could: one for all addresses."""
        revoked = self.revocations.current().sequence
        areas = (self.tree.volumes, self.tree.notices)
        held, told = (area.stat().st_mtime_ns if area.is_dir() else 0 for area in areas)
        return f"{self.manifest.name}.{self.edition_sha256[:12]}.{revoked}.{held:x}.{told:x}"

    @cached_property
    def tombstoned(self) -> frozenset[str]:
        """sha256 of the files for which this edition has a tombstone."""
        with self.cursor() as cursor:
            return read_tombstoned(cursor)

    def is_withdrawn(self, volume: str, path: str, digest: str | None) -> bool:
        """Whether a file may not be given out any more, under this name or any other."""
        revoked = self.revocations.current()
        return (volume, path) in revoked.by_file or (
            digest is not None and (digest in revoked.digests or digest in self.tombstoned)
        )

    @cached_property
    def is_part(self) -> bool:
        """Whether this is a mirror that does without the tables of some volumes."""
        return bool(volumes_lacking(self.directory, self.manifest))

    @cached_property
    def digests(self) -> dict[str, str]:
        """Path in the edition → sha256."""
        return {entry.path: entry.sha256 for entry in self.manifest.contents}

    @property
    def drawn(self) -> DrawnStatistics:
        """The figures of the edition and their pictures.

        Raises:
            Refused: 503, they are being counted (docs/statistics.md).
        """
        return self._counting.current()

    @property
    def statistics(self) -> Statistics:
        """The figures alone."""
        return self.drawn.statistics

    def search(
        self, query: str, limit: int, cursor: str | None = None, **options: Any
    ) -> SearchPage:
        """What the index answers (`SearchIndex.search`), one search after the other: its deadline
        begins when its turn comes."""
        return self._searching.submit(self.index.search, query, limit, cursor, **options).result()

    def feed(self, site: str) -> bytes:
        """The Atom feed of this tree's editions, for readers who know it as `site`."""
        return self._feed_of(site)

    def once(self, make: Callable[["Publication"], T]) -> T:
        """What `make` makes of this publication: made at first need, and gone when this is. A cache
        of the function's own would keep editions open that are shown no more."""
        if make not in self._made:
            self._made[make] = make(self)
        return cast("T", self._made[make])

    @contextmanager
    def cursor(self) -> Iterator[Cursor]:
        """A database connection of the caller's own."""
        with self._lock:
            cursor = self._reader.cursor()
        try:
            yield cursor
        finally:
            cursor.close()

    def file_facts(self, volume: str, path: str) -> tuple[str, str] | None:
        """(sha256, media type) of an audio file, where this edition names it."""
        return self._files_of(volume).get(path)

    def ai_training(self, volume: str, path: str) -> tuple[str, list[str]] | None:
        """(verdict on AI_TRAIN, its conditions) of an audio file as of this edition; None where it
        says nothing of it."""
        return self._training_of(volume).get(path)

    def holds(self, volume: str, path: str) -> bool:
        """Whether the audio file stands on this server's disk."""
        return (self.tree.volume(volume) / path).is_file()

    def rights_row(self, volume: str, path: str) -> dict[str, Any] | None:
        """The row of ``files/<volume>.parquet`` that the file at `path` has, evidence included."""
        place = f"files/{volume}.parquet"
        if not self._has_table(place):
            return None
        with self.cursor() as cursor:
            return read_file_row(cursor, self.directory / place, "path", path)

    def close(self) -> None:
        """Let go of the tables and the index."""
        self._counting.close()
        self._searching.shutdown()
        self._reader.close()
        self.index.close()

    def _has_table(self, path: str) -> bool:
        """Whether this edition has the table, and this server; a mirror may keep a part of them."""
        return path in self.digests and bool(paths_here(self.directory, [path]))

    def _read_files_of(self, volume: str) -> dict[str, tuple[str, str]]:
        if not self._has_table(f"files/{volume}.parquet"):
            return {}
        table = pq.read_table(
            self.directory / "files" / f"{volume}.parquet",
            columns=["path", "sha256", "media_type"],
        )
        columns = [table.column(name).to_pylist() for name in ("path", "sha256", "media_type")]
        return {path: (digest, kind) for path, digest, kind in zip(*columns, strict=True)}

    def _read_training_of(self, volume: str) -> dict[str, tuple[str, list[str]]]:
        place = f"ai-training/{volume}.parquet"
        if not self._has_table(place):
            return {}
        names = ["path", "ai_train", "conditions"]
        table = pq.read_table(self.directory / place, columns=names)
        columns = [table.column(name).to_pylist() for name in names]
        return {path: (level, bound) for path, level, bound in zip(*columns, strict=True)}


def read_edition(tree: Tree, name: str | None) -> tuple[EditionManifest, str]:
    """The manifest of edition `name` (or of the latest) and the sha256 of its bytes.

    Raises:
        NotFoundError: nothing is published here, or not this edition.
        FormatError: the edition cannot be read.
    """
    name = name or newest_name(tree)
    path = tree.edition(name) / "edition.json"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise NotFoundError(f"{path}: there is no such edition here") from None
    manifest = parse_document(content, EditionManifest, str(path))
    if manifest.name != name:
        raise FormatError(f"{path}: calls itself {manifest.name!r}; fetch the edition again")
    return manifest, sha256(content).hexdigest()


def newest_name(tree: Tree) -> str:
    """The name of the edition that `latest.json` names.

    Raises:
        NotFoundError: nothing is published here.
    """
    if not tree.latest_json.exists():
        raise NotFoundError(
            f"{tree.root}: nothing to serve yet (no latest.json); `phonotheque publish` an archive "
            "or `phonotheque sync` a mirror first"
        )
    return read_document(tree.latest_json, Latest).edition
