"""Values of the rights room that travel: uses, levels, evidence, verdicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntEnum, StrEnum
from typing import Any


class Use(StrEnum):
    """What somebody wants to do with a recording."""

    HOLD = "HOLD"
    PRESERVE = "PRESERVE"
    STREAM = "STREAM"
    DISTRIBUTE = "DISTRIBUTE"
    AI_TRAIN = "AI_TRAIN"
    DERIVE_METADATA = "DERIVE_METADATA"


class Level(IntEnum):
    """The lattice of verdicts; combining takes the minimum."""

    DENY = 0
    REVIEW = 1
    ALLOW_IF = 2
    ALLOW = 3


class Layer(StrEnum):
    """The rights that lie on one track, each with a term and a holder of its own."""

    PHONOGRAM = "phonogram"  # of the producer of the recording
    PERFORMERS = "performers"
    WORK = "work"  # the composition
    LYRICS = "lyrics"
    ARRANGEMENT = "arrangement"
    ARTWORK = "artwork"


class EvidenceKind(StrEnum):
    """Where a claim was found, from the strongest to the weakest."""

    RIGHTS_HOLDER = "rightsholder"
    SIDECAR = "sidecar"
    PACKAGE_COPYRIGHT = "package-copyright"
    TAG = "tag"
    LABEL_SCAN = "label-scan"
    REGISTRY = "registry"
    CATALOGUE = "catalogue"
    INFERENCE = "inference"


class Claim(StrEnum):
    """What a piece of evidence says something about, and how its value is written.

    *years*: ``1921``, or first and last possible year ``1920..1922``; *event*: years, or ``never``.
    """

    LICENCE = "licence"  # id of a licence, or an expression: "CC-BY-4.0 OR MIT"
    BASIS = "basis"  # "own": the operator's own recording; "public-domain"
    HOLDER = "holder"  # name of the rights holder
    REBUTTAL = "rebuttal"  # "cover", "arrangement", "sample", "third-party-art", "lyrics"
    RESERVATION = "reservation"  # what is reserved: "ai", "tdm"
    CHECKED = "checked"  # a signal looked for and not found: "tdmrep", "robots.txt" …
    FIXED = "fixed"  # years: when the recording was made
    PUBLISHED = "published"  # event: the first lawful publication of the recording
    COMMUNICATED = "communicated"  # event: its first communication to the public
    WORK_PUBLISHED = "work-published"  # event: the first publication of the composition
    AUTHOR = "author"  # "<layer>:<years of death>", "<layer>:living", ":?" or ":anonymous"
    AUTHORS = "authors"  # "<layer>": the authors named for this layer are all there are
    ABSENT = "absent"  # a layer that the recording does not have, such as "lyrics"
    LAYER_LICENCE = "layer-licence"  # "<layer>=<licence>": given by the holder of that layer
    DEAL = "deal"  # a licence object as JSON (rights.deals)
    STATEMENT = "statement"  # id of RightsStatements.org: "NoC-US"
    CONTRACT = "contract"  # a use that terms of the source forbid: "DISTRIBUTE"
    DONOR = "donor"  # a use that the donor's terms forbid
    SENSITIVITY = "sensitivity"  # "privacy", "cultural"
    NOTICE_1401C = "us-1401c"  # date a notice of use was filed under 17 USC 1401(c), or "opt-out"
    PROVENANCE = "provenance"  # "streaming-service": taken from one, without a deal


LEAST_CONFIDENCE = 0.5
"""A claim that its source itself holds for less likely than this bears nothing out."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One claim as found. `value` is normalised, or None when `raw` could not be understood.

    `source` names the file or tag (``rights.toml``, ``tag:license``, ``doc/x/copyright``);
    `sha256` is the digest (hex) of the kept evidence file, where there is one. `witness` names who
    says it (``loc``, ``discography:dahr``): two claims are independent where their witnesses
    differ. `confidence` is 0 … 1, or None where nobody said.
    """

    claim: Claim
    value: str | None
    raw: str
    kind: EvidenceKind
    source: str
    captured_at: datetime
    sha256: str | None = None
    witness: str | None = None
    confidence: float | None = None


def evidence_of(row: Mapping[str, Any]) -> Evidence:
    """Evidence from a row of `tables.EVIDENCE`."""
    return Evidence(**{**row, "claim": Claim(row["claim"]), "kind": EvidenceKind(row["kind"])})


def standing_claims(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of the rows of `tables.CLAIM_ROWS` that count: they neither were taken back nor take
    back another.
    """
    gone = {row["takes_back"] for row in rows}
    return [row for row in rows if row["claim"] not in gone and row["evidence"]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer for one use, with its argument. A verdict without rule ids is a bug.

    `conditions` bind whoever acts on ALLOW_IF; `valid_until` is the last day on which the verdict
    is known to hold, or None when no term changes it.
    """

    use: Use
    level: Level
    reasons: tuple[str, ...]
    rule_ids: tuple[str, ...]
    conditions: tuple[str, ...] = field(default=())
    valid_until: date | None = None

    @property
    def allows(self) -> bool:
        """Whether the use may go ahead, under `conditions` where there are any."""
        return self.level >= Level.ALLOW_IF
