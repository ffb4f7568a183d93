"""What the commands that keep the vault say, and with which exit codes."""

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from phonotheque.cli.main import main
from phonotheque.cli.surroundings import store_keys
from phonotheque.model.errors import ExitCode
from phonotheque.vault import Vault
from tests.support.object_storage import KEYS, ObjectStorage, storage
from tests.support.vaults import fill, item_of, name_of

__all__ = ["storage"]
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
SONGS = [b"song %d " % number * 50 for number in range(6)]
NAMES = sorted(name_of(song) for song in SONGS)


class Desk:
    """An archive with a vault of made-up songs, which are in a folder beside it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
        self.archive, self.songs = folder / "archive", folder / "songs"
        self._monkeypatch, self._capsys = monkeypatch, capsys
        self.set_clock(NOW)
        assert main(["init", str(self.archive), "--name", "A", "--publisher", "P", "--seat",
                     "DE"]) == 0  # fmt: skip
        capsys.readouterr()
        self.songs.mkdir()
        for song in SONGS:
            (self.songs / name_of(song)[:8]).write_bytes(song)
        with Vault.open(self.archive / "vault") as vault:
            fill(vault, SONGS, NOW)

    def set_clock(self, at: datetime) -> None:
        self._monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(at.timestamp())))

    def run(self, *words: str | Path, expect: int = 0) -> str:
        code = main([str(word) for word in words])
        said = self._capsys.readouterr()
        assert code == expect, said.out + said.err
        return str(said.out) if "--json" in words else f"{said.out}{said.err}"

    def json(self, *words: str | Path, expect: int = 0) -> Any:
        return json.loads(self.run(*words, "--json", expect=expect))

    def path_of(self, digest: str) -> Path:
        return self.archive / "vault" / "objects" / digest[:2] / digest[2:4] / digest

    def spoil(self, digest: str) -> None:
        self.path_of(digest).chmod(0o644)
        self.path_of(digest).write_bytes(b"spoilt")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Desk:
    return Desk(tmp_path, monkeypatch, capsys)


def test_a_sound_vault_exits_with_zero_and_says_what_was_looked_at(desk: Desk) -> None:
    said = desk.run("verify", desk.archive, "--vault", "--all", "--rate", "1GB", "--jobs", "2")
    assert "6 sound, 0 damaged, 0 missing, 0 not checked" in said
    assert "100.0% of the vault checked within 90 days" in said
    assert "Everything looked at is sound." in said
    desk.set_clock(NOW + timedelta(days=10))
    report = desk.json("verify", desk.archive, "--vault", "--days", "10")
    assert report["clean"] and report["fixity"]["status"]["days"] == 10
    assert report["fixity"]["sound"] == 6


def test_the_days_of_the_settings_hold_unless_others_are_named(desk: Desk) -> None:
    toml = desk.archive / "archive.toml"
    toml.write_text(toml.read_text().replace("check_days = 90.0", "check_days = 5"))
    desk.set_clock(NOW + timedelta(days=4.6))
    assert desk.json("verify", desk.archive, "--vault")["fixity"]["sound"] == 6
    toml.write_text(toml.read_text().replace("check_days = 5", "check_days = 0"))
    assert "not above 0" in desk.run("verify", desk.archive, "--vault", expect=ExitCode.INPUT)


def test_damage_exits_with_one_until_it_is_repaired(desk: Desk) -> None:
    desk.spoil(NAMES[2])
    desk.path_of(NAMES[4]).unlink()
    said = desk.run("verify", desk.archive, "--vault", "--all", expect=ExitCode.FINDINGS)
    assert "4 sound, 1 damaged, 1 missing" in said
    assert "error copy.damaged" in said and "error copy.missing" in said
    assert "Bad: 1 damaged, 1 missing" in desk.run("vault", "status", desk.archive)
    said = desk.run("vault", "repair", desk.archive, expect=ExitCode.FINDINGS)
    assert "no place has it" in said and "2 could not be mended" in said
    dry = desk.run("vault", "repair", desk.archive, "--from", desk.songs, "--dry-run")
    assert "2 bad: 2 would be tried" in dry
    said = desk.run("vault", "repair", desk.archive, "--from", desk.songs)
    assert f"what was there is in quarantine as {name_of(b'spoilt')}" in said
    report = desk.json("verify", desk.archive, "--vault", "--all")
    assert (report["clean"], report["fixity"]["sound"]) == (True, 6)


def test_checks_that_are_overdue_are_a_warning(desk: Desk) -> None:
    desk.set_clock(NOW + timedelta(days=200))
    said = desk.run("vault", "status", desk.archive)
    assert "warning copy.check-overdue" in said
    assert "100.0% of the vault was last checked more than 90 days ago" in said


def test_quarantine_is_listed_shown_filled_and_emptied(desk: Desk, tmp_path: Path) -> None:
    name = NAMES[0]
    where = ("set-aside", desk.archive, name, "--reason", "doubt")
    assert "would be set aside" in desk.run("vault", *where, "--dry-run")
    assert "is set aside" in desk.run("vault", *where)
    assert "doubt" in desk.run("vault", "quarantine", desk.archive)
    assert desk.json("vault", "quarantine", desk.archive)["quarantine"][0]["sha256"] == name
    assert "can become an object again" in desk.run("vault", "show", desk.archive, name)
    assert "went to the vault" in desk.run("vault", "release", desk.archive, name)
    desk.run("vault", *where)
    desk.run("vault", "release", desk.archive, name, "--to", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() in SONGS
    desk.run("vault", "show", desk.archive, name, expect=ExitCode.NOT_FOUND)
    desk.run("vault", "show", desk.archive, "abc", expect=ExitCode.INPUT)


def test_orphans_are_listed_and_removed_by_name(desk: Desk) -> None:
    left = desk.path_of(name_of(b"left"))
    left.parent.mkdir(parents=True, exist_ok=True)
    left.write_bytes(b"left")
    said = desk.run("vault", "orphans", desk.archive)
    assert f"unknown: {left}" in said
    assert "1 unknown (4 bytes), 0 strays, 6 named by no import" in said
    assert "1 removed" in desk.run("vault", "orphans", desk.archive, "--remove", "unknown")
    assert not left.exists()
    dry = desk.json("vault", "orphans", desk.archive, "--remove", "unnamed", "--dry-run")
    assert (dry["removed"], dry["unnamed"]) == (6, 6)
    desk.run("vault", "orphans", desk.archive, "--remove", "all", expect=ExitCode.USAGE)


def test_there_is_no_vault_where_there_is_no_archive(desk: Desk, tmp_path: Path) -> None:
    for words in (("verify", "--vault"), ("vault", "status"), ("vault", "repair"),
                  ("vault", "orphans"), ("vault", "quarantine")):  # fmt: skip
        command, option = (words[:1], words[1:]) if words[0] == "verify" else (words, ())
        desk.run(*command, tmp_path / "nowhere", *option, expect=ExitCode.NOT_FOUND)
    assert not (tmp_path / "nowhere").exists()


def test_keys_of_object_storage_come_from_the_environment(
    desk: Desk, storage: ObjectStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEYS.secret_access_key)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    assert store_keys() == KEYS
    place = storage.place()
    toml = desk.archive / "archive.toml"
    text = toml.read_text().replace('store = ""', f'store = "s3://{place.bucket}"')
    text = text.replace('endpoint = ""', f'endpoint = "{place.endpoint}"')
    text = text.replace('region = ""', 'region = "us-east-1"')
    toml.write_text(text.replace("allow_http = false", "allow_http = true"))
    for song in SONGS:
        name = sha256(song).hexdigest()
        assert item_of(song).sha256 == name
        key = f"/{place.bucket}/objects/{name[:2]}/{name[2:4]}/{name}"
        storage.request("PUT", key, song)
    shown = desk.json("vault", "status", desk.archive)
    assert shown["store"] == f"s3://{place.bucket}"
    report = desk.json("verify", desk.archive, "--vault", "--all")
    assert (report["clean"], report["fixity"]["sound"]) == (True, 6)
