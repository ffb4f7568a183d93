"""Deals: what DDEX ERN messages offer, where and how long; nothing beyond."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.model.errors import FormatError
from phonotheque.model.rights import Level, Use
from phonotheque.rights.deals import Deal, deal_level, format_deal, parse_deal, parse_ern

START, END = date(2024, 2, 29), date(2025, 12, 31)
OFFER = Deal((Use.DISTRIBUTE, Use.STREAM), ("Worldwide",), START, models=("FreeOfChargeModel",))


def ern(terms: str, root: str = "ern:NewReleaseMessage") -> bytes:
    return (
        f'<?xml version="1.0"?><{root} xmlns:ern="http://ddex.net/xml/ern/382"><DealList>'
        f"<ReleaseDeal><DealReleaseReference>R1</DealReleaseReference><Deal><DealTerms>{terms}"
        f"</DealTerms></Deal></ReleaseDeal></DealList></{root}>"
    ).encode()


FREE = "<CommercialModelType>FreeOfChargeModel</CommercialModelType>"
SINCE = "<ValidityPeriod><StartDate>2024-02-29</StartDate></ValidityPeriod>"
WORLD = "<TerritoryCode>Worldwide</TerritoryCode>"
STREAM = "<UseType>OnDemandStream</UseType>"


@pytest.mark.parametrize("use_type", [STREAM, f"<Usage>{STREAM}</Usage>"])
def test_versions_3_and_4_of_a_message_are_read_alike(use_type: str) -> None:
    (found,) = parse_ern(ern(FREE + use_type + WORLD + SINCE), "a.xml")
    assert found.releases == ("R1",)
    assert deal_level(found.deal, "DE", START, Use.STREAM) is Level.ALLOW
    assert deal_level(found.deal, "DE", START, Use.HOLD) is Level.ALLOW
    for use in (Use.DISTRIBUTE, Use.AI_TRAIN):
        assert deal_level(found.deal, "DE", START, use) is Level.DENY


def test_a_deal_holds_from_its_first_to_its_last_day() -> None:
    deal = Deal((Use.STREAM,), ("DE",), START, end=END, models=("FreeOfChargeModel",))
    day = timedelta(days=1)
    levels = [deal_level(deal, "DE", d, Use.STREAM) for d in (START - day, START, END, END + day)]
    assert levels == [Level.DENY, Level.ALLOW, Level.ALLOW, Level.DENY]
    assert deal_level(deal, "FR", START, Use.STREAM) is Level.DENY


def test_excluded_countries_and_countries_excluded_in_part_are_not_covered() -> None:
    terms = FREE + STREAM + SINCE + (
        "<ExcludedTerritoryCode>US</ExcludedTerritoryCode>"
        "<ExcludedTerritoryCode>CA-QC</ExcludedTerritoryCode>"
    )  # fmt: skip
    (found,) = parse_ern(ern(terms), "a.xml")
    got = {t: deal_level(found.deal, t, START, Use.STREAM).name for t in ("US", "CA", "DE")}
    assert got == {"US": "DENY", "CA": "DENY", "DE": "ALLOW"}


def test_paid_models_unknown_terms_and_ends_need_a_look() -> None:
    paid = FREE.replace("FreeOfCharge", "Subscription") + STREAM + WORLD + SINCE
    limited = FREE + STREAM + WORLD + SINCE + "<DistributionChannel>X</DistributionChannel>"
    for terms in (paid, limited):
        (found,) = parse_ern(ern(terms), "a.xml")
        assert deal_level(found.deal, "DE", START, Use.STREAM) is Level.REVIEW
    ending = Deal((Use.DISTRIBUTE,), ("DE",), START, end=END, models=("FreeOfChargeModel",))
    assert deal_level(ending, "DE", START, Use.DISTRIBUTE) is Level.REVIEW


def test_a_take_down_denies_everything() -> None:
    (found,) = parse_ern(ern("<TakeDown>true</TakeDown>" + WORLD), "a.xml")
    assert all(deal_level(found.deal, "DE", START, use) is Level.DENY for use in Use)


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>", "document type"),
        (
            '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE x><x/>'.encode("utf-16"),
            "document type",
        ),
        (b"<x>" * 50, "deeper"),
        (b"<x", "a.xml"),
        (ern("", "PurgeReleaseMessage"), "PurgeReleaseMessage"),
        (ern(STREAM + SINCE), "TerritoryCode"),
        (ern(STREAM + WORLD), "ValidityPeriod"),
        (ern(STREAM + WORLD + SINCE.replace("2024-02-29", "2023-02-29")), "2023-02-29"),
    ],
)
def test_a_message_that_is_not_clear_is_refused_with_the_reason(content, names) -> None:
    with pytest.raises(FormatError, match=names):
        parse_ern(content, "a.xml")


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with pytest.raises(FormatError):
        parse_ern(content, "a.xml")


def test_a_deal_survives_its_written_form() -> None:
    assert parse_deal(format_deal(OFFER)) == OFFER
    with pytest.raises(FormatError):
        parse_deal('{"uses": ["STREAM"]}')
