"""What one signal says, and how several are merged. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

MAX_RAW_CHARS = 1_000


class Stance(StrEnum):
    """What somebody wants: `UNSET` is silence, and silence takes back nothing."""

    RESERVED = "reserved"
    OPEN = "open"
    UNSET = "unset"


@dataclass(frozen=True, slots=True)
class Said:
    """A stance with the words it rests on; `reserves` is ``tdm`` or ``ai``."""

    stance: Stance
    raw: str = ""
    reserves: str = "ai"


SILENT = Said(Stance.UNSET)


def merge(items: Iterable[Said]) -> Said:
    """One of several that count alike: any reservation wins, else anything open, else silence.

    That is the rule of the IETF drafts on AI preferences (draft-ietf-aipref-vocab) for statements
    that do not rank; the order of `items` matters only for which words are shown.
    """
    found = list(items)
    for stance in (Stance.RESERVED, Stance.OPEN):
        for one in found:
            if one.stance is stance:
                return one
    return SILENT


def strongest(ranked: Iterable[Said]) -> Said:
    """The last of `ranked` that says anything: where places rank, from the weakest to the
    strongest, the stronger place speaks; its silence leaves the weaker one standing."""
    chosen = SILENT
    for one in ranked:
        if one.stance is not Stance.UNSET:
            chosen = one
    return chosen
