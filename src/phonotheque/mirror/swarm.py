"""BitTorrent by libtorrent: some files of a volume from the swarm, into a staging directory.

Traps of libtorrent 2.1 that this module knows: its default limits refuse large torrents; a piece
counts as had before it is on the disk, so data is flushed and the alert awaited; pad files count
in file indexes; what is moved away must not be open in a session any more.
"""

import time
import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import libtorrent as lt

from phonotheque.mirror.origin import USER_AGENT
from phonotheque.model.errors import FormatError, TransferError
from phonotheque.storage.durable import ensure_directory, write_bytes

Peer = tuple[str, int]

_LOAD_LIMITS: Any = {
    "max_buffer_size": 256 << 20,
    "max_pieces": 1 << 24,
    "max_decode_depth": 100,
    "max_decode_tokens": 1 << 26,
}
_POLL_SECONDS = 0.05
_SAVE_SECONDS = 10.0
_CONNECT_SECONDS = 2.0
_ALERT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class SwarmOptions:
    """How to take part. `public`: find peers by trackers, DHT, and in the local network."""

    listen: str = "0.0.0.0:0"  # port 0: any free one
    peers: tuple[Peer, ...] = ()
    public: bool = False
    stall_seconds: float = 60.0
    stop: Event = field(default_factory=Event)
    bytes_per_second: int | None = None  # received at most; None: as fast as it comes


def parse_peer(text: str) -> Peer:
    """Host and port of ``host:port`` or ``[v6]:port``.

    Raises:
        FormatError: the text is neither.
    """
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise FormatError(f"{text!r} is no peer; write host:port")
    return host.strip("[]"), int(port)


def open_session(options: SwarmOptions) -> Any:
    """A libtorrent session. Listening starts at once; nothing is announced unless `public`."""
    wanted = lt.alert.category_t
    return lt.session(
        {
            "listen_interfaces": options.listen,
            "enable_dht": options.public,
            "enable_lsd": options.public,
            "enable_upnp": False,
            "enable_natpmp": False,
            "allow_multiple_connections_per_ip": True,
            "user_agent": USER_AGENT,
            "connection_speed": 100,
            "download_rate_limit": options.bytes_per_second or 0,
            "alert_mask": wanted.status_notification
            | wanted.error_notification
            | wanted.storage_notification,
        }
    )


def load_torrent(path: Path, save_path: Path, options: SwarmOptions) -> Any:
    """The parameters to add the torrent at `path` with; web seeds are left to our own client.

    Raises:
        FormatError: libtorrent does not take it.
    """
    try:
        params = lt.load_torrent_file(str(path), _LOAD_LIMITS)
    except RuntimeError as error:
        raise FormatError(f"{path}: libtorrent does not take this torrent ({error})") from error
    params.save_path = str(save_path)
    params.url_seeds = []
    if not options.public:
        params.trackers = []
    flags = lt.torrent_flags
    params.flags &= ~(flags.auto_managed | flags.paused)
    if not options.public:
        params.flags |= flags.disable_dht | flags.disable_lsd | flags.disable_pex
    return params


@dataclass(frozen=True, slots=True)
class SwarmJob:
    """Files of one torrent to bring: `indexes` as libtorrent counts them (pads included).

    They come to ``staging/<torrent name>/``; `resume` keeps what a killed run had.
    """

    torrent: Path
    indexes: frozenset[int]
    staging: Path
    resume: Path | None = None


def download(job: SwarmJob, options: SwarmOptions, tick: Callable[[int], None]) -> int:
    """Bring the files of `job` to the disk, flushed; returns the payload bytes received.

    What already stands in the staging directory is checked by libtorrent and kept where sound.

    Raises:
        TransferError: nothing came for `options.stall_seconds`, or the disk failed.
    """
    ensure_directory(job.staging)
    session = open_session(options)
    handle = session.add_torrent(_params(job, options))
    try:
        _follow(session, handle, job, options, tick)
        _save(session, handle, job.resume)
    finally:
        received = int(handle.status().total_payload_download)
        session.remove_torrent(handle)
        _await(session, lt.torrent_removed_alert)
    if job.resume is not None:
        job.resume.unlink(missing_ok=True)
    return received


def _params(job: SwarmJob, options: SwarmOptions) -> Any:
    params = load_torrent(job.torrent, job.staging, options)
    kept = _read_resume(job.resume)
    if kept is not None and kept.info_hashes == params.info_hashes:
        params.have_pieces = kept.have_pieces
        params.unfinished_pieces = kept.unfinished_pieces
        params.merkle_trees = getattr(kept, "merkle_trees", None) or []
    count = _file_count(params.ti)
    params.file_priorities = [4 if i in job.indexes else 0 for i in range(count)]
    params.peers = list(options.peers)
    return params


def _read_resume(path: Path | None) -> Any:
    if path is None or not path.is_file():
        return None
    try:
        return lt.read_resume_data(path.read_bytes())
    except RuntimeError:  # a torn or foreign file only costs a check of what is staged
        return None


def _file_count(info: Any) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return int(info.num_files())


def _follow(
    session: Any, handle: Any, job: SwarmJob, options: SwarmOptions, tick: Callable[[int], None]
) -> None:
    had, moved, saved, asked = 0, time.monotonic(), time.monotonic(), 0.0
    while True:
        _raise_errors(session.pop_alerts(), job)
        if options.stop.is_set():
            _save(session, handle, job.resume)
            raise TransferError(f"{job.torrent.stem}: stopped; the next run carries on")
        status = handle.status()
        checking = status.state in (lt.torrent_status.checking_files,
                                    lt.torrent_status.checking_resume_data)  # fmt: skip
        has = int(status.total_wanted_done)
        # blocks count before their piece is proved: a peer that lies makes the number rise and fall
        if has > had or checking:
            moved = time.monotonic()
            tick(max(has - had, 0))
            had = max(has, had)
        if status.is_finished and not checking:
            return
        now = time.monotonic()
        if now - moved > options.stall_seconds:
            raise TransferError(
                f"{job.torrent.stem}: the swarm brought nothing for {options.stall_seconds:g} s "
                f"({status.num_peers} peers); name a peer that has it, or fetch it over HTTP"
            )
        if now - asked > _CONNECT_SECONDS and not checking and not status.num_peers:
            asked = now
            for peer in options.peers:
                handle.connect_peer(peer)
        if now - saved > _SAVE_SECONDS:
            saved = now
            _save(session, handle, job.resume)
        session.wait_for_alert(int(_POLL_SECONDS * 1000))


def _raise_errors(alerts: Sequence[Any], job: SwarmJob) -> None:
    for alert in alerts:
        if isinstance(alert, lt.file_error_alert | lt.torrent_error_alert):
            raise TransferError(f"{job.torrent.stem}: {alert.message()}")


def _save(session: Any, handle: Any, resume: Path | None) -> None:
    """Flush the cache, wait until it is on the disk, and keep what a next run needs."""
    handle.save_resume_data(lt.torrent_handle.flush_disk_cache)
    alert = _await(session, lt.save_resume_data_alert, lt.save_resume_data_failed_alert)
    if resume is not None and isinstance(alert, lt.save_resume_data_alert):
        write_bytes(resume, lt.write_resume_data_buf(alert.params))


def _await(session: Any, *kinds: Any) -> Any:
    """The next alert of one of the kinds; None when it does not come."""
    until = time.monotonic() + _ALERT_SECONDS
    while time.monotonic() < until:
        session.wait_for_alert(500)
        for alert in session.pop_alerts():
            if isinstance(alert, kinds):
                return alert
    return None


def hidden_params(torrent: Path, save_path: Path, hidden: Collection[int], pieces: list[bool],
                  options: SwarmOptions) -> Any:  # fmt: skip
    """Parameters to seed with files hidden: `hidden` are their indexes, `pieces` what is had.

    A hidden file is renamed to a place where nothing stands, so that no check finds it again.
    """
    params = load_torrent(torrent, save_path, options)
    count = _file_count(params.ti)
    params.file_priorities = [0 if i in hidden else 4 for i in range(count)]
    params.renamed_files = {i: f"{torrent.stem}/.withdrawn/{i}" for i in hidden}
    params.have_pieces = pieces
    params.flags |= lt.torrent_flags.no_verify_files
    return params
