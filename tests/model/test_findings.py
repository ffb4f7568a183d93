"""Findings: stable codes, each one explained in docs/findings.md."""

import dataclasses
import json
import re
from pathlib import Path

import pytest

from phonotheque.model.findings import Finding, FindingCode, Severity

PAGE = (Path(__file__).parents[2] / "docs" / "findings.md").read_text()
ENTRY = re.compile(r"^### `(?P<code>[a-z0-9.-]+)` · (?P<severity>[a-z ,]+)$", re.MULTILINE)


def entries() -> dict[str, str]:
    """Code to the text below its heading."""
    parts = re.split(r"^##+ ", PAGE, flags=re.MULTILINE)
    return {m["code"]: text for text in parts if (m := ENTRY.match("### " + text.split("\n")[0]))}


def test_every_code_has_one_entry_in_the_order_of_the_source() -> None:
    assert [m["code"] for m in ENTRY.finditer(PAGE)] == [code.value for code in FindingCode]


def test_every_entry_has_a_severity_that_exists() -> None:
    for entry in ENTRY.finditer(PAGE):
        for severity in re.split(", | or ", entry["severity"]):
            assert severity in {s.value for s in Severity}, entry["code"]


@pytest.mark.parametrize("code", [code.value for code in FindingCode])
def test_every_entry_says_what_it_means_and_what_to_do(code: str) -> None:
    text = entries()[code]
    assert "**What to do:**" in text
    meaning = text.split("\n", 1)[1].split("**What to do:**")[0].strip()
    assert len(meaning) > 30


def test_codes_are_a_thing_and_what_is_wrong_with_it() -> None:
    for code in FindingCode:
        assert re.fullmatch(r"[a-z]+\.[a-z0-9]+(-[a-z0-9]+)*", code.value)


def test_a_finding_becomes_plain_json_with_the_row_left_open() -> None:
    finding = Finding(FindingCode.AUDIO_DRM, Severity.ERROR, "a/b.m4a", "it is encrypted")
    assert json.loads(json.dumps(finding.as_dict())) == {
        "code": "audio.drm",
        "severity": "error",
        "where": "a/b.m4a",
        "row": None,
        "message": "it is encrypted",
    }


def test_a_finding_cannot_be_changed_after_the_fact() -> None:
    finding = Finding(FindingCode.ROW_NO_TITLE, Severity.ERROR, "rows.csv", "no title", row=7)
    with pytest.raises(dataclasses.FrozenInstanceError):
        finding.row = 8  # type: ignore[misc]
