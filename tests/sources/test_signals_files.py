"""Signals beside the audio: which documents there are, where they stood, what is wrong."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from phonotheque.model.findings import FindingCode
from phonotheque.model.signals import SignalKind
from phonotheque.sources import AudioFile, SignalFiles, SignalsFound

NOW = datetime(2026, 11, 22, tzinfo=UTC)
STATED = """
location = "https://music.example/albums"

[[signal]]
kind = "robots.txt"
file = "crawl/robots.txt"
url = "https://music.example/robots.txt"
fetched_at = 2026-11-01T13:00:00+01:00

[[signal]]
kind = "tdmrep"
url = "https://music.example/.well-known/tdmrep.json"
fetched_at = 2026-11-01T12:00:00Z
"""


def found(root: Path, key: str = "one/a b.flac") -> SignalsFound:
    return SignalFiles(root, NOW).of(AudioFile(root / key, key, 1, 1))


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_documents_are_known_by_name_in_every_folder_above(tmp_path: Path) -> None:
    write(tmp_path / "robots.txt", "User-agent: *")
    write(tmp_path / "one/.well-known/tdmrep.json", "[]")
    write(tmp_path / "two/ai.txt", "x")
    signals = found(tmp_path)
    assert [d.name for d in signals.documents] == ["robots.txt", "one/.well-known/tdmrep.json"]
    assert [d.fetched_at for d in signals.documents] == [NOW, NOW]
    assert {d.sha256 for d in signals.documents} == set(signals.kept)
    assert signals.url is None
    assert found(tmp_path, "a.flac").documents == signals.documents[:1]


def test_signals_toml_says_where_when_and_what_was_not_there(tmp_path: Path) -> None:
    write(tmp_path / "signals.toml", STATED)
    write(tmp_path / "crawl/robots.txt", "User-agent: *")
    signals = found(tmp_path)
    robots, tdmrep = signals.documents
    assert signals.url == "https://music.example/albums/one/a%20b.flac"
    assert (robots.kind, robots.url) == (SignalKind.ROBOTS, "https://music.example/robots.txt")
    assert robots.fetched_at == tdmrep.fetched_at == datetime(2026, 11, 1, 12, tzinfo=UTC)
    assert (tdmrep.kind, tdmrep.content, tdmrep.problem) == (SignalKind.TDMREP, None, None)
    assert len(signals.kept) == 2


def test_the_deepest_location_gives_the_address(tmp_path: Path) -> None:
    write(tmp_path / "signals.toml", STATED)
    write(tmp_path / "crawl/robots.txt", "")
    write(tmp_path / "one/signals.toml", 'location = "http://other.example/x/"')
    assert found(tmp_path).url == "http://other.example/x/a%20b.flac"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("format = 2", "format 2"),
        ("nonsense", ""),
        ("unknown = 1", "unknown"),
        ('location = "file:///etc"', "no http"),
        (STATED.replace("12:00:00Z", "12:00:00"), "time zone"),
        (STATED.replace('kind = "tdmrep"', 'kind = "guess"'), "guess"),
    ],
)
def test_an_unreadable_signals_toml_is_found_once_and_reserves(
    tmp_path: Path, text: str, told: str
) -> None:
    write(tmp_path / "signals.toml", text)
    files = SignalFiles(tmp_path, NOW)
    first, second = (files.of(AudioFile(tmp_path / k, k, 1, 1)) for k in ("a.flac", "b.flac"))
    (finding,) = first.findings
    assert (finding.code, finding.where) == (FindingCode.RIGHTS_UNREADABLE, "signals.toml")
    assert told in finding.message
    assert second.findings == ()
    assert [d.problem is not None for d in second.documents] == [True]


@pytest.mark.parametrize("name", ["../robots.txt", "missing.txt"])
def test_a_named_file_that_is_not_there_or_not_below_is_a_problem(
    tmp_path: Path, name: str
) -> None:
    write(tmp_path / "robots.txt", "")
    write(tmp_path / "one/signals.toml", STATED.replace("crawl/robots.txt", name))
    signals = found(tmp_path)
    assert [d.problem is not None for d in signals.documents] == [False, True, False]
    assert [f.where for f in signals.findings] == [f"one/{name}"]


def test_a_document_beyond_the_limit_is_a_problem(tmp_path: Path) -> None:
    write(tmp_path / "ai.txt", "#" * ((1 << 20) + 1))
    (document,) = found(tmp_path).documents
    assert document.content is None
    assert "longer than" in (document.problem or "")
