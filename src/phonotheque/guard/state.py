"""What is kept of one account: at most 2 KiB, mergeable, and no list of what was heard."""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from phonotheque.guard.novelty import ARTISTS, ITEMS, Memory, Shape, join
from phonotheque.guard.symbols import SYMBOLS
from phonotheque.model.errors import FormatError

STATE_FORMAT: Final = 2
MOST_BYTES: Final = 2048
NO_SLOW: Final = -1e9
_SINGLE: Final = "<f4"


class Totals(msgspec.Struct, frozen=True, array_like=True):
    """Counts over the life of the account."""

    media: int = 0
    metadata: int = 0
    refused: int = 0  # answers of 400 and more
    canaries: int = 0
    bytes: int = 0
    symbols: tuple[int, ...] = (0,) * SYMBOLS
    hasty: int = 0  # media asked for before a fifth of the one before could have been heard


class State(msgspec.Struct, frozen=True):
    """One account. `sums` are the alternatives' sums of evidence in nats, `mood` the weights of
    the kinds of listening that explain it as people; empty until the first media request."""

    items: Memory = Memory()
    artists: Memory = Memory()
    sums: tuple[float, ...] = ()
    mood: tuple[float, ...] = ()
    totals: Totals = Totals()
    first_t: float = 0.0
    last_t: float = 0.0
    last_item: int = -1
    last_rank: int = -2
    last_artist: int = -1
    last_release: int = -1
    last_duration_s: float = 0.0
    alarmed_at: int = -1  # media requests when a sum first stood above its level; -1: it does not
    slow: float = NO_SLOW  # the score of slow features when last looked at
    learned: int = 0  # `mark` of the tables that sums, mood and slow are by; 0: of none


class _Packed(msgspec.Struct, array_like=True, frozen=True):
    format: int
    items: tuple[bytes, bytes, int]
    artists: tuple[bytes, bytes, int]
    sums: tuple[float, ...]
    mood: bytes  # single precision
    totals: Totals
    rest: tuple[float, float, int, int, int, int, float, int, float]
    learned: int = 0


def format_state(state: State) -> bytes:
    """`state` as bytes (MessagePack)."""
    rest = (state.first_t, state.last_t, state.last_item, state.last_rank, state.last_artist,
            state.last_release, state.last_duration_s, state.alarmed_at, state.slow)  # fmt: skip
    return msgspec.msgpack.encode(
        _Packed(STATE_FORMAT, _pack(state.items, ITEMS), _pack(state.artists, ARTISTS), state.sums,
                np.array(state.mood, _SINGLE).tobytes(), state.totals, rest, state.learned)
    )  # fmt: skip


def parse_state(content: bytes) -> State:
    """What `format_state` wrote.

    Raises:
        FormatError: it is not a state of this format.
    """
    try:
        packed = msgspec.msgpack.decode(content, type=_Packed)
    except msgspec.DecodeError as error:
        raise FormatError(f"state of an account: {error}; drop it, it is learned anew") from error
    if packed.format != STATE_FORMAT:
        raise FormatError(f"state of an account: format {packed.format}, not {STATE_FORMAT}")
    if len(packed.mood) % 4 or len(packed.totals.symbols) != SYMBOLS:
        raise FormatError("state of an account: cut short; drop it, it is learned anew")
    mood = tuple(np.frombuffer(packed.mood, _SINGLE).tolist())
    return State(_unpack(packed.items), _unpack(packed.artists), packed.sums, mood,
                 packed.totals, *packed.rest, packed.learned)  # fmt: skip


def _pack(memory: Memory, shape: Shape) -> tuple[bytes, bytes, int]:
    size = shape.bits // 8
    return (
        memory.newer.to_bytes(size, "little"),
        memory.older.to_bytes(size, "little"),
        memory.taken,
    )


def _unpack(packed: tuple[bytes, bytes, int]) -> Memory:
    newer, older, count = packed
    return Memory(int.from_bytes(newer, "little"), int.from_bytes(older, "little"), count)


def merge_states(one: State, other: State) -> State:
    """The state of an account whose requests two servers saw in part. Commutative. Sums are those
    of the worse part, not added: each server began from nothing. Where the parts are by different
    tables, those of the later part stand."""
    early, late = sorted((one, other), key=lambda s: (s.last_t, s.last_item, s.first_t))
    if early.sums and late.sums and early.learned != late.learned:
        early = by_other_tables(early, late.learned)
        one, other = early, late
    return State(
        join(one.items, other.items),
        join(one.artists, other.artists),
        _worse(one.sums, other.sums),
        late.mood or early.mood,
        merge_totals(one.totals, other.totals),
        min(s.first_t for s in (one, other) if s.last_t) if one.last_t or other.last_t else 0.0,
        late.last_t,
        late.last_item,
        late.last_rank,
        late.last_artist,
        late.last_release,
        late.last_duration_s,
        max(one.alarmed_at, other.alarmed_at),
        max(one.slow, other.slow),
        late.learned or early.learned,
    )


def by_other_tables(state: State, mark: int) -> State:
    """`state` without what was reckoned by the tables it was by, for those with this `mark`."""
    return msgspec.structs.replace(
        state, sums=(), mood=(), alarmed_at=-1, slow=NO_SLOW, learned=mark
    )


def _worse(one: Sequence[float], other: Sequence[float]) -> tuple[float, ...]:
    if not one or not other:
        return tuple(one or other)
    return tuple(map(max, one, other))


def merge_totals(one: Totals, other: Totals) -> Totals:
    """Sums of both."""
    return Totals(
        one.media + other.media, one.metadata + other.metadata, one.refused + other.refused,
        one.canaries + other.canaries, one.bytes + other.bytes,
        tuple(a + b for a, b in zip(one.symbols, other.symbols, strict=True)),
        one.hasty + other.hasty,
    )  # fmt: skip
