"""Where audio is said to come from: what was taken from a streaming service is nobody's to keep,
unless a deal says so. Pure; the rights room decides what follows."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from phonotheque.model.audio_tags import Tags
from phonotheque.model.rights import Claim, Evidence, EvidenceKind

STREAMING = "streaming-service"
SOURCE_TAGS = ("source", "sourceurl", "sourceid", "audiosource", "purl", "woas", "woaf", "ripper")
"""Tags that state a source; in them the bare name of a service is enough."""
TEXT_TAGS = ("comment", "description", "encodedby", "synopsis", "notes")
"""Tags of free text, which may only advertise: here it must say that the audio was taken."""

_SERVICES = (
    r"spotify|tidal(?:\.com)?|deezer|qobuz|apple music|music\.apple\.com|amazon music|pandora|"
    r"music\.amazon\.[a-z.]+|youtube(?: music|\.com)?|youtu\.be|napster|rhapsody|"
    r"line music|kkbox|gaana|jiosaavn|yandex music|netease(?: cloud music)?|qq music"
)
_NAMED = re.compile(rf"(?<![\w-])(?:{_SERVICES})(?![\w-])", re.IGNORECASE)
_TAKEN = re.compile(
    r"(?:ripped|ripping|recorded|captured|downloaded|grabbed|saved|taken|extracted|dumped|dl'?ed|"
    r"rip)\s+(?:off|from|of|out of|via|with|using)\s+(?:\S+\s+){0,3}?"
    rf"\S*?(?:{_SERVICES})(?![\w-])"
    rf"|(?<![\w-])(?:{_SERVICES})[ -]?(?:rip|ripper|downloader|dl|dump|capture)(?![\w-])",
    re.IGNORECASE,
)
MAX_CHARS = 4_000


def stated_source(text: str, *, is_source: bool) -> bool:
    """Whether `text` says that audio was taken from a streaming service. `is_source`: the text
    stands where a source is stated, so that the name of a service says it."""
    return (_NAMED if is_source else _TAKEN).search(text[:MAX_CHARS]) is not None


def tag_provenance(tags: Tags, now: datetime) -> Iterator[Evidence]:
    """What the tags of one file say of a streaming service as its source."""
    for names, is_source in ((SOURCE_TAGS, True), (TEXT_TAGS, False)):
        for name, text in tags.all(*names):
            if stated_source(text, is_source=is_source):
                yield _claim(text, EvidenceKind.TAG, f"tag:{name}", now, None)


def spoken_provenance(evidence: Iterable[Evidence]) -> Iterator[Evidence]:
    """What the words of a sidecar say of it, with the digest that these words have."""
    for found in evidence:
        if found.kind is EvidenceKind.SIDECAR and stated_source(found.raw, is_source=False):
            now, digest = found.captured_at, found.sha256
            yield _claim(found.raw, EvidenceKind.SIDECAR, found.source, now, digest)


def _claim(
    raw: str, kind: EvidenceKind, source: str, now: datetime, sha256: str | None
) -> Evidence:
    return Evidence(Claim.PROVENANCE, STREAMING, raw[:MAX_CHARS], kind, source, now, sha256)
