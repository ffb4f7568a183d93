"""Damaged copies of a sound file: flipped bits, cuts, zeros, lies about lengths, parts lost, twice
there or out of order. Each is made only when it is looked at."""

from collections.abc import Callable, Iterable, Iterator
from random import Random
from typing import NamedTuple

from tests.support.audio_structure import Part, parts_of


class Damage(NamedTuple):
    """`make()` gives the bytes; `kind` is one word, `label` tells how to make it again."""

    kind: str
    label: str
    make: Callable[[], bytes]


def iter_damages(content: bytes, other: bytes) -> Iterator[Damage]:
    """All damages of a file; `other` is a sound file of another form, to be joined to it."""
    parts = parts_of(content)
    yield from _flips(content, parts)
    yield from _cuts(content, parts)
    yield from _zeros(content, parts)
    yield from _lengths(content, parts)
    yield from _orders(content, parts)
    yield from _joined(content, other)


def sample(damages: Iterable[Damage], count: int, seed: int = 0) -> list[Damage]:
    """`count` of them, of every kind as many as there are or as is fair."""
    kinds: dict[str, list[Damage]] = {}
    for damage in damages:
        kinds.setdefault(damage.kind, []).append(damage)
    random, share = Random(seed), -(-count // len(kinds))
    return [d for of in kinds.values() for d in random.sample(of, min(share, len(of)))][:count]


def _flips(content: bytes, parts: list[Part]) -> Iterator[Damage]:
    structure = sorted({at for p in parts for at in range(p.start, min(p.head, p.end))})
    random = Random(1)
    inside = set(structure)
    sound = random.sample(range(len(content)), min(400, len(content)))
    for at in structure:
        bits = range(8) if at < 64 else (random.randrange(8),)
        for bit in bits:
            yield _flip(content, "flip-structure", at, bit)
    for at in sound:
        if at not in inside:
            yield _flip(content, "flip-sound", at, random.randrange(8))


def _flip(content: bytes, kind: str, at: int, bit: int) -> Damage:
    def make() -> bytes:
        changed = bytearray(content)
        changed[at] ^= 1 << bit
        return bytes(changed)

    return Damage(kind, f"bit {bit} of byte {at} flipped", make)


def _cuts(content: bytes, parts: list[Part]) -> Iterator[Damage]:
    edges = {edge for p in parts for edge in (p.start, p.head, p.end)}
    for at in sorted({at + by for at in edges for by in (-1, 0, 1)}):
        if 0 <= at < len(content):
            yield Damage("cut", f"cut to {at} bytes", lambda at=at: content[:at])
    yield Damage("cut", "cut by the last byte", lambda: content[:-1])


def _zeros(content: bytes, parts: list[Part]) -> Iterator[Damage]:
    for at in sorted({edge for p in parts for edge in (p.start, p.head)}):
        yield Damage("zeros-put-in", f"64 zeros put in at {at}",
                     lambda at=at: content[:at] + bytes(64) + content[at:])  # fmt: skip
    for at in range(0, len(content), 4096):
        yield Damage("zeros-over", f"zeros over {at} to {at + 4096}",
                     lambda at=at: (content[:at] + bytes(min(4096, len(content) - at))
                                    + content[at + 4096:]))  # fmt: skip
    yield Damage("zeros-over", "all zeros", lambda: bytes(len(content)))
    yield Damage("zeros-behind", "4096 zeros behind", lambda: content + bytes(4096))


def _lengths(content: bytes, parts: list[Part]) -> Iterator[Damage]:
    for part in parts:
        if part.length_at is None:
            continue
        at, width, order = part.length_at
        true = int.from_bytes(content[at : at + width], order)
        most = 0x7F7F7F7F if part.label == "id3" else (1 << 8 * width) - 1
        for said in (most, most >> 1, 0, 1, 7, true + 1, true * 2):
            field = (said & (1 << 8 * width) - 1).to_bytes(width, order)
            yield Damage("length", f"length of {part.label} at {at} said to be {said}",
                         lambda at=at, field=field:
                         content[:at] + field + content[at + len(field):])  # fmt: skip


def _orders(content: bytes, parts: list[Part]) -> Iterator[Damage]:
    leaves = [p for p in parts if p.label in ("frame", "page", "mpeg", "block")]
    for before, part in zip([None, *leaves], leaves, strict=False):
        start, end = part.start, part.end
        yield Damage("part-lost", f"{part.label} at {start} lost",
                     lambda s=start, e=end: content[:s] + content[e:])  # fmt: skip
        yield Damage("part-doubled", f"{part.label} at {start} doubled",
                     lambda s=start, e=end: content[:e] + content[s:])  # fmt: skip
        if before is not None:
            yield Damage("parts-swapped", f"{part.label} at {start} before that at {before.start}",
                         lambda b=before.start, s=start, e=end:
                         content[:b] + content[s:e] + content[b:s] + content[e:])  # fmt: skip


def _joined(content: bytes, other: bytes) -> Iterator[Damage]:
    yield Damage("joined", "the file twice", lambda: content * 2)
    yield Damage("joined", "another form behind it", lambda: content + other)
    yield Damage("joined", "another form before it", lambda: other + content)
    yield Damage("joined", "half of it and another form",
                 lambda: content[: len(content) // 2] + other)  # fmt: skip
    yield Damage("joined", "its beginning before another form", lambda: content[:16] + other)
