"""A worker process that makes rows of blocks, with what this archive understands of licences."""

import sys
from datetime import datetime

from phonotheque.model.rights import Claim
from phonotheque.rights import (
    parse_expression,
    parse_licence,
    parse_rights_statement,
    says_public_domain,
)
from phonotheque.sources import Maker, maker_of, serve

WORKER = (sys.executable, "-P", "-c", "from phonotheque.archive import row_worker as w; w.main()")
LARGE_BYTES = 64 << 20
"""An input of this size is worth starting workers for."""


def understand(raw: str) -> str | None:
    """The id of the licence that a statement names, or the expression that it is, or None."""
    licence = parse_licence(raw)
    if licence is not None:
        return licence.id
    expression = parse_expression(raw)
    return str(expression) if expression else None


def otherwise(raw: str) -> tuple[Claim, str] | None:
    """What a statement that names no licence says all the same: a statement of
    RightsStatements.org, or that the recording is in the public domain."""
    if statement := parse_rights_statement(raw):
        return Claim.STATEMENT, statement.id
    return (Claim.BASIS, "public-domain") if says_public_domain(raw) else None


def make_maker(start: tuple[str, str, str, datetime]) -> Maker:
    """The maker for a first message: kind, source, name of the input, time."""
    kind, source, where, now = start
    return maker_of(kind, source, where, understand, now)


def main() -> None:
    """Serve until the parent ends."""
    serve(make_maker)
