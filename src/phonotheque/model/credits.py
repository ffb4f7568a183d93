"""What an artist credit is compared by: the names of those who are not guests, in one order (pure).

docs/formats/matching.md is the specification.
"""

import re
from functools import lru_cache

from phonotheque.model import title_words as lists
from phonotheque.model.text import normalise
from phonotheque.model.titles import opened, rounded, skeleton

_NAMES = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_COUNTER = re.compile(r"\s*\(\d+\)|\*(?=\s|$|,)")
_GUEST = re.compile(
    r"[\s(\[](?:feat|ft|featuring|with|w/|starring|introducing|presents|pres)(?![a-z'])\.?\s"
)
_GUESTS = re.compile(rf"(?<=\S)[\s(\[]*{_GUEST.pattern}.*$")
_BETWEEN = re.compile(
    r"[,+·]\s+|[;&×、]\s*|\s+[/|]\s+|\s+(?:and|und|et|y|e|och|og|x|v|vs|versus|meets)\b\.?\s+"
)
_OWN_BAND = re.compile(r"^(?:his|her|their|the band of|son|sa|su|sus|seu|sein|seine|seinem|ihr)\b")
_DOLLAR = re.compile(r"\$(?=[a-z])|(?<=[a-z])\$")

_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")

_LONG = 200  # names of so many characters are not remembered
SKELETON = 7
"""From this many consonants on a name is its consonants alone."""


def artist_key(credit: str) -> str:
    """What an artist credit is compared by; empty only where the credit is."""
    text = opened(credit)
    text = _COUNTER.sub("", text) if "(" in text or "*" in text else text
    text = _DOLLAR.sub("s", text) if "$" in text else text
    text = _GUESTS.sub("", text) if _GUEST.search(text) else text
    read, thin = (_remembered, _remembered_thin) if len(text) < _LONG else (_words_of, _thin)
    names = {word for part in _BETWEEN.split(text) for word in read(part)}
    if len(names) > 1:
        names = names - lists.ARTIST_ARTICLES
    key = "&".join(sorted(map(thin, names)))
    if len(key) - len(names) + 1 < SKELETON:
        key = rounded("&".join(sorted(names)))
    return key or normalise(credit)


def _thin(word: str) -> str:
    return skeleton(word, 0)


_remembered_thin = lru_cache(maxsize=1 << 16)(_thin)


def _words_of(part: str) -> tuple[str, ...]:
    """Words of one of the names of a credit; none of somebody's own band."""
    if _OWN_BAND.match(part):
        return ()
    words: list[str] = _NAMES.findall(part)
    if "'" in part:
        words = [word.replace("'", "") for word in words]
    plain = part.isascii() and sum([len(word) == 1 for word in words]) < 2
    return tuple(words if plain else _joined(words))


_remembered = lru_cache(maxsize=1 << 15)(_words_of)


def _joined(words: list[str]) -> list[str]:
    """Initials, and words in scripts without blanks, joined."""
    out: list[str] = []
    letters = False
    for token in words:
        single = len(token) == 1 and token.isascii()
        if out and (
            (single and letters) or (not token.isascii() and _UNSPACED.search(out[-1] + token))
        ):
            out[-1] += token
        else:
            out.append(token)
        letters = single
    return out


@lru_cache(maxsize=1)
def generic_artists() -> frozenset[str]:
    """Keys of credits that name nobody."""
    return frozenset(artist_key(a) for a in lists.GENERIC_ARTISTS)
