"""How the values of claims are written, for whoever wrote one otherwise. Pure."""

import re

from phonotheque.model.errors import UsageError
from phonotheque.model.rights import Claim, Layer, Use

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
