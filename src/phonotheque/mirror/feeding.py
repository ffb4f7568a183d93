"""Files of one volume from the swarm, asked for a few at a time while others come another way.

As `swarm` knows, a piece counts before it is on the disk: what `Feed.finished` tells was flushed.
libtorrent checks each piece by its hash and leaves peers that lie; whoever takes a file proves it.
"""

import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

import libtorrent as lt

from phonotheque.mirror.expected import ExpectedFile, ExpectedVolume
from phonotheque.mirror.swarm import (
    CONNECT_SECONDS,
    SAVE_SECONDS,
    SwarmOptions,
    await_alert,
    file_count,
    load_torrent,
    look_anew,
    open_session,
    raise_errors,
    read_resume,
    save_resume,
    waits,
)
from phonotheque.model.errors import TransferError
from phonotheque.storage.durable import ensure_directory

_FIRST_WINDOW = 8 << 20
_WINDOW_SECONDS = 3.0
_POLL_SECONDS = 0.1
_LOOK_SECONDS = 0.5  # how often the progress of a torrent of many files is asked for
_MANY_FILES = 4_000
_WINDOW_FILES = 1_024


class Feed:
    """One torrent in a session of its own; a context manager.

    Raises (where it says so): TransferError: nothing came for `options.stall_seconds`, or
    libtorrent failed; what came is kept for the next run.
    """

    def __init__(
        self, volume: ExpectedVolume, files: Iterable[ExpectedFile], staging: Path,
        options: SwarmOptions,
    ) -> None:  # fmt: skip
        self._volume, self._options = volume, options
        self._staging, self._resume = staging, staging / f"{volume.name}.resume"
        self._may = list(files)
        self._wanted: dict[int, ExpectedFile] = {}
        self._session: Any = None
        self._handle: Any = None
        self._status: Any = None
        self._had = 0
        self._moved = self._saved = self._asked = self._looked = 0.0
        self._rate, self._measured = 0.0, (0.0, 0)
        self.received = 0

    def __enter__(self) -> "Feed":
        ensure_directory(self._staging)
        self._session = open_session(self._options)
        self._session.apply_settings({"close_redundant_connections": False})
        try:
            self._handle = self._session.add_torrent(self._params())
        except BaseException:
            self._session = None
            raise
        self._status = self._handle.status()
        self._moved = self._saved = time.monotonic()
        self._measured = time.monotonic(), 0
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            save_resume(self._session, self._handle, self._resume)
        self.received = int(self._handle.status().total_payload_download)
        self._session.remove_torrent(self._handle)
        await_alert(self._session, lt.torrent_removed_alert)
        if kind is None:
            self._resume.unlink(missing_ok=True)
        self._session = self._handle = None

    @property
    def room_bytes(self) -> int:
        """How much more is to be asked for, so that the swarm has something to do."""
        if self._checking or len(self._wanted) >= _WINDOW_FILES:
            return 0
        window = max(_FIRST_WINDOW, int(self._rate * _WINDOW_SECONDS))
        return max(0, window - sum(file.size_bytes for file in self._wanted.values()))

    @property
    def waits(self) -> str:
        """What is waited for, in words."""
        return waits(self._status)

    def want(self, files: Iterable[ExpectedFile]) -> None:
        """Ask for these files."""
        if not self._wanted:
            self._moved = time.monotonic()
        for file in files:
            self._wanted[file.torrent.index] = file
            self._handle.file_priority(file.torrent.index, 4)

    def drop(self, files: Iterable[ExpectedFile]) -> None:
        """Ask for these files no more."""
        for file in files:
            if self._wanted.pop(file.torrent.index, None) is not None:
                self._handle.file_priority(file.torrent.index, 0)

    def limit(self, bytes_per_second: int) -> None:
        """Receive so much at most."""
        self._session.apply_settings({"download_rate_limit": max(bytes_per_second, 1)})

    def poll(self) -> int:
        """Wait a little; the bytes that came since the last time.

        Raises:
            TransferError: see the class.
        """
        self._session.wait_for_alert(int(_POLL_SECONDS * 1000))
        raise_errors(self._session.pop_alerts(), self._volume.name)
        self._status = status = self._handle.status()
        now = time.monotonic()
        bad = int(status.total_failed_bytes) + int(status.total_redundant_bytes)
        has = int(status.total_payload_download) - bad
        came = max(has - self._had, 0)
        self._had += came
        if came or self._checking or not self._wanted:
            self._moved = now
        since, before = self._measured
        if now - since > 1.0:
            self._rate = 0.5 * self._rate + 0.5 * (self._had - before) / (now - since)
            self._measured = now, self._had
        if now - self._moved > self._options.stall_seconds:
            raise TransferError(
                f"{self._volume.name}: the swarm brought nothing for "
                f"{self._options.stall_seconds:g} s ({status.num_peers} peers)"
            )
        self._connect(now)
        if now - self._saved > SAVE_SECONDS:
            self._saved = now
            save_resume(self._session, self._handle, self._resume)
        return came

    def finished(self) -> tuple[list[ExpectedFile], set[str] | None]:
        """Wanted files that are whole and on the disk, wanted no more; and the paths of those of
        which nothing has come yet, or None where it is too early to look again."""
        now = time.monotonic()
        slow = len(self._volume.torrent.files) > _MANY_FILES
        if self._checking or not self._wanted or (slow and now - self._looked < _LOOK_SECONDS):
            return [], None
        self._looked = now
        progress = self._handle.file_progress(lt.torrent_handle.piece_granularity)
        whole = [f for index, f in self._wanted.items() if progress[index] >= f.size_bytes]
        begun = {f.path for index, f in self._wanted.items() if progress[index]}
        if whole:
            raise_errors(self._session.pop_alerts(), self._volume.name)  # older flushes are none
            self._handle.flush_cache()
            if await_alert(self._session, lt.cache_flushed_alert) is None:
                return [], None
            for file in whole:
                del self._wanted[file.torrent.index]
        return whole, {f.path for f in self._wanted.values()} - begun

    @property
    def _checking(self) -> bool:
        kinds = lt.torrent_status
        return self._status.state in (kinds.checking_files, kinds.checking_resume_data)

    def _connect(self, now: float) -> None:
        waits = self._wanted and not self._status.num_peers and not self._status.is_finished
        if waits and now - self._asked > CONNECT_SECONDS:
            self._asked = now
            look_anew(self._session)
            for peer in self._options.peers:
                self._handle.connect_peer(peer)

    def _params(self) -> Any:
        """What to add: no file is asked for yet, and of what an earlier run staged only files count
        that are still missing."""
        params = load_torrent(self._volume.torrent_path, self._staging, self._options)
        kept = read_resume(self._resume)
        if kept is not None and kept.info_hashes == params.info_hashes:
            mine = self._pieces()
            params.have_pieces = [
                has and piece in mine for piece, has in enumerate(kept.have_pieces)
            ]
            params.unfinished_pieces = {
                piece: blocks for piece, blocks in kept.unfinished_pieces.items() if piece in mine
            }
            params.merkle_trees = getattr(kept, "merkle_trees", None) or []
        params.file_priorities = [0] * file_count(params.ti)
        return params  # without peers: a seed hangs up on whom nothing is asked for (`_connect`)

    def _pieces(self) -> set[int]:
        length = self._volume.torrent.piece_length
        return {
            piece
            for file in self._may
            for piece in range(
                file.torrent.first_piece,
                file.torrent.first_piece + -(-file.size_bytes // length),
            )
        }
