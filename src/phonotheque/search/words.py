"""The words of a text, as the index has them and as a query asks for them (docs/formats/text.md).

They belong to the format of the index, not to `normalise`, by which texts are compared for good.
Other ways to write them, which stand in postings only, are `phonotheque.search.spellings`.
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise

from phonotheque.model.text import fold

TERM_BYTES = 64
# Han, kana, Hangul, and what is written in Thailand, Laos, Myanmar and Cambodia: there are no
# blanks between words, or (Hangul) parts of words are asked for
_WIDE = (
    "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
    "\uac00-\ud7a3\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
)
# vowel signs that folding keeps (their combining class is 0) and `re` takes for no letters
_SIGNS = "".join(
    chr(code)
    for block in (range(0x0900, 0x1A00), range(0xA800, 0xAC00))
    for code in block
    if unicodedata.category(chr(code)) in ("Mn", "Mc")
)
_ALPHABET = r"[^\W\d_]"
_STYLED = (
    rf"(?<![^\W_]){_ALPHABET}(?:\.{_ALPHABET})+(?![^\W_])"  # R.E.M.
    rf"|(?<![\w$])(?=(?:{_ALPHABET}|\$)*\$)(?=\$*{_ALPHABET})"
    rf"(?!{_ALPHABET}{{1,2}}\$(?![\w$]))(?:{_ALPHABET}|\$){{2,}}(?![\w$])"  # ke$ha, not us$
    rf"|(?<![^\W_]){_ALPHABET}!{_ALPHABET}{{2,}}"  # p!nk
)
_PLAIN = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_WORD = re.compile(rf"{_STYLED}|(?:[^\W_]|[{_SIGNS}])+(?:'(?:[^\W_]|[{_SIGNS}])+)*")
_STYLE = re.compile(r"\w\.\w|\w!\w|\$")
_AS_READ = str.maketrans({"'": None, ".": None, "$": "s", "!": "i"})
_RUN = re.compile(f"([{_WIDE}]+)|[^{_WIDE}]+")
_PAIR = re.compile(f"[{_WIDE}]{{1,2}}")

Span = tuple[str, int, int]


def is_wide(term: str) -> bool:
    """Whether a term is of a script that is indexed by pairs of characters."""
    return _PAIR.fullmatch(term) is not None


def words(text: str) -> list[str]:
    """The words of a text, folded, in its order; runs of wide scripts as overlapping pairs.

    A term longer than 64 bytes of UTF-8 is cut at 64 (never inside a character).
    """
    folded = fold(text)
    if folded.isascii() and not _STYLE.search(folded):  # by far the most
        return [word.replace("'", "")[:TERM_BYTES] for word in _PLAIN.findall(folded)]
    return [term for term, _, _ in _iter_terms(folded)]


def word_spans(text: str) -> list[Span]:
    """The words of a text with their places: (word, of its first code point, behind its last).

    Places are of `text` as given. Pairs overlap. Where folding joins what cannot be told apart
    again (never seen but in made-up texts) there are none.
    """
    folded = fold(text)
    if text.isascii():
        return list(_iter_terms(folded))
    places = _places(text)
    if len(places) != len(folded):
        return []
    return [(term, places[a][0], places[b - 1][1]) for term, a, b in _iter_terms(folded)]


def cut(term: str) -> str:
    """The term, within what the index keeps of one."""
    return term.encode()[:TERM_BYTES].decode(errors="ignore")


def _iter_terms(folded: str) -> Iterator[Span]:
    for match in _WORD.finditer(folded):
        word, at = match[0], match.start()
        if word.isascii():
            yield word.translate(_AS_READ)[:TERM_BYTES], at, match.end()
            continue
        for run in _RUN.finditer(word):
            first, last = at + run.start(), at + run.end()
            if run[1] and len(run[1]) > 1:
                for i, pair in enumerate(map("".join, pairwise(run[1])), first):
                    yield pair, i, i + 2
            elif term := cut(run[0].translate(_AS_READ)):
                yield term, first, last


def _places(text: str) -> list[tuple[int, int]]:
    """Of every character of the folded text, the slice of `text` that it came from."""
    bounds = [i for i, char in enumerate(text) if not i or not _leans(char)]
    places: list[tuple[int, int]] = []
    for first, last in pairwise([*bounds, len(text)]):
        places += [(first, last)] * len(fold(text[first:last]))
    return places


def _leans(char: str) -> bool:
    """Whether a character may melt into the one before it when text is folded."""
    return char >= "\u0300" and (
        unicodedata.category(char)[0] == "M"
        or "\u1160" <= char <= "\u11ff"  # vowels and finals of Hangul
        or char in "\uff9e\uff9f"  # voicing marks of half width
    )
