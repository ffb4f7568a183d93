"""What more disk would bring: the share of listens by size of disk. Pure."""

from collections.abc import Iterator, Sequence

from phonotheque.mirror.choosing import Candidate, Wishes, in_order, take_volumes
from phonotheque.mirror.formats import CurvePoint

STEP_BYTES = 10**12  # "the next terabyte"
_STEPS = (1, 2, 5)
_FINE_STEPS = (10, 12, 15, 20, 25, 30, 40, 50, 60, 80)


def share_curve(
    candidates: Sequence[Candidate],
    wishes: Wishes,
    fixed_bytes: int,
    disk_bytes: int | None,
    *,
    listens: int | None = None,
    here: bool = False,
) -> list[CurvePoint]:
    """Share of `listens` (None: those of all candidates) that a new mirror of each size would
    hold: sizes of 1, 2 and 5 times powers of ten up to everything wanted, `disk_bytes`, and one
    terabyte more than that.

    `fixed_bytes` (index and edition, less the tables that come with volumes) come off each size.
    With `here` it is not a new mirror, but one that holds what it holds and keeps it first.
    """
    ordered = in_order(candidates if here else [c.as_new() for c in candidates], wishes)
    heard = sum(c.listens for c in candidates) if listens is None else listens
    everything = take_volumes(ordered, None, wishes)
    most = fixed_bytes + everything.bytes + everything.tables
    sizes = {size for size in _round_sizes(most) if fixed_bytes < size < most} | {most}
    if disk_bytes is not None:
        sizes |= {min(disk_bytes, most), min(disk_bytes + STEP_BYTES, most)}
    points = []
    for size in sorted(sizes):
        choice = take_volumes(ordered, size - fixed_bytes, wishes)
        points.append(
            CurvePoint(
                disk_bytes=size,
                bytes=fixed_bytes + choice.bytes + choice.tables,
                volumes=len(choice.taken),
                listens_share=choice.listens / heard if heard else 0.0,
            )
        )
    return points


def next_terabyte(curve: Sequence[CurvePoint], disk_bytes: int | None) -> float:
    """How much share of listens one terabyte more than `disk_bytes` would add; 0.0 without a
    limit of disk."""
    if disk_bytes is None or not curve:
        return 0.0
    most = curve[-1].disk_bytes
    by_size = {point.disk_bytes: point.listens_share for point in curve}
    now, then = (by_size[min(size, most)] for size in (disk_bytes, disk_bytes + STEP_BYTES))
    return then - now


def _round_sizes(most: int) -> Iterator[int]:
    """1, 2 and 5 times powers of ten, from a thousandth of `most` up to it."""
    power = 10 ** max(len(str(most)) - 4, 0)
    while power <= most:
        yield from (step * power for step in _STEPS if most // 1000 <= step * power <= most)
        power *= 10


def fine_sizes(least: int, most: int) -> list[int]:
    """Round sizes between `least` and `most`, ten in each power of ten, over four powers."""
    power = 10 ** max(len(str(most)) - 5, 0)
    found = []
    while power <= most:
        found += [step * power // 10 for step in _FINE_STEPS]
        power *= 10
    return [size for size in found if least < size < most and size >= most // 10_000]
