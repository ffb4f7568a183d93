"""Claims on facts: how they are written, bounded, and carried to the evidence of rows."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.model.findings import FindingCode
from phonotheque.model.rights import Claim
from phonotheque.sources.stated import (
    EARLIEST,
    LATEST_BOUND,
    claim_value,
    fact_value,
    parse_claims,
    published_by,
    recorded_by,
)
from tests.sources.test_row_maker import make


@pytest.mark.parametrize(
    ("claim", "written", "value"),
    [
        (Claim.FIXED, "1921", "1921"),
        (Claim.FIXED, " 1920..1922 ", "1920..1922"),
        (Claim.FIXED, "1921..1921", "1921"),
        (Claim.FIXED, "..1921", "..1921"),
        (Claim.FIXED, "1921..", "1921.."),
        (Claim.FIXED, "..", None),
        (Claim.FIXED, "1922..1920", None),
        (Claim.FIXED, "never", None),
        (Claim.PUBLISHED, "never", "never"),
        (Claim.PUBLISHED, "about 1921", None),
        (Claim.AUTHOR, "work:1924", "work:1924"),
        (Claim.AUTHOR, "lyrics:1920..1925", "lyrics:1920..1925"),
        (Claim.AUTHOR, "work:living", "work:living"),
        (Claim.AUTHOR, "arrangement:?", "arrangement:?"),
        (Claim.AUTHOR, "lyrics:anonymous", "lyrics:anonymous"),
        (Claim.AUTHOR, "tune:1924", None),
        (Claim.AUTHOR, "work", None),
        (Claim.AUTHORS, "Work", "work"),
        (Claim.ABSENT, "lyrics", "lyrics"),
        (Claim.STATEMENT, "noc-us", "NoC-US"),
        (Claim.CONTRACT, "DISTRIBUTE", "DISTRIBUTE"),
        (Claim.CONTRACT, "everything", None),
        (Claim.LICENCE, "CC0-1.0", None),  # a licence is no fact: it has a column of its own
    ],
)
def test_a_value_is_written_in_one_way_or_is_none(
    claim: Claim, written: str, value: str | None
) -> None:
    assert fact_value(claim, written) == value


@given(st.sampled_from(Claim), st.text(max_size=12))
def test_what_was_once_normalised_stays_as_it_is(claim: Claim, text: str) -> None:
    value = fact_value(claim, text)
    assert value is None or fact_value(claim, value) == value


def test_a_bound_is_written_only_where_a_term_can_be_over() -> None:
    assert published_by(1921, "1921", "w")[0]["value"] == "..1921"
    assert recorded_by(LATEST_BOUND, "", "w")[0]["claim"] == "fixed"
    assert published_by(LATEST_BOUND + 1, "", "w") == []
    assert published_by(EARLIEST - 1, "", "w") == []
    assert published_by(None, "", "w") == []


def test_claims_of_a_row_become_evidence_of_its_catalogue_beside_its_licence() -> None:
    fixed = claim_value(Claim.FIXED, "1921", "rec. 1921", "loc", 0.9)
    rows, findings = make(claims=[[fixed], None, [fixed]], licence=["cc0", "cc0", None])
    assert not findings
    said = [[(e["claim"], e["value"], e["witness"]) for e in row["evidence"]] for row in rows]
    assert said == [
        [("licence", "CC0", None), ("fixed", "1921", "loc")],
        [("licence", "CC0", None)],
        [("fixed", "1921", "loc")],
    ]
    evidence = rows[2]["evidence"][0]
    assert (evidence["raw"], evidence["kind"], evidence["confidence"]) == (
        "rec. 1921", "catalogue", 0.9,
    )  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        "1921",
        [{"claim": "fixed", "value": "soon"}],
        [{"claim": "licence", "value": "CC0-1.0"}],
        [{"claim": "fixed", "value": "1921", "confidence": 2}],
        [{"claim": "fixed", "value": 1921}],
        [None],
    ],
)
def test_claims_that_cannot_be_right_are_left_out_and_said(wrong: Any) -> None:
    rows, findings = make(claims=[wrong, None])
    assert [row["evidence"] for row in rows] == [[], []]
    assert [(f.code, f.row) for f in findings] == [(FindingCode.ROW_BAD_NUMBER, 1)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["claim", "value", "raw", "witness", "x"]), inner, max_size=4
        )
    ),
    max_leaves=6,
)


@given(JSON)
def test_no_value_breaks_the_reading_of_claims(value: Any) -> None:
    parse_claims(value)
