"""An edition that two holders must sign, by the commands: staged, signed apart, out, followed."""

import json
import shutil
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from phonotheque.archive import publish
from phonotheque.cli.main import main
from tests.archive.test_publish import SONGS
from tests.archive.workshop import FolderVault, Song, Workshop
from tests.support.clock import NOW, TufClock


@pytest.mark.full
def test_an_edition_is_out_when_two_holders_have_signed_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, tuf_clock: TufClock
) -> None:
    monkeypatch.setattr(publish, "open_vault", FolderVault.of)
    monkeypatch.setattr(publish, "plan_build", lambda *_: SimpleNamespace(nothing_new=True))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(NOW.timestamp())))

    def run(*words: str | Path, expect: int = 0) -> str:
        code = main([str(word) for word in words])
        said = capsys.readouterr()
        assert code == expect, said.out + said.err
        return str(said.out) if "--json" in words else f"{said.out}{said.err}"

    workshop = Workshop(tmp_path / "archive")
    archive, home, mirror = workshop.tree.root, tmp_path / "home", tmp_path / "mirror"
    run("keys", "make", home / "mine.pem")
    said = run("keys", "rotate", archive, "targets", "--add", home / "mine.pub", "--threshold", "2")
    assert "signatures missing" in said
    for proposal in sorted((archive / "ceremony").glob("*.targets.json")):
        run("keys", "sign", proposal, "--keys", home)
    assert "is in force" in run("keys", "commit", archive)

    workshop.build(SONGS)
    said = run("publish", archive, "--edition", "one")
    assert "waits for signatures; it is not out yet" in said
    assert not workshop.tree.latest_json.exists() and not workshop.tree.feed_atom.exists()
    assert "waits for signatures" in run("publish", archive)  # nothing new, and still not out
    (waiting,) = (archive / "ceremony").glob("*.targets.json")
    copy = tmp_path / waiting.name
    shutil.copy(waiting, copy)
    assert "editions/one/edition.json" in run("keys", "sign", copy, "--keys", home, "--dry-run")
    run("keys", "sign", copy, "--keys", home)
    assert "in force" in run("keys", "commit", archive, copy)
    assert json.loads(workshop.tree.latest_json.read_bytes())["edition"] == "one"
    assert workshop.tree.feed_atom.exists()
    run("plan", mirror, "--origin", archive)
    run("sync", mirror)
    checks = json.loads(run("verify", archive, "--edition", "one", "--json", expect=1))["checks"]
    passed = {check["name"] for check in checks if check["outcome"] == "passed"}
    assert {"signatures", "tables", "volumes", "statements", "release"} <= passed

    workshop.build([*SONGS, Song("Later", tier=3)])
    later = NOW + timedelta(days=1)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(later.timestamp())))
    run("publish", archive, "--edition", "two", "--keys", workshop.tree.offline_keys)
    assert "one" in run("sync", mirror)  # what waits is not served
    (waiting,) = (archive / "ceremony").glob("*.targets.json")
    run("keys", "sign", waiting, "--keys", home)
    run("keys", "commit", archive)
    run("sync", mirror)
    assert json.loads((mirror / "latest.json").read_bytes())["edition"] == "two"
