"""The words in which people name licences, as patterns made from `wording.toml`. Pure.

Everything is compared in its *folded* form: lower case, without accents, blanks as one blank.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import msgspec

ELEMENTS = ("by", "nc", "nd", "sa")
_SPACE = r"[\s\-‐-―_.,:;/+|&]{0,4}"
_END = r"(?![a-z0-9])"


class _Addresses(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    hosts: list[str]
    paths: dict[str, str]
    others: dict[str, str]


class _Phrases(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reserved: list[str]
    public_domain: list[str]
    turning: list[str]
    other_things: list[str]
    boilerplate: list[str]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    elements: dict[str, list[str]]
    ports: dict[str, list[str]]
    addresses: _Addresses
    phrases: _Phrases


@dataclass(frozen=True, slots=True)
class Wording:
    """Patterns over folded text, and tables with folded keys.

    `names` are tried in order; each has groups ``elements``, ``version`` and maybe ``port``.
    `element` finds one element, its group named after it; `written_out` and `bare` (which has the
    short forms too) only whole words.
    """

    url: re.Pattern[str]
    paths: dict[str, str]
    others: dict[str, str]
    boilerplate: re.Pattern[str]
    names: tuple[re.Pattern[str], ...]
    element: re.Pattern[str]
    written_out: re.Pattern[str]
    bare: re.Pattern[str]
    ports: dict[str, str]
    reserved: re.Pattern[str]
    public_domain: re.Pattern[str]
    turning: re.Pattern[str]
    other_things: re.Pattern[str]


def fold(text: str) -> str:
    """`text` as it is compared."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join(bare.casefold().split())


@cache
def wording() -> Wording:
    """All patterns; read once per process."""
    content = files(__package__).joinpath("wording.toml").read_bytes()
    words = msgspec.toml.decode(content, type=_File)
    ports = {fold(name): port for port, names in words.ports.items() for name in names}
    long = {e: [_loose(fold(name)) for name in words.elements[e]] for e in ELEMENTS}
    return Wording(
        url=_url_pattern(words.addresses.hosts),
        paths=words.addresses.paths,
        others=words.addresses.others,
        boilerplate=_phrases(words.phrases.boilerplate),
        names=_name_patterns(long, ports),
        element=re.compile("|".join(f"(?P<{e}>{_any([*long[e], e])})" for e in ELEMENTS)),
        written_out=re.compile(rf"(?<![^\W_]){_any(n for e in ELEMENTS for n in long[e])}{_END}"),
        bare=re.compile("|".join(_bare(e, long[e]) for e in ELEMENTS[1:])),
        ports=ports,
        reserved=_phrases(words.phrases.reserved),
        public_domain=_phrases(words.phrases.public_domain),
        turning=_phrases(words.phrases.turning),
        other_things=_phrases(words.phrases.other_things),
    )


def _url_pattern(hosts: Iterable[str]) -> re.Pattern[str]:
    """A Creative Commons address; what precedes the host must not make it another host or path."""
    return re.compile(
        rf"(?<![\w.\-])(?:(?<=//)|(?<=:/)|(?<!/))(?:www\.)?"
        rf"(?:{'|'.join(re.escape(h) for h in hosts)})/+"
        r"(?P<kind>licen[sc]es?|publicdomain|l|p)/+"
        r"(?P<path>[a-z0-9+%._\-]+(?:/+[a-z0-9+%._\-]+)*)"
    )


def _name_patterns(
    long: dict[str, list[str]], ports: dict[str, str]
) -> tuple[re.Pattern[str], ...]:
    every = _any([*(n for names in long.values() for n in names), *ELEMENTS])
    by, rest = _any(long["by"]), _any([n for e in ELEMENTS[1:] for n in long[e]])
    prefix = r"(?<![a-z0-9])(?:\(?cc\)?|creative ?commons?)(?: ?licen[cs]e| ?lizenz| ?licencia)?"
    # a bare digit counts only where nothing follows, and only where one version has it
    version = r"(?P<version>[1-4][.,]\d(?!\.?\d)|[134](?=\W*$))"
    words = r"(?:(?:licen[cs]e|lizenz|licencia|version|v)(?![a-z])\.? ?){0,3}"
    port = _any([re.escape(p) for p in ports])
    tail = rf"{version}(?:[\s\-_(,]{{0,3}}(?P<port>{port}|igo|scotland|[a-z]{{2}}){_END})?"
    return tuple(
        re.compile(p)
        for p in (
            rf"{prefix}{_SPACE}(?P<elements>(?:{every}{_SPACE}){{1,5}}){words}{tail}",
            rf"{prefix}{_SPACE}{words}{version}{_SPACE}(?P<elements>(?:{every}{_SPACE}){{1,5}})"
            rf"{_END}(?P<port>(?!))?",
            rf"(?<![a-z0-9])(?P<elements>{by}{_SPACE}(?:{rest}{_SPACE}){{1,4}}){words}{tail}",
        )
    )


def _bare(element: str, long: list[str]) -> str:
    return rf"(?P<{element}>(?<![^\W_]){_any([*long, element])}{_END})"


def _loose(name: str) -> str:
    return "[ -]?".join(re.escape(word) for word in name.replace("-", " ").split())


def _any(patterns: Iterable[str]) -> str:
    return "(?:" + "|".join(sorted(set(patterns), key=lambda p: (-len(p), p))) + ")"


def _phrases(phrases: Iterable[str]) -> re.Pattern[str]:
    """Any of the phrases, as whole words."""
    words = _any([re.escape(fold(p)).replace(r"\ ", r"[ -]") for p in phrases])
    return re.compile(rf"(?<![^\W_]){words}(?![a-z0-9])")
