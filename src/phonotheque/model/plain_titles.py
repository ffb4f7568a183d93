"""Keys of a block of titles: most say nothing but a name, and go the short way together.

The short way gives what `titles.title_key` gives (tests hold them equal). It works on the bytes of
all titles at once; what has brackets, dashes or any word that might say more is left to `titles`.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phonotheque.model import title_words as lists
from phonotheque.model.titles import SKELETON, has_track_number, opened

AT_ONCE = 8192
"""Titles handled together: the memory for long ones stays bounded."""

Bytes = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]


def _table(characters: str) -> Bools:
    table = np.zeros(256, dtype=np.bool_)
    table[list(characters.encode())] = True
    return table


_LONG_WAY = b"("
_AZ = "abcdefghijklmnopqrstuvwxyz"
_DIGITS = "0123456789"
_SIGNS = " .!?\"':;,&*%+#@|<>\n"
_HARMFUL = bytes(c for c in range(128) if chr(c) not in _AZ + _DIGITS + _SIGNS)
_IS_HARMFUL = _table(_HARMFUL.decode())
_TO_BLANKS = bytes(c if chr(c) in _AZ + _DIGITS + "\n" or c > 127 else 32 for c in range(256))
_IS_LETTER, _IS_DIGIT, _IS_VOWEL = _table(_AZ), _table(_DIGITS), _table("aeiouy")
_IS_CONSONANT = _IS_LETTER & ~_IS_VOWEL
_IS_BEFORE_E = _table("aou")
_SIGN = re.compile(r"[^\w ',]+|_+")  # of the others, a comma may stand before an article
_ASCII = re.compile(r"[\x00-\x7f]+")
_ARTICLE_LAST = re.compile(rb", +(?:" + "|".join(lists.ARTICLES).encode() + rb") *(?=\n)")
_TWO_APOSTROPHES = re.compile(rb"''")
_NEWLINE = ord("\n")
_WORD = 8  # bytes of a word that are looked at

_ARTICLE, _JOINER, _BEFORE_DIGITS, _MORE = 1, 2, 3, 4
_KINDS = {
    **dict.fromkeys(("the", "a", "an"), _ARTICLE),
    **dict.fromkeys(lists.JOINERS, _JOINER),
    **dict.fromkeys(lists.ONLY_BEFORE_DIGITS, _BEFORE_DIGITS),
    **dict.fromkeys({"feat", "ft", "featuring", "n", *lists.ROMAN, *lists.PARTS}, _MORE),
    **dict.fromkeys(set(lists.PARTS_BEFORE_NUMBERS) - lists.ONLY_BEFORE_DIGITS, _MORE),
}


def _number_of(word: str) -> int:
    return int.from_bytes(word.encode()[:_WORD], "little")


_KNOWN = np.array(sorted(map(_number_of, _KINDS)), dtype=np.uint64)
_KIND_OF = {_number_of(word): kind for word, kind in _KINDS.items()}
_KNOWN_KIND = np.array([_KIND_OF[number] for number in _KNOWN.tolist()], dtype=np.uint8)
_SPREAD, _SHIFT = np.uint64(0x9E3779B97F4A7C15), np.uint64(52)
_PERHAPS = np.zeros(1 << 12, dtype=np.bool_)
_PERHAPS[(_KNOWN * _SPREAD) >> _SHIFT] = True
_FIRST_BYTES = np.array([(1 << 8 * n) - 1 for n in range(_WORD + 1)], dtype=np.uint64)


def lines_of(titles: Iterable[str]) -> list[bytes]:
    """Titles as `plain_keys` takes them: ASCII as it is, else opened."""
    return [t.encode() if t.isascii() else _letters_line(opened(t)) for t in titles]


def rest_line(rest: str) -> bytes:
    """What `titles.without_version` left of a title, as `plain_keys` takes it: signs are blanks
    there."""
    return _LONG_WAY if has_track_number(rest) else _letters_line(_SIGN.sub(" ", rest))


def _letters_line(text: str) -> bytes:
    """A line, if what is not ASCII is letters."""
    if text.isascii():
        return text.encode()
    if "ing" in text:  # the ending counts by characters, and here are bytes
        return _LONG_WAY
    letters = text.replace(" ", "").isalpha() or _ASCII.sub("", text).isalpha()
    return text.encode() if letters else _LONG_WAY


def plain_keys(lines: Sequence[bytes]) -> list[bytes | None]:
    """The key of each title that is a name and nothing else (its version is ""), else None."""
    keys: list[bytes | None] = []
    for start in range(0, len(lines), AT_ONCE):
        keys += _keys(lines[start : start + AT_ONCE])
    return keys


def _keys(lines: Sequence[bytes]) -> list[bytes | None]:
    raw = b"\n".join(lines)
    if raw.count(b"\n") >= len(lines):
        raw = b"\n".join([_LONG_WAY if b"\n" in line else line for line in lines])
    raw = raw.lower() + b"\n"
    more = _signs_say_more(raw)
    text = np.frombuffer(b"\n" + raw.translate(_TO_BLANKS, b"'") + bytes(_WORD), np.uint8)
    words = _words(text[:-_WORD])
    kept, said = _kept(text, words)
    more |= said
    more |= _numbers_say_more(text[:-_WORD], kept, words.breaks)
    name = text[:-_WORD][kept]
    keys: list[bytes | None] = [*name[_chosen(name)].tobytes().split(b"\n")[1:-1]]
    for row in np.flatnonzero(more).tolist():
        keys[row] = None
    return keys


def _rows_of(breaks: Places, places: npt.ArrayLike) -> Bools:
    """Which lines have one of the places; `breaks` are the ends of all lines."""
    rows = np.zeros(len(breaks), dtype=np.bool_)
    rows[np.searchsorted(breaks, np.asarray(places, dtype=np.int64))] = True
    return rows


def _signs_say_more(raw: bytes) -> Bools:
    signs = np.frombuffer(raw, np.uint8)
    breaks = np.flatnonzero(signs == _NEWLINE)
    rows = _rows_of(breaks, np.flatnonzero(_IS_HARMFUL[signs]))
    for pattern in (_ARTICLE_LAST, _TWO_APOSTROPHES):
        rows |= _rows_of(breaks, [match.start() for match in pattern.finditer(raw)])
    return rows


@dataclass(frozen=True, slots=True)
class _Words:
    """Where words start and end in a text; line i ends at breaks[i] and has the words
    first[i] … first[i + 1] - 1."""

    starts: Places
    ends: Places
    breaks: Places
    first: Places


def _words(text: Bytes) -> _Words:
    inside = text > 32
    turns = np.flatnonzero(inside[1:] != inside[:-1]) + 1
    starts, ends = turns[::2], turns[1::2]
    breaks = np.flatnonzero(text == _NEWLINE)
    return _Words(starts, ends, breaks[1:], np.searchsorted(starts, breaks))


def _kept(text: Bytes, words: _Words) -> tuple[Bools, Bools]:
    """Which bytes belong to the name (or end a line), and which lines say more. `text` goes on for
    a word's length behind the last line."""
    starts, ends = words.starts, words.ends
    kept = text[:-_WORD] > 32
    kept[words.breaks] = kept[0] = True
    which, kinds = _known_words(text, starts, ends)
    is_first = np.zeros(len(starts) + 1, dtype=np.bool_)
    several = np.diff(words.first) > 1
    is_first[words.first[:-1][several]] = True
    gone = which[(kinds == _JOINER) | ((kinds == _ARTICLE) & is_first[which])]
    for at in range(3):  # none of them is longer
        kept[(starts[gone] + at)[starts[gone] + at < ends[gone]]] = False
    left = np.diff(words.first) - np.bincount(
        np.searchsorted(words.breaks, starts[gone]), minlength=len(words.breaks)
    )
    more = (left == 0) | _rows_of(words.breaks, starts[which[kinds == _MORE]])
    if _IS_DIGIT[text].any():
        numbered = _rows_of(words.breaks, np.flatnonzero(_IS_DIGIT[text]))
        more |= numbered & _rows_of(words.breaks, starts[which[kinds == _BEFORE_DIGITS]])
    last = ends[(text[ends - 1] == ord("g")) & (ends - starts > 5)] - 1
    kept[last[(text[last - 1] == ord("n")) & (text[last - 2] == ord("i"))]] = False
    return kept, more


def _known_words(text: Bytes, starts: Places, ends: Places) -> tuple[Places, Bytes]:
    """Which words are in the lists, and their kinds. Of long words the first bytes count."""
    heads = np.lib.stride_tricks.sliding_window_view(text, _WORD)[starts].view("<u8")[:, 0]
    heads &= _FIRST_BYTES[np.minimum(ends - starts, _WORD)]
    which = np.flatnonzero(_PERHAPS[(heads * _SPREAD) >> _SHIFT])
    heads = heads[which]
    found = np.minimum(np.searchsorted(_KNOWN, heads), len(_KNOWN) - 1)
    right = _KNOWN[found] == heads
    return which[right], _KNOWN_KIND[found[right]]


def _numbers_say_more(text: Bytes, kept: Bools, breaks: Places) -> Bools:
    """Lines with a number that may be the track's, ends a word of letters, or meets another."""
    places = np.flatnonzero(_IS_DIGIT[text])
    if not len(places):
        return np.zeros(len(breaks), dtype=np.bool_)
    before = text[places - 1]
    joined = (before > 32) & ~_IS_DIGIT[before]
    rows = _rows_of(breaks, places[joined | (text[places] == ord("0")) & (before <= 32)])
    ranks = np.cumsum(kept)[places]
    meets = (np.diff(ranks) == 1) & (np.diff(places) > 1)
    return rows | _rows_of(breaks, places[1:][meets])


def _chosen(name: Bytes) -> Bools:
    """Which bytes of lines of joined words are their keys: consonants where there are many, else
    all but e after a, o, u."""
    breaks = np.flatnonzero(name == _NEWLINE)
    bare = ~_IS_VOWEL[name]
    bare[breaks[:-1] + 1] = True
    at = np.flatnonzero(bare)
    letters = name[at]
    doubled = np.zeros(len(at), dtype=np.bool_)
    doubled[1:] = (letters[1:] == letters[:-1]) & _IS_LETTER[letters[1:]]
    at, letters = at[~doubled], letters[~doubled]
    ends = np.flatnonzero(letters == _NEWLINE)
    counts = np.diff(np.cumsum(_IS_CONSONANT[letters])[ends])
    many = counts >= SKELETON
    last = ends[1:][many] - 1
    thin = np.zeros(len(name), dtype=np.bool_)
    thin[at] = True
    thin[at[last[letters[last] == ord("s")]]] = False
    whole = np.ones(len(name), dtype=np.bool_)
    whole[1:] = (name[1:] != ord("e")) | ~_IS_BEFORE_E[name[:-1]]
    by_line = np.repeat(many, np.diff(breaks))
    chosen = np.ones(len(name), dtype=np.bool_)
    chosen[1:] = np.where(by_line, thin[1:], whole[1:])
    return chosen
