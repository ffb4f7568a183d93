"""The program in surroundings that are not ours: locales and time zones."""

import json
from pathlib import Path

import pytest

from tests.whole.program import phonotheque

TITLE = "Ödland: 夜の列車"


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text(f"source_key,title,artist_credit\n1,{TITLE},Zażółć\n", encoding="utf-8")
    return path


@pytest.mark.full
@pytest.mark.parametrize(
    "surroundings",
    [
        {"LC_ALL": "C", "LANG": "C", "TZ": "Asia/Tokyo"},
        {"LC_ALL": "C.UTF-8", "TZ": "America/St_Johns"},
    ],
    ids=["C in Tokyo", "UTF-8 in Newfoundland"],
)
def test_a_whole_archive_is_made_in_any_locale_and_time_zone(
    rows: Path, tmp_path: Path, surroundings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in surroundings.items():
        monkeypatch.setenv(name, value)
    archive = tmp_path / "Archiv ä"
    phonotheque("init", archive, "--name", "Tönearchiv", "--publisher", "Žižka", "--seat", "DE")
    phonotheque("ingest", archive, rows)
    phonotheque("build", archive)
    published = phonotheque("publish", archive, "--json").json
    edition = json.loads((archive / "editions" / published["name"] / "edition.json").read_bytes())
    assert edition["published_at"].endswith(("Z", "+00:00"))
    assert TITLE in phonotheque("search", archive, "夜の列車").out


def test_a_locale_without_utf_8_is_refused_with_the_way_out(
    rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}.items():
        monkeypatch.setenv(name, value)
    ran = phonotheque("ingest", tmp_path / "archive", rows, expect=2)
    assert "set PYTHONUTF8=1" in ran.err
