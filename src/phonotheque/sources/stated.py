"""What a source says of years, authors and restrictions, as claims on facts. Pure.

A reader gives its claims as a column `claims`: for each row a list of objects with `claim`,
`value`, `raw`, `witness` and `confidence` (docs/formats/source-rows.md). How a value is written,
the values of `model.rights.Claim` say.
"""

import re
from typing import Any, NamedTuple

from phonotheque.model.rights import Claim, Layer
from phonotheque.sources.columns import MAX_TEXT_CHARS

EARLIEST = 1877
"""The year of the first recording that could be played back: nothing was published before."""
LATEST_BOUND = 1980
"""A bound "not later than" decides something only where a term counted from it can be over. The
shortest of all terms is 50 years, so later bounds are not written down: every modern recording
would carry them."""

_STATEMENT = re.compile(r"rightsstatements\.org/(?:vocab|page)/([A-Za-z-]+)", re.IGNORECASE)
_NO_KNOWN = re.compile(
    r"(?:there are )?no known (?:u\.?s\.? )?(?:copyright |other )?restrictions?"
    r"(?: (?:on|in) (?:the )?(?:publication|use|reproduction)(?: of this \w+)?)?\.?|"
    r"no known copyright\.?",
    re.IGNORECASE,
)
_YEARS = re.compile(r"(\d{4})|(?=.*\d)(\d{4})?\.\.(\d{4})?")
_EVENTS = (Claim.PUBLISHED, Claim.COMMUNICATED, Claim.WORK_PUBLISHED)
_USES = ("HOLD", "PRESERVE", "STREAM", "DISTRIBUTE", "AI_TRAIN", "DERIVE_METADATA")
_WORDS = {
    Claim.CONTRACT: _USES,
    Claim.DONOR: _USES,
    Claim.SENSITIVITY: ("privacy", "cultural"),
    Claim.PROVENANCE: ("streaming-service",),
    Claim.STATEMENT: (
        "InC", "InC-OW-EU", "InC-EDU", "InC-NC", "InC-RUU", "NoC-CR", "NoC-NC", "NoC-OKLR",
        "NoC-US", "CNE", "UND", "NKC",
    ),
    Claim.AUTHORS: tuple(Layer),
    Claim.ABSENT: tuple(Layer),
}  # fmt: skip

ClaimValue = dict[str, Any]
"""One claim as readers give it: `claim`, `value`, `raw`, `witness`, `confidence`."""


class Said(NamedTuple):
    """One claim, checked."""

    claim: Claim
    value: str
    raw: str
    witness: str | None
    confidence: float | None


def fact_value(claim: Claim, text: str) -> str | None:
    """`text` as the value of a claim on a fact or a restriction, or None where it is none."""
    text = text.strip()
    if claim is Claim.FIXED or claim in _EVENTS:
        return "never" if text == "never" and claim in _EVENTS else _years(text)
    if claim is Claim.AUTHOR:
        layer, _, died = text.partition(":")
        if layer not in tuple(Layer):
            return None
        known = died if died in ("living", "?", "anonymous") else _years(died)
        return f"{layer}:{known}" if known else None
    return next((word for word in _WORDS.get(claim, ()) if word.lower() == text.lower()), None)


def parse_claims(value: Any) -> tuple[Said, ...] | None:
    """The claims of one row; () where there are none, None where one cannot be right."""
    if not value:
        return ()
    if not isinstance(value, list):
        return None
    said = tuple(_parse_claim(item) for item in value)
    return None if None in said else tuple(s for s in said if s is not None)


def published_by(
    year: int | None, raw: str, witness: str, confidence: float | None = None
) -> list[ClaimValue]:
    """That it was published in `year` or before: a release says no more than that."""
    return _by(Claim.PUBLISHED, year, raw, witness, confidence)


def recorded_by(
    year: int | None, raw: str, witness: str, confidence: float | None = None
) -> list[ClaimValue]:
    """That it was recorded in `year` or before."""
    return _by(Claim.FIXED, year, raw, witness, confidence)


def rights_statement(text: str) -> str | None:
    """The id of RightsStatements.org that a text on rights names or plainly amounts to."""
    if match := _STATEMENT.search(text):
        return fact_value(Claim.STATEMENT, match[1])
    return "NKC" if _NO_KNOWN.fullmatch(text.strip()) else None


def claim_value(
    claim: Claim, value: str, raw: str, witness: str, confidence: float | None = None
) -> ClaimValue:
    """One claim for the column `claims`."""
    return {
        "claim": claim.value,
        "value": value,
        "raw": raw,
        "witness": witness,
        "confidence": confidence,
    }


def _by(
    claim: Claim, year: int | None, raw: str, witness: str, confidence: float | None
) -> list[ClaimValue]:
    if year is None or not EARLIEST <= year <= LATEST_BOUND:
        return []
    return [claim_value(claim, f"..{year}", raw, witness, confidence)]


def _years(text: str) -> str | None:
    match = _YEARS.fullmatch(text)
    if match is None:
        return None
    if match[2] and match[3] and match[3] <= match[2]:
        return match[2] if match[2] == match[3] else None
    return text


def _parse_claim(item: Any) -> Said | None:
    if not isinstance(item, dict):
        return None
    texts = {name: item.get(name) for name in ("claim", "value", "raw", "witness")}
    if not all(value is None or isinstance(value, str) for value in texts.values()):
        return None
    written = texts["value"] or ""
    claim = next((c for c in Claim if c.value == texts["claim"]), None)
    value = fact_value(claim, written) if claim is not None else None
    confidence = item.get("confidence")
    if claim is None or value is None:
        return None
    if confidence is not None and not (
        isinstance(confidence, int | float) and 0 <= confidence <= 1
    ):
        return None
    sure = None if confidence is None else float(confidence)
    raw, witness = _plain(texts["raw"] or written), _plain(texts["witness"] or "")
    return Said(claim, value, raw, witness or None, sure)


def _plain(text: str) -> str:
    return text.encode("utf-8", "replace").decode()[:MAX_TEXT_CHARS]
