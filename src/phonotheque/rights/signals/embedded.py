"""Headers of an HTTP answer, meta elements of a page, and tags, read for reservations. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence

from phonotheque.rights.signals.stance import SILENT, Said, Stance, merge
from phonotheque.rights.signals.tdmrep import tdm_value
from phonotheque.rights.signals.texts import spoken_reservation
from phonotheque.rights.signals.usage import usage_preference

MAX_PAGE_CHARS = 128 << 10
_META = re.compile(r"<meta\b([^>]{0,2000})>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([a-z:-]{1,40})\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.I)
_NO_AI = re.compile(r"\b(?:noai|noimageai|noml|no-?tdm)\b", re.IGNORECASE)
_XMP = re.compile(r"""\btdm:reservation(?:\s*=\s*["']|\s*>)\s*([01])\b""", re.IGNORECASE)
_TEXT_TAGS = frozenset(
    ["license", "licence", "licenseurl", "licenseuri", "copyright", "copyrightmessage",
     "copyrightnotice", "rights", "usageterms", "termsofuse", "comment", "description", "xmp"]
)  # fmt: skip


def parse_headers(text: str) -> list[tuple[str, str]]:
    """(lower-case name, value) of the header lines of a stored answer; a status line is no header,
    and a folded line belongs to the one before it."""
    fields: list[tuple[str, str]] = []
    for line in text.splitlines():
        if line[:1] in (" ", "\t") and fields:
            name, value = fields[-1]
            fields[-1] = (name, f"{value} {line.strip()}")
            continue
        name, colon, value = line.partition(":")
        if colon and name and " " not in name:
            fields.append((name.lower(), value.strip()))
    return fields


def header_tdm(fields: Sequence[tuple[str, str]]) -> Said:
    """The ``tdm-reservation`` of an answer."""
    policy = next((value for name, value in fields if name == "tdm-policy"), None)
    return merge(tdm_value(v, policy) for name, v in fields if name == "tdm-reservation")


def header_usage(fields: Sequence[tuple[str, str]]) -> Said:
    """``Content-Usage``, ``Content-Signal`` and ``X-Robots-Tag`` of an answer."""
    return merge(_header_usages(fields))


def page_meta(html: str) -> list[tuple[str, str]]:
    """(lower-case name, content) of the meta elements in the first 128 KiB of a page."""
    found = []
    for match in _META.finditer(_without_comments(html[:MAX_PAGE_CHARS])):
        attributes = {
            name.lower(): double or single or bare
            for name, double, single, bare in _ATTRIBUTE.findall(match[1])
        }
        name = attributes.get("name") or attributes.get("http-equiv") or ""
        found.append((name.lower(), attributes.get("content", "")))
    return found


def page_usage(meta: Sequence[tuple[str, str]]) -> Said:
    """``content-usage`` and ``noai`` of a page."""
    as_headers = [("x-robots-tag" if name == "robots" else name, value) for name, value in meta]
    return header_usage(as_headers)


def tag_stances(tags: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, Said]]:
    """(name of the tag, what it says) for every tag that says anything; names are of letters and
    digits alone, as ``tdmreservation``."""
    policy = next(iter(tags.get("tdmpolicy", ())), None)
    for name, values in tags.items():
        for value in values:
            said = _tag_stance(name, value, policy)
            if said.stance is not Stance.UNSET:
                yield name, said


def _tag_stance(name: str, value: str, policy: str | None) -> Said:
    if name == "tdmreservation":
        return tdm_value(value, policy)
    if name in ("contentusage", "contentsignal", "aipreference", "aipref"):
        return usage_preference(value)
    if name in ("noai", "noaitraining"):
        refused = value.strip().lower() not in ("", "0", "no", "false")
        return Said(Stance.RESERVED, f"{name}: {value}", "ai") if refused else SILENT
    if name not in _TEXT_TAGS:
        return SILENT
    embedded = [tdm_value(found, None) for found in _XMP.findall(value)]
    return merge([*embedded, spoken_reservation(value)])


def _header_usages(fields: Sequence[tuple[str, str]]) -> Iterator[Said]:
    for name, value in fields:
        if name == "content-usage":
            yield usage_preference(value)
        elif name == "content-signal":
            yield usage_preference(value, "Content-Signal")
        elif name == "x-robots-tag" and _NO_AI.search(value):
            yield Said(Stance.RESERVED, f"X-Robots-Tag: {value}", "ai")


def _without_comments(html: str) -> str:
    kept, at = [], 0
    while (start := html.find("<!--", at)) >= 0:
        kept.append(html[at:start])
        end = html.find("-->", start + 4)
        if end < 0:
            return "".join(kept)
        at = end + 3
    return "".join([*kept, html[at:]])
