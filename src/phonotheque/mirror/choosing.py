"""Which volumes fit a disk best. Pure.

Greedy by listens per byte over volumes, whole or cut down to the files that are wanted; one that
does not fit is passed over. Within one order that is monotone: with more room, the first volume
taken in addition is worth more than all that the smaller budget can still put behind it, because
nothing behind it is denser.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

_NAMED = 20


@dataclass(frozen=True, slots=True)
class Candidate:
    """A volume to choose or leave. `held`: this mirror has (part of) it already."""

    volume: str
    tier: int
    files: int
    bytes: int
    listens: int
    licences: tuple[str, ...] = ()
    held: bool = False
    part: bool = False  # cut down to the files that are wanted
    tables: int = 0  # bytes of the edition's tables that are kept only where it is taken

    def as_new(self) -> "Candidate":
        """The same where nothing is held."""
        return replace(self, held=False) if self.held else self


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the volunteer asks for; empty means no restriction. Names are volumes."""

    tiers: frozenset[int] = frozenset()
    licences: frozenset[str] = frozenset()
    include: frozenset[str] = frozenset()
    exclude: frozenset[str] = frozenset()
    complete_tiers: bool = False  # all of a tier before any of the next


@dataclass(frozen=True, slots=True)
class Choice:
    """`taken` in the order of worth; `left` with the reason each."""

    taken: tuple[Candidate, ...]
    left: tuple[tuple[Candidate, str], ...]

    @property
    def bytes(self) -> int:
        """Bytes of the volumes taken."""
        return sum(c.bytes for c in self.taken)

    @property
    def tables(self) -> int:
        """Bytes of the edition's tables that come with the volumes taken."""
        return sum(c.tables for c in self.taken)

    @property
    def listens(self) -> int:
        """Listens of the recordings in the volumes taken."""
        return sum(c.listens for c in self.taken)


def choose_volumes(
    candidates: Iterable[Candidate], budget_bytes: int | None, wishes: Wishes | None = None
) -> Choice:
    """The volumes to hold within `budget_bytes` (None: no limit).

    Volumes named in `wishes.include` come first, then those held already (least churn), then by
    tier where whole tiers are wished for, then by listens per byte, then by name. Never over the
    budget; the order of `candidates` is no matter.
    """
    asked = wishes or Wishes()
    return take_volumes(in_order(candidates, asked), budget_bytes, asked)


def in_order(candidates: Iterable[Candidate], wishes: Wishes) -> list[Candidate]:
    """Those that are worth most first."""
    return sorted(candidates, key=lambda c: _worth(c, wishes))


def take_volumes(
    candidates: Iterable[Candidate], budget_bytes: int | None, wishes: Wishes
) -> Choice:
    """`choose_volumes` of candidates that are in order."""
    taken: list[Candidate] = []
    left: list[tuple[Candidate, str]] = []
    room = budget_bytes
    for candidate in candidates:
        reason = unwanted(candidate, wishes)
        needs = candidate.bytes + candidate.tables
        if reason is None and room is not None and needs > room:
            reason = "no-room"
        if reason is not None:
            left.append((candidate, reason))
            continue
        taken.append(candidate)
        room = None if room is None else room - needs
    return Choice(tuple(taken), tuple(left))


def unknown_wishes(candidates: Sequence[Candidate], wishes: Wishes) -> list[str]:
    """What the wishes name and no candidate has, in words.

    Each volume that is not there; tiers and licences only where none of those named is there, for
    one list of licences may serve many editions.
    """
    volumes = (wishes.include | wishes.exclude) - {c.volume for c in candidates}
    tiers, licences = wishes.tiers, wishes.licences
    if tiers & {c.tier for c in candidates}:
        tiers = frozenset()
    if licences & {licence for c in candidates for licence in c.licences}:
        licences = frozenset()
    return [
        *(f"volume {name}" for name in sorted(volumes)),
        *(f"tier {tier}" for tier in sorted(tiers)),
        *(f"licence {licence}" for licence in sorted(licences)),
    ]


def what_there_is(candidates: Sequence[Candidate], unknown: Sequence[str]) -> str:
    """What could have been wished for instead of the `unknown_wishes`, in words."""
    there = {
        "volume": ("volumes", {c.volume for c in candidates}),
        "tier": ("tiers", {str(c.tier) for c in candidates}),
        "licence": ("licences", {licence for c in candidates for licence in c.licences}),
    }
    kinds = dict.fromkeys(wish.partition(" ")[0] for wish in unknown)
    return "; ".join(f"{there[k][0]} there are {name_some(sorted(there[k][1]))}" for k in kinds)


def name_some(names: Sequence[str]) -> str:
    """The first of `names`, and how many more there are."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _worth(candidate: Candidate, wishes: Wishes) -> tuple[bool, bool, int, Fraction, str]:
    density = Fraction(candidate.listens, max(candidate.bytes, 1))
    included = candidate.volume in wishes.include
    tier = candidate.tier if wishes.complete_tiers else 0
    return not included, not candidate.held, tier, -density, candidate.volume


def unwanted(candidate: Candidate, wishes: Wishes) -> str | None:
    """Why a volume is not wanted; None: it is."""
    if candidate.volume in wishes.exclude:
        return "excluded"
    if candidate.volume in wishes.include:
        return None
    if wishes.tiers and candidate.tier not in wishes.tiers:
        return "tier"
    if wishes.licences and not wishes.licences.issuperset(candidate.licences):
        return "licence"
    return None
