"""Licences as values, and the table of those we know.

The table is made from the rules in `licences.toml`: Creative Commons suites by version and port,
GNU licences by version, and a short list of others. About 600 licences; read once per process.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files

import msgspec

CC_BASE = "https://creativecommons.org/licenses"
_ORDER = ("by", "nc", "nd", "sa")


class Family(StrEnum):
    """Licences of one family are judged by the same rules (rules.toml)."""

    CC = "cc"
    CC0 = "cc0"
    PDM = "pdm"
    PDDC = "pddc"
    SAMPLING = "sampling"
    SAMPLING_PLUS = "sampling-plus"
    DEVNATIONS = "devnations"
    COPYLEFT_ART = "copyleft-art"
    COPYLEFT = "copyleft"
    PERMISSIVE = "permissive"
    OTHER = "other"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Licence:
    """One licence. `id` is its SPDX identifier, or a LicenseRef- where SPDX has none.

    `by`, `nc`, `nd`, `sa` are the elements of a Creative Commons licence. `url` is "" for the
    explicit statement that there is no licence.
    """

    id: str
    name: str
    url: str
    family: Family
    version: str | None = None
    jurisdiction: str | None = None  # lower case, as in the URL: "jp", "igo", "scotland"
    by: bool = False
    nc: bool = False
    nd: bool = False
    sa: bool = False

    @property
    def terms(self) -> tuple[str, ...]:
        """What the licence asks for, whatever its version or port: equal terms do not conflict."""
        elements = [e for e in _ORDER if getattr(self, e)]
        if self.family in (Family.CC, Family.SAMPLING_PLUS):
            return (self.family.value, *elements)
        return (self.family.value, self.id)


class _Suite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: str
    elements: list[str]
    ports: list[str]


class _Spdx(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    unported: list[str]
    ported: list[str]


class _Other(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    name: str
    url: str
    family: Family
    aliases: list[str]


class _Gnu(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    prefix: str
    name: str
    versions: list[str]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    suite: list[_Suite]
    spdx: _Spdx
    licence: list[_Other]
    gnu: list[_Gnu]


@dataclass(frozen=True, slots=True)
class LicenceTable:
    """Look-ups over all known licences; every key is lower case.

    `by_path` is keyed by what follows ``/licenses/`` in a Creative Commons URL, for example
    ``by-sa/2.1/jp``; `by_url` by the other addresses, without scheme, ``www.`` and last slash.
    """

    by_id: dict[str, Licence]
    by_alias: dict[str, Licence]
    by_path: dict[str, Licence]
    by_url: dict[str, Licence]


def alias_key(text: str) -> str:
    """The form in which names of licences are compared."""
    return "-".join(text.lower().replace("_", " ").replace("-", " ").split())


@cache
def licence_table() -> LicenceTable:
    """All licences of `licences.toml`."""
    content = files(__package__).joinpath("licences.toml").read_bytes()
    rules = msgspec.toml.decode(content, type=_File)
    table = LicenceTable({}, {}, {}, {})
    known = frozenset(rules.spdx.unported) | frozenset(rules.spdx.ported)
    for path, licence in _creative_commons(rules.suite, known):
        table.by_path[path] = licence
        table.by_id.setdefault(licence.id.lower(), licence)
    for licence, aliases in [*_others(rules.licence), *_gnu(rules.gnu)]:
        table.by_id[licence.id.lower()] = licence
        table.by_alias.update({alias_key(a): licence for a in aliases})
    for licence in list(table.by_id.values()):
        table.by_alias.setdefault(alias_key(licence.id), licence)
        table.by_alias.setdefault(alias_key(licence.id.removeprefix("LicenseRef-")), licence)
        for url in (licence.url, f"https://spdx.org/licenses/{licence.id}"):
            table.by_url.setdefault(url_key(url), licence)
    table.by_url.pop("", None)
    return table


def url_key(url: str) -> str:
    """The form in which addresses of licences are compared."""
    bare = url.lower().split("://")[-1].split("#")[0].split("?")[0].removeprefix("www.")
    return bare.rstrip("/").removesuffix(".html").removesuffix(".json")


def licence_by_id(identifier: str) -> Licence | None:
    """The licence with this SPDX identifier or LicenseRef-, in any case of letters."""
    return licence_table().by_id.get(identifier.lower())


def _creative_commons(suites: list[_Suite], known: frozenset[str]) -> Iterator[tuple[str, Licence]]:
    for suite in suites:
        for elements in suite.elements:
            for port in suite.ports:
                path = "/".join(p for p in (elements, suite.version, port) if p)
                yield path, _cc_licence(elements, suite.version, port, known)


def _cc_licence(elements: str, version: str, port: str, known: frozenset[str]) -> Licence:
    family, words = _family_and_words(elements)
    candidate = "-".join(w for w in ("CC", *words, version, port.upper()) if w)
    present = set(elements.split("-"))
    if family is Family.SAMPLING_PLUS or family is Family.SAMPLING:
        present.add("by")
    return Licence(
        id=candidate if candidate in known else f"LicenseRef-{candidate}",
        name=f"Creative Commons {' '.join(words)} {version} {port.upper()}".strip(),
        url=f"{CC_BASE}/{elements}/{version}/" + (f"{port}/" if port else ""),
        family=family,
        version=version,
        jurisdiction=port or None,
        **{e: e in present for e in _ORDER},
    )


def _family_and_words(elements: str) -> tuple[Family, list[str]]:
    match elements:
        case "sampling":
            return Family.SAMPLING, ["Sampling"]
        case "sampling+":
            return Family.SAMPLING_PLUS, ["Sampling-Plus"]
        case "nc-sampling+":
            return Family.SAMPLING_PLUS, ["NC-Sampling-Plus"]
        case "devnations":
            return Family.DEVNATIONS, ["DevNations"]
    parts = elements.split("-")
    return Family.CC, ["-".join(e.upper() for e in _ORDER if e in parts)]


def _others(rules: list[_Other]) -> Iterator[tuple[Licence, list[str]]]:
    for rule in rules:
        yield Licence(rule.id, rule.name, rule.url, rule.family), rule.aliases


def _gnu(rules: list[_Gnu]) -> Iterator[tuple[Licence, list[str]]]:
    for rule in rules:
        for version in rule.versions:
            for suffix, mark in (("only", ""), ("or-later", "+")):
                identifier = f"{rule.prefix}-{version}-{suffix}"
                later = " or later" if mark else ""
                licence = Licence(
                    id=identifier,
                    name=f"{rule.name} {version}{later}",
                    url=f"https://spdx.org/licenses/{identifier}.html",
                    family=Family.COPYLEFT,
                    version=version,
                )
                names = {
                    f"{start}{rule.prefix}{between}{v}{mark}"
                    for start in ("", "GNU ")
                    for between in ("-", "v", " v")
                    for v in (version, version.removesuffix(".0"))
                }
                yield licence, sorted(names)
