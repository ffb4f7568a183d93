"""Deals as licence objects, and reading them from DDEX ERN messages. Pure.

The world is closed: what no deal offers is denied. An ERN deal speaks for the master recording
(phonogram, performers, artwork), not for the composition.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from xml.etree import ElementTree as ET
from xml.parsers import expat

import msgspec

from phonotheque.model.errors import FormatError
from phonotheque.model.rights import Layer, Level, Use

MAX_ERN_BYTES = 16 << 20
MAX_DEPTH = 40
MASTER = (Layer.PHONOGRAM, Layer.PERFORMERS, Layer.ARTWORK)
WORLD = "Worldwide"
FREE = "FreeOfChargeModel"
USES = {
    "OnDemandStream": Use.STREAM,
    "Stream": Use.STREAM,
    "PermanentDownload": Use.DISTRIBUTE,
    "Download": Use.DISTRIBUTE,
    "UseForIdentification": Use.DERIVE_METADATA,
}
"""Nothing in ERN gives AI_TRAIN; other use types give nothing we do."""
_READ = {
    "TerritoryCode", "ExcludedTerritoryCode", "ValidityPeriod", "CommercialModelType", "Usage",
    "UseType", "TakeDown", "AllDealsCancelled",
}  # fmt: skip


class Deal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a rights holder offers: uses, where, when, for whom.

    `territories` are codes as in ERN ("Worldwide", "DE", "US-CA"); `end` is the last day, None
    until further notice. `limits` are terms we cannot judge: with any, somebody has to look.
    """

    uses: tuple[Use, ...]
    territories: tuple[str, ...]
    start: date
    excluded: tuple[str, ...] = ()
    end: date | None = None
    models: tuple[str, ...] = ()
    take_down: bool = False
    layers: tuple[Layer, ...] = MASTER
    limits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ErnDeal:
    """A deal and the references (R1, R2 …) of the releases it is for."""

    releases: tuple[str, ...]
    deal: Deal


def parse_deal(text: str) -> Deal:
    """A deal from its JSON form.

    Raises:
        FormatError: it is not the JSON of a deal.
    """
    try:
        return msgspec.json.decode(text, type=Deal)
    except msgspec.MsgspecError as error:
        raise FormatError(f"deal: {error}") from error


def format_deal(deal: Deal) -> str:
    """The JSON form of a deal; equal deals give equal text."""
    return msgspec.json.encode(deal, order="deterministic").decode()


def deal_level(deal: Deal, territory: str, on: date, use: Use) -> Level:
    """What the deal alone gives in `territory` on the day `on`.

    Only a free-of-charge model allows; another one is a contract that somebody has to read. What a
    deal with an end lets out to mirrors cannot be called back, so DISTRIBUTE is REVIEW at best.
    """
    if deal.take_down or on < deal.start or (deal.end is not None and on > deal.end):
        return Level.DENY
    if any(code == territory or code.startswith(f"{territory}-") for code in deal.excluded):
        return Level.DENY
    if WORLD in deal.excluded or not {WORLD, territory} & set(deal.territories):
        return Level.DENY
    holds = use is Use.HOLD and {Use.STREAM, Use.DISTRIBUTE} & set(deal.uses)
    if use is Use.AI_TRAIN or not (holds or use in deal.uses):
        return Level.DENY
    ends = use is Use.DISTRIBUTE and deal.end is not None
    return Level.REVIEW if deal.limits or FREE not in deal.models or ends else Level.ALLOW


def parse_ern(content: bytes, name: str) -> list[ErnDeal]:
    """The deals of an ERN 3.8 or 4 NewReleaseMessage; `name` is for messages.

    A message of version 4 without deals takes a release down: the list is empty.

    Raises:
        FormatError: too long, not well-formed, with a document type, or a deal that is not clear.
    """
    root = _parse_xml(content, name)
    if root.tag != "NewReleaseMessage":
        raise FormatError(f"{name}: a {root.tag} is no offer; a NewReleaseMessage is wanted")
    found: list[ErnDeal] = []
    for group in root.iter("ReleaseDeal"):
        releases = tuple(_texts(group, "DealReleaseReference"))
        for number, terms in enumerate(group.iter("DealTerms"), start=1):
            where = f"{name}: deal {number} of {' '.join(releases) or '?'}"
            found += [ErnDeal(releases, deal) for deal in _deals(terms, where)]
    return found


def _deals(terms: ET.Element, where: str) -> Iterator[Deal]:
    territories, excluded = _texts(terms, "TerritoryCode"), _texts(terms, "ExcludedTerritoryCode")
    if bool(territories) == bool(excluded):
        raise FormatError(f"{where}: give TerritoryCode or ExcludedTerritoryCode, and not both")
    stop = {t.lower() for tag in ("TakeDown", "AllDealsCancelled") for t in _texts(terms, tag)}
    take_down = bool(stop & {"true", "1"})
    types = _texts(terms, "UseType")
    limits = {child.tag for child in terms} - _READ | {
        f"Usage/{child.tag}" for usage in terms.iter("Usage") for child in usage
    } - {"Usage/UseType"}
    periods: list[ET.Element | None] = [*terms.iter("ValidityPeriod")]
    if not periods and not take_down:
        raise FormatError(f"{where}: no ValidityPeriod; ask the sender since when it holds")
    for period in periods or [None]:
        start = _day(period, "Start", where) or (date.min if take_down else None)
        if start is None:
            raise FormatError(f"{where}: no StartDate; ask the sender since when it holds")
        yield Deal(
            uses=tuple(sorted({USES[t] for t in types if t in USES})),
            territories=tuple(territories) or (WORLD,),
            start=start,
            excluded=tuple(excluded),
            end=_day(period, "End", where),
            models=tuple(_texts(terms, "CommercialModelType")),
            take_down=take_down,
            limits=tuple(sorted(limits)),
        )


def _day(period: ET.Element | None, edge: str, where: str) -> date | None:
    """The first or last whole day; a part of a day does not count."""
    if period is None:
        return None
    written = [*_texts(period, f"{edge}Date"), *_texts(period, f"{edge}DateTime")]
    if not written:
        return None
    try:
        moment = datetime.fromisoformat(written[0])
        if "T" not in written[0]:
            return moment.date()
        if edge == "End":
            return moment.date() - timedelta(days=1)
        return moment.date() + timedelta(days=moment.time() != time(0))
    except (ValueError, OverflowError) as error:
        raise FormatError(f"{where}: {edge}Date {written[0]!r} is no date") from error


def _texts(element: ET.Element, tag: str) -> list[str]:
    return [text for e in element.iter(tag) if (text := (e.text or "").strip())]


def _parse_xml(content: bytes, name: str) -> ET.Element:
    """The tree without namespaces; no document type, so no entities beyond XML's own."""
    if len(content) > MAX_ERN_BYTES:
        raise FormatError(f"{name}: longer than {MAX_ERN_BYTES} bytes")
    builder, parser, depth = ET.TreeBuilder(), expat.ParserCreate(), 0

    def refuse(*_: object) -> None:
        raise FormatError(f"{name}: declares a document type; such messages are not read")

    def start(tag: str, _: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise FormatError(f"{name}: nested deeper than {MAX_DEPTH} elements")
        builder.start(tag.rpartition(":")[2], {})

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag.rpartition(":")[2])

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise FormatError(f"{name}: {error}") from error
    return builder.close()
