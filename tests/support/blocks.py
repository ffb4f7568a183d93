"""What a reader gives, as plain rows."""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from phonotheque.model.findings import Finding
from phonotheque.sources.readers import Reader
from phonotheque.sources.table_makers import maker_of

GOLDEN_DUMPS = Path(__file__).parents[1] / "golden" / "dumps"


def read_all(
    reader: Reader, path: Path, after: int = 0
) -> tuple[list[dict[str, Any]], list[Finding]]:
    """(rows, each with the number of its record under "row"; findings), both in order."""
    rows: list[dict[str, Any]] = []
    findings: list[Finding] = []
    for item in reader.iter_blocks(path, after):
        if isinstance(item, Finding):
            findings.append(item)
            continue
        columns = {
            name: values.to_pylist() if isinstance(values, pa.Array | pa.ChunkedArray) else values
            for name, values in item.columns.items()
        }
        assert {len(values) for values in columns.values()} == {len(item.rows)}
        rows += [
            {"row": number} | {name: values[i] for name, values in columns.items()}
            for i, number in enumerate(item.rows)
        ]
    return rows, findings


def said(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what it leaves empty."""
    return {name: value for name, value in row.items() if value not in (None, [])}


def golden(name: str) -> list[dict[str, Any]]:
    """The rows that a golden file of JSON lines says, empty values left out."""
    return [json.loads(line) for line in (GOLDEN_DUMPS / name).read_text().splitlines()]


def codes(findings: list[Finding]) -> list[tuple[str, int | None]]:
    """(code, row) of findings."""
    return [(finding.code.value, finding.row) for finding in findings]


def made(reader: Reader, path: Path) -> tuple[int, dict[str, int]]:
    """(rows that go into an import, findings by code) when all is read and checked."""
    maker = maker_of(reader.kind, "source", "input", lambda text: None, datetime.now(UTC))
    rows, found = 0, Counter[str]()
    for item in reader.iter_blocks(path, 0):
        if isinstance(item, Finding):
            found[item.code.value] += 1
            continue
        batch, findings = maker.make(item)
        rows += batch.num_rows
        found.update(finding.code.value for finding in findings)
    return rows, dict(found)
