"""What may be claimed of a recording, and how it is written: ``FIELD=VALUE``. Pure."""

import re
from collections.abc import Callable
from datetime import date

from phonotheque.archive.row_worker import understand
from phonotheque.model.errors import FormatError, UsageError
from phonotheque.model.rights import Claim, EvidenceKind, Layer, Use
from phonotheque.rights import parse_deal
from phonotheque.sources import fact_value

KINDS = (
    EvidenceKind.RIGHTS_HOLDER,
    EvidenceKind.SIDECAR,
    EvidenceKind.LABEL_SCAN,
    EvidenceKind.REGISTRY,
    EvidenceKind.CATALOGUE,
)
GRANTING = (EvidenceKind.RIGHTS_HOLDER, EvidenceKind.SIDECAR)
GRANTS = (Claim.LICENCE, Claim.BASIS, Claim.LAYER_LICENCE, Claim.DEAL, Claim.NOTICE_1401C)
"""Claims that only somebody who may give something can make."""
FIELDS = tuple(claim for claim in Claim if claim is not Claim.CHECKED)
_WORDS = {
    Claim.BASIS: ("own", "public-domain"),
    Claim.REBUTTAL: ("cover", "arrangement", "sample", "third-party-art", "lyrics"),
    Claim.RESERVATION: ("ai", "tdm"),
}
_LAYERS = ", ".join(Layer)
_YEARS = "a year or a range of years, as in {}=1921 or {}=1920..1922, or {}=never"
_HOW = {
    Claim.LICENCE: "an SPDX id or a Creative Commons licence with its version: licence=CC-BY-4.0",
    Claim.BASIS: "basis=own or basis=public-domain",
    Claim.HOLDER: "a name: holder=Jane Roe",
    Claim.REBUTTAL: "one of cover, arrangement, sample, third-party-art, lyrics: rebuttal=cover",
    Claim.RESERVATION: "reservation=ai or reservation=tdm",
    Claim.FIXED: "a year or a range of years, as in fixed=1921 or fixed=1920..1922",
    Claim.AUTHOR: "a layer and the years of death, living, ? or anonymous: author=work:1924",
    Claim.AUTHORS: "the layer whose authors are all named: authors=work",
    Claim.ABSENT: "a layer that the recording does not have: absent=lyrics",
    Claim.LAYER_LICENCE: "a layer and its licence: layer-licence=work=CC0-1.0",
    Claim.DEAL: "a deal as JSON, with uses, territories and days",
    Claim.STATEMENT: "an id of RightsStatements.org: statement=NoC-US",
    Claim.SENSITIVITY: "sensitivity=privacy or sensitivity=cultural",
    Claim.NOTICE_1401C: "the day the notice was filed, or opt-out: us-1401c=2026-02-01",
    Claim.PROVENANCE: "provenance=streaming-service",
}
_YEAR_CLAIMS = (Claim.FIXED, Claim.PUBLISHED, Claim.COMMUNICATED, Claim.WORK_PUBLISHED)
_DATED = (*_YEAR_CLAIMS, Claim.AUTHOR)
_WITH_LAYER = (Claim.AUTHOR, Claim.AUTHORS, Claim.ABSENT, Claim.LAYER_LICENCE)


def read_kind(text: str) -> EvidenceKind:
    """The kind of evidence of that name.

    Raises:
        UsageError: there is none, or no operator records it.
    """
    if text not in KINDS:
        raise UsageError(f"{text!r} is no kind of evidence; one of: {', '.join(KINDS)}")
    return EvidenceKind(text)


def read_claim(text: str, kind: EvidenceKind, this_year: int) -> tuple[Claim, str, str]:
    """Claim, normalised value and value as written of ``FIELD=VALUE``.

    Raises:
        UsageError: a field or value that there is not, or evidence of `kind` cannot say it.
    """
    name, equals, raw = text.partition("=")
    field, raw = name.strip().lower().replace("_", "-"), raw.strip()
    if not equals or field not in FIELDS:
        what = f"{field!r} is no field" if equals else f"{text!r} does not say FIELD=VALUE"
        raise UsageError(f"{what}; write FIELD=VALUE, the field one of {', '.join(FIELDS)}")
    claim = Claim(field)
    if claim in GRANTS and kind not in GRANTING:
        raise UsageError(
            f"{claim.value}: only a rights holder's own word gives this; if the document is one, "
            "say --kind rightsholder (or --kind sidecar: you state it yourself)"
        )
    return claim, check_value(claim, raw, parse_value(claim, raw), this_year), raw


def parse_value(claim: Claim, raw: str) -> str | None:
    """`raw` as the claim's value, or None where it is none."""
    if claim in _WORDS:
        return raw if raw in _WORDS[claim] else None
    parse = _PARSERS.get(claim)
    return parse(raw) if parse else fact_value(claim, raw)


def _layer_licence(raw: str) -> str | None:
    layer, _, written = raw.partition("=")
    licence = understand(written)
    return f"{layer}={licence}" if layer in tuple(Layer) and licence else None


def _deal(raw: str) -> str | None:
    try:
        parse_deal(raw)
    except FormatError:
        return None
    return raw


def _filing(raw: str) -> str | None:
    if raw == "opt-out":
        return raw
    try:
        return date.fromisoformat(raw).isoformat()
    except ValueError:
        return None


def how_to_write(claim: Claim) -> str:
    """What a value of `claim` looks like."""
    if claim in (Claim.CONTRACT, Claim.DONOR):
        return f"a use that is forbidden, one of {', '.join(Use)}: {claim}={Use.DISTRIBUTE}"
    how = _HOW.get(claim, _YEARS.replace("{}", claim.value))
    return f"{how}; layers are {_LAYERS}" if claim in _WITH_LAYER else how


def check_value(claim: Claim, raw: str, value: str | None, this_year: int) -> str:
    """`value`, as `raw` was understood.

    Raises:
        UsageError: it was not understood, or names a year that has not come yet.
    """
    if not value:
        raise UsageError(f"{raw!r} is no value of {claim}; write {how_to_write(claim)}")
    if claim in _DATED and any(int(year) > this_year for year in re.findall(r"\d{4}", value)):
        raise UsageError(f"{claim}={raw}: names a year that has not come yet")
    return value


_PARSERS: dict[Claim, Callable[[str], str | None]] = {
    Claim.LICENCE: understand,
    Claim.LAYER_LICENCE: _layer_licence,
    Claim.HOLDER: str.strip,
    Claim.DEAL: _deal,
    Claim.NOTICE_1401C: _filing,
}
