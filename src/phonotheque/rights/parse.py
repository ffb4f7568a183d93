"""From what people write to the licence they mean. Pure.

Understood: SPDX identifiers; addresses of licences in every form they are met with, slips of the
pen that cannot mean another one included; names of Creative Commons licences in many languages;
Debian's short names; "all rights reserved" in many languages. What names two licences at once, or
none for certain, or is about something else than the recording, is None: somebody has to look.
The words are data (wording.toml).
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from phonotheque.rights.licences import (
    Family,
    Licence,
    LicenceTable,
    alias_key,
    licence_table,
    url_key,
)
from phonotheque.rights.wording import ELEMENTS, Wording, fold, wording

MAX_STATEMENT_CHARS = 1_000
"""Longer text is a document (a licence text, say): only addresses in it count."""
MAX_DOCUMENT_CHARS = 1 << 20
"""Of a longer document nobody can say which licence is meant."""

_ADDRESS = re.compile(r"(?:https?://|www\.)[^\s<>\"'()\[\]{}]+")
_TAIL = re.compile(r"(?:legalcode|deed|rdf|index)(?:[._-].*)?|\d+x\d+\.png")
_GNU = re.compile(r"\b(?:[al]?gpl|gfdl)\b")
_CC0 = re.compile(r"\bcc[ -]?(?:0|zero)\b|\bcreative ?commons[ -](?:0|zero)\b")
_PDM = re.compile(r"\bpublic domain mark\b|\bcc[ -]?pdm\b")
_DEDICATION = re.compile(r"\bpublic domain dedication\b")
_BARE_VERSIONS = {"1": "1.0", "3": "3.0", "4": "4.0"}
_SHORT_KINDS = {"l": "licenses", "p": "publicdomain"}
_NOTICE = re.compile(r"(?P<mark>©|\(c\)|℗|\(p\))\s*(?:\d{4}(?:\s*[-–,]\s*\d{4})*)?[\s,:]*(?:by )?")
_HOLDER_END = re.compile(r"[.,;:<(\n|/]| [-–—] |\blicen|\bunder\b|https?:|\ball rights\b|\bsome ri")
_OPERATOR = re.compile(r"(?<![^\s()])(?:and|or|with)(?![^\s()])", re.IGNORECASE)
_IDENTIFIER = re.compile(
    r"(?=.*\d)(?=.*[a-z])[a-z0-9.+]+(?:-[a-z0-9.+]+)+|(?:licenseref|documentref)-.+|.+-exception.*|"
    r"[1-4]\.\d\+?",
    re.IGNORECASE,
)


def parse_licence(raw: str) -> Licence | None:
    """The one licence that `raw` names, or None. (Alternatives: `rights.expressions`.)"""
    if len(raw) > MAX_DOCUMENT_CHARS:
        return None
    return _parse(raw) if len(raw) > MAX_STATEMENT_CHARS else _parse_statement(raw)


@lru_cache(maxsize=4096)  # the same few statements stand on millions of rows
def _parse_statement(raw: str) -> Licence | None:
    return _parse(raw)


def _parse(raw: str) -> Licence | None:
    table = licence_table()
    whole = table.by_alias.get(alias_key(raw))
    if whole is not None:
        return whole
    if _is_expression(raw, table):
        named = [_parse(part) for part in _OPERATOR.split(raw)]
        return None if None in named else _single(set(named))
    words = wording()
    text = fold(raw)
    found = set(_by_url(text, words, table))
    if len(text) > MAX_STATEMENT_CHARS:
        if words.reserved.search(text):
            found.add(table.by_id["licenseref-all-rights-reserved"])
        return _single(found)
    rest = words.boilerplate.sub(" ", _ADDRESS.sub(" ", words.url.sub(" ", text)))
    by_name = set(_by_name(rest, words, table))
    if _is_doubtful(rest, words) or _two_holders(text):
        return None
    if not (found and _terms(by_name) <= _terms(found)):  # else the address is more exact
        found |= by_name
    licence = _single(found | set(_by_phrase(rest, words, table)))
    return None if licence is not None and _asks_more(rest, words, licence) else licence


def _is_expression(raw: str, table: LicenceTable) -> bool:
    """Whether an AND, OR or WITH joins licences in `raw`, known or not: then each of them matters.

    Written in capitals, one side that looks like a licence is enough; else both must.
    """

    def named(word: str) -> bool:
        bare = word.strip("()[]\"',;:").rstrip(".")
        return bool(_IDENTIFIER.fullmatch(bare)) or alias_key(bare) in table.by_alias

    if len(raw) > MAX_STATEMENT_CHARS:
        return False
    for match in _OPERATOR.finditer(raw):
        before, after = raw[: match.start()].split(), raw[match.end() :].split()
        sides = [bool(before) and named(before[-1]), bool(after) and named(after[0])]
        if all(sides) or (any(sides) and match[0].isupper()):
            return True
    return False


def says_public_domain(raw: str) -> bool:
    """Whether `raw`, which names no licence, says that the recording is in the public domain."""
    if len(raw) > MAX_STATEMENT_CHARS or parse_licence(raw) is not None:
        return False
    text, words = fold(raw), wording()
    return bool(words.public_domain.search(text)) and not _is_doubtful(text, words)


def _by_url(text: str, words: Wording, table: LicenceTable) -> Iterator[Licence | None]:
    """Every licence whose address stands in the text; None for an address we could not place."""
    for match in words.url.finditer(text):
        yield _from_path(match["kind"], match["path"], words, table)
    for match in _ADDRESS.finditer(words.url.sub(" ", text)):
        key = url_key(match[0].rstrip(".,;"))
        known = table.by_url.get(key) or _known(words.others.get(key), table)
        known = known or _known(words.others.get(f"{key}.html"), table)
        if known is not None:
            yield known
        elif "spdx.org/licenses/" in key:
            yield None


def _by_name(text: str, words: Wording, table: LicenceTable) -> Iterator[Licence | None]:
    seen: list[tuple[int, int]] = []
    for pattern in words.names:
        for match in pattern.finditer(text):
            if not any(start < match.end() and match.start() < end for start, end in seen):
                seen.append(match.span())
                yield _from_name(match, words, table)


def _by_phrase(text: str, words: Wording, table: LicenceTable) -> Iterator[Licence | None]:
    if _GNU.search(text):
        yield None  # named in passing, and which one is not clear
    if _CC0.search(text):
        yield table.by_id["cc0-1.0"]
    elif _DEDICATION.search(text):
        yield None  # CC0, or the dedication of 2002
    if _PDM.search(text):
        yield table.by_id["cc-pdm-1.0"]
    if words.reserved.search(text):
        yield table.by_id["licenseref-all-rights-reserved"]


def _is_doubtful(text: str, words: Wording) -> bool:
    """Whether the text takes something back, or speaks of something else than the recording."""
    rest = text
    for pattern in words.names:
        rest = pattern.sub(" ", rest)
    rest = words.reserved.sub(" ", words.written_out.sub(" ", rest))
    return bool(words.turning.search(rest) or words.other_things.search(rest))


def _asks_more(text: str, words: Wording, licence: Licence) -> bool:
    """Whether an element is named that the licence lacks: "CC BY 3.0, non-commercial use only"."""
    for pattern in words.names:
        text = pattern.sub(" ", text)
    return any(not getattr(licence, m.lastgroup or "by") for m in words.bare.finditer(text))


def _two_holders(text: str) -> bool:
    """Whether © and ℗ name different holders: whose licence it is, is then not clear."""
    names: dict[bool, set[str]] = {True: set(), False: set()}
    matches = list(_NOTICE.finditer(text))
    ends = [match.start() for match in matches[1:]] + [len(text)]
    for match, end in zip(matches, ends, strict=False):
        segment = text[match.end() : end]
        name = _HOLDER_END.split(segment, maxsplit=1)[0].strip(" &+")
        if name and name != "and":
            names[match["mark"] in ("℗", "(p)")].add(name)
    return bool(names[True]) and bool(names[False]) and names[True] != names[False]


def _known(identifier: str | None, table: LicenceTable) -> Licence | None:
    return table.by_id[identifier.lower()] if identifier else None


def _terms(licences: set[Licence | None]) -> set[tuple[object, ...]]:
    return {("?",) if one is None else (*one.terms, one.version) for one in licences}


def _single(found: set[Licence | None]) -> Licence | None:
    return next(iter(found)) if len(found) == 1 else None


def _from_path(kind: str, path: str, words: Wording, table: LicenceTable) -> Licence | None:
    """The licence of a Creative Commons address, without regard to what follows the licence."""
    head = _SHORT_KINDS.get(kind, "publicdomain" if kind == "publicdomain" else "licenses")
    clean = path.replace("%2b", "+").replace("_", "-")
    parts = [p for p in clean.rstrip(".").split("/") if p and not _TAIL.fullmatch(p)]
    if head == "licenses" and len(parts) > 1:
        elements = parts[0].removeprefix("cc-")
        version = _BARE_VERSIONS.get(parts[1], parts[1])
        port = ["uk" if p == "gb" else p for p in parts[2:]]
        for written in (elements, *_orders(elements.split("-"))):
            if (licence := table.by_path.get("/".join([written, version, *port]))) is not None:
                return licence
    return _known(words.paths.get("/".join([head, *parts])), table)


def _orders(parts: list[str]) -> Iterator[str]:
    """The elements in the orders in which Creative Commons writes them."""
    if set(parts) <= set(ELEMENTS):
        yield "-".join(e for e in ELEMENTS if e in parts)
        yield "-".join(e for e in ("by", "nd", "nc", "sa") if e in parts)  # as version 1.0 has it


def _from_name(match: re.Match[str], words: Wording, table: LicenceTable) -> Licence | None:
    parts = [m.lastgroup or "" for m in words.element.finditer(match["elements"])]
    written = match["version"].replace(",", ".")
    version = _BARE_VERSIONS.get(written, written)
    said = match["port"] or ""
    port = words.ports.get(said, said)
    for elements in _orders(parts):
        for path in (f"{elements}/{version}/{port}".rstrip("/"), f"{elements}/{version}"):
            known = table.by_path.get(path)  # "CC BY 4.0 by the artist" has no port "by"
            if known is not None and known.family is Family.CC:
                return known
    return None
