"""Statements on rights in tags and titles, as evidence. Pure.

What a statement means is for others to say: `Understand` maps the text to a licence id, or None,
`Otherwise` to another claim and its value. (archive.ingest gives the rights room's parsers.)
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime

from phonotheque.model.audio_tags import Tags
from phonotheque.model.rights import Claim, Evidence, EvidenceKind

Understand = Callable[[str], str | None]
Otherwise = Callable[[str], tuple[Claim, str] | None]


def nothing_else(text: str) -> None:
    """An `Otherwise` that hears nothing."""


LICENCE_TAGS = ("license", "licence", "licenseurl", "licenceurl", "wcop", "licenseuri")
COPYRIGHT_TAGS = ("copyright", "copyrightmessage", "rights", "copyrightnotice")
_SIGNS = (
    (
        "cover",
        re.compile(
            r"[(\[][^)\]]*\b(?:cover(?:ed|s)?|tribute|written by|originally by)\b[^)\]]*[)\]]",
            re.IGNORECASE,
        ),
    ),
    (
        "arrangement",
        re.compile(r"\btranscription\b|\b(?:arranged|transcribed) by\b|\barr\. ", re.IGNORECASE),
    ),
    (
        "sample",
        re.compile(r"[(\[][^)\]]*\b(?:remix|mash-?up|bootleg)\b[^)\]]*[)\]]", re.IGNORECASE),
    ),
)
_BEFORE_HOLDER = re.compile(r"^(?:copyright|\(c\)|\(p\)|©|℗|by|[\d\s,;:\-–])+", re.IGNORECASE)
_HOLDER_END = re.compile(
    r"(?<=\w\w\w)\.\s|[<(\n;]|\.?\s*(?:all|some) rights|\s*licen[sc]ed|https?://", re.I
)


def tag_evidence(
    tags: Tags, understand: Understand, now: datetime, otherwise: Otherwise = nothing_else
) -> Iterator[Evidence]:
    """What the tags of one file say of licence, holder and other people's rights; what they reserve
    is for the rights room to read.

    What is said instead of a licence is not the matter of one tag alone: beside a licence in
    another tag it contradicts that, so it stands as a licence that nobody understands, too.
    """
    stated = list(tags.all(*LICENCE_TAGS, *COPYRIGHT_TAGS))
    licensed = any(understand(text) is not None for _, text in stated)
    for name, text in stated:
        licence = understand(text)
        other = None if licence is not None else otherwise(text)
        if other is not None:
            yield _tag(*other, text, name, now)
        unclear = licensed if other else name in LICENCE_TAGS or _speaks_of_licence(text)
        if licence is not None or unclear:
            yield _tag(Claim.LICENCE, licence, text, name, now)
        if name in COPYRIGHT_TAGS and other is None and (holder := holder_in(text)):
            yield _tag(Claim.HOLDER, holder, text, name, now)
    yield from title_signs(tags.first("title") or "", "tag:title", now)


def title_signs(title: str, source: str, now: datetime) -> Iterator[Evidence]:
    """Signs in a title that others have rights in the recording: "(Somebody cover)", "(remix)"."""
    for value, pattern in _SIGNS:
        if pattern.search(title):
            yield Evidence(Claim.REBUTTAL, value, title, EvidenceKind.INFERENCE, source, now)


def holder_in(text: str) -> str | None:
    """The name in a copyright notice: ``Copyright (C) 2009, A. Name <mail>`` gives ``A. Name``."""
    rest = _BEFORE_HOLDER.sub("", text.strip())
    end = _HOLDER_END.search(rest)
    name = (rest[: end.start()] if end else rest).strip(" .,;")
    return name[:200] or None


def _tag(claim: Claim, value: str | None, text: str, name: str, now: datetime) -> Evidence:
    return Evidence(claim, value, text, EvidenceKind.TAG, f"tag:{name}", now)


def _speaks_of_licence(text: str) -> bool:
    """Whether a copyright notice that was not understood is about a licence all the same."""
    return bool(re.search(r"licen[sc]e|creative ?commons|\bcc[ -]by\b", text, re.IGNORECASE))
