"""What the commands of keys say, with which exit codes; two holders on machines of their own."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from phonotheque.cli.main import main
from phonotheque.mirror.origin import FolderOrigin
from phonotheque.mirror.trust import Trust
from phonotheque.storage.layout import Tree
from tests.support.clock import NOW, TufClock


def test_two_holders_sign_a_new_root_and_a_mirror_becomes_the_successor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, tuf_clock: TufClock
) -> None:
    def run(*words: str | Path, expect: int = 0) -> str:
        code = main([str(word) for word in words])
        said = capsys.readouterr()
        assert code == expect, said.out + said.err
        return str(said.out) if "--json" in words else f"{said.out}{said.err}"

    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(NOW.timestamp())))
    monkeypatch.setenv("SECRET", "open sesame")
    archive, home = tmp_path / "archive", tmp_path / "home"
    run("init", archive, "--name", "A", "--publisher", "P", "--seat", "DE")
    run("keys", "make", home / "mine.pem", "--passphrase-variable", "SECRET")
    assert "is in force" in run("keys", "rotate", archive, "root", "--add", home / "mine.pub")
    said = run("keys", "threshold", archive, "root", "2")
    assert "1 signatures missing" in said and "keys commit" in said
    assert "lacks 1 of the keys" in run("keys", "commit", archive, expect=76)
    copy = tmp_path / "3.root.json"
    shutil.copy(archive / "ceremony" / copy.name, copy)
    run("keys", "sign", copy, "--keys", home, expect=65)  # no passphrase
    secret = ("--passphrase-variable", "SECRET")
    assert "root: 2 of 2 keys" in run("keys", "sign", copy, "--keys", home, *secret, "--dry-run")
    assert "is signed with" in run("keys", "sign", copy, "--keys", home, *secret)
    assert "root 3 is in force" in run("keys", "commit", archive, copy)
    assert "2 of 2" in run("keys", "status", archive)

    mirror = Tree(tmp_path / "mirror")
    anchor = (archive / "metadata" / "1.root.json").read_bytes()
    Trust(FolderOrigin(archive), mirror.metadata, anchor).refresh()
    shutil.copy(archive / "revocations.json", mirror.revocations_json)
    follower = Trust(FolderOrigin(archive), tmp_path / "follower", anchor)
    follower.refresh()
    offline = Tree(archive).offline_keys
    shutil.rmtree(archive)
    run("keys", "rotate", mirror.root, "snapshot", "timestamp", "revocations", "--keys", offline)
    run("keys", "sign", mirror.ceremony / "4.root.json", "--keys", home, *secret)
    assert "is in force" in run("keys", "commit", mirror.root)
    again = Trust(FolderOrigin(mirror.root), tmp_path / "follower", anchor)
    again.refresh()
    found = json.loads(run("keys", "status", mirror.root, "--json"))
    assert {r["role"]: r["version"] for r in found["roles"]}["root"] == 4
