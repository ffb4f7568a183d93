"""What an artist credit is compared by: the names of those who are not guests, in one order (pure).

docs/formats/matching.md is the specification.
"""

import re
from functools import lru_cache

from phonotheque.model import title_words as lists
from phonotheque.model.text import normalise
from phonotheque.model.titles import opened, skeleton

_NAMES = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_COUNTER = re.compile(r"\s*\(\d+\)|\*(?=\s|$|,)")
_GUESTS = re.compile(
    r"(?<=\S)[\s(\[]+"
    r"(?:feat|ft|featuring|with|w/|starring|introducing|presents|pres)(?![a-z'])\.?\s.*$"
)
_BETWEEN = re.compile(
    r"\s*[,;&+×·、]\s+|\s*[;&×、]\s*|\s+[/+|]\s+|\s+(?:and|und|et|y|e|och|og|x|v|vs|versus|meets)\b\.?\s+"
)
_OWN_BAND = re.compile(r"^(?:his|her|their|the band of|son|sa|su|sus|seu|sein|seine|seinem|ihr)\b")
_DOLLAR = re.compile(r"\$(?=[a-z])|(?<=[a-z])\$")

_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")

ALL_LETTERS = 1 << 20
SKELETON = 7
"""From this many consonants on a name is its consonants alone."""


def artist_key(credit: str) -> str:
    """What an artist credit is compared by; empty only where the credit is."""
    text = _DOLLAR.sub("s", _COUNTER.sub("", opened(credit)))
    text = _GUESTS.sub("", text)
    names: set[str] = set()
    for part in _BETWEEN.split(text):
        if not _OWN_BAND.match(part):
            names.update(_joined(part))
    if len(names) > 1:
        names -= lists.ARTIST_ARTICLES
    return _thinned(sorted(names)) or normalise(credit)


def _joined(part: str) -> list[str]:
    """Words of a name; initials, and words in scripts without blanks, joined."""
    out: list[str] = []
    letters = False
    for word in _NAMES.findall(part):
        token = word.replace("'", "")
        single = len(token) == 1 and token.isascii()
        if out and (
            (single and letters) or (not token.isascii() and _UNSPACED.search(out[-1] + token))
        ):
            out[-1] += token
        else:
            out.append(token)
        letters = single
    return out


def _thinned(words: list[str]) -> str:
    thin = sorted(skeleton(word, 0) for word in words)
    if sum(map(len, thin)) >= SKELETON:
        return "&".join(thin)
    return skeleton("&".join(words), ALL_LETTERS)


@lru_cache(maxsize=1)
def generic_artists() -> frozenset[str]:
    """Keys of credits that name nobody."""
    return frozenset(artist_key(a) for a in lists.GENERIC_ARTISTS)
