"""From documents and tags to evidence: what is reserved, and what was looked for in vain. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from urllib.parse import urlsplit

from phonotheque.model.rights import Claim, Evidence, EvidenceKind
from phonotheque.model.signals import SignalDocument, SignalKind
from phonotheque.rights.signals import embedded, robots
from phonotheque.rights.signals.stance import MAX_RAW_CHARS, SILENT, Said, Stance, merge, strongest
from phonotheque.rights.signals.tdmrep import UnreadableSignalError, tdmrep_file

PARSER_VERSION = 1
"""Stands in the source of each piece of evidence; raised when a parser would read otherwise."""
TAGS = "tags"
_RANKS = (SignalKind.TDMREP, SignalKind.HEADERS, SignalKind.HTML)  # of TDMRep, weakest first


def signal_evidence(documents: Sequence[SignalDocument], url: str | None) -> Iterator[Evidence]:
    """One piece of evidence for each document, in their order.

    `url` is where the audio stood, if that is known; rules for places are then read for its path.
    In TDMRep a page overrides a header, which overrides the site's file; among all else any
    reservation wins. What is there and cannot be read counts as a reservation.
    """
    path = _path_of(url)
    said = [_readings(document, path) for document in documents]
    ranked = sorted(
        ((_RANKS.index(d.kind), tdm) for d, (tdm, _) in zip(documents, said, strict=True)
         if d.kind in _RANKS), key=lambda pair: pair[0],
    )  # fmt: skip
    by_rank = [merge(tdm for at, tdm in ranked if at == rank) for rank in range(len(_RANKS))]
    lifted = strongest(by_rank).stance is Stance.OPEN
    for document, (tdm, other) in zip(documents, said, strict=True):
        yield _evidence(document, tdm, other, lifted=lifted)


def tag_signal_evidence(tags: Mapping[str, Sequence[str]], now: datetime) -> Iterator[Evidence]:
    """What the tags of a file reserve, tag by tag; or once that nothing in them does."""
    reserved = [(n, s) for n, s in embedded.tag_stances(tags) if s.stance is Stance.RESERVED]
    for name, said in reserved:
        raw = said.raw[:MAX_RAW_CHARS]
        source = f"{TAGS}/{PARSER_VERSION} {name}"
        yield Evidence(Claim.RESERVATION, said.reserves, raw, EvidenceKind.TAG, source, now)
    if not reserved:
        source = f"{TAGS}/{PARSER_VERSION}"
        yield Evidence(Claim.CHECKED, TAGS, "nothing reserved", EvidenceKind.TAG, source, now)


def _readings(document: SignalDocument, path: str | None) -> tuple[Said, Said]:
    """(what a document says by TDMRep, what it says otherwise)."""
    if document.content is None:
        return SILENT, _unreadable(document.problem) if document.problem else SILENT
    text = document.content.decode("utf-8", "replace")
    if document.kind is SignalKind.TDMREP:
        try:
            return tdmrep_file(document.content, path), SILENT
        except UnreadableSignalError as error:
            return SILENT, _unreadable(str(error))
    if document.kind is SignalKind.HEADERS:
        fields = embedded.parse_headers(text)
        return embedded.header_tdm(fields), embedded.header_usage(fields)
    if document.kind is SignalKind.HTML:
        meta = embedded.page_meta(text)
        return embedded.header_tdm(meta), embedded.page_usage(meta)
    return SILENT, _robots(document.kind, text, path)


def _robots(kind: SignalKind, text: str, path: str | None) -> Said:
    if kind is SignalKind.AI_TXT:
        return robots.ai_txt(text)
    groups = robots.parse_robots(text)
    return merge([robots.robots_usage(groups, path), robots.robots_crawling(groups, path)])


def _unreadable(why: str) -> Said:
    return Said(Stance.RESERVED, f"cannot be read, so it is taken for a reservation: {why}", "tdm")


def _evidence(document: SignalDocument, tdm: Said, other: Said, *, lifted: bool) -> Evidence:
    standing = other if lifted else merge([tdm, other])
    reserved = standing.stance is Stance.RESERVED
    words = standing.raw or tdm.raw or other.raw or "nothing reserved"
    if document.content is None and document.problem is None:
        words = "not there"
    elif lifted and tdm.stance is Stance.RESERVED and not reserved:
        words = f"{tdm.raw} (lifted where the file itself was given)"
    return Evidence(
        claim=Claim.RESERVATION if reserved else Claim.CHECKED,
        value=standing.reserves if reserved else document.kind.value,
        raw=words[:MAX_RAW_CHARS],
        kind=EvidenceKind.SIDECAR,
        source=f"{document.kind.value}/{PARSER_VERSION} {document.url or document.name}",
        captured_at=document.fetched_at,
        sha256=document.sha256,
        witness=_host_of(document.url),
    )


def _path_of(url: str | None) -> str | None:
    if url is None:
        return None
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _host_of(url: str | None) -> str | None:
    return urlsplit(url).hostname if url else None
