"""BitTorrent by libtorrent: some files of a volume from the swarm, into a staging directory.

Traps of libtorrent 2.1 that this module knows: its default limits refuse large torrents; a piece
counts as had before it is on the disk, so data is flushed and the alert awaited; pad files count
in file indexes; what is moved away must not be open in a session any more.
"""

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import libtorrent as lt

from phonotheque.mirror.board import Board
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
SAVE_SECONDS = 10.0
CONNECT_SECONDS = 2.0
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
    board: Board = field(default_factory=Board)  # says what is waited for


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
    session = lt.session(
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
    if options.peers and not options.public:  # a named peer that hung up is asked again soon
        session.apply_settings({"min_reconnect_time": int(CONNECT_SECONDS), "max_failcount": 1_000})
    _limit_everybody(session)
    return session


def look_anew(session: Any) -> None:
    """Have libtorrent find out again which peers may be connected to.

    It leaves out seeds while nothing is asked for, and does not look again when something is: a
    seed that hung up meanwhile would never be asked again. A changed limit makes it look.
    """
    key = "max_failcount"
    most = session.get_settings()[key]
    session.apply_settings({key: most - 1 if most % 2 else most + 1})


def _limit_everybody(session: Any) -> None:
    """Let rates hold for peers in the local network too, whom libtorrent would leave out."""
    everybody = lt.ip_filter()
    mask = 1 << int(session.global_peer_class_id)
    everybody.add_rule("0.0.0.0", "255.255.255.255", mask)  # noqa: S104 - a range, no address
    everybody.add_rule("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", mask)
    session.set_peer_class_filter(everybody)


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
        save_resume(session, handle, job.resume)
    finally:
        received = int(handle.status().total_payload_download)
        session.remove_torrent(handle)
        await_alert(session, lt.torrent_removed_alert)
    if job.resume is not None:
        job.resume.unlink(missing_ok=True)
    return received


def _params(job: SwarmJob, options: SwarmOptions) -> Any:
    params = load_torrent(job.torrent, job.staging, options)
    kept = read_resume(job.resume)
    if kept is not None and kept.info_hashes == params.info_hashes:
        params.have_pieces = kept.have_pieces
        params.unfinished_pieces = kept.unfinished_pieces
        params.merkle_trees = getattr(kept, "merkle_trees", None) or []
    count = file_count(params.ti)
    params.file_priorities = [4 if i in job.indexes else 0 for i in range(count)]
    params.peers = list(options.peers)
    return params


def read_resume(path: Path | None) -> Any:
    """What `save_resume` kept; None where there is nothing of ours."""
    if path is None or not path.is_file():
        return None
    try:
        return lt.read_resume_data(path.read_bytes())
    except RuntimeError:  # a torn or foreign file only costs a check of what is staged
        return None


def file_count(info: Any) -> int:
    """Files of a torrent as libtorrent counts them, pads included."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return int(info.num_files())


def _follow(
    session: Any, handle: Any, job: SwarmJob, options: SwarmOptions, tick: Callable[[int], None]
) -> None:
    had, moved, saved, asked = 0, time.monotonic(), time.monotonic(), 0.0
    while True:
        raise_errors(session.pop_alerts(), job.torrent.stem)
        if options.stop.is_set():
            save_resume(session, handle, job.resume)
            raise TransferError(f"{job.torrent.stem}: stopped; the next run carries on")
        status = handle.status()
        checking = status.state in (lt.torrent_status.checking_files,
                                    lt.torrent_status.checking_resume_data)  # fmt: skip
        has = int(status.total_wanted_done)
        # blocks count before their piece is proved: a peer that lies makes the number rise and fall
        options.board.put("swarm", waits(status))
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
        if now - asked > CONNECT_SECONDS and not checking and not status.num_peers:
            asked = now
            for peer in options.peers:
                handle.connect_peer(peer)
        if now - saved > SAVE_SECONDS:
            saved = now
            save_resume(session, handle, job.resume)
        session.wait_for_alert(int(_POLL_SECONDS * 1000))


def waits(status: Any) -> str:
    """What a torrent waits for, in words."""
    if status.state in (lt.torrent_status.checking_files, lt.torrent_status.checking_resume_data):
        return "libtorrent, which looks at what is staged"
    if not status.num_peers:
        return "peers: none has the rest" if status.total_wanted_done else "peers: none answers"
    return f"{status.num_peers} peers, {status.num_seeds} of them with all of it"


def raise_errors(alerts: Sequence[Any], name: str) -> None:
    """Raise `TransferError` where libtorrent tells of one in the torrent `name`."""
    for alert in alerts:
        if isinstance(alert, lt.file_error_alert | lt.torrent_error_alert):
            raise TransferError(f"{name}: {alert.message()}")


def save_resume(session: Any, handle: Any, resume: Path | None) -> None:
    """Flush the cache, wait until it is on the disk, and keep what a next run needs: which pieces
    were whole before that. Those that became whole since may be in memory only, as may blocks."""
    whole = handle.status().pieces
    session.pop_alerts()  # older flushes are none
    handle.flush_cache()
    if await_alert(session, lt.cache_flushed_alert) is None:
        return
    handle.save_resume_data()
    alert = await_alert(session, lt.save_resume_data_alert, lt.save_resume_data_failed_alert)
    if resume is not None and isinstance(alert, lt.save_resume_data_alert):
        kept = alert.params
        before = [*whole, *[False] * (len(kept.have_pieces) - len(whole))]
        kept.have_pieces = [has and had for has, had in zip(kept.have_pieces, before, strict=True)]
        kept.unfinished_pieces = {}
        write_bytes(resume, lt.write_resume_data_buf(kept))


def await_alert(session: Any, *kinds: Any) -> Any:
    """The next alert of one of the kinds; None when it does not come."""
    until = time.monotonic() + _ALERT_SECONDS
    while time.monotonic() < until:
        session.wait_for_alert(500)
        for alert in session.pop_alerts():
            if isinstance(alert, kinds):
                return alert
    return None
