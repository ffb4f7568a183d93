"""Giving to the swarm what is held: of a mirror, or of the origin itself.

Only what is there is offered. A withdrawn file is hidden from libtorrent, by name and by piece,
even where its bytes still stand (on the origin, volumes never change).
"""

import time
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Any

from phonotheque.mirror.edition_swarm import catalogue_torrent
from phonotheque.mirror.expected import ExpectedVolume, read_expected, read_revoked
from phonotheque.mirror.swarm import SwarmOptions, hidden_params, open_session
from phonotheque.model.edition import EditionManifest, Latest
from phonotheque.model.errors import FormatError, NotFoundError, TransferError
from phonotheque.model.progress import Progress, Silent
from phonotheque.storage.documents import read_document
from phonotheque.storage.layout import Tree

_START_SECONDS = 60.0
_LOOK_SECONDS = 1.0


def newest_edition(tree: Tree) -> str:
    """The name of the newest whole edition of an archive or a mirror.

    Raises:
        NotFoundError: there is none.
    """
    if tree.latest_json.is_file():
        return read_document(tree.latest_json, Latest).edition
    whole = [p.parent for p in tree.editions.glob("*/edition.json")] if tree.root.is_dir() else []
    if not whole:
        raise NotFoundError(f"{tree.root}: no edition here; {_way_to_an_edition(tree)}")
    return max(
        whole, key=lambda p: read_document(p / "edition.json", EditionManifest).sequence
    ).name


def _way_to_an_edition(tree: Tree) -> str:
    if tree.archive_toml.is_file():
        return "run `phonotheque build` and `phonotheque publish` first"
    if tree.mirror_toml.is_file():
        return "run `phonotheque sync` first"
    return "give the directory of an archive or a mirror"


@dataclass(frozen=True, slots=True)
class Offer:
    """A volume and what of it may be given: piece by piece, and the indexes of hidden files."""

    volume: ExpectedVolume
    pieces: list[bool]
    hidden: frozenset[int]

    @property
    def any(self) -> bool:
        """Whether there is anything to give."""
        return any(self.pieces)


def plan_offer(tree: Tree, volume: ExpectedVolume, withdrawn: frozenset[str]) -> Offer:
    """What of `volume` stands here in full length and is not withdrawn (paths in the volume)."""
    length = volume.torrent.piece_length
    total = sum(-(-f.size_bytes // length) for f in volume.torrent.files)
    pieces, hidden = [False] * total, set()
    for path, file in volume.files.items():
        held = tree.volume(volume.name) / path
        if path in withdrawn or not held.is_file() or held.stat().st_size != file.size_bytes:
            hidden.add(file.torrent.index)
            continue
        first = file.torrent.first_piece
        for piece in range(first, first + -(-file.size_bytes // length)):
            pieces[piece] = True
    return Offer(volume, pieces, frozenset(hidden))


class Seeder:
    """Seeds every volume of the tree, and the newest edition's own files; a context manager.

    `port` is the port it listens on, `info_hashes` the v2 info hashes it offers.
    """

    def __init__(
        self,
        tree: Tree,
        progress: Progress | None = None,
        *,
        listen: str = "0.0.0.0:6881",
        public: bool = False,
    ) -> None:
        self._tree = tree
        self._progress = progress or Silent()
        self._options = SwarmOptions(listen=listen, public=public)
        self._session: Any = None
        self._handles: dict[str, Any] = {}
        self._catalogue: dict[str, Any] = {}  # by edition; one at most
        self._seen: tuple[int, ...] = ()
        self._whole: dict[str, tuple[str, frozenset[str]]] = {}

    @property
    def port(self) -> int:
        """The TCP port others connect to."""
        return int(self._session.listen_port())

    @property
    def info_hashes(self) -> list[str]:
        """The v2 info hashes offered, 64 hex digits each, sorted."""
        return sorted(str(h.info_hashes().v2) for h in self._all())

    @property
    def volumes(self) -> list[str]:
        """The volumes offered, sorted."""
        return sorted(self._handles)

    def __enter__(self) -> "Seeder":
        self._session = open_session(self._options)
        self._wait_for_port()
        self.refresh()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._session.pause()
        self._session = None
        self._handles, self._catalogue = {}, {}

    def refresh(self) -> None:
        """Offer what the tree holds now; at once no more what was withdrawn meanwhile.

        A volume that was offered whole is looked at again only for a new edition or withdrawal.
        """
        self._seen = self._signature()
        revoked = read_revoked(self._tree)
        newest = newest_edition(self._tree)
        edition = self._tree.edition(newest)
        self._offer_catalogue(newest)
        names = sorted(p.name for p in self._tree.volumes.glob("*") if p.is_dir())
        self._progress.start("loading torrents", len(names), "volumes")
        for name in names:
            state = newest, frozenset(revoked.paths(name))
            if self._whole.get(name) == state:  # nothing can be added, nothing is to go
                self._progress.advance()
                continue
            try:
                volume = read_expected(edition, name)
            except (NotFoundError, FormatError) as error:
                self._progress.note(f"not seeding {name}: {error}")
                continue
            offer = plan_offer(self._tree, volume, state[1])
            self._offer(offer)
            self._whole.pop(name, None)
            if offer.hidden == {f.torrent.index for p, f in volume.files.items() if p in state[1]}:
                self._whole[name] = state
            self._progress.advance()

    def refresh_if_changed(self) -> None:
        """`refresh` when an edition or the revocation list changed."""
        if self._signature() != self._seen:
            self.refresh()

    def uploaded_bytes(self) -> int:
        """Payload given since the start."""
        return sum(int(h.status().total_payload_upload) for h in self._all())

    def _all(self) -> list[Any]:
        return [*self._handles.values(), *self._catalogue.values()]

    def _offer_catalogue(self, newest: str) -> None:
        """Offer the files of edition `newest` itself, all of which a whole edition has, and those
        of the one before no more."""
        if newest in self._catalogue:
            return
        for handle in self._catalogue.values():
            self._session.remove_torrent(handle)
        self._catalogue = {}
        try:
            manifest = read_document(self._tree.edition(newest) / "edition.json", EditionManifest)
            found = catalogue_torrent(self._tree, manifest)
        except (NotFoundError, FormatError) as error:
            self._progress.note(f"not seeding the files of edition {newest}: {error}")
            return
        if found is None:
            return
        path, torrent = found
        pieces = [True] * torrent.pieces
        params = hidden_params(path, self._tree.editions, frozenset(), pieces, self._options)
        self._catalogue[newest] = self._session.add_torrent(params)

    def _offer(self, offer: Offer) -> None:
        name = offer.volume.name
        if name in self._handles:
            self._session.remove_torrent(self._handles.pop(name))
            self._wait_removed(offer.volume.torrent.info_hash_v2)
        if not offer.any:
            return
        params = hidden_params(
            offer.volume.torrent_path, self._tree.volumes, offer.hidden, offer.pieces, self._options
        )
        self._handles[name] = self._session.add_torrent(params)

    def _wait_removed(self, info_hash: str) -> None:
        until = time.monotonic() + _START_SECONDS
        while any(str(h.info_hashes().v2) == info_hash for h in self._session.get_torrents()):
            if time.monotonic() > until:
                raise TransferError(f"libtorrent does not let go of torrent {info_hash}")
            time.sleep(0.01)

    def _wait_for_port(self) -> None:
        until = time.monotonic() + _START_SECONDS
        while not self._session.listen_port():
            if time.monotonic() > until:
                raise TransferError(f"cannot listen on {self._options.listen}; is the port taken?")
            time.sleep(0.01)

    def _signature(self) -> tuple[int, ...]:
        return tuple(_mtime(p) for p in (self._tree.revocations_json, self._tree.latest_json))


def seed(
    tree: Tree,
    progress: Progress,
    stop: Event,
    *,
    listen: str = "0.0.0.0:6881",
    public: bool = False,
) -> int:
    """Seed until `stop` is set; returns the payload bytes given.

    Raises:
        NotFoundError: no edition here.
        TransferError: cannot listen there.
    """
    with Seeder(tree, progress, listen=listen, public=public) as seeder:
        progress.note(f"seeding {len(seeder.volumes)} volumes on port {seeder.port}")
        progress.start("seeding", None, "bytes")
        given = 0
        while not stop.wait(_LOOK_SECONDS):
            seeder.refresh_if_changed()
            now = seeder.uploaded_bytes()
            progress.advance(max(now - given, 0))
            given = now
        return max(given, seeder.uploaded_bytes())


def _mtime(path: Path) -> int:
    return path.stat().st_mtime_ns if path.is_file() else 0
