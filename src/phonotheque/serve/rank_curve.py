"""Listens by rank, both logarithmic: the curve of an edition, and where a recording stands."""

from dataclasses import dataclass
from math import log10

from phonotheque.serve.publication import Publication

WIDTH, HEIGHT = 420, 180
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 10, 30
_STEPS = (1, 1.5, 2, 3, 4, 5, 7)
_UNITS = ((10**9, "bn"), (10**6, "M"), (10**3, "k"))


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of a scale: where, and what is written there."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class RankCurve:
    """The picture: `line` as points of a polyline, the recording's place, and the scales."""

    line: str
    x: float
    y: float
    ranks: list[Tick]
    listens: list[Tick]
    above: float  # share of all recordings that rank below this one


def draw_rank_curve(publication: Publication, rank: int, listens: int) -> RankCurve | None:
    """The curve with the place of a recording; None where there is no curve to speak of."""
    points = publication.once(_points)
    if len(points) < 3 or not points[0][1] or rank < 1:
        return None
    last, most = max(points[-1][0], rank), max(points[0][1], listens)

    def across(value: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * log10(max(value, 1)) / log10(last), 1)

    def down(value: float) -> float:
        share = log10(1 + value) / log10(1 + most)
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - share), 1)

    powers = [10**n for n in range(13)]
    ranks, counts = ([p for p in powers if p <= greatest] for greatest in (last, most))
    return RankCurve(
        line=" ".join(f"{across(at)},{down(value)}" for at, value in points),
        x=across(rank),
        y=down(listens),
        ranks=[Tick(across(p), _short(p)) for p in ranks[:: 1 + len(ranks) // 7]],
        listens=[Tick(down(p), _short(p)) for p in _spread(counts)],
        above=(points[-1][0] - rank) / points[-1][0],
    )


def _spread(powers: list[int]) -> list[int]:
    """At most five of the powers of ten, spread over all."""
    return powers[:: 1 + (len(powers) - 1) // 5]


def _short(value: int) -> str:
    return next((f"{value // size} {unit}" for size, unit in _UNITS if value >= size), str(value))


def _points(publication: Publication) -> list[tuple[int, int]]:
    """(rank, listens) at some sixty ranks from first to last; one row is read for each, once."""
    index = publication.index
    last = index.manifest.documents
    wanted = {last} | {int(s * 10**n) for n in range(12) for s in _STEPS if int(s * 10**n) < last}
    numbers = [n for rank in sorted(wanted) if rank > 0 for n in index.most_listened(rank - 1, 1)]
    return [(row.rank, row.listens) for row in index.rows(numbers)]
