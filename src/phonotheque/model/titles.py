"""What a title says: the name of the piece, and which performance or mix of it (pure).

docs/formats/matching.md is the specification.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from phonotheque.model import title_words as lists
from phonotheque.model.text import fold_word, normalise

_LETTERS = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_BRACKETS = re.compile(r"[(\[{]([^()\[\]{}]*)(?:[)\]}]|$)")
_SIGNS = str.maketrans({"【": "[", "】": "]", "〔": "[", "〕": "]", "〈": "[", "〉": "]", "〜": "~",
                        "–": "-", "—": "-", "―": "-", "‐": "-", "‑": "-", "−": "-",
                        "`": "'", "´": "'", "\u0640": None})  # fmt: skip
_SIGN = re.compile("[" + "".join(map(chr, _SIGNS)) + "]")
# a lead byte of UTF-8 and one that goes on, as CP1252 or Latin-1 shows them
_ONCE_UTF8 = re.compile(
    "[\u00c2-\u00f4](?:[\u0080-\u00bf]|["
    + bytes(set(range(0x80, 0xA0)) - {0x81, 0x8D, 0x8F, 0x90, 0x9D}).decode("cp1252")
    + "])"
)
_DASH = re.compile(r"(?:\s+-+\s*|\s*-+\s+|--+)(?=\S)")
_TILDES = re.compile(r"(?:\s+|\b)[~-]([^~-]+)[~-]\s*$")
_GUESTS = re.compile(r"\b(?:feat|ft|featuring|f/|w/)(?![a-z'])\.?\s*\S.*$")
_GUESTS_INSIDE = re.compile(r"(?<=\S)\s+(?:feat|ft|featuring|w/)(?![a-z'])\.?\s+.*?(?=\s-\s|$)")
_CREDIT = re.compile(r"^(?:with|prod|produced by|starring|guest|avec|mit|con)\b")
_SOUNDTRACK = re.compile(r"^(?:theme )?from .*\b(?:soundtrack|film|movie|motion picture|ost)\b")
_TRACK_NUMBER = re.compile(
    r"^\s*(?:0\d{1,2}\s*[-.)_:]*\s*|\d{1,3}\s+-+\s*|\d{1,3}_+)(?=([^\W\d_]+))"
)
_ARTICLE_LAST = re.compile(rf"^(.+), ({'|'.join(lists.ARTICLES)})\s*$")
_PHRASE = re.compile(
    r"\b(?:" + "|".join(sorted(map(re.escape, lists.PHRASES), key=len, reverse=True)) + r")\b"
)
_PHRASE_STARTS = frozenset(phrase.split()[0] for phrase in lists.PHRASES)
_GUEST_SIGNS = ("feat", "ft", "f/", "w/")
_PARTED = re.compile(r"^(pt|part|vol|no|nr|teil)(\d+)$")
_DOUBLED = re.compile(r"([a-z])\1+")
_COUNTING = frozenset((*lists.PARTS, *lists.PARTS_BEFORE_NUMBERS, *lists.ROMAN))
_JOINING = lists.JOINERS | {"n"}
_VOWELS = str.maketrans(dict.fromkeys("aeiouy", ""))
_CONSONANT = re.compile(r"[b-df-hj-np-tv-xz]")
_LATIN_ONLY = re.compile(r"^[a-z' .,!?-]*[a-z]{3}[a-z' .,!?-]*$")
_LATIN = re.compile(r"[a-z]")

_LONG = 200  # texts of so many characters are not remembered
SKELETON = 6
"""From this many consonants on a key is its consonants alone."""


def opened(text: str) -> str:
    """Folded text on one line, signs unified; UTF-8 once read as Latin-1 or CP1252 is put right."""
    if text.isascii():
        return " ".join(text.lower().split())
    read = _opened_word if len(text) < _LONG else _opened_word.__wrapped__
    return " ".join(" ".join(map(read, repaired(text).split(" "))).split())


@lru_cache(maxsize=1 << 16)
def _opened_word(word: str) -> str:
    """What stands between two blanks: titles repeat their words, so most are looked up."""
    word = fold_word(word)
    return word.translate(_SIGNS) if _SIGN.search(word) else word


def without_version(text: str) -> tuple[str, str]:
    """(what is left of an opened title without all that is no part of the name, version)."""
    text = _before_translation(text)
    said: list[Sequence[str]] = []
    rest = text
    if "(" in text or "[" in text or "{" in text:
        rest = _take_brackets(text, said)
    if "-" in rest or "~" in rest:
        rest = _take_dashes(_take_tildes(rest, said), said)
    if "feat" in rest or "ft" in rest or "w/" in rest:
        rest = _GUESTS_INSIDE.sub("", rest)
    return rest, _version(tuple(said)) if said else ""


def _before_translation(text: str) -> str:
    return text.partition(" = ")[0] if text.find(" = ") > 3 else text


def _names(rest: str) -> list[str]:
    names = _LETTERS.findall(rest)
    number = _TRACK_NUMBER.match(rest)
    if number and number[1] not in lists.MOVEMENTS:
        rest = rest[number.end() :]
    last = _ARTICLE_LAST.match(rest.strip()) if "," in rest else None
    if last:
        rest = f"{last[2]} {last[1]}"
    return _LETTERS.findall(rest) if number or last else names


def compact(names: list[str]) -> str:
    """The words of a name as one key: parts numbered alike, small words gone, consonants only
    where there are many."""
    tokens = [n.replace("'", "") for n in names]
    if not (all(map(str.isalpha, tokens)) and _COUNTING.isdisjoint(tokens)):
        tokens = _numbered(tokens)
    if len(tokens) > 1 and tokens[0] in {"the", "a", "an"}:
        tokens = tokens[1:]
    if not _JOINING.isdisjoint(tokens):
        tokens = [t for i, t in enumerate(tokens) if not _joins(t, i, len(tokens))] or tokens
    short = [t[:-1] if len(t) > 5 and t.endswith("ing") else t for t in tokens]
    joined = "".join(short)
    return skeleton(joined if joined.isalpha() else _spaced(short))


def _spaced(tokens: list[str]) -> str:
    joined = ""
    for token in tokens:
        joined += ("_" if joined[-1:].isdigit() and token[:1].isdigit() else "") + token
    return joined


def skeleton(joined: str, least: int = SKELETON) -> str:
    """Without vowels, doubled letters and a last s, where at least `least` consonants are left;
    else with ae, oe and ue as a, o and u."""
    bare = joined[:1] + joined[1:].translate(_VOWELS)
    thin = _DOUBLED.sub(r"\1", bare)
    if least and (len(thin) < least or _consonants(thin) < least):
        return rounded(joined)
    return thin.removesuffix("s") or thin


def rounded(joined: str) -> str:
    """With ae, oe and ue as a, o and u."""
    return joined.replace("ae", "a").replace("oe", "o").replace("ue", "u")


def _consonants(thin: str) -> int:
    if thin.isascii() and thin.isalpha():
        return len(thin) - (thin[0] in "aeiouy")
    return len(_CONSONANT.findall(thin))


def title_key(title: str) -> tuple[str, str]:
    """(key, version): what the title says of the piece, and of which performance or mix it is."""
    text = opened(title)
    return parts_key(text, *without_version(text)) or (normalise(title), "")


def has_track_number(rest: str) -> bool:
    """Whether what is left of a title begins with what looks like a number of the track."""
    return bool(_TRACK_NUMBER.match(rest))


def parts_key(text: str, rest: str, version: str) -> tuple[str, str] | None:
    """(key, version) of an opened title taken apart by `without_version`; None if it has no
    word."""
    names = _names(rest)
    if names:
        return compact(names), version
    key = compact(_LETTERS.findall(_before_translation(text)))
    return (key, "") if key else None


def repaired(text: str) -> str:
    """The text; where it is UTF-8 once read as Latin-1 or CP1252 ("BeyoncÃ©"), put right."""
    text = unicodedata.normalize("NFC", text)
    if not _ONCE_UTF8.search(text):
        return text
    for codec in ("cp1252", "latin-1"):
        try:
            return text.encode(codec).decode()
        except UnicodeError:
            continue
    return text


def _take_brackets(text: str, said: list[Sequence[str]]) -> str:
    while match := _BRACKETS.search(text):
        inner = match[1]
        kept = "" if _classify(inner, said, text[: match.start()], dashed=False) else inner
        text = f"{text[: match.start()]} {kept.replace(' - ', ' ')} {text[match.end() :]}"
    return text


def _take_tildes(text: str, said: list[Sequence[str]]) -> str:
    match = _TILDES.search(text)
    if match and _classify(match[1], said, text[: match.start()], dashed=True):
        return text[: match.start()]
    return text


def _take_dashes(text: str, said: list[Sequence[str]]) -> str:
    while True:
        cuts = list(_DASH.finditer(text))
        if not cuts or not _LETTERS.search(text[: cuts[-1].start()]):
            return text
        if not _classify(text[cuts[-1].end() :], said, text[: cuts[-1].start()], dashed=True):
            return text
        text = text[: cuts[-1].start()]


def _classify(segment: str, said: list[Sequence[str]], head: str, *, dashed: bool) -> bool:
    """Whether a segment is no part of the name; what it says of the version goes to `said`."""
    meaning = _meaning(segment, dashed) if len(segment) < _LONG else _read(segment, dashed)
    if meaning.version:
        said.append(meaning.version)
    return (
        meaning.leaves
        or (meaning.soundtrack and not _is_theme(head))
        or (not dashed and _translates(segment, head))
    )


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What a segment says of the version, and whether it is no part of the name: anyway, or if it
    follows no theme."""

    leaves: bool
    version: tuple[str, ...] = ()
    soundtrack: bool = False


def _read(segment: str, dashed: bool) -> _Meaning:
    has_guests = any(sign in segment for sign in _GUEST_SIGNS)
    tokens = _tokens(_GUESTS.sub("", segment) if has_guests else segment)
    if not tokens:
        return _Meaning(leaves=not dashed)
    words = frozenset(tokens)
    if _says_nothing(words):
        return _Meaning(leaves=True)
    if _is_version(words - {"version"} if words & lists.NOISE else words, dashed):
        return _Meaning(leaves=True, version=tuple(t for t in tokens if t not in lists.NOISE))
    leaves = bool(words & lists.NOISE or (not dashed and _CREDIT.match(segment.strip())))
    return _Meaning(leaves, soundtrack=bool(_SOUNDTRACK.match(segment.strip())))


_meaning = lru_cache(maxsize=1 << 14)(_read)


def _says_nothing(words: frozenset[str]) -> bool:
    plain = words & lists.PLAIN and words <= lists.PLAIN | lists.PLAIN_TOO
    carrier = words & lists.CARRIERS and words <= lists.CARRIERS | lists.CARRIERS_TOO
    return bool(plain or carrier)


def _is_theme(head: str) -> bool:
    return "".join(_LETTERS.findall(head)) in lists.THEMES


def _is_version(words: frozenset[str], dashed: bool) -> bool:
    return bool(words & lists.STRONG or (not dashed and words & lists.WEAK))


def _translates(segment: str, head: str) -> bool:
    return not head.isascii() and not _LATIN.search(head) and bool(_LATIN_ONLY.match(segment))


def _tokens(text: str) -> list[str]:
    words = _LETTERS.findall(text)
    if "'" in text:
        words = [word.removesuffix("'s").replace("'", "") for word in words]
    if not _PHRASE_STARTS.isdisjoint(words):
        words = _PHRASE.sub(lambda m: lists.PHRASES[m[0]], " ".join(words)).split()
    return [lists.SAME.get(word, word) for word in words]


@lru_cache(maxsize=1 << 14)
def _version(said: tuple[Sequence[str], ...]) -> str:
    tokens = [t for segment in said for t in segment]
    known = {t for t in tokens if t in lists.STRONG or t in lists.WEAK}
    rest = "".join(t for t in tokens if t not in known and t not in lists.SMALL)
    if known & lists.FOLDED_INTO:
        known -= {"mix", "edit"}
    if known & (lists.STRONG | lists.WEAK) - {"version"} or rest:
        known.discard("version")
    if "mix" in known and rest:
        known = known - {"mix"} | {"remix"}
    return " ".join(sorted(known)) + (f":{rest}" if rest else "")


def _numbered(tokens: list[str]) -> list[str]:
    split: list[str] = []
    for token in tokens:
        match = _PARTED.match(token)
        split.extend(match.groups() if match else (token,))
    out: list[str] = []
    counted = False  # a number may follow
    for token, following in zip(split, [*split, ""][1:], strict=True):
        number = _number(token, counted)
        stands_for = lists.PARTS_BEFORE_NUMBERS.get(token)
        if number:
            out.append(number)
        elif stands_for is not None and _number(following, token not in lists.ONLY_BEFORE_DIGITS):
            out.extend([stands_for] if stands_for else [])
            counted = True
            continue
        else:
            out.append(lists.PARTS.get(token, token))
        counted = counted and (bool(number) or token in lists.JOINERS)
    return out


def _number(token: str, counted: bool) -> str:
    if token.isdecimal() and token.isascii():
        return (token.lstrip("0") or "0") if counted else token
    if counted and (token in lists.NUMBERS or token in lists.ROMAN_AFTER_PART):
        return lists.NUMBERS.get(token) or lists.ROMAN_AFTER_PART[token]
    return lists.ROMAN.get(token, "")


def _joins(token: str, at: int, of: int) -> bool:
    return token in lists.JOINERS or (token in {"n"} and 0 < at < of - 1)


@lru_cache(maxsize=1)
def generic_titles() -> frozenset[str]:
    """Keys of titles that say nothing."""
    return frozenset(title_key(t)[0] for t in (*lists.GENERIC_TITLES, *lists.MOVEMENTS))
