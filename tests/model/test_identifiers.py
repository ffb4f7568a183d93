"""ISRC, MBID and GTIN as they come, and what is made of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.model.identifiers import (
    IsrcStatus,
    format_isrc,
    gtin_is_valid,
    parse_gtin,
    parse_isrc,
    parse_mbid,
    split_isrcs,
)


@pytest.mark.parametrize(
    "raw", ["DEA012600001", "de-a01-26-00001", "ISRC DE A01 26 00001", " isrc:DE–A01–26–00001 "]
)
def test_a_code_is_one_code_however_it_is_written(raw: str) -> None:
    assert parse_isrc(raw) == ("DEA012600001", IsrcStatus.VALID)
    assert format_isrc(parse_isrc(raw)[0]) == "DE-A01-26-00001"


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        ("", IsrcStatus.MALFORMED),
        ("DEA01260000", IsrcStatus.MALFORMED),
        ("DEA0126000012", IsrcStatus.MALFORMED),
        ("DEA01260000A", IsrcStatus.MALFORMED),
        ("٣EA012600001", IsrcStatus.MALFORMED),
        ("XXA012600001", IsrcStatus.PLACEHOLDER),
        ("DEA010000000", IsrcStatus.PLACEHOLDER),
        ("AAAAA2600001", IsrcStatus.PLACEHOLDER),
        ("OOA012600001", IsrcStatus.UNKNOWN_PREFIX),
        ("QZA012600001", IsrcStatus.VALID),
    ],
)
def test_codes_are_classed_by_their_form(raw: str, status: IsrcStatus) -> None:
    assert parse_isrc(raw)[1] is status


@given(st.text())
def test_any_text_gets_a_status(raw: str) -> None:
    code, status = parse_isrc(raw)
    if status is not IsrcStatus.MALFORMED:
        assert len(code) == 12 and code.isascii()


def test_several_codes_in_one_field_are_taken_apart() -> None:
    assert split_isrcs("DEA012600001; DEA012600002,DEA012600003\x00\x00") == [
        "DEA012600001",
        "DEA012600002",
        "DEA012600003",
    ]


def test_only_the_canonical_form_is_an_mbid() -> None:
    mbid = "8f6bd1e4-fbe1-4f50-aa9b-94c450ec0f11"
    assert parse_mbid(f" {mbid.upper()} ") == mbid
    assert parse_mbid(mbid.replace("-", "")) is None
    assert parse_mbid("{" + mbid + "}") is None
    assert parse_mbid("nothing") is None


def test_barcodes_with_a_right_check_digit_are_comparable() -> None:
    assert gtin_is_valid("036000291452")
    assert parse_gtin("0 36000 29145 2") == parse_gtin("0036000291452") == "00036000291452"
    assert parse_gtin("036000291453") is None
    assert not gtin_is_valid("٠٣٦٠٠٠٢٩١٤٥٢")
