"""Normalised text: what titles and names are compared and searched by (docs/formats/text.md).

`fold` is the one definition; whatever another engine computes must equal it.
"""

import re
import unicodedata
from functools import lru_cache

_KANA_VOICING = {"\u3099", "\u309a"}
_SPECIAL = str.maketrans(
    {"ß": "ss", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i",
     "ħ": "h", "ŧ": "t", "ŋ": "n", "’": "'", "‘": "'", "ʼ": "'"}
)  # fmt: skip
_SPECIAL_SIGN = re.compile("[" + "".join(map(chr, _SPECIAL)) + "]")
_LATIN_MARKS = re.compile("[\u0300-\u034e\u0350-\u036f]+")  # all of a combining class other than 0
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*", re.UNICODE)
TERM_BYTES = 64
_LONG = 200  # the words of texts of so many characters are not remembered
_NEWLINES = re.compile(r"[\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029]+")
# C0 and C1 controls drive terminals; the marks of direction turn round what stands beside them
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def fold(text: str) -> str:
    """Lower case, compatibility forms unified, accents stripped, Japanese voicing marks kept.

    Idempotent. Source of the kana rule: stripping U+3099/309A merges different syllables.
    """
    if text.isascii():
        return text.lower()
    read = _remembered if len(text) < _LONG else fold_word
    return " ".join(map(read, text.split(" ")))


def fold_word(word: str) -> str:
    """What stands between two blanks, folded: nothing composes across a blank."""
    if word.isascii():
        return word.lower()
    word = unicodedata.normalize("NFKD", word).lower()
    if _SPECIAL_SIGN.search(word):
        word = word.translate(_SPECIAL)
    word = _LATIN_MARKS.sub("", word)
    if word.isascii():
        return word
    if word.isalpha():  # no marks
        return unicodedata.normalize("NFC", word).lower()
    kept = "".join(c for c in word if c in _KANA_VOICING or not unicodedata.combining(c))
    return unicodedata.normalize("NFC", kept).lower()


# titles repeat their words, so most are looked up
_remembered = lru_cache(maxsize=1 << 16)(fold_word)


def normalise(text: str) -> str:
    """The text for comparing: its folded words joined by single blanks, nothing else.

    A text without any letter or digit ("???") is compared by its folded self.
    """
    joined = " ".join(_WORD.findall(fold(text))).replace("'", "")
    return joined or fold(text).strip()


def make_legible(text: str) -> str:
    """The text on one line and safe to show: breaks become blanks, controls become U+FFFD.

    For terminals and plain text files. What is stored and hashed stays as it came.
    """
    if text.isascii() and text.isprintable():
        return text
    return _UNSAFE.sub("\ufffd", _NEWLINES.sub(" ", text))
