"""No command ends in a traceback, and none shows what would drive a terminal."""

import errno
from datetime import UTC, datetime
from pathlib import Path

import pytest

from phonotheque.archive import execute_init, plan_init
from phonotheque.cli import main as program
from phonotheque.cli.console import format_cell
from phonotheque.cli.failures import describe_failure
from phonotheque.model.errors import ExitCode
from phonotheque.model.progress import Silent
from phonotheque.model.text import make_legible
from phonotheque.rights import attribution
from tests.support.editions import TinyRecording, write_tiny_edition

MESSAGES = {
    "a full disk": (OSError(errno.ENOSPC, "No space left on device", "/a/b"), "/a/b: the disk"),
    "a full disk in a library's words": (
        RuntimeError('IO Error: Could not write "x": No space left on device'),
        "the disk is full",
    ),
    "a full disk in SQLite's words": (RuntimeError("database or disk is full"), "the disk is full"),
    "somebody else's file": (PermissionError(errno.EACCES, "Permission denied", "/a/b"), "/a/b: "),
    "a read-only disk": (OSError(errno.EROFS, "Read-only file system", "/a/b"), "read-only disk"),
    "a fault of ours": (KeyError("x"), "KeyError"),
}


@pytest.mark.parametrize("case", MESSAGES)
def test_any_failure_becomes_one_line_and_an_exit_code_of_its_own(case: str) -> None:
    error, expected = MESSAGES[case]
    text, code = describe_failure(error)
    assert expected in text
    assert code == (ExitCode.NO_SPACE if "full" in case else ExitCode.INTERNAL)


def test_a_tree_that_cannot_be_written_is_named_and_no_traceback_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = plan_init(tmp_path / "archive", name="A", publisher="B", seat="DE")
    execute_init(made, None, datetime(2026, 1, 1, tzinfo=UTC), Silent())
    lock = tmp_path / "archive" / ".lock"
    lock.unlink(missing_ok=True)
    lock.mkdir()  # what even root cannot open for writing
    rows = tmp_path / "rows.csv"
    rows.write_text("source_key,title,artist_credit\n1,A,B\n")
    ingest = ["ingest", str(tmp_path / "archive"), str(rows)]
    assert program.main(ingest) == ExitCode.INTERNAL
    shown = capsys.readouterr().err
    assert str(lock) in shown
    assert "Traceback" not in shown


def test_what_a_title_says_cannot_drive_a_terminal_or_break_a_line() -> None:
    hostile = "a\x1b[31mb\x07\r\nc\u202ed\x9be"
    assert make_legible(hostile) == "a\ufffd[31mb\ufffd c\ufffdd\ufffde"
    assert make_legible("حبيتك 雨の歌 🎵 Zoë") == "حبيتك 雨の歌 🎵 Zoë"
    line = attribution(hostile, hostile, hostile + "!", ())
    assert line == make_legible(line)
    assert format_cell(hostile) == make_legible(hostile)


def test_a_cell_of_a_table_is_cut_where_it_would_fill_the_screen() -> None:
    assert len(format_cell("x" * 4000)) == 100
    assert format_cell("x" * 100) == "x" * 100


@pytest.mark.parametrize(
    ("marker", "way_out"),
    [("archive.toml", "publish"), ("mirror.toml", "sync"), (None, "an archive or a mirror")],
)
def test_without_an_edition_the_way_to_one_is_named(
    marker: str | None, way_out: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if marker:
        (tmp_path / marker).touch()
    assert program.main(["search", str(tmp_path), "night"]) == ExitCode.NOT_FOUND
    assert way_out in capsys.readouterr().err


def test_the_largest_page_that_may_be_asked_for_is_one_that_search_gives(
    tmp_path: Path,
) -> None:
    write_tiny_edition(tmp_path, [TinyRecording("Night", "Ann")])
    assert program.main(["search", str(tmp_path), "night", "--limit", "200"]) == ExitCode.OK
    assert program.main(["search", str(tmp_path), "night", "--limit", "201"]) == ExitCode.USAGE


def test_ctrl_c_is_answered_in_one_line_and_its_own_exit_code(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("phonotheque.statistics.ensure_statistics", interrupted)
    assert program.main(["stats", str(tmp_path), "--edition", "x"]) == ExitCode.INTERRUPTED
    assert capsys.readouterr().err == "interrupted; run the same command again to carry on\n"
