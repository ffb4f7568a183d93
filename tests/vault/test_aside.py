"""Objects set aside by hand, and let back or out; orphans on either side."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from phonotheque.model.errors import NotFoundError, TrustError, UsageError
from phonotheque.storage.local_store import LocalStore
from phonotheque.vault import (
    Vault,
    aside,
    find_aside,
    give_away,
    give_back,
    iter_aside,
    iter_unknown,
    iter_unnamed,
    purge_aside,
    set_aside,
)
from phonotheque.vault.quarantine import quarantine_path
from tests.support.crashing import killed_at_every_line
from tests.support.vaults import fill, name_of

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
SONGS = [b"song %d " % number * 50 for number in range(5)]
NAME = name_of(SONGS[0])


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with Vault.open(tmp_path / "vault") as opened:
        fill(opened, SONGS, NOW)
        yield opened


def path_of(vault: Vault, digest: str) -> Path:
    return LocalStore(vault.root).local_path(digest)


def test_an_object_set_aside_is_no_object_until_it_is_given_back(vault: Vault) -> None:
    item = vault.object(NAME)
    found = set_aside(vault, NAME, "sounds like another piece", NOW)
    assert (found.why, found.returnable, found.there) == ("sounds like another piece", True, True)
    assert vault.object(NAME) is None
    assert vault.store.size(NAME) is None
    assert [a.sha256 for a in iter_aside(vault)] == [NAME]
    give_back(vault, NAME, NOW)
    assert vault.object(NAME) == item
    assert path_of(vault, NAME).read_bytes() == SONGS[0]
    assert list(iter_aside(vault)) == []
    assert not quarantine_path(vault.root, NAME).exists()


def test_a_state_built_anew_knows_what_is_aside_and_what_came_back(tmp_path: Path) -> None:
    root, other = tmp_path / "vault", name_of(SONGS[1])
    with Vault.open(root) as vault:
        fill(vault, SONGS, NOW)
        set_aside(vault, NAME, "doubt", NOW)
        set_aside(vault, other, "doubt", NOW)
        give_back(vault, other, NOW)
    for path in root.glob("state.sqlite*"):
        path.unlink()
    with Vault.open(root) as again:
        assert again.object(NAME) is None
        assert again.object(other) is not None
        assert [a.sha256 for a in iter_aside(again)] == [NAME]
        give_back(again, NAME, NOW)
        assert again.count_objects()[0] == 5


def test_a_file_given_away_is_proved_and_then_forgotten(vault: Vault, tmp_path: Path) -> None:
    set_aside(vault, NAME, "doubt", NOW)
    target = tmp_path / "out" / "song"
    give_away(vault, NAME, target, NOW)
    assert target.read_bytes() == SONGS[0]
    assert list(iter_aside(vault)) == []
    set_aside(vault, name_of(SONGS[1]), "doubt", NOW)
    with pytest.raises(UsageError, match="is there already"):
        give_away(vault, name_of(SONGS[1]), target, NOW)


def test_what_changed_in_quarantine_neither_comes_back_nor_goes_out(
    vault: Vault, tmp_path: Path
) -> None:
    set_aside(vault, NAME, "doubt", NOW)
    path = quarantine_path(vault.root, NAME)
    path.chmod(0o644)
    path.write_bytes(b"changed")
    with pytest.raises(TrustError, match="its bytes have changed"):
        give_back(vault, NAME, NOW)
    with pytest.raises(TrustError):
        give_away(vault, NAME, tmp_path / "out", NOW)
    assert path.read_bytes() == b"changed"
    assert find_aside(vault, NAME).sha256 == NAME


def test_what_is_not_there_is_said_not_to_be(vault: Vault, tmp_path: Path) -> None:
    for ask in (
        lambda: set_aside(vault, "ab" * 32, "doubt", NOW),
        lambda: find_aside(vault, "ab" * 32),
        lambda: give_back(vault, "ab" * 32, NOW),
        lambda: give_away(vault, "ab" * 32, tmp_path / "out", NOW),
    ):
        with pytest.raises(NotFoundError):
            ask()


def test_a_purge_reaches_what_is_aside(vault: Vault) -> None:
    set_aside(vault, NAME, "doubt", NOW)
    assert purge_aside(vault, {NAME, "cd" * 32}, NOW, "withdrawn") == 1
    assert list(iter_aside(vault)) == []
    assert not quarantine_path(vault.root, NAME).exists()


@pytest.mark.parametrize("stride", [7, pytest.param(1, marks=pytest.mark.full)])
def test_setting_aside_and_giving_back_killed_at_any_line_lose_nothing(
    tmp_path: Path, stride: int
) -> None:
    root = tmp_path / "vault"

    def prepare() -> None:
        shutil.rmtree(root, ignore_errors=True)
        with Vault.open(root) as vault:
            fill(vault, SONGS[:2], NOW)

    def there_and_back() -> None:
        with Vault.open(root) as vault:
            set_aside(vault, NAME, "doubt", NOW)
            give_back(vault, NAME, NOW)

    for _ in killed_at_every_line([aside], prepare, there_and_back, stride=stride):
        assert [p for p in root.rglob(NAME) if p.read_bytes() == SONGS[0]]
        with Vault.open(root) as vault:
            if any(iter_aside(vault)):
                set_aside(vault, NAME, "doubt", NOW)
                give_back(vault, NAME, NOW)
            assert vault.count_objects()[0] == 2
            assert path_of(vault, NAME).read_bytes() == SONGS[0]
            assert list(iter_aside(vault)) == []
            assert list(iter_unknown(vault)) == []


def test_bytes_without_a_row_and_things_that_are_no_objects_are_orphans(
    vault: Vault, tmp_path: Path
) -> None:
    assert list(iter_unknown(vault)) == []
    left = tmp_path / "left"
    left.write_bytes(b"left by a crash")
    vault.store.put(name_of(b"left by a crash"), left)
    notes = vault.root / "objects" / "ab" / "notes.txt"
    notes.parent.mkdir(exist_ok=True)
    notes.write_text("hello")
    found = [(o.kind, o.sha256, o.bytes, o.where) for o in iter_unknown(vault)]
    assert found == [
        ("unknown", name_of(b"left by a crash"), 15,
         str(path_of(vault, name_of(b"left by a crash")))),
        ("stray", "", 0, str(notes)),
    ]  # fmt: skip


def test_objects_that_nobody_names_are_orphans(vault: Vault) -> None:
    names = sorted(name_of(song) for song in SONGS)
    assert [o.sha256 for o in iter_unnamed(vault, [])] == names
    named = [names[0], "33" * 32, names[3]]
    assert [o.sha256 for o in iter_unnamed(vault, sorted(named))] == [names[1], names[2], names[4]]
    assert list(iter_unnamed(vault, names)) == []
