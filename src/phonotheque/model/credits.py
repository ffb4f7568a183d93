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
    r"\s*[,;&+×·、]\s+|\s*[;&×、]\s*|\s+[/+|]\s+|\s+(?:and|und|et|y|e|och|og|x|vs|versus|meets)\b\.?\s+"
)
_ARTICLE_LAST = re.compile(
    rf"([^,;&/+]+), ({'|'.join(lists.ARTIST_ARTICLES)})(?=\s*$|\s*[;&/+]|\s+and\b)"
)
_OWN_BAND = re.compile(r"^(?:his|her|their|the band of|son|sa|su|sus|seu|sein|seine|seinem|ihr)\b")
_DOLLAR = re.compile(r"\$(?=[a-z])|(?<=[a-z])\$")

SKELETON = 7
"""From this many consonants on a name is its consonants alone."""


def artist_key(credit: str) -> str:
    """What an artist credit is compared by; empty only where the credit is."""
    text = _DOLLAR.sub("s", _COUNTER.sub("", opened(credit)))
    text = _GUESTS.sub("", text)
    text = _ARTICLE_LAST.sub(r"\2 \1", text)
    names = {_name(part) for part in _BETWEEN.split(text) if not _OWN_BAND.match(part)}
    return "&".join(sorted(names - {""})) or normalise(credit)


def _name(part: str) -> str:
    tokens = [t.replace("'", "") for t in _NAMES.findall(part)]
    if len(tokens) > 1 and tokens[0] == "the":
        tokens = tokens[1:]
    return skeleton("".join(tokens), SKELETON)


@lru_cache(maxsize=1)
def generic_artists() -> frozenset[str]:
    """Keys of credits that name nobody."""
    return frozenset(artist_key(a) for a in lists.GENERIC_ARTISTS)
