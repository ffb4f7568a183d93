"""Making access copies and tagged copies: masters out of the vault, through encoding workers,
proved, and into it.

Each copy is durable before its rows, and they are one transaction: killed anywhere, what is done
is done and the rest is made by the next run.
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path

import msgspec

from phonotheque.model.errors import InputError, NoSpaceError, NotFoundError
from phonotheque.storage.durable import TEMPORARY_SUFFIX, ensure_directory
from phonotheque.vault.derivatives import CreationDetail, Derivation, add_derivation
from phonotheque.vault.encoder import Encoder
from phonotheque.vault.encoding_frames import EncodingWants, Made
from phonotheque.vault.events import EventType
from phonotheque.vault.examination import Examination, Limits
from phonotheque.vault.formats import ALL_FORMATS
from phonotheque.vault.inflight import Bounds, iter_in_order
from phonotheque.vault.material import MEMORY_BYTES, Link, Material
from phonotheque.vault.objects import VaultObject
from phonotheque.vault.recipes import (
    CopyForm,
    OpusSettings,
    estimated_bytes,
    format_recipe,
    tagged_bytes,
)
from phonotheque.vault.store import Vault

HELD_BYTES = 512 << 20  # of masters and copies in memory, all threads together
ROOM_IN_MEMORY = 256 << 20  # a room is three times as large as the copy will be
SPARE_BYTES = 1 << 20
_SAME = ("puid", "codec", "duration_ms", "sample_rate_hz", "channels", "bits", "lossless")
TOLERANCE_MS = 1  # durations are whole milliseconds


class CopyOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One copy to make. `comments` are (NAME, value), in the order they are written. Without
    `settings` it is a tagged copy: the audio stays, and the comments become its tags."""

    master: VaultObject
    form: CopyForm
    settings: OpusSettings | None = None
    comments: Sequence[tuple[str, str]] = ()


class CopyMade(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an order: the copy, or why there is none."""

    order: CopyOrder
    sha256: str = ""
    bytes: int = 0
    recipe: str = ""
    error: str = ""


class _Encoded(msgspec.Struct, kw_only=True):
    """A copy on its way into the vault."""

    order: CopyOrder
    made: Made | None = None
    material: Material | None = None
    error: str = ""

    def drop(self) -> None:
        if self.material is not None:
            self.material.close()


def make_copies(
    vault: Vault, orders: Iterable[CopyOrder], now: datetime, *, workers: int | None = None
) -> Iterator[CopyMade]:
    """Make the copies, in parallel; the answers come in the order of `orders`, each copy being in
    the vault. A master of which no copy can be made gives an error and stops nobody.

    The caller holds the vault's lock, and writes nothing to it meanwhile.

    Raises:
        NoSpaceError: the disk is full.
    """
    threads = workers or os.cpu_count() or 1
    vault.sweep()
    encoders = _Encoders()

    def jobs() -> Iterator[tuple[int, Callable[[], _Encoded]]]:
        for order in orders:
            yield _held_bytes(order), partial(_encode, vault, encoders, order)

    bounds = Bounds(2 * threads, HELD_BYTES)
    try:
        results = iter_in_order(jobs(), threads=threads, bounds=bounds, drop=_Encoded.drop)
        for encoded in results:
            yield _admit(vault, encoded, now)
    finally:
        encoders.close()


class _Encoders:
    """An encoder for each thread."""

    def __init__(self) -> None:
        self._local = threading.local()
        self._all: list[Encoder] = []

    def mine(self) -> Encoder:
        if not hasattr(self._local, "encoder"):
            self._local.encoder = Encoder()
            self._all.append(self._local.encoder)
        found: Encoder = self._local.encoder
        return found

    def close(self) -> None:
        for encoder in self._all:
            encoder.close()


def _held_bytes(order: CopyOrder) -> int:
    size = order.master.bytes
    return (size if size <= MEMORY_BYTES else 0) + _estimate(order)


def _estimate(order: CopyOrder) -> int:
    if order.settings is None:
        return tagged_bytes(order.master.bytes)
    return estimated_bytes(order.settings, order.master.duration_ms)


def _room_bytes(order: CopyOrder) -> int:
    """More than the copy can take: encoded, three times what is foreseen."""
    if order.settings is None:
        return order.master.bytes + order.master.bytes // 16 + SPARE_BYTES
    return 3 * _estimate(order) + SPARE_BYTES


def _encode(vault: Vault, encoders: _Encoders, order: CopyOrder) -> _Encoded:
    """One copy, proved; in a thread that waits for its worker."""
    master, form = order.master, _demuxer(order.master.puid)
    if not form:
        return _Encoded(order=order, error=f"{master.puid} is no form that can be decoded here")
    wants = EncodingWants(
        demuxer=form, settings=order.settings, comments=order.comments, puid=master.puid
    )
    limits = Limits(seconds=600 + master.duration_ms // 10_000)
    size = _room_bytes(order)
    try:
        with _taken(vault, master.sha256) as taken, _room(vault, size) as room:
            if taken.sha256 != master.sha256:
                text = "its bytes have changed in the vault; run `phonotheque verify`"
                return _Encoded(order=order, error=text)
            made = encoders.mine().encode(taken.descriptor, wants, room, size, limits)
            error = made.encoded.error or _doubt(order, made)
            if error:
                return _Encoded(order=order, error=error)
            material = vault.take(Path(f"/proc/self/fd/{room}"))
            return _Encoded(order=order, made=made, material=material)
    except (InputError, NotFoundError) as error:
        return _Encoded(order=order, error=str(error))


def _doubt(order: CopyOrder, made: Made) -> str:
    """Why the copy is not proved to be all of its master, or nothing."""
    seen, master = made.examination, order.master
    if order.settings is None:
        return _tagged_doubt(seen, master)
    if seen is None or not seen.admissible or seen.codec != "opus":
        found = seen.findings[0].message if seen and seen.findings else "it is no Opus"
        return f"the copy is not sound: {found}"
    decoded_ms = made.encoded.source_samples * 1000 // order.settings.source_rate_hz
    if abs(decoded_ms - master.duration_ms) > TOLERANCE_MS:
        return f"{decoded_ms} ms of it could be decoded, {master.duration_ms} ms when it came"
    if abs(seen.duration_ms - decoded_ms) > TOLERANCE_MS or seen.channels != master.channels:
        return f"the copy has {seen.duration_ms} ms of {decoded_ms}, {seen.channels} channels"
    return ""


def _tagged_doubt(seen: Examination | None, master: VaultObject) -> str:
    """As `_doubt`, where the worker has compared frames and samples."""
    if seen is None or not seen.admissible:
        found = seen.findings[0].message if seen and seen.findings else "it is no audio"
        return f"the copy is not sound: {found}"
    differ = [name for name in _SAME if getattr(seen, name) != getattr(master, name)]
    return f"the copy has another {differ[0]} than its master" if differ else ""


def _admit(vault: Vault, encoded: _Encoded, now: datetime) -> CopyMade:
    order, made, material = encoded.order, encoded.made, encoded.material
    if made is None or material is None or made.examination is None:
        return CopyMade(order=order, error=encoded.error)
    recipe = format_recipe(order.form, made.encoded.encoder)
    detail = CreationDetail(
        source=order.master.sha256,
        recipe=recipe,
        source_codec=order.master.codec,
        source_lossless=order.master.lossless,
        settings=order.settings,
        frames_sha256=made.encoded.frames_sha256,
        samples_sha256=made.encoded.samples_sha256,
    )
    with vault.state.transaction():
        admission = vault.admit(material, made.examination, now)
        digest = admission.sha256
        text = msgspec.json.encode(detail).decode()
        vault.record_event(EventType.CREATION, now, detail=text, sha256_hex=digest)
        add_derivation(
            vault.state, Derivation(source=order.master.sha256, recipe=recipe, sha256=digest)
        )
    return CopyMade(order=order, sha256=digest, bytes=admission.bytes, recipe=recipe)


@contextmanager
def _taken(vault: Vault, digest: str) -> Iterator[Material]:
    """The bytes of a master, read once and hashed."""
    place = vault.store.local_path(digest)
    if place is not None:
        with vault.take(place) as material:
            yield material
        return
    fetched = _staging(vault, digest)
    try:
        vault.store.fetch(digest, fetched)
        with vault.take(fetched, Link.HARD) as material:
            yield material
    finally:
        fetched.unlink(missing_ok=True)


@contextmanager
def _room(vault: Vault, size_bytes: int) -> Iterator[int]:
    """An open file for a copy: memory, or disk that is there."""
    if size_bytes <= ROOM_IN_MEMORY:
        room = os.memfd_create("copy", os.MFD_CLOEXEC)
    else:
        place = _staging(vault, "room")
        room = os.open(place, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        place.unlink()
    try:
        if size_bytes > ROOM_IN_MEMORY:
            _reserve(room, size_bytes, vault.root)
        yield room
    finally:
        os.close(room)


def _reserve(room: int, size_bytes: int, where: Path) -> None:
    try:
        os.posix_fallocate(room, 0, size_bytes)
    except OSError as error:
        text = f"{where}: no room for a copy ({error.strerror}); free some, run this again"
        raise NoSpaceError(text) from error


def _staging(vault: Vault, name: str) -> Path:
    incoming = vault.root / "incoming"
    ensure_directory(incoming)
    return incoming / f"{os.getpid()}-{threading.get_ident()}-{name}{TEMPORARY_SUFFIX}"


def _demuxer(puid: str) -> str:
    """The demuxer of libav that may open objects of this form; "" for none."""
    with suppress(StopIteration):
        return next(form.demuxer for form in ALL_FORMATS if form.puid == puid)
    return ""
