"""Verdicts on evidence, as columns, and the findings for what may not be distributed."""

from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from phonotheque.archive.init import plan_init
from phonotheque.archive.verdicts import decide_evidence
from phonotheque.model import tables
from phonotheque.model.findings import FindingCode
from tests.support.clock import NOW

BATCH = pa.schema(
    [pa.field("signature", pa.string()), pa.field("evidence", pa.list_(tables.EVIDENCE))]
)


def claim(value: str | None, kind: str = "sidecar", what: str = "licence") -> dict[str, Any]:
    return {
        "claim": what, "value": value, "raw": value or "???", "kind": kind, "source": "x",
        "captured_at": NOW, "sha256": None,
    }  # fmt: skip


def decided(tmp_path: Any, *evidence: dict[str, Any]) -> dict[str, Any]:
    settings = plan_init(tmp_path / "a", name="A", publisher="T", seat="DE").settings
    rows = [{"signature": "s", "evidence": list(evidence)}]
    batch = pa.RecordBatch.from_pylist(rows, schema=BATCH)
    row: dict[str, Any] = decide_evidence(batch, settings, date(2026, 11, 22)).to_pylist()[0]
    return row


def test_a_licence_of_the_rights_holder_allows_under_its_conditions(tmp_path: Any) -> None:
    row = decided(
        tmp_path, claim("CC-BY-4.0"), claim("Ann", "tag", "holder"), claim("Bob", what="holder")
    )
    assert row["allows"] and row["licence"] == "CC-BY-4.0" and row["conditions"]
    assert row["holder"] == "Bob", "the sidecar is stronger than the tag"
    assert row["rule_ids"] and row["licence_url"].startswith("https://")


@pytest.mark.parametrize(
    ("evidence", "code"),
    [
        ([], FindingCode.RIGHTS_NO_EVIDENCE),
        ([claim("CC-BY-4.0"), claim("CC-BY-NC-4.0", "tag")], FindingCode.RIGHTS_CONFLICT),
        ([claim(None)], FindingCode.RIGHTS_UNREADABLE),
        ([claim("CC-BY-4.0"), claim("cover", what="rebuttal")], FindingCode.RIGHTS_REVIEW),
        ([claim("CC-BY-NC-4.0")], FindingCode.RIGHTS_DENIED),
    ],
)
def test_what_may_not_be_distributed_is_a_finding(
    tmp_path: Any, evidence: list[dict[str, Any]], code: FindingCode
) -> None:
    row = decided(tmp_path, *evidence)
    assert not row["allows"]
    assert row["code"] == code.value and row["message"]
