"""`stats` on the command line: counted once, told in words, as JSON, or as a page in one file."""

from pathlib import Path

import msgspec
import pytest

from phonotheque.cli import main as program
from phonotheque.statistics import kept
from tests.support.editions import TinyRecording, write_tiny_edition


def test_stats_writes_a_page_and_tells_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(kept, "draw", lambda charts: dict.fromkeys(charts, "<svg></svg>"))
    write_tiny_edition(tmp_path, [TinyRecording("Night <3", "Ann", listens=5)])
    asked = ["stats", str(tmp_path), "--edition", "2026-11"]
    page = tmp_path / "page.html"
    assert program.main([*asked, "--html", str(page)]) == 0
    assert f"{page}: written" in capsys.readouterr().err.replace("\n", "")
    assert "Night &lt;3" in page.read_text()
    assert (tmp_path / "index" / "2026-11_statistics" / "statistics.json").is_file()
    monkeypatch.setattr(kept, "read_statistics", None)  # it is not counted again
    assert program.main([*asked, "--json"]) == 0
    assert msgspec.json.decode(capsys.readouterr().out)["totals"]["recordings"] == 1
    assert program.main(asked) == 0
    assert "1 recordings" in capsys.readouterr().out
