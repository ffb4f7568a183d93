"""Single listens from ListenBrainz's dumps, as columns (docs/formats/dumps-listenbrainz.md)."""

import io
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import IO, Annotated, Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.model.matching import digest64
from phonotheque.sources.streams import BROKEN, iter_lines, iter_members

MAX_LINE_BYTES = 1 << 20
MAX_PARQUET_BYTES = 1 << 30
"""A Parquet member is read whole; ListenBrainz makes them of 128 MiB."""
PLAY_SECONDS = 30
"""What a listen takes at least, where the length of the piece is not said."""
MOST_PLAY_SECONDS = 240

_BAD = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_BAD_TABLE = (pa.ArrowException, OSError, ValueError, NotImplementedError)
_NEEDED = ("user_id", "listened_at", "recording_mbid")
_PARQUET = (*_NEEDED, "recording_msid")
_CHUNK = 65_536
_HEX = np.full(256, 255, dtype=np.uint8)
_HEX[np.frombuffer(b"0123456789", np.uint8)] = range(10)
_HEX[np.frombuffer(b"abcdef", np.uint8)] = range(10, 16)
_HEX[np.frombuffer(b"ABCDEF", np.uint8)] = range(10, 16)
_DASHES = np.array([8, 13, 18, 23])
_DIGITS = np.array([place for place in range(36) if place not in (8, 13, 18, 23)])
_NIL = "00000000-0000-0000-0000-000000000000"

U64 = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Listens:
    """n listens; every array has shape (n,).

    `high` and `low` are the two halves of the recording's MBID where `known`, else of the id that
    ListenBrainz gives to a text (or 0). `moment` is in seconds of Unix time; `gap` is how many
    seconds later the same piece can have been listened to again at the earliest.
    """

    listener: npt.NDArray[np.int64]
    moment: npt.NDArray[np.int64]
    known: Bools
    high: U64
    low: U64
    gap: npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class MadeAt:
    """When the dump was made, as its member ``TIMESTAMP`` or ``END_TIMESTAMP`` says."""

    seconds: int


class _Mapping(msgspec.Struct, gc=False):
    recording_mbid: Any = None


class _Info(msgspec.Struct, gc=False):
    recording_mbid: Any = None
    duration_ms: Any = None
    duration: Any = None


class _Track(msgspec.Struct, gc=False):
    additional_info: _Info | None = None
    mbid_mapping: _Mapping | None = None


_Seconds = Annotated[int, msgspec.Meta(ge=-(2**40), le=2**40)]


class _Listen(msgspec.Struct, gc=False):
    user_id: Annotated[int, msgspec.Meta(ge=-(2**62), le=2**62)] | None = None
    user_name: str | None = None
    timestamp: _Seconds | None = None
    listened_at: _Seconds | None = None
    recording_msid: str | None = None
    track_metadata: _Track | None = None


_DECODE = msgspec.json.Decoder(_Listen).decode

Part = Listens | MadeAt | Finding


def iter_listens(path: Path) -> Iterator[Part]:
    """The listens of a dump in its order, in pieces of at most 65,536, with what is said of the
    dump and what could not be read. Rows are counted through all members.

    Memory: one piece; of Parquet members, the member.
    """
    number = 0
    for name, stream in iter_members(path):
        base = name.rpartition("/")[2]
        if base in ("TIMESTAMP", "END_TIMESTAMP"):
            yield from _made_at(stream)
        elif base.endswith(".parquet"):
            number = yield from _from_parquet(stream, path.name, number)
        elif base.endswith(".listens") or name == path.name:
            number = yield from _from_lines(stream, path.name, number)


def _made_at(stream: IO[bytes]) -> Iterator[MadeAt]:
    try:
        made = datetime.fromisoformat(stream.read(100).decode().strip())
    except ValueError:
        return
    yield MadeAt(int((made if made.tzinfo else made.replace(tzinfo=UTC)).timestamp()))


# ----------------------------------------------------------------------------------- JSON lines


def _from_lines(
    stream: IO[bytes], where: str, number: int
) -> Generator[Listens | Finding, None, int]:
    """The listens of a member that begins behind line `number`; gives back its last line."""
    held: list[_Listen] = []
    try:
        for lines in iter_lines(stream, MAX_LINE_BYTES):
            for line in lines:
                number += 1
                found = _decode(line, where, number)
                if isinstance(found, Finding):
                    yield found
                elif found is not None:
                    held.append(found)
            if len(held) >= _CHUNK:
                yield _columns(held)
                held = []
    except BROKEN:
        if held:
            yield _columns(held)
        raise
    if held:
        yield _columns(held)
    return number


def _decode(line: bytes | None, where: str, number: int) -> _Listen | Finding | None:
    """The listen of a line, None for an empty one."""
    if line is not None and not line.strip():
        return None
    try:
        listen = _DECODE(line or b"")
    except _BAD as error:
        return _unreadable(where, number, f"is no listen ({error})")
    if (listen.timestamp is None and listen.listened_at is None) or (
        listen.user_id is None and listen.user_name is None
    ):
        return _unreadable(where, number, "says no user or no time")
    return listen


def _columns(held: list[_Listen]) -> Listens:
    tracks = [listen.track_metadata or _Track() for listen in held]
    mbids = pa.array([_recording_of(track) for track in tracks], pa.string())
    gaps = [_gap(track.additional_info) for track in tracks]
    return _listens(
        listener=[_user(listen) for listen in held],
        moment=[
            listen.timestamp if listen.timestamp is not None else listen.listened_at
            for listen in held
        ],
        mbids=mbids,
        texts=pa.array([listen.recording_msid for listen in held], pa.string()),
        gap=np.array(gaps, dtype=np.int16),
    )


def _recording_of(track: _Track) -> str | None:
    """What ListenBrainz found before what the player said."""
    for said in (track.mbid_mapping, track.additional_info):
        if said is not None and isinstance(said.recording_mbid, str) and said.recording_mbid:
            return said.recording_mbid
    return None


def _gap(info: _Info | None) -> int:
    """Half of the piece, at most four minutes: what ListenBrainz asks players to call a listen
    (https://listenbrainz.readthedocs.io, submit-listens)."""
    if info is None or (info.duration_ms is None and info.duration is None):
        return PLAY_SECONDS
    try:
        seconds = float(info.duration_ms or 0) / 1000 or float(info.duration or 0)
    except (TypeError, ValueError, OverflowError):
        return PLAY_SECONDS
    return int(min(max(seconds / 2, 1), MOST_PLAY_SECONDS)) if seconds > 0 else PLAY_SECONDS


def _user(listen: _Listen) -> int:
    return listen.user_id if listen.user_id is not None else _of_name(listen.user_name or "")


@lru_cache(maxsize=1 << 16)
def _of_name(name: str) -> int:
    return digest64(name)


# -------------------------------------------------------------------------------------- Parquet


def _from_parquet(
    stream: IO[bytes], where: str, number: int
) -> Generator[Listens | Finding, None, int]:
    content = stream.read(MAX_PARQUET_BYTES + 1)
    if len(content) > MAX_PARQUET_BYTES:
        yield _unreadable_file(where, f"a table in it is larger than {MAX_PARQUET_BYTES >> 30} GiB")
        return number
    try:
        with pq.ParquetFile(io.BytesIO(content)) as file:
            present = [name for name in _PARQUET if name in file.schema_arrow.names]
            if present[: len(_NEEDED)] != list(_NEEDED):
                yield _unreadable_file(where, "a table in it has not the columns of listens")
                return number
            for batch in file.iter_batches(_CHUNK, columns=present):
                yield from _from_batch(batch, where, number)
                number += batch.num_rows
    except _BAD_TABLE as error:
        yield _unreadable_file(where, f"a table in it is damaged ({error})")
    return number


def _from_batch(batch: pa.RecordBatch, where: str, before: int) -> Iterator[Listens | Finding]:
    valid = pc.and_(batch["user_id"].is_valid(), batch["listened_at"].is_valid())
    for place in np.flatnonzero(~valid.to_numpy(zero_copy_only=False)):
        yield _unreadable(where, before + int(place) + 1, "says no user or no time")
    good = batch.filter(valid)
    at = good["listened_at"]
    if pa.types.is_timestamp(at.type):
        at = at.cast(pa.timestamp("s", at.type.tz), safe=False)
    has_texts = "recording_msid" in good.schema.names
    texts = good["recording_msid"] if has_texts else pa.nulls(good.num_rows)
    yield _listens(
        listener=good["user_id"].cast(pa.int64()).to_numpy(),
        moment=at.cast(pa.int64()).to_numpy(),
        mbids=good["recording_mbid"].cast(pa.string()),
        texts=texts.cast(pa.string()),
        gap=np.full(good.num_rows, PLAY_SECONDS, dtype=np.int16),
    )


# -------------------------------------------------------------------------------------- columns


def _listens(
    listener: Sequence[int] | npt.NDArray[np.int64],
    moment: Any,
    mbids: pa.Array,
    texts: pa.Array,
    gap: npt.NDArray[np.int16],
) -> Listens:
    high, low, known = uuid_halves(mbids)
    if not known.all():
        text_high, text_low, _ = uuid_halves(texts)
        high, low = np.where(known, high, text_high), np.where(known, low, text_low)
    listeners = np.asarray(listener, dtype=np.int64)
    return Listens(listeners, np.asarray(moment, dtype=np.int64), known, high, low, gap)


def uuid_halves(texts: pa.Array) -> tuple[U64, U64, Bools]:
    """(first 64 bits, last 64 bits, whether it is one) of UUIDs in their usual form; 0 for what is
    none, and for the nil UUID. Shape (n,) each."""
    usual = pc.and_(pc.equal(pc.binary_length(texts), 36), pc.string_is_ascii(texts))
    filled = pc.if_else(pc.fill_null(usual, False), texts, _NIL)
    characters = np.frombuffer(filled.buffers()[2] or b"", np.uint8)[: 36 * len(texts)]
    characters = characters.reshape(-1, 36)
    nibbles = _HEX[characters[:, _DIGITS]]
    good = (nibbles < 16).all(axis=1) & (characters[:, _DASHES] == ord("-")).all(axis=1)
    raw = (nibbles[:, 0::2] << 4) | (nibbles[:, 1::2] & 15)
    halves = np.ascontiguousarray(raw).view(">u8").astype(np.uint64)
    halves[~good] = 0
    high, low = halves[:, 0], halves[:, 1]
    return high, low, good & ((high != 0) | (low != 0))


def mbid_keys(high: U64, low: U64) -> pa.Array:
    """``mbid:<the UUID's usual form>`` of each pair of halves; a string array of shape (n,)."""
    raw = np.stack([high, low], axis=1).astype(">u8").view(np.uint8).reshape(-1, 16)
    digits = np.frombuffer(b"0123456789abcdef", np.uint8)
    text = np.empty((len(raw), 41), dtype=np.uint8)
    text[:, :5] = np.frombuffer(b"mbid:", np.uint8)
    text[:, 5 + _DASHES] = ord("-")
    text[:, 5 + _DIGITS[0::2]] = digits[raw >> 4]
    text[:, 5 + _DIGITS[1::2]] = digits[raw & 15]
    offsets = np.arange(len(raw) + 1, dtype=np.int32) * 41
    buffers = (pa.py_buffer(offsets.tobytes()), pa.py_buffer(text.tobytes()))
    return pa.StringArray.from_buffers(len(raw), *buffers)


def _unreadable(where: str, number: int, what: str) -> Finding:
    message = f"the line {what}; it is left out"
    return Finding(FindingCode.ROW_UNREADABLE, Severity.ERROR, where, message, number)


def _unreadable_file(where: str, what: str) -> Finding:
    message = f"{what}; the rest is read; get a sound copy"
    return Finding(FindingCode.FILE_UNREADABLE, Severity.ERROR, where, message)
