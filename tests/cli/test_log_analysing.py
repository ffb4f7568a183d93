"""What `guard analyse` says, with which exit codes."""

import json
from pathlib import Path
from typing import Any

import pytest

from phonotheque.cli.main import main


def write_log(folder: Path) -> Path:
    """A walk over 200 items, a listener, and a line that is none."""
    lines = [
        f'192.0.2.9 - crawler [22/Nov/2025:{n // 60:02d}:{n % 60:02d}:00 +0000] '
        f'"GET /track/{n * 977 % 5003} HTTP/1.1" 200 1 "-" "SomeBot/1"\n'
        for n in range(200)
    ] + [
        f'192.0.2.7 - joe [22/Nov/2025:{n // 60:02d}:{n % 60:02d}:30 +0000] '
        f'"GET /track/{n % 5} HTTP/1.1" 200 1 "-" "player/1"\n'
        for n in range(200)
    ]  # fmt: skip
    path = folder / "access.log"
    path.write_text("".join(lines) + "nothing of this kind\n")
    return path


def run(capsys: Any, *words: str | Path, expect: int = 0) -> str:
    """What the command prints."""
    code = main(["guard", "analyse", *(str(word) for word in words)])
    said = capsys.readouterr()
    assert code == expect, said.out + said.err
    return str(said.out) if "--json" in words else f"{said.out}{said.err}"


def test_a_folder_of_logs_is_told_of_with_reasons_lines_and_bad_rows(
    tmp_path: Path, capsys: Any
) -> None:
    robots = tmp_path / "robots.txt"
    robots.write_text("SomeBot\n")
    folder = tmp_path / "logs"
    folder.mkdir()
    path = write_log(folder)
    options = ("--media", r"^/track/(\d+)", "--catalogue", "1000000", "--memory", "200MB",
               "--robots", robots)  # fmt: skip
    said = run(capsys, folder, *options, expect=1)
    assert "crawler  (account, declares itself a robot (SomeBot))" in said
    assert "because it opens items evenly all over the catalogue" in said
    assert "joe  (" not in said
    assert f"{path}:401: is no line of this form: nothing of this kind" in said
    found = json.loads(run(capsys, folder, *options, "--json", expect=1))
    assert [one["who"] for one in found["suspects"]] == ["crawler"]
    assert found["suspects"][0]["shown"][0]["file"] == str(path)
    assert found["bad_rows"] == 1


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--form", "csv"), 2),
        (("--form", "xml"), 2),
        (("--media", "^/no-group"), 2),
        (("--media", "("), 2),
        (("--mapping", "nowhere.toml"), 66),
        (("--robots", "nowhere.txt"), 66),
        (("--form", "json"), 65),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_read(
    tmp_path: Path, capsys: Any, options: tuple[str, str], code: int
) -> None:
    run(capsys, write_log(tmp_path), *options, expect=code)


def test_a_log_that_is_not_there_is_named(tmp_path: Path, capsys: Any) -> None:
    assert "nowhere.log: there is no such file" in run(capsys, tmp_path / "nowhere.log", expect=66)
