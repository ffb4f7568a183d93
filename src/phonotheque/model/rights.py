"""Values of the rights room that travel: uses, levels, evidence, verdicts."""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntEnum, StrEnum


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


class EvidenceKind(StrEnum):
    """Where a claim was found, from the strongest to the weakest."""

    RIGHTS_HOLDER = "rightsholder"
    SIDECAR = "sidecar"
    PACKAGE_COPYRIGHT = "package-copyright"
    TAG = "tag"
    CATALOGUE = "catalogue"
    INFERENCE = "inference"


class Claim(StrEnum):
    """What a piece of evidence says something about."""

    LICENCE = "licence"
    BASIS = "basis"  # value "own": the operator's own recording
    HOLDER = "holder"  # name of the rights holder
    REBUTTAL = "rebuttal"  # value "cover", "arrangement", "sample", "third-party-art", "lyrics"
    RESERVATION = "reservation"  # value "ai" or "tdm"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One claim as found. `value` is normalised, or None when `raw` could not be understood.

    `source` names the file or tag (``rights.toml``, ``tag:license``, ``doc/x/copyright``);
    `sha256` is the digest (hex) of the kept evidence file, where there is one.
    """

    claim: Claim
    value: str | None
    raw: str
    kind: EvidenceKind
    source: str
    captured_at: datetime
    sha256: str | None = None


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
