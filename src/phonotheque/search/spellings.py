"""Further words of a text: other ways to write some of its words (docs/formats/text.md).

They stand in postings only, not in the order of the words, so that who types one of them finds
the text, below those that have it as typed: "jayz" for "Jay-Z", "amour" for "l'amour", "and" for
"&", "op27" for "Op. 27", "moskva" for "Москва", "beyonce" for "BeyoncÃ©".
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise

from anyascii import anyascii

from phonotheque.model.text import fold
from phonotheque.model.titles import repaired
from phonotheque.search.words import cut, is_wide, words

_MOST_JOINED = 4  # words without a blank between them
_LONGEST_JOINED = 24
_LONGEST_READ = 12  # a longer run of one script is no name that anybody writes as one word
_TELLING = re.compile(r"[^a-z0-9 ,:;()\[\]?\"]|\d")
_SIMPLE = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_INITIALS = re.compile(r"(?<![^\s(])[^\W\d_]\.(?:\s+[^\W\d_]\.)+(?=[\s)]|$)")  # J. S. Bach
_NUMBERED = re.compile(r"([a-z]{1,5})(\d{1,5})")
_CONTRACTED = frozenset(["t", "d", "m", "re", "ve", "ll"])
_NUMBERS_OF = frozenset(
    ["no", "nr", "op", "opus", "bwv", "k", "kv", "hwv", "rv", "d", "hob", "woo", "wv", "twv", "sz",
     "vol", "volume", "pt", "part", "act", "cd"]
)  # fmt: skip
_SAME = {
    word: tuple(other for other in group if other != word)
    for group in (
        ("and", "n"), ("feat", "ft", "featuring"), ("pt", "part"), ("vol", "volume"),
        ("op", "opus"), ("vs", "versus"),
    )
    for word in group
}  # fmt: skip
_ROMAN = {"ii": "2", "iii": "3", "iv": "4", "vi": "6", "vii": "7", "viii": "8", "ix": "9"}
_ARABIC = {number: roman for roman, number in _ROMAN.items()}
_SAID = frozenset([*_SAME, *_ROMAN])
_HAN = r"\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_KANA = r"\u3040-\u30ff"
_LATIN = r"\x00-\u036f\u1d00-\u1fff\u2c60-\u2c7f\ua720-\ua7ff\uff00-\uff60"
_OTHER_SCRIPT = re.compile(rf"[^\W\d_{_LATIN}]")
_ONE_SCRIPT = re.compile(rf"([{_HAN}]+)|([{_KANA}]+)|[^\s{_HAN}{_KANA}{_LATIN}]+", re.UNICODE)
_CYRILLIC = re.compile("[\u0400-\u052f]")
_IO = re.compile("[ёЁ]")
_HANGUL = re.compile("[\uac00-\ud7a3]")
_INITIAL_L = re.compile("^l")
_ENDING_Y = re.compile(r"[iy]y$")
_VOWEL_AND_Y = re.compile(r"([aeou])y")
_SPELT_ABROAD = {"kh": "h", "ts": "z", "ks": "x"}
_ABROAD = re.compile("kh|ts|ks")
_LONG_VOWEL = re.compile(r"(?<=o)[uo]|(?<=u)u|(?<=a)a|(?<=i)i|(?<=e)e")


def further_words(text: str, found: Sequence[str]) -> list[str]:
    """The words by which `text`, whose `words` are `found`, is to be found too; each once."""
    folded = fold(text)
    if folded.isascii() and not _TELLING.search(folded) and _SAID.isdisjoint(found):
        return []
    out = [same for word in found for same in _SAME.get(word, ())]
    out += [_ROMAN[word] for word in found if word in _ROMAN]
    if "&" in folded or "+" in folded:
        out += ["and", "n"]
    out += _iter_joined(folded)
    out += _iter_numbered(found)
    if not text.isascii():
        out += _iter_of_other_scripts(text, found)
    known = set(found)
    return [word for word in dict.fromkeys(map(cut, out)) if word and word not in known]


def latin_readings(query: str) -> list[str]:
    """A query with its words of other scripts in Latin letters: as they are transliterated, as they
    are often written, as other languages spell them. None where all are Latin."""
    text = unicodedata.normalize("NFKC", query)
    if not _OTHER_SCRIPT.search(text):
        return []
    plain, usual = (
        " ".join(_ONE_SCRIPT.sub(partial(_reading, place=at), text).split()) for at in (0, -1)
    )
    abroad = _ABROAD.sub(lambda sound: _SPELT_ABROAD[sound[0]], usual)
    return list(dict.fromkeys((plain, usual, abroad)))


def _reading(run: "re.Match[str]", place: int) -> str:
    read = _readings(run)[place]
    return f" {read} " if is_wide(run[0][:2]) else read


def romanise(text: str) -> str:
    """The text in Latin letters, lower case, words parted by blanks: "москва" is "moskva"."""
    read: str = anyascii(unicodedata.normalize("NFC", text).lower())
    return " ".join(_SIMPLE.findall(read.lower())).replace("'", "")


def _iter_joined(folded: str) -> Iterator[str]:
    """Of what stands between blanks: several words as one, one word's parts."""
    for lump in folded.split():
        if lump.isalnum():
            continue
        parts = _SIMPLE.findall(lump)
        if 2 <= len(parts) <= _MOST_JOINED and not all(part.isdecimal() for part in parts):
            joined = "".join(parts).replace("'", "")
            yield joined[:_LONGEST_JOINED] if joined.isascii() else ""
            if "." in lump or "!" in lump or "$" in lump:
                yield from parts
        for part in parts:
            if "'" in part:
                yield from _without_elision(part.split("'"))
    for initials in _INITIALS.findall(folded):
        yield "".join(_SIMPLE.findall(initials))


def _without_elision(pieces: Sequence[str]) -> list[str]:
    """amour of l'amour, beethoven of beethoven's; nothing of don't."""
    if pieces[-1] in _CONTRACTED:
        return []
    return [piece for piece in pieces if len(piece) > 1]


def _iter_numbered(found: Sequence[str]) -> Iterator[str]:
    """Numbers of works, in one word or two."""
    for name, number in pairwise(found):
        if name in _NUMBERS_OF and number.isdecimal() and len(number) <= 5:
            yield name + number
            yield _ARABIC.get(number, "")
    for word in found:
        if (match := _NUMBERED.fullmatch(word)) and match[1] in _NUMBERS_OF:
            yield from match.groups()


def _iter_of_other_scripts(text: str, found: Sequence[str]) -> Iterator[str]:
    yield from (pair[1] for pair in found if len(pair) == 2 and is_wide(pair))
    right = repaired(text)
    if fold(right) != fold(text):
        yield from words(right)
    if not _OTHER_SCRIPT.search(right):
        return
    for run in _ONE_SCRIPT.finditer(unicodedata.normalize("NFKC", right)):
        yield from _iter_readings(run)


def _iter_readings(run: "re.Match[str]") -> Iterator[str]:
    if run[1]:
        yield from map(romanise, dict.fromkeys(run[1]))
    if not is_wide(run[0][:2]) or len(run[0]) <= _LONGEST_READ:
        yield from _readings(run)


def _readings(run: "re.Match[str]") -> list[str]:
    """A run of one script in Latin letters: first as it is transliterated, last as it is often
    written."""
    text = run[0]
    if run[2]:
        read = _read_kana(text)
        return [read, _LONG_VOWEL.sub("", read)]
    if _HANGUL.match(text):
        return ["".join(sound) for sound in zip(*map(_syllable, text), strict=True)]
    if not _CYRILLIC.search(text):
        return [romanise(text).replace(" ", "")]
    plain, iotated = (romanise(t).replace(" ", "") for t in (text, _IO.sub("йо", text)))
    return [plain, iotated, _VOWEL_AND_Y.sub(r"\1i", _ENDING_Y.sub("y", plain))]


def _syllable(char: str) -> tuple[str, str]:
    sound = romanise(char)
    return sound, _INITIAL_L.sub("r", sound)


def _read_kana(run: str) -> str:
    """By the Hepburn system: kya, sha, fa, kk; long vowels as they are spelled."""
    read, doubled = "", False
    for char in run:
        sound = romanise(char)
        if char in "ゃゅょャュョ" and read.endswith("i"):
            read = read[:-1] + (sound[1:] if read.endswith(("shi", "chi", "ji")) else sound)
        elif char in "ぁぃぅぇぉァィゥェォ" and read.endswith(("a", "i", "u", "e", "o")):
            read = read[:-1] + sound
        elif char not in "っッ":
            read += sound[:1] * doubled + sound
        doubled = char in "っッ"
    return read
