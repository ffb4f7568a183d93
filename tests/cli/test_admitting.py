"""The commands of the group `accounts`."""

import json
from pathlib import Path
from typing import Any

import pytest

from phonotheque.accounts import is_key
from phonotheque.cli.main import main

WORDS = "correct horse battery"


def run(capsys: Any, *arguments: str) -> tuple[int, str]:
    code = main(["accounts", *arguments])
    return code, capsys.readouterr().out


def test_an_account_lives_and_is_written_down(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = str(tmp_path / "mirror")
    monkeypatch.setenv("WORDS", WORDS)
    assert run(capsys, "list", tree)[0] == 66  # nobody yet
    code, said = run(capsys, "add", tree, "lea", "--role", "operator", "--territory", "de")
    assert code == 0 and "lea is made: operator" in said
    assert run(capsys, "add", tree, "max", "--role", "king")[0] == 2
    code, key = run(capsys, "key", "add", tree, "lea", "--label", "phone", "--days", "90")
    assert code == 0 and is_key(key.strip())
    assert run(capsys, "password", tree, "lea", "--variable", "WORDS")[0] == 0
    assert run(capsys, "password", tree, "nobody", "--variable", "WORDS")[0] == 66
    code, token = run(capsys, "token-password", tree, "lea")
    assert code == 0 and len(token.strip()) == 24
    shown = json.loads(run(capsys, "show", tree, "lea", "--json")[1])
    assert shown["account"]["has_password"] and shown["account"]["has_token_password"]
    assert [k["name"] for k in shown["keys"]] == ["phone"] and key.strip() not in str(shown)
    assert "phone" in run(capsys, "show", tree, "lea")[1]
    assert "phone" in run(capsys, "key", "list", tree, "lea")[1]
    assert run(capsys, "key", "revoke", tree, "lea", "1")[0] == 0
    assert run(capsys, "key", "revoke", tree, "lea", "1")[0] == 66
    for command, state in (("disable", "disabled 2"), ("enable", "enabled")):
        assert run(capsys, command, tree, "lea")[0] == 0
        assert state in run(capsys, "list", tree)[1]
    assert run(capsys, "change", tree, "lea", "--role", "admin", "--territory", "")[0] == 0
    assert run(capsys, "password", tree, "lea", "--remove")[0] == 0
    assert run(capsys, "token-password", tree, "lea", "--remove")[0] == 0
    audit = json.loads(run(capsys, "audit", tree, "--json")[1])
    assert audit["first_broken"] is None and len(audit["events"]) == 10
    assert all(event["actor"].startswith("cli:") for event in audit["events"])
    assert [p.name for p in tmp_path.iterdir()] == ["mirror-STATE"]


def test_accounts_may_be_kept_elsewhere(tmp_path: Path, capsys: Any) -> None:
    tree, state = str(tmp_path / "mirror"), str(tmp_path / "kept" / "here")
    assert run(capsys, "add", tree, "lea", "--state", state)[0] == 0
    assert (tmp_path / "kept" / "here" / "accounts.sqlite").exists()
    assert "lea" in run(capsys, "list", tree, "--state", state)[1]
    assert run(capsys, "list", tree)[0] == 66
