"""Verdicts on sets of evidence, as columns: what publishing asks the rights room."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pyarrow as pa

from phonotheque.archive.policy import archive_policy
from phonotheque.model.archive import ArchiveSettings
from phonotheque.model.findings import FindingCode
from phonotheque.model.rights import Claim, Evidence, EvidenceKind, Level, Use, Verdict, evidence_of
from phonotheque.rights import Licence, Policy, agreed_licences, decide, facts_of, licence_text

NO_LICENCE = "LicenseRef-none"
VERDICTS = pa.schema(
    [
        pa.field("signature", pa.string()),
        pa.field("allows", pa.bool_()),
        pa.field("code", pa.string()),  # of the finding, where DISTRIBUTE is not allowed
        pa.field("message", pa.string()),
        pa.field("licence", pa.string()),
        pa.field("licence_url", pa.string()),
        pa.field("licence_name", pa.string()),
        pa.field("holder", pa.string()),
        pa.field("stream", pa.string()),
        pa.field("distribute", pa.string()),
        pa.field("conditions", pa.list_(pa.string())),
        pa.field("rule_ids", pa.list_(pa.string())),
        pa.field("reasons", pa.list_(pa.string())),
    ]
)
_CODES = (
    ("licence.conflict", FindingCode.RIGHTS_CONFLICT),
    ("licence.unreadable", FindingCode.RIGHTS_UNREADABLE),
    ("evidence.none", FindingCode.RIGHTS_NO_EVIDENCE),
    ("evidence.hearsay", FindingCode.RIGHTS_NO_EVIDENCE),
)


def decide_evidence(batch: pa.RecordBatch, settings: ArchiveSettings, on: date) -> pa.RecordBatch:
    """`VERDICTS` for a batch with the columns `signature` and `evidence` (`tables.EVIDENCE`)."""
    policy = archive_policy(settings)
    rows = [
        {"signature": row["signature"], **_decided(parse_evidence(row["evidence"]), policy, on)}
        for row in batch.to_pylist()
    ]
    return pa.RecordBatch.from_pylist(rows, schema=VERDICTS)


def parse_evidence(rows: list[dict[str, Any]]) -> tuple[Evidence, ...]:
    """Evidence as the rights room takes it, from rows of `tables.EVIDENCE`."""
    return tuple(map(evidence_of, rows))


def _decided(evidence: tuple[Evidence, ...], policy: Policy, on: date) -> dict[str, object]:
    facts, world = facts_of(evidence), policy.territories
    distribute = decide(facts, world, on, Use.DISTRIBUTE, policy)
    stream = decide(facts, world, on, Use.STREAM, policy)
    licences = agreed_licences(evidence, policy)
    return {
        "allows": distribute.allows,
        "code": _finding_code(distribute).value,
        "message": "; ".join(distribute.reasons),
        "licence": licence_text(licences) or NO_LICENCE,
        "licence_url": licences[0].url if len(licences) == 1 else None,
        "licence_name": licence_names(licences),
        "holder": _holder(evidence),
        "stream": stream.level.name,
        "distribute": distribute.level.name,
        "conditions": list(distribute.conditions),
        "rule_ids": list(distribute.rule_ids),
        "reasons": list(distribute.reasons),
    }


def licence_names(licences: Sequence[Licence]) -> str | None:
    """What a person calls them; of several that have to be kept together, where each stands too."""
    if len(licences) > 1:
        return " and ".join(f"{one.name} ({one.url})" for one in licences)
    return licences[0].name if licences else None


def _finding_code(verdict: Verdict) -> FindingCode:
    for rule_id, code in _CODES:
        if rule_id in verdict.rule_ids:
            return code
    review = verdict.level is Level.REVIEW
    return FindingCode.RIGHTS_REVIEW if review else FindingCode.RIGHTS_DENIED


def _holder(evidence: tuple[Evidence, ...]) -> str | None:
    """The rights holder as the strongest evidence names it; the first by name where two do."""
    order = list(EvidenceKind)
    named = [
        (order.index(e.kind), e.value) for e in evidence if e.claim is Claim.HOLDER and e.value
    ]
    return min(named)[1] if named else None
