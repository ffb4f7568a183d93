"""Contributors as libraries write them: "Handy, W. C. -- Composer", "Adler, Josef. prf",
"Case, Anna, 1888-1984. prf", "Hoier, Thomas P., lyricist." Pure."""

import re

from phonotheque.model.rights import Layer

__all__ = ["author_values", "contributor", "performers"]

_LEADS = ("vocal", "group", "performer", "prf", "speaker", "singer", "band", "ensemble")
_PLAYS = ("instrumental", "conductor", "leader", "soloist", "director", "accompan", "pianist")
_ROLE = re.compile(r"[\s.,]+(prf|cmp|lyr|arr|cnd|(?:[a-z]+ )?(?:performer|composer|lyricist))\.?$")
_LIFE = re.compile(r",?\s+(?:ca\. |b\. |d\. )?-?\d{4}\??(?:\s*-\s*(?:\d{4}\??)?)?(?=$|[\s.,])")
_LIVED = re.compile(
    r",?\s+(?P<about>ca\. )?(?:b\. )?(?:(?P<born>\d{4})(?P<born_about>\?)?)?"
    r"(?:\s*(?:-|(?<=\s)d\. )\s*(?:ca\. )?(?:(?P<died>\d{4})(?P<died_about>\?)?)?)?(?=$|[\s.,])"
)
_WRITES = (
    ("composer", (Layer.WORK,)),
    ("cmp", (Layer.WORK,)),
    ("songwriter", (Layer.WORK, Layer.LYRICS)),
    ("lyricist", (Layer.LYRICS,)),
    ("lyr", (Layer.LYRICS,)),
    ("librettist", (Layer.LYRICS,)),
    ("author", (Layer.LYRICS,)),
    ("arranger", (Layer.ARRANGEMENT,)),
    ("arr", (Layer.ARRANGEMENT,)),
)
_DOUBT_YEARS = 5
"""A year with a question mark may be off by so many."""
_SHORTEST_LIFE, _LONGEST_LIFE = 15, 110
"""Of whom only the birth is known, the death lies so many years after it."""
_BRACKET = re.compile(r"\s*\(([^()]*)\)")


def contributor(written: str) -> tuple[str, str | None]:
    """(name in its natural order, role in lower case or None)."""
    name, _, role = written.partition(" -- ")
    role = role.partition(" -- ")[0].strip().lower()
    for bracket in _BRACKET.findall(name):
        if _rank(bracket.lower()) is not None or "compos" in bracket.lower():
            role = role or bracket.strip().lower()
    name = _BRACKET.sub("", name)
    if match := _ROLE.search(name):
        role = role or match[1]
        name = name[: match.start()]
    name = _without_full_stop(_LIFE.split(name)[0].strip(" ,;"))
    last, comma, first = name.partition(", ")
    if comma and ", " not in first:
        name = f"{first} {last}"
    return " ".join(name.split()), role or None


def performers(written: list[str]) -> list[str]:
    """Who is to be credited for a recording: groups, singers and performers; where there are none,
    those who played or led; else those whose part is not told. Writers of works never are."""
    parts = [contributor(text) for text in written]
    for rank in range(3):
        names = [name for name, role in parts if name and _rank(role) == rank]
        if names:
            return list(dict.fromkeys(names))
    return []


def author_values(written: str) -> list[str]:
    """What a contributor says as values of `Claim.AUTHOR`, one for each layer written; none for
    those who perform. A life without its end gives the years in which it must have ended."""
    _, role = contributor(written)
    layers = next((found for word, found in _WRITES if role and _names_role(role, word)), ())
    return [f"{layer}:{_death(written)}" for layer in layers]


def _names_role(role: str, word: str) -> bool:
    return role == word if len(word) == 3 else word in role


def _death(written: str) -> str:
    """The years of death as a claim writes them, "?" where nothing is told."""
    for match in _LIVED.finditer(written.partition(" -- ")[0]):
        doubt = _DOUBT_YEARS if match["about"] else 0
        if match["died"]:
            died, off = int(match["died"]), doubt or (_DOUBT_YEARS if match["died_about"] else 0)
            return f"{died - off}..{died + off}" if off else str(died)
        if match["born"]:
            born, off = int(match["born"]), doubt or (_DOUBT_YEARS if match["born_about"] else 0)
            return f"{born - off + _SHORTEST_LIFE}..{born + off + _LONGEST_LIFE}"
    return "?"


def _rank(role: str | None) -> int | None:
    """0: performs in front; 1: plays or leads; 2: not told; None: something else."""
    if role is None:
        return 2
    if any(word in role for word in _LEADS):
        return 0
    return 1 if any(word in role for word in _PLAYS) else None


def _without_full_stop(name: str) -> str:
    """ "Arizonia, Joe." without its full stop, "Handy, W. C." with it."""
    last = name.rpartition(" ")[2]
    return name[:-1] if last.endswith(".") and len(last) > 2 and last.count(".") == 1 else name
