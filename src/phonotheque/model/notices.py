"""The public form of a notice: `notices/<case>.json`, redacted (docs/formats/ledger.md)."""

import re
from datetime import datetime

import msgspec

CASE_ID = re.compile(r"[0-9]{4}-[0-9]{5,}")  # the year, and a number that rises over all years


class PublicStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a case."""

    state: str
    at: datetime


class PublicNotice(msgspec.Struct, frozen=True, kw_only=True):
    """What everybody may know of a case. No contact of anybody stands in it."""

    format: int
    case: str
    law: str
    state: str
    received_at: datetime
    sender: str  # "[redacted]" unless the sender agreed
    works: list[str]  # redacted
    missing: list[str]  # clauses of what the notice lacks
    recordings: list[str]  # public ids
    files: list[str]  # sha256
    steps: list[PublicStep]
    opens: datetime | None  # of the window after a counter-notice
    closes: datetime | None
    ledger_event: int  # the newest event of the case, and the SHA-256 of that event
    ledger_sha256: str
