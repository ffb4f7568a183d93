"""Random evidence of every kind, for holding the set-wise verdicts against the core."""

from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random

from phonotheque.model.rights import Claim, Evidence, EvidenceKind, Layer, Use

AT = datetime(1970, 1, 1, tzinfo=UTC)
LICENCES = [
    "CC0-1.0", "CC-PDM-1.0", "CC-PDDC", "CC-BY-4.0", "CC-BY-SA-3.0", "CC-BY-NC-3.0", "CC-BY-ND-4.0",
    "GPL-3.0-or-later", "MIT", "LAL-1.3", "LicenseRef-All-Rights-Reserved", None,
    "CC-BY-4.0 OR GPL-3.0-or-later", "CC-BY-NC-3.0 OR CC-BY-ND-4.0", "CC-BY-SA-3.0 AND MIT",
]  # fmt: skip
WITNESSES = ["loc", "discography:dahr", "musicbrainz", "bnf", None]
LAYERS = ["work", "lyrics", "arrangement"]
_DEALS = [
    '{"uses":["STREAM"],"territories":["DE","FR"],"start":"2020-01-01",'
    '"models":["FreeOfChargeModel"]}',
    '{"uses":["STREAM"],"territories":["Worldwide"],"start":"2020-01-01","end":"2026-12-31",'
    '"models":["FreeOfChargeModel"],"layers":["phonogram","performers","work","lyrics"]}',
    "not a deal",
]


def random_evidence(random: Random) -> tuple[Evidence, ...]:
    """What might be stated of one recording: licences, signs, statements, years; often nothing."""
    makers = [(_licence, 0.4), (_year, 0.8), (_author, 0.6), (_other, 0.4)]
    items = [
        make(random)
        for make, often in makers
        if random.random() < often
        for _ in range(random.choice([1, 1, 2, 4]))
    ]
    return tuple(items)


def random_absence(random: Random) -> Iterator[Evidence]:
    """Old years by two witnesses; no lyrics, no more authors or nobody known by up to two."""

    def said(claim: Claim, value: str, witnesses: list[str | None]) -> Iterator[Evidence]:
        for one in witnesses:
            yield Evidence(claim, value, value, EvidenceKind.CATALOGUE, "x", AT, witness=one)

    two: list[str | None] = ["loc", "bnf"]
    died = random.choice(["anonymous", "1880"])
    for claim in (Claim.FIXED, Claim.PUBLISHED):
        yield from said(claim, "1920", two)
    yield from said(Claim.WORK_PUBLISHED, random.choice(["1878", "1920"]), two)
    yield from said(Claim.AUTHOR, f"work:{died}", random.choice([two, two[:1]]))
    for claim, value in ((Claim.AUTHORS, "work"), (Claim.ABSENT, "lyrics")):
        yield from said(claim, value, random.choice([[], [None], two[:1], two]))
    if random.random() < 0.3:
        yield from said(Claim.REBUTTAL, "arrangement", [None])
        yield from said(Claim.ABSENT, "arrangement", random.choice([two[:1], two]))


def _said(random: Random, claim: Claim, value: str | None, *kinds: EvidenceKind) -> Evidence:
    kind = random.choice(kinds or tuple(EvidenceKind))
    witness = random.choice(WITNESSES)
    return Evidence(claim, value, value or "", kind, "catalogue", AT, witness=witness)


def _licence(random: Random) -> Evidence:
    return _said(random, Claim.LICENCE, random.choice(LICENCES))


def _span(random: Random) -> str:
    first = random.choice([1905, 1922, 1923, 1946, 1955, 1962, 1963, 1967, 1971, 1972, 1976, 2010])
    first += random.choice([0, 0, 1, -1])
    return random.choice(
        [f"{first}", f"{first}", f"{first}..{first + 3}", f"..{first}", f"{first}.."]
    )


def _year(random: Random) -> Evidence:
    claim = random.choice(
        [Claim.FIXED, Claim.PUBLISHED, Claim.PUBLISHED, Claim.COMMUNICATED, Claim.WORK_PUBLISHED]
    )
    event = claim is not Claim.FIXED and random.random() < 0.2
    kinds = (EvidenceKind.CATALOGUE, EvidenceKind.LABEL_SCAN, EvidenceKind.SIDECAR)
    return _said(random, claim, "never" if event else _span(random), *kinds)


def _author(random: Random) -> Evidence:
    layer, kind = random.choice(LAYERS), EvidenceKind.CATALOGUE
    if random.random() < 0.3:
        return _said(random, Claim.AUTHORS, layer, kind)
    if random.random() < 0.3:
        return _said(random, Claim.ABSENT, random.choice(list(Layer)).value, kind)
    died = random.choice([_span(random), _span(random), "living", "?", "anonymous"])
    return _said(random, Claim.AUTHOR, f"{layer}:{died}", kind)


def _other(random: Random) -> Evidence:
    claim, value = random.choice(
        [
            (Claim.BASIS, random.choice(["own", "public-domain"])),
            (Claim.HOLDER, "present"),
            (Claim.REBUTTAL, random.choice(["cover", "sample", "arrangement", "third-party-art"])),
            (Claim.RESERVATION, "ai"),
            (Claim.CHECKED, "tdmrep"),
            (Claim.LAYER_LICENCE, f"{random.choice(list(Layer)).value}=CC-BY-4.0 OR MIT"),
            (Claim.STATEMENT, random.choice(["NoC-US", "InC", "NoC-NC", "CNE"])),
            (Claim.CONTRACT, random.choice(list(Use)).value),
            (Claim.DONOR, "DISTRIBUTE"),
            (Claim.SENSITIVITY, "cultural"),
            (Claim.NOTICE_1401C, random.choice(["2025-01-01", "2026-11-01", "opt-out"])),
            (Claim.PROVENANCE, "streaming-service"),
            (Claim.DEAL, random.choice(_DEALS)),
        ]
    )
    return _said(random, claim, value)
