"""From what people write to the licence they mean. Pure.

Understood: SPDX identifiers; Creative Commons URLs in every form they are met with; text with such
a URL or with the name of a Creative Commons licence in it; Debian's short names; "all rights
reserved". What names two licences at once, or none for certain, is None: somebody has to look.
"""

import re

from phonotheque.rights.licences import Family, Licence, alias_key, licence_table

MAX_STATEMENT_CHARS = 1_000
"""Longer text is a document (a licence text, say): only URLs in it are taken for a statement."""

_URL = re.compile(
    r"(?<![\w.\-])(?:(?<=//)|(?<!/))(?:www\.)?creativecommons\.org/(?P<kind>licen[sc]es?|publicdomain)/"
    r"(?P<path>[a-z0-9+%.\-]+(?:/[a-z0-9+%.\-]+)*)",
    re.IGNORECASE,
)
_NAME = re.compile(
    r"\b(?:cc|creative[ -]commons)[ -]?"
    r"(?P<elements>by(?:[ -](?:nc|nd|sa))*|"
    r"attribution(?:[ -](?:non-?commercial|no[ -]?deriv(?:ative)?s(?:[ -]works)?|share-?alike))*)"
    r"(?:[ -](?:v|version|license|licence)\.?)*[ -]*(?P<version>[1-4]\.\d)"
    r"(?:[ -](?P<port>[a-z]{2}|igo|scotland|unported|international|generic))?\b",
    re.IGNORECASE,
)
_TAIL = re.compile(r"(legalcode|deed|rdf|index)(\..*)?")
_NEGATION = re.compile(
    r"\b(?:not|no(?![ -]?deriv)|never|except|formerly|unless|expired|revoked|until|"
    r"nicht(?![ -]?kommerz)|keine?(?![ -]?bearbeitung)|abgelaufen|widerrufen)\b",
    re.IGNORECASE,
)
_PART = re.compile(
    r"\b(?:art ?work|cover[ -]?art|sleeve|photo(?:graph)?s?|images?|booklet|samples?)\b",
    re.IGNORECASE,
)
"""What a statement may be about instead of the recording: then somebody has to look."""
_GNU = re.compile(r"\b(?:[al]?gpl|gfdl)\b", re.IGNORECASE)
_CC0 = re.compile(r"\bcc[ -]?(?:0|zero)\b", re.IGNORECASE)
_RESERVED = re.compile(r"\ball rights reserved\b|\balle rechte vorbehalten\b", re.IGNORECASE)
_SPECIAL_PATHS = {
    "publicdomain/zero/1.0": "cc0-1.0",
    "publicdomain/zero/1.0/us": "cc0-1.0",
    "publicdomain/mark/1.0": "cc-pdm-1.0",
    "licenses/publicdomain": "cc-pddc",
    "licenses/gpl/2.0": "gpl-2.0-or-later",
    "licenses/lgpl/2.1": "lgpl-2.1-or-later",
    "licenses/mit": "mit",
    "licenses/bsd": "bsd-3-clause",
}


def parse_licence(raw: str) -> Licence | None:
    """The one licence that `raw` names, or None."""
    text = raw.strip()
    table = licence_table()
    whole = table.by_alias.get(alias_key(text))
    if whole is not None:
        return whole
    words = _URL.sub(" ", text)  # the port of Norway is "no"
    if len(text) <= MAX_STATEMENT_CHARS and (_NEGATION.search(words) or _PART.search(words)):
        return None
    return _single(_licences_in(text))


def _licences_in(text: str) -> set[Licence | None]:
    """Every licence named in `text`; None among them stands for a name we could not place."""
    by_url = {_from_path(m["kind"], m["path"]) for m in _URL.finditer(text)}
    if len(text) > MAX_STATEMENT_CHARS:
        return by_url
    text = _URL.sub(" ", text)
    by_name = {_from_name(m) for m in _NAME.finditer(text)}
    if by_url and _terms(by_name) <= _terms(by_url):
        by_name = set()  # the URL says the same, and more exactly
    found = by_url | by_name
    if _GNU.search(text):
        found.add(None)  # named in passing, and which one is not clear
    if _CC0.search(text):
        found.add(licence_table().by_id["cc0-1.0"])
    if _RESERVED.search(text):
        found.add(licence_table().by_id["licenseref-all-rights-reserved"])
    return found


def _terms(licences: set[Licence | None]) -> set[tuple[object, ...]]:
    return {("?",) if one is None else (*one.terms, one.version) for one in licences}


def _single(found: set[Licence | None]) -> Licence | None:
    return next(iter(found)) if len(found) == 1 else None


def _from_path(kind: str, path: str) -> Licence | None:
    """The licence of a Creative Commons URL path, without regard to what follows the licence."""
    head = "publicdomain" if kind.lower() == "publicdomain" else "licenses"
    clean = path.lower().replace("%2b", "+")
    parts = [p for p in clean.rstrip(".").split("/") if p and not _TAIL.fullmatch(p)]
    table = licence_table()
    if head == "licenses" and (licence := table.by_path.get("/".join(_gb_as_uk(parts)))):
        return licence
    special = _SPECIAL_PATHS.get("/".join([head, *parts]))
    return table.by_id[special] if special else None


def _gb_as_uk(parts: list[str]) -> list[str]:
    return [*parts[:2], "uk"] if len(parts) == 3 and parts[2] == "gb" else parts


def _from_name(match: re.Match[str]) -> Licence | None:
    port = (match["port"] or "").lower()
    if port in ("unported", "international", "generic"):
        port = ""
    elements = _elements(match["elements"].lower())
    table = licence_table()
    known = table.by_path.get("/".join(p for p in (elements, match["version"], port) if p))
    if known is None and port and len(port) == 2:  # "CC BY 4.0 by the artist" has no port "by"
        known = table.by_path.get(f"{elements}/{match['version']}")
    if known is None and elements == "by-nc-nd":  # version 1.0 wrote them the other way round
        known = table.by_path.get(f"by-nd-nc/{match['version']}")
    return known if known is None or known.family is Family.CC else None


def _elements(text: str) -> str:
    parts = {"by"}
    if "nc" in text or "commercial" in text:
        parts.add("nc")
    if "nd" in text or "deriv" in text:
        parts.add("nd")
    if re.search(r"\bsa\b|alike", text):
        parts.add("sa")
    return "-".join(e for e in ("by", "nc", "nd", "sa") if e in parts)
