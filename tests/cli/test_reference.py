"""docs/cli.md says what the program does."""

from pathlib import Path
from typing import Any

import typer

from phonotheque.cli.main import app, main
from phonotheque.cli.reference import format_reference

COMMANDS = [
    "init",
    "ingest",
    "build",
    "derive",
    "publish",
    "plan",
    "sync",
    "status",
    "follow",
    "pause",
    "resume",
    "verify",
    "repair",
    "seed",
    "get",
    "lineage",
    "search",
    "identify",
    "lookup",
    "stats",
    "explain",
    "export",
    "withdraw",
    "rights",
    "notice",
    "restore",
    "serve",
    "demo",
    "synth",
    "vault",
    "keys",
    "guard",
    "accounts",
]
WRITING = [
    "init",
    "ingest",
    "build",
    "derive",
    "publish",
    "withdraw",
    "restore",
    "plan",
    "sync",
    "repair",
    "get",
    "export",
    "demo",
    "synth",
]
PRINTING = [
    "init",
    "ingest",
    "build",
    "derive",
    "publish",
    "plan",
    "sync",
    "status",
    "verify",
    "repair",
    "get",
    "lineage",
    "search",
    "identify",
    "lookup",
    "stats",
    "explain",
    "export",
    "withdraw",
    "restore",
    "demo",
    "synth",
]


def _commands() -> dict[str, set[str]]:
    group = typer.main.get_command(app)
    return {
        name: {option for p in command.params for option in p.opts}
        for name, command in group.commands.items()  # type: ignore[attr-defined]
    }


def test_the_reference_is_up_to_date() -> None:
    page = Path(__file__).parents[2] / "docs" / "cli.md"
    assert page.read_text(encoding="utf-8") == format_reference(), "run `make docs-cli`"


def test_every_command_of_the_product_is_there() -> None:
    assert sorted(_commands()) == sorted(COMMANDS)


def test_every_command_that_writes_can_be_tried_dry() -> None:
    commands = _commands()
    assert [name for name in WRITING if "--dry-run" not in commands[name]] == []


def test_every_command_that_prints_data_can_print_json() -> None:
    commands = _commands()
    assert [name for name in PRINTING if "--json" not in commands[name]] == []


def test_wrong_usage_exits_with_two(capsys: Any) -> None:
    assert main(["search"]) == 2
    assert main(["no-such-command"]) == 2


def test_what_is_not_there_exits_with_sixty_six(tmp_path: Path) -> None:
    assert main(["build", str(tmp_path / "nowhere")]) == 66
    assert main(["verify", str(tmp_path / "nowhere")]) == 66
    assert main(["stats", str(tmp_path / "nowhere")]) == 66
    assert main(["sync", str(tmp_path / "nowhere")]) == 66


def test_the_version_is_printed_and_all_is_well() -> None:
    assert main(["--version"]) == 0


def test_a_build_of_nothing_says_what_comes_first(tmp_path: Path, capsys: Any) -> None:
    root = str(tmp_path / "a")
    assert main(["init", root, "--name", "A", "--publisher", "P", "--seat", "DE"]) == 0
    assert main(["build", root]) == 2
    assert "phonotheque ingest" in capsys.readouterr().err
