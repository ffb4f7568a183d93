"""Claims on recordings in a build: by number, through redirects, in narrow updates, in files."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from phonotheque.catalogue import ImportFiles, parse_signature, signatures_from_imports
from phonotheque.engine import LocalEngine
from phonotheque.model import tables
from phonotheque.storage.tables import write_table
from tests.support.catalogues import Archive, row

AT = datetime(2026, 11, 22, tzinfo=UTC)
AUDIO = "ab" * 32


def evidence(licence: str, source: str = "letter.txt") -> dict[str, Any]:
    return {
        "claim": "licence", "value": licence, "raw": licence, "kind": "rightsholder",
        "source": source, "captured_at": AT, "sha256": None, "witness": "the band",
        "confidence": None,
    }  # fmt: skip


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """Twenty recordings with nothing in common; the first has audio."""
    archive = Archive(tmp_path / "archive", more={"claims": [], "narrow_above": 0})
    rows = [row(f"{n:02d}", f"Title {n}", f"Artist {n}") for n in range(1, 21)]
    rows[0] |= {"file_sha256": AUDIO, "evidence": [evidence("CC-BY-4.0", "rights.toml")]}
    archive.add_rows("shop", rows)
    return archive


def claim(archive: Archive, number: int, licence: str | None, back: str | None = None) -> None:
    """A new import with one claim, or (licence None) one that takes the claim `back` back."""
    name = f"{len(archive.more['claims']) + 1:04d}"
    line = {
        "claim": name, "recording": number, "public_id": "r", "title": "T", "artist_credit": "A",
        "evidence": [evidence(licence)] if licence else [], "recorded_at": AT, "takes_back": back,
    }  # fmt: skip
    path = archive.root / "sources" / "claims" / name / "claims-00000.parquet"
    path.parent.mkdir(parents=True)
    write_table(path, tables.CLAIM_ROWS, [pa.Table.from_pylist([line], schema=tables.CLAIM_ROWS)])
    archive.more["claims"].append(ImportFiles("claims", name, int(name), (path,)))


@pytest.mark.full
def test_an_update_hears_a_claim_and_its_recall_and_touches_nothing_else(archive: Archive) -> None:
    first = archive.build()
    numbers, before = archive.recordings(first), archive.table("recordings", first)
    five = numbers["shop:05"]
    claim(archive, five, "CC0-1.0")
    second = archive.build()
    said = {r["number"]: r["licence"] for r in archive.table("recordings", second)}
    assert said == {numbers["shop:01"]: "CC-BY-4.0", five: "CC0-1.0"} | {
        n: None for key, n in numbers.items() if key not in ("shop:01", "shop:05")
    }
    claim(archive, five, None, back="0001")
    assert archive.table("recordings", archive.build()) == before


@pytest.mark.full
def test_a_claim_stays_when_another_import_makes_its_recording_anew(archive: Archive) -> None:
    number = archive.recordings(archive.build())["shop:05"]
    claim(archive, number, "CC0-1.0")
    archive.build()
    archive.add_rows("shop", [row("05", "Title 5, live", "Artist 5")])
    (found,) = [r for r in archive.table("recordings", archive.build()) if r["number"] == number]
    assert (found["title"], found["licence"]) == ("Title 5, live", "CC0-1.0")


@pytest.mark.full
def test_the_files_of_a_recording_carry_what_is_claimed_of_it(archive: Archive) -> None:
    number = archive.recordings(archive.build())["shop:01"]
    (before,) = archive.table("recording_files", archive.build())
    claim(archive, number, "CC-BY-SA-4.0")
    (after,) = archive.table("recording_files", archive.build())
    assert [e["value"] for e in before["evidence"]] == ["CC-BY-4.0"]
    assert sorted(e["value"] for e in after["evidence"]) == ["CC-BY-4.0", "CC-BY-SA-4.0"]
    claim(archive, number, None, back="0001")
    assert archive.table("recording_files", archive.build()) == [before]


@pytest.mark.full
def test_a_claim_on_nothing_rests(archive: Archive) -> None:
    first = archive.build()
    claim(archive, 4_000, "CC0-1.0")
    assert archive.table("recordings", archive.build()) == archive.table("recordings", first)


@pytest.mark.full
def test_verdicts_set_by_set_hear_claims_too(archive: Archive, tmp_path: Path) -> None:
    numbers = archive.recordings(archive.build())
    claim(archive, numbers["shop:01"], "CC0-1.0")
    claim(archive, numbers["shop:05"], "CC0-1.0")
    made = archive.build()
    engine = LocalEngine(tmp_path / "work", memory="500MB")
    try:
        batches = signatures_from_imports(
            engine, archive.inputs(), made, archive.tree.catalogue / "builds" / "0002", at_once=3
        )
        signed = [row for batch in batches for row in batch.to_pylist()]
    finally:
        engine.close()
    said = {r["recording"]: {e.value for e in parse_signature(r["signature"])} for r in signed}
    assert said == {
        numbers["shop:01"]: {"CC0-1.0", "CC-BY-4.0"},
        numbers["shop:05"]: {"CC0-1.0"},
    }
