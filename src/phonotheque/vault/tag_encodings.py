"""Text in a wrong encoding, told from text that only looks odd.

Tags say Latin-1 (ID3) or UTF-8 and hold something else: UTF-8 read as Latin-1, Cyrillic in
Windows-1251 or KOI8-R, Japanese in Shift-JIS. Only strong evidence counts: a name that is right is
never mended, and what could be two things is left alone. Where two readings fit, neither is taken.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence

_WORD = re.compile(r"[^\s\x21-\x40\x5b-\x60\x7b-\x7e]+")
_RUN = re.compile(rb"[\xc2-\xf4][\x80-\xbf]+")
_MIN_HIGH = 4
_CP1252 = {chr(c): bytes([c]) for c in range(0x80, 0xA0)}
for _byte in range(0x80, 0xA0):
    try:
        _CP1252[bytes([_byte]).decode("cp1252")] = bytes([_byte])
    except UnicodeDecodeError:
        continue
_RUSSIAN = {letter: rank for rank, letter in enumerate("оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё")}
_KANA = re.compile(r"[\u3041-\u3096\u30a1-\u30fa]")
_JAPANESE = re.compile(r"[\u3041-\u3096\u30a1-\u30fc\u4e00-\u9fff\u3000-\u303f\uff01-\uff5e]")


def repair_tags(tags: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Of `tags`, those names with a value to mend: all their values, mended where that is sure."""
    repaired = {}
    for name, values in tags.items():
        mended = [repair(value) for value in values]
        if any(mended):
            repaired[name] = [new or old for new, old in zip(mended, values, strict=True)]
    return repaired


def repair(text: str) -> str | None:
    """What `text` was meant to be, or None when nothing strong speaks against it as it is."""
    if text.isascii():
        return None
    raw = _as_bytes(text)
    if raw is None:
        return None
    return _from_utf8(raw) or _from_shift_jis(text, raw) or _from_cyrillic(text, raw)


def _as_bytes(text: str) -> bytes | None:
    """The bytes that somebody took for Latin-1 or Windows-1252; None for any other text."""
    try:
        return b"".join(_CP1252.get(c) or c.encode("latin-1") for c in text)
    except UnicodeEncodeError:
        return None


def _from_utf8(raw: bytes) -> str | None:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    high = [c for c in text if ord(c) > 127]
    if not all(map(_is_plausible, high)):
        return None
    if len(high) == 1:
        return text if _is_sure_alone(raw) else None
    letters = [c for c in high if c.isalpha()]
    scripts = {_script(c) for c in letters}
    return text if letters and len(scripts) <= 2 else None


def _is_sure_alone(raw: bytes) -> bool:
    """Whether one lone sequence can be nothing but UTF-8: not a ``Ã`` at the end of a word in
    capitals with a quotation mark or a dash behind it."""
    run = next(iter(_RUN.findall(raw)), b"")
    if len(run) >= 3:
        return True
    at = raw.index(run)
    before, after = raw[at - 1 : at], raw[at + 2 : at + 3]
    if run[0] != 0xC3:
        return False
    return run[1] >= 0xA0 or (after.isalpha() and not before.isupper())


def _is_plausible(character: str) -> bool:
    if unicodedata.category(character) in ("Cc", "Cn", "Co", "Cs", "Mn", "Lm"):
        return "\u0e00" <= character <= "\u0e7f" or "\u0900" <= character <= "\u0dff"
    return not "\u0250" <= character <= "\u02ff"  # phonetic letters: an É before an apostrophe


def _script(character: str) -> str:
    name = unicodedata.name(character, "?").partition(" ")[0]
    return "CJK" if name in ("HIRAGANA", "KATAKANA", "CJK", "FULLWIDTH") else name


def _from_shift_jis(text: str, raw: bytes) -> str | None:
    """Only with kana in it: other pairs of bytes could as well be of another encoding."""
    if not any(0x80 <= byte < 0xA0 for byte in raw):
        return None
    try:
        meant = raw.decode("cp932")
    except UnicodeDecodeError:
        return None
    high = [c for c in meant if ord(c) > 127]
    kana = len(_KANA.findall(meant))
    sure = kana >= 2 and all(_JAPANESE.match(c) for c in high)
    return meant if sure and len(text) > len(meant) else None


def _from_cyrillic(text: str, raw: bytes) -> str | None:
    """Whole words of letters with accents, four letters at least: no language is written so."""
    words = [w for w in _WORD.findall(text) if not w.isascii()]
    high = sum(len(w) for w in words)
    if high < _MIN_HIGH or not all(_is_high_word(w) for w in words) or not _is_motley(words):
        return None
    readings = {name: raw.decode(name, "replace") for name in ("cp1251", "koi8-r")}
    fit = {name: _russian_share(meant) for name, meant in readings.items()}
    best = max(fit, key=lambda name: fit[name])
    other = min(fit.values())
    return readings[best] if fit[best] >= 0.5 and fit[best] - other >= 0.25 else None


def _is_high_word(word: str) -> bool:
    return all(ord(c) >= 0xA8 or c in _CP1252 for c in word)


def _is_motley(words: Sequence[str]) -> bool:
    """Whether there are accents of three kinds: not a row of vowels."""
    if max(map(len, words)) < 3:
        return False
    accents = {unicodedata.decomposition(c).partition(" ")[2] or c for w in words for c in w}
    return len(accents) >= 3


def _russian_share(text: str) -> float:
    """From 0 to 1: how much the Cyrillic words of `text` look written in Russian or a neighbour:
    frequent letters, capitals only at the beginning of words or all through, vowels among them."""
    words = [w for w in re.findall(r"[^\W\d_]+", text) if not w.isascii()]
    letters = "".join(words).lower()
    if not letters or any(not "\u0400" <= c <= "\u045f" and c not in "ґҐ" for c in letters):
        return 0.0
    if not all(w.islower() or w.isupper() or w.istitle() for w in words):
        return 0.0
    vowels = sum(c in "аеёиоуыэюяіїє" for c in letters) / len(letters)
    common = sum(_RUSSIAN.get(c, 40) < 12 for c in letters) / len(letters)
    return common if 0.2 <= vowels <= 0.7 else 0.0
