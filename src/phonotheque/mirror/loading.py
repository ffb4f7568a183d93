"""Torrents in a libtorrent session, with their files or only by name.

A torrent that is not loaded stands in the session by its info hashes alone: some kilobytes, with
neither metainfo nor files. It rests, and announces nothing by itself; when a peer comes with one
of its hashes, over TCP or uTP, encrypted or not, libtorrent wakes it, and the seeder loads it. The
peer is dropped for that; it is called back where it said how to reach it, and else comes back by
itself.

Traps of libtorrent 2.1: a resting torrent asks a peer for the metainfo, and what has it without
being allowed to download is left by the peers at once, whose ports are lost with them; so it may
receive, but so slowly that nothing comes of it, and nowhere that anything could be written.
"""

import ctypes
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import libtorrent as lt

from phonotheque.mirror.announcing import Hashes
from phonotheque.mirror.swarm import SwarmOptions, open_session
from phonotheque.model.errors import TransferError
from phonotheque.model.seeding import SeedSettings

COST_PER_METAINFO_BYTE = 1.75  # memory of a loaded torrent over its metainfo; measured
COST_LEAST = 1 << 16
_WAIT_SECONDS = 60.0
_OVER_UTP = 1 << 17  # of libtorrent's peer flags; the binding has no name for it
_RESTING_RATE = 1000  # bytes a second: room for handshakes


def cost_of(metainfo_bytes: int) -> int:
    """What a torrent takes in memory once it is loaded, in bytes, as reckoned."""
    return COST_LEAST + int(COST_PER_METAINFO_BYTE * metainfo_bytes)


def open_seeding(listen: str, public: bool, settings: SeedSettings) -> Any:
    """A session that only gives, and listens.

    Raises:
        TransferError: cannot listen there.
    """
    session = open_session(SwarmOptions(listen=listen, public=public))
    session.apply_settings(
        {
            "enable_dht": public and settings.dht,
            "enable_lsd": public and settings.lsd,
            "upload_rate_limit": settings.upload_bytes_per_second or 0,
            "connections_limit": settings.connections,
            "unchoke_slots_limit": settings.uploads,
            "active_downloads": 0,  # what rests is not started by itself,
            "active_seeds": 0,
            "active_limit": 0,
            "incoming_starts_queued_torrents": True,  # but by a peer that comes
            "max_metadata_size": 1,  # nobody is to tell us what a torrent holds
            "max_peerlist_size": 500,
            "max_paused_peerlist_size": 20,
            "alert_queue_size": 20_000,
        }
    )
    until = time.monotonic() + _WAIT_SECONDS
    while not session.listen_port():
        if time.monotonic() > until:
            raise TransferError(
                f"cannot listen on {listen}: write HOST:PORT, of a port that is free"
            )
        time.sleep(0.01)
    return session


def told_port(listen: str, port: int) -> str:
    """What to tell of a session that listens at `port`; empty where it was to."""
    wanted = listen.rpartition(":")[2]
    if wanted in ("0", str(port)):
        return ""
    return (
        f"port {wanted} is taken, so peers are listened for at {port}: free the one, or let the "
        "router forward the other"
    )


class Shelf:
    """The torrents of one session, by place."""

    def __init__(self, session: Any, root: Path, public: bool, settings: SeedSettings) -> None:
        self.session = session
        self._root = root
        self._handles: dict[str, Any] = {}
        self._places: dict[str, str] = {}  # by v2 info hash
        self._callers: dict[str, set[tuple[str, int]]] = {}
        self._given = 0  # by handles that are gone
        self._silent, self._trackers = _silencing(public, settings), settings.trackers

    def rest(self, hashes: Hashes) -> None:
        """Have the torrent stand by its hashes alone, in the place of what stands there now."""
        self.drop(hashes.place)
        flags = lt.torrent_flags
        params = lt.add_torrent_params()
        params.info_hashes = _info_hashes(hashes)
        params.save_path = f"{os.devnull}/nowhere"
        params.download_limit = _RESTING_RATE
        params.flags = flags.auto_managed | flags.paused
        params.flags |= flags.disable_dht | flags.disable_lsd | flags.disable_pex
        self._add(hashes, params)

    def load(self, hashes: Hashes, params: Any) -> None:
        """Have the torrent stand with its files; peers that waited for it are called back."""
        params.peers = [*params.peers, *self._callers.pop(hashes.place, ())]
        self.drop(hashes.place)
        params.flags |= self._silent
        if not self._trackers:
            params.trackers = []
        self._add(hashes, params)

    def drop(self, place: str) -> None:
        """Take the torrent out of the session; its bytes are counted on.

        Raises:
            TransferError: libtorrent does not let go of it.
        """
        handle = self._handles.pop(place, None)
        if handle is None:
            return
        hashes = handle.info_hashes()
        self._given += _given(handle)
        self.session.remove_torrent(handle)
        until = time.monotonic() + _WAIT_SECONDS
        while self.session.find_torrent(hashes.get_best()).is_valid():
            if time.monotonic() > until:
                raise TransferError(f"libtorrent does not let go of torrent {hashes.v2}")
            time.sleep(0.002)
        self._places.pop(str(hashes.v2), None)

    def wake(self, place: str) -> None:
        """Keep a resting torrent up that a peer came for, until it is loaded or rests again."""
        self._handles[place].unset_flags(lt.torrent_flags.auto_managed)

    def ask_callers(self, place: str) -> bool:
        """Find out who came for a resting torrent and can be called back; whether that is known.

        Over uTP that is who is there; over TCP, who told a port: the answer to that is with the
        `alerts` of a later time.
        """
        handle, callers = self._handles[place], self._callers.setdefault(place, set())
        callers.update(peer.ip for peer in handle.get_peer_info() if peer.flags & _OVER_UTP)
        handle.save_resume_data()
        return bool(callers)

    def alerts(self) -> Iterator[tuple[str, Any]]:
        """What libtorrent said of torrents here since the last time, with their places."""
        for alert in self.session.pop_alerts():
            place = self._place_of(alert)
            if place is None:
                continue
            if isinstance(alert, lt.save_resume_data_alert):
                self._callers.setdefault(place, set()).update(alert.params.peers)
            yield place, alert

    def peers(self, places: Iterable[str]) -> dict[str, int]:
        """How many peers each of the torrents has; those without are left out."""
        counts = {place: int(self._handles[place].status(0).num_peers) for place in places}
        return {place: count for place, count in counts.items() if count}

    def given(self) -> int:
        """Payload given since the start, in bytes."""
        return self._given + sum(_given(handle) for handle in self._handles.values())

    def clear(self) -> None:
        """Forget the session; libtorrent closes it."""
        self.session.pause()
        self._handles, self._places, self._callers = {}, {}, {}

    def _add(self, hashes: Hashes, params: Any) -> None:
        self._handles[hashes.place] = self.session.add_torrent(params)
        self._places[hashes.v2] = hashes.place

    def _place_of(self, alert: Any) -> str | None:
        handle = getattr(alert, "handle", None)
        if handle is None or not handle.is_valid():
            return None
        return self._places.get(str(handle.info_hashes().v2))


def give_back_memory() -> None:
    """Have the C library return freed memory to the system, where it can."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _info_hashes(hashes: Hashes) -> Any:
    v2 = lt.sha256_hash(bytes.fromhex(hashes.v2))
    if not hashes.v1:
        return lt.info_hash_t(v2)
    return lt.info_hash_t(lt.sha1_hash(bytes.fromhex(hashes.v1)), v2)


def _given(handle: Any) -> int:
    return int(handle.status(0).total_payload_upload) if handle.is_valid() else 0


def _silencing(public: bool, settings: SeedSettings) -> int:
    """Flags of a loaded torrent that keep it from asking where it is not to."""
    flags, silent = lt.torrent_flags, 0
    for wanted, flag in (
        (settings.dht, flags.disable_dht),
        (settings.lsd, flags.disable_lsd),
        (settings.pex, flags.disable_pex),
    ):
        if not (public and wanted):
            silent |= flag
    return int(silent)
