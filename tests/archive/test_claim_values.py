"""Values of claims that were written otherwise: the error says how they are written."""

import re

import pytest

from phonotheque.archive.claim_values import FIELDS, check_value, how_to_write, parse_value
from phonotheque.model.errors import UsageError
from phonotheque.model.rights import Claim


@pytest.mark.parametrize("claim", [c for c in FIELDS if c not in (Claim.DEAL, Claim.PROVENANCE)])
def test_what_an_error_tells_to_write_is_understood(claim: Claim) -> None:
    told = how_to_write(claim)
    examples = re.findall(rf"\b{claim.value}=((?:Jane Roe)|[^\s,;]+)", told)
    assert examples, told
    for example in examples:
        assert check_value(claim, example, parse_value(claim, example), 2026)


@pytest.mark.parametrize("claim", FIELDS)
def test_what_is_not_understood_is_answered_with_how_to_write_it(claim: Claim) -> None:
    with pytest.raises(UsageError, match=re.escape(how_to_write(claim))):
        check_value(claim, "nonsense", None, 2026)


@pytest.mark.parametrize(
    ("claim", "value"),
    [(Claim.PUBLISHED, "2027"), (Claim.FIXED, "1920..2900"), (Claim.AUTHOR, "work:2912")],
)
def test_a_year_to_come_is_a_slip_of_the_pen(claim: Claim, value: str) -> None:
    with pytest.raises(UsageError, match="not come yet"):
        check_value(claim, value, value, 2026)
