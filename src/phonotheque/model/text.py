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
_TERM_BYTES = 64
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


def words(text: str) -> list[str]:
    """The words of a text, folded; runs of Han and kana become overlapping pairs.

    A term longer than 64 bytes of UTF-8 is cut at 64 (never inside a character).
    """
    out: list[str] = []
    for word in _WORD.findall(fold(text)):
        if word.isascii():  # by far the most, and never of Han or kana
            out.append(word.replace("'", "")[:_TERM_BYTES])
            continue
        for run, wide in _runs(word.replace("'", "")):
            if wide and len(run) > 1:
                out.extend(run[i : i + 2] for i in range(len(run) - 1))
            else:
                out.append(run.encode()[:_TERM_BYTES].decode(errors="ignore"))
    return out


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


def _is_wide(char: str) -> bool:
    code = ord(char)
    return (
        0x3040 <= code <= 0x30FF
        or 0x3400 <= code <= 0x4DBF
        or 0x4E00 <= code <= 0x9FFF
        or 0xF900 <= code <= 0xFAFF
        or 0x20000 <= code <= 0x3FFFF
    )


def _runs(word: str) -> list[tuple[str, bool]]:
    runs: list[tuple[str, bool]] = []
    for char in word:
        wide = _is_wide(char)
        if runs and runs[-1][1] == wide:
            runs[-1] = (runs[-1][0] + char, wide)
        else:
            runs.append((char, wide))
    return runs
