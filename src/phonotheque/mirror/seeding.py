"""Giving to the swarm what is held: of a mirror, or of the origin itself.

All torrents are known by their info hashes from the start, and can be found; those for which there
is memory are loaded. A peer that comes for another has it loaded. Only what is there and proved is
offered, and a withdrawn file never, even where its bytes still stand (on the origin, volumes never
change).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Event, RLock, Thread
from types import TracebackType
from typing import Any

import libtorrent as lt

from phonotheque.mirror.announcing import Announcer
from phonotheque.mirror.expected import read_revoked
from phonotheque.mirror.loading import Shelf, cost_of, give_back_memory, open_seeding, told_port
from phonotheque.mirror.offers import Offer, Torrent, count_proved, read_offer
from phonotheque.mirror.rotation import Seat, next_moves
from phonotheque.mirror.seedlist import Known, read_known, read_manifest, seed_settings
from phonotheque.mirror.seedlog import SeedLog, write_seed_log
from phonotheque.mirror.swarm import SwarmOptions
from phonotheque.mirror.trackers import Swarm
from phonotheque.model.edition import EditionManifest, Latest
from phonotheque.model.errors import FormatError, NotFoundError, PhonothequeError
from phonotheque.model.progress import Progress, Silent
from phonotheque.model.seeding import SeedSettings
from phonotheque.storage.documents import read_document
from phonotheque.storage.layout import Tree

_TURN_SECONDS = 0.2
_PEERS_SECONDS = 2.0
_AGAIN_SECONDS = 60.0  # how often what is new in the tree is looked for
_LOG_SECONDS = 5.0
_MEET_SECONDS = 1.0  # a peer that comes is to say within so long how it can be called back
_PATIENCE_SECONDS = 3.0  # a peer that came for a torrent without room is kept so long
_LOAD_BYTES = 16 << 20  # of metainfo, loaded at one go
_PASSING = (PhonothequeError, OSError, RuntimeError)


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
class _Offered:
    """What was offered of a torrent when it was loaded."""

    whole: bool
    proved: int  # files that the journal had then
    withheld: int


class Seeder:
    """Seeds every volume of the tree, and the newest edition's own files; a context manager.

    `port` is the port it listens on, `info_hashes` the v2 info hashes it offers. With a `clock` it
    says in `seed.json` how it fares. A thread of its own does the work; `settings` default to those
    of the tree.
    """

    def __init__(
        self,
        tree: Tree,
        progress: Progress | None = None,
        *,
        listen: str = "0.0.0.0:6881",
        public: bool = False,
        settings: SeedSettings | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self._tree = tree
        self._progress = progress or Silent()
        self._listen, self._public = listen, public
        self._settings, self._clock = settings, clock
        self._known: dict[str, Known] = {}
        self._seats: dict[str, Seat] = {}
        self._offered: dict[str, _Offered] = {}
        self._nothing: dict[str, int] = {}  # places with nothing to give: files proved then
        self._withdrawn: dict[str, frozenset[str]] = {}
        self._seen: tuple[int, ...] = ()
        self._lock, self._stop = RLock(), Event()
        self._thread: Thread | None = None
        self._announcer: Announcer | None = None
        self._shelf: Shelf
        self._next: dict[str, float] = {}
        self._asked = self._loads = self._peers = 0
        self._awake: dict[str, float] = {}  # places that a peer woke, until they are loaded
        self._told: set[str] = set()
        self._trackers: list[str] = []
        self._began = clock() if clock else None

    @property
    def port(self) -> int:
        """The TCP port others connect to."""
        return int(self._shelf.session.listen_port())

    @property
    def info_hashes(self) -> list[str]:
        """The v2 info hashes offered, 64 hex digits each, sorted."""
        with self._lock:
            return sorted(self._known[place].hashes.v2 for place in self._seats)

    @property
    def volumes(self) -> list[str]:
        """The volumes offered, in memory or not, sorted."""
        names = (place.partition("/") for place in self._seats)
        return sorted(name for kind, _, name in names if kind == "volumes")

    @property
    def loaded(self) -> list[str]:
        """The places of the torrents in memory, sorted."""
        return sorted(s.place for s in self._seats.values() if s.loaded_at is not None)

    @property
    def settings(self) -> SeedSettings:
        """What it goes by."""
        assert self._settings is not None
        return self._settings

    def __enter__(self) -> "Seeder":
        if self._settings is None:
            self._settings = seed_settings(self._tree)
        newest_edition(self._tree)
        session = open_seeding(self._listen, self._public, self._settings)
        if elsewhere := told_port(self._listen, int(session.listen_port())):
            self._progress.note(elsewhere)
        self._shelf = Shelf(session, self._tree.root, self._public, self._settings)
        self.refresh()
        if self._public:
            self._announcer = Announcer(
                session, self._settings, self._trackers,
                told=self._hear, note=self._progress.note,
            )  # fmt: skip
        self._thread = Thread(target=self._work, name="seeder", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        if self._announcer is not None:
            self._announcer.close()
        self._write_log(running=False)
        self._shelf.clear()
        del self._shelf.session
        self._seats = {}

    def refresh(self) -> None:
        """Offer what the tree holds now; at once no more what was withdrawn meanwhile.

        A torrent in memory that was offered whole is looked at again only where some of it was
        withdrawn since.
        """
        with self._lock:
            self._seen = self._signature()
            revoked = read_revoked(self._tree)
            manifest = read_manifest(self._tree, newest_edition(self._tree))
            known = read_known(self._tree, manifest, self._note_once)
            for place, before in list(self._known.items()):
                if place not in known or known[place].hashes != before.hashes:
                    self._forget(place)
            self._known, self._trackers = known, manifest.trackers
            for place in known:
                withdrawn = frozenset(revoked.paths(place.removeprefix("volumes/")))
                changed = withdrawn != self._withdrawn.get(place, withdrawn)
                self._withdrawn[place] = withdrawn
                self._refresh_one(place, changed)
            self._move(time.monotonic())

    def _refresh_one(self, place: str, changed: bool) -> None:
        seat, offered = self._seats.get(place), self._offered.get(place)
        if seat is None:
            before = self._nothing.get(place)
            if before is None or changed or before != count_proved(self._tree, place):
                self._nothing.pop(place, None)
                known = self._known[place]
                self._seats[place] = Seat(place, cost_of(known.metainfo_bytes))
                self._shelf.rest(known.hashes)
        elif offered is not None and (
            changed or not (offered.whole or offered.proved == count_proved(self._tree, place))
        ):
            self._load(seat)

    def refresh_if_changed(self) -> None:
        """`refresh` when an edition or the revocation list changed."""
        with self._lock:
            if self._signature() != self._seen:
                self.refresh()

    def uploaded_bytes(self) -> int:
        """Payload given since the start."""
        with self._lock:
            return self._shelf.given()

    def _work(self) -> None:
        while not self._stop.wait(_TURN_SECONDS):
            with self._lock:
                try:
                    self._turn(time.monotonic())
                except _PASSING as error:  # of the disk, or of a tree that is being changed
                    self._note_once(f"seeding: {error}")

    def _turn(self, now: float) -> None:
        for place, alert in self._shelf.alerts():
            self._heed(place, alert, now)
        if self._is_time("again", _AGAIN_SECONDS, now):
            self.refresh()
        self.refresh_if_changed()
        if self._is_time("peers", _PEERS_SECONDS, now):
            busy = self._shelf.peers(self.loaded)
            self._peers = sum(busy.values())
            for place in busy:
                self._seats[place].busy_at = now
        self._meet(now)
        self._move(now)
        if self._announcer is not None:
            resting = [s.place for s in self._seats.values() if s.loaded_at is None]
            self._announcer.turn([self._known[place].hashes for place in resting], now)
        if self._is_time("log", _LOG_SECONDS, now):
            self._write_log(running=True)

    def _is_time(self, what: str, seconds: float, now: float) -> bool:
        if now < self._next.setdefault(what, now + seconds):
            return False
        self._next[what] = now + seconds
        return True

    def _heed(self, place: str, alert: Any, now: float) -> None:
        """What libtorrent said of a torrent: a peer woke it, or a file of it cannot be read."""
        seat = self._seats.get(place)
        if seat is None:
            return
        if isinstance(alert, lt.torrent_resumed_alert) and seat.loaded_at is None:
            self._asked += 1
            self._awake[place] = now
            self._shelf.wake(place)
        broken = isinstance(alert, lt.file_error_alert | lt.torrent_error_alert)
        if broken and seat.loaded_at is not None and now - seat.loaded_at > _AGAIN_SECONDS:
            self._progress.note(f"{place}: {alert.message()}; looked at again")
            self._load(seat)

    def _meet(self, now: float) -> None:
        """Find out who woke torrents; have them loaded then, or let them rest again after all."""
        for place, since in list(self._awake.items()):
            seat = self._seats[place]
            known = self._shelf.ask_callers(place)
            if seat.asked_at is None and (known or now - since > _MEET_SECONDS):
                seat.asked_at = now
            if now - since > _PATIENCE_SECONDS:
                del self._awake[place]
                self._shelf.rest(self._known[place].hashes)

    def _move(self, now: float) -> None:
        """Load and unload as `next_moves` says; what a peer came for in vain rests again."""
        moves = next_moves(
            self._seats.values(), self.settings.memory_bytes, now, self.settings.rotate_minutes * 60
        )
        for place in moves.unload:
            self._unload(self._seats[place], now)
        if moves.unload:
            give_back_memory()
        left = _LOAD_BYTES
        for place in moves.load:
            if left > 0:
                left -= self._known[place].metainfo_bytes
                self._load(self._seats[place])

    def _load(self, seat: Seat) -> None:
        """Put the torrent into memory with what may be given now, or away where that is nothing."""
        place, known = seat.place, self._known[seat.place]
        proved = count_proved(self._tree, place)
        self._awake.pop(place, None)
        try:
            offer = read_offer(
                self._tree,
                Torrent(place, known.torrent, known.hashes.v2),
                self._withdrawn[place],
                SwarmOptions(public=self._public),
                self.settings.spot_checks,
            )
        except (FormatError, OSError) as error:
            self._note_once(f"not seeding {place}: {error}")
            offer = None
        if offer is not None:
            self._tell_withheld(place, offer)
        if offer is None or not offer.given:
            self._forget(place)
            self._nothing[place] = proved
            return
        self._shelf.load(known.hashes, offer.params)
        self._loads += 1
        now = time.monotonic()
        asked = seat.asked_at is not None  # whom it is for is given the time to come back
        seat.loaded_at, seat.asked_at, seat.busy_at = now, None, now if asked else seat.busy_at
        self._offered[place] = _Offered(offer.whole, proved, offer.held_back)

    def _tell_withheld(self, place: str, offer: Offer) -> None:
        if offer.reasons:
            self._note_once(
                f"{place}: of {offer.files:,} files are not given: {offer.reasons}; "
                "`phonotheque verify` says more"
            )
        for path in offer.damaged:
            self._note_once(f"{path}: is damaged, says a spot check; run `phonotheque repair`")

    def _unload(self, seat: Seat, now: float) -> None:
        seat.loaded_at, seat.away_since = None, now
        self._offered.pop(seat.place, None)
        self._shelf.rest(self._known[seat.place].hashes)

    def _forget(self, place: str) -> None:
        for kept in (self._seats, self._offered, self._nothing, self._awake):
            kept.pop(place, None)
        self._shelf.drop(place)

    def _hear(self, place: str, swarm: Swarm) -> None:
        """What a tracker told of a torrent that is not loaded."""
        with self._lock:
            seat = self._seats.get(place)
            if seat is not None:
                seat.seeds, seat.leechers = swarm.seeds, swarm.leechers

    def _note_once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._progress.note(text)

    def _write_log(self, *, running: bool) -> None:
        if self._clock is None or self._began is None:
            return
        write_seed_log(self._tree, self._log(self._clock(), self._began, running=running))

    def _log(self, now: datetime, began: datetime, *, running: bool) -> SeedLog:
        seats, budget = list(self._seats.values()), self.settings.memory_bytes
        inside = [seat for seat in seats if seat.loaded_at is not None]
        return SeedLog(
            started_at=began,
            updated_at=now,
            running=running,
            port=self.port,
            memory_bytes=budget,
            loaded_bytes=sum(seat.cost for seat in inside),
            torrents=len(seats),
            loaded=len(inside),
            unloaded=len(seats) - len(inside),
            waiting=sum(seat.asked_at is not None for seat in seats),
            too_large=sum(seat.cost > budget for seat in seats),
            asked=self._asked,
            loads=self._loads,
            announced=self._announcer.announced if self._announcer else 0,
            peers=self._peers,
            given_bytes=self._shelf.given(),
            withheld_files=sum(offered.withheld for offered in self._offered.values()),
        )

    def _signature(self) -> tuple[int, ...]:
        return tuple(_mtime(p) for p in (self._tree.revocations_json, self._tree.latest_json))


def _mtime(path: Path) -> int:
    return path.stat().st_mtime_ns if path.is_file() else 0
