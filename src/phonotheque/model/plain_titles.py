"""Keys of a block of titles: most say nothing but a name in ASCII, and go the short way together.

The short way gives what `titles.title_key` gives (a test holds them equal). It works on the bytes
of all titles at once; what has brackets, dashes, digits, other scripts or any word that might say
more is left to `title_key`, one by one.
"""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from phonotheque.model import title_words as lists
from phonotheque.model.titles import SKELETON, opened

AT_ONCE = 8192
"""Titles handled together: the memory for long ones stays bounded."""

_HARMLESS = b"abcdefghijklmnopqrstuvwxyz .!?\"':;,&*%+#@|<>\n"
_NAMED = np.zeros(256, dtype=np.bool_)
_NAMED[list(_HARMLESS)] = True
_TO_BLANKS = bytes(c if chr(c) in "abcdefghijklmnopqrstuvwxyz\n" else 32 for c in range(256))
_BETWEEN = b" \n "
_SAYS_MORE = re.compile(
    rb" (?:"
    + "|".join(
        sorted(
            {"feat", "ft", "featuring", "n", "[ivx]{2,}"}
            | set(lists.PARTS)
            | (set(lists.PARTS_BEFORE_NUMBERS) - lists.ONLY_BEFORE_DIGITS)
        )
    ).encode()
    + rb")(?= )"
)
_SAYS_MORE_RAW = re.compile(rb"''|, (?:" + "|".join(lists.ARTICLES).encode() + rb")\s*(?=\n|\Z)")
_BLANKS = re.compile(rb"  +")
_ENDING = re.compile(rb"ing (?<=[a-z]{6} )")
_ARTICLES = {b"\0": b"the", b"\1": b"a", b"\2": b"an"}
_JOINERS = [f" {joiner} ".encode() for joiner in sorted(lists.JOINERS)]
_VOWELS = b"aeiouy"
_NEWLINE = ord("\n")


def plain_keys(titles: Sequence[str]) -> list[str | None]:
    """The key of each title that is a name and nothing else (its version is ""), else None."""
    starts = range(0, len(titles), AT_ONCE)
    return [key for start in starts for key in _keys(titles[start : start + AT_ONCE])]


def _keys(titles: Sequence[str]) -> list[str | None]:
    lines = [t.encode() if t.isascii() else _opened_bytes(t) for t in titles]
    raw = _BETWEEN.join(lines).lower()
    if raw.count(b"\n") >= len(lines):
        raw = _BETWEEN.join([b"\0" if b"\n" in line else line for line in lines]).lower()
    blob = b" " + raw.translate(_TO_BLANKS, b"'") + b" "
    more = _rows_of(raw, np.flatnonzero(~_NAMED[np.frombuffer(raw, np.uint8)]))
    more |= _rows_of(raw, [match.start() for match in _SAYS_MORE_RAW.finditer(raw)])
    more |= _rows_of(blob, [match.start() for match in _SAYS_MORE.finditer(blob)])
    joined = _named(blob)
    thin = _thinned(joined)
    joined = joined.replace(b"ae", b"a").replace(b"oe", b"o").replace(b"ue", b"u")
    return [
        None if said or not name else _chosen(name, bare)
        for name, bare, said in zip(
            joined.decode().split("\n"), thin.decode().split("\n"), more.tolist(), strict=True
        )
    ]


def _opened_bytes(title: str) -> bytes:
    text = opened(title)  # accents go, and most of Latin script is ASCII then
    return text.encode() if text.isascii() else b"\0"


def _chosen(name: str, bare: str) -> str:
    if name[0] in "aeiouy":
        return (name[0] + bare).removesuffix("s") if len(bare) >= SKELETON else name
    return bare.removesuffix("s") if len(bare) >= SKELETON else name


def _rows_of(blob: bytes, places: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Which lines of a text have one of the places."""
    breaks = np.flatnonzero(np.frombuffer(blob, np.uint8) == _NEWLINE)
    rows = np.zeros(len(breaks) + 1, dtype=np.bool_)
    rows[np.searchsorted(breaks, np.asarray(places, dtype=np.int64))] = True
    return rows


def _named(blob: bytes) -> bytes:
    """Lines of words to lines of what is left of them, joined."""
    text = b"\n" + _BLANKS.sub(b" ", blob) + b"\n"
    for mark, article in _ARTICLES.items():
        text = text.replace(b"\n " + article + b" ", b"\n" + mark + b" ")
        text = text.replace(mark + b" \n", article + b" \n")  # nothing after it: it is the name
    for joiner in _JOINERS:
        while joiner in text:
            text = text.replace(joiner, b" ")
    return _ENDING.sub(b"in ", text)[1:-1].translate(None, b" \0\1\2")


def _thinned(joined: bytes) -> bytes:
    """Without vowels and doubled letters."""
    bare = np.frombuffer(joined.translate(None, _VOWELS), np.uint8)
    kept = np.ones(len(bare), dtype=np.bool_)
    kept[1:] = (bare[1:] != bare[:-1]) | (bare[1:] == _NEWLINE)
    return bare[kept].tobytes()
