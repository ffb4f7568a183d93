"""Documents in which somebody may have reserved text and data mining or training."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class SignalKind(StrEnum):
    """What a document is, and so how it is read. The value is its name in evidence."""

    TDMREP = "tdmrep"  # /.well-known/tdmrep.json
    ROBOTS = "robots.txt"
    AI_TXT = "ai.txt"
    HEADERS = "headers"  # of the HTTP answer that carried the audio or its page, as received
    HTML = "html"  # the page that offered the audio


@dataclass(frozen=True, slots=True)
class SignalDocument:
    """One document as it was fetched. `content` None: it was looked for and was not there, or, with
    a `problem`, is there and cannot be read.

    `name` is its key in the ingested folder; `fetched_at` is the time the operator states, else the
    time of the ingest.
    """

    kind: SignalKind
    name: str
    url: str | None
    fetched_at: datetime
    content: bytes | None
    sha256: str | None = None
    problem: str | None = None
