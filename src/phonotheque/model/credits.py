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
_GUESTS = re.compile(
    r"(?<=\S)[\s(\[]+"
    r"(?:feat|ft|featuring|with|w/|starring|introducing|presents|pres)(?![a-z'])\.?\s.*$"
)
_BETWEEN = re.compile(
    r"[,+·]\s+|[;&×、]\s*|\s+[/|]\s+|\s+(?:and|und|et|y|e|och|og|x|v|vs|versus|meets)\b\.?\s+"
)
_OWN_BAND = re.compile(r"^(?:his|her|their|the band of|son|sa|su|sus|seu|sein|seine|seinem|ihr)\b")
_DOLLAR = re.compile(r"\$(?=[a-z])|(?<=[a-z])\$")

_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")

_SIGNS = '.!?":#@-'
_PLAIN = re.compile(rf"[a-z0-9 '{re.escape(_SIGNS)}]*")
_TO_BLANKS = str.maketrans(dict.fromkeys(_SIGNS, " ") | {"'": None})
_GUEST_SIGNS = ("feat", "ft", "with", "w/", "starring", "introducing", "pres")
_SAYS_MORE = frozenset((
    "feat", "ft", "featuring", "with", "starring", "introducing", "presents", "pres", "and", "und",
    "et", "y", "e", "och", "og", "x", "v", "vs", "versus", "meets",
))  # fmt: skip
SKELETON = 7
"""From this many consonants on a name is its consonants alone."""


def artist_key(credit: str) -> str:
    """What an artist credit is compared by; empty only where the credit is."""
    text = opened(credit)
    return _plain_key(text) or _any_key(text) or normalise(credit)


def _plain_key(text: str) -> str:
    """The key of an opened credit that is one name in ASCII and nothing else, else ""."""
    if not _PLAIN.fullmatch(text) or "''" in text or _OWN_BAND.match(text):
        return ""
    names = text.translate(_TO_BLANKS).split()
    if not _SAYS_MORE.isdisjoint(names) or sum(len(name) == 1 for name in names) > 1:
        return ""
    return _key_of(set(names))


def _any_key(text: str) -> str:
    text = _COUNTER.sub("", text) if "(" in text or "*" in text else text
    text = _DOLLAR.sub("s", text) if "$" in text else text
    if any(sign in text for sign in _GUEST_SIGNS):
        text = _GUESTS.sub("", text)
    names: set[str] = set()
    for part in _BETWEEN.split(text):
        if not _OWN_BAND.match(part):
            names.update(_joined(part))
    return _key_of(names)


def _key_of(names: set[str]) -> str:
    if len(names) > 1:
        names -= lists.ARTIST_ARTICLES
    thin = sorted(map(_thin, names))
    if sum(map(len, thin)) >= SKELETON:
        return "&".join(thin)
    return rounded("&".join(sorted(names)))


@lru_cache(maxsize=1 << 16)
def _thin(word: str) -> str:
    return skeleton(word, 0)


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


@lru_cache(maxsize=1)
def generic_artists() -> frozenset[str]:
    """Keys of credits that name nobody."""
    return frozenset(artist_key(a) for a in lists.GENERIC_ARTISTS)
