"""A file of accounts that an older program wrote goes on under this one."""

import sqlite3
from pathlib import Path

import pytest

from phonotheque.accounts import CHEAP, Accounts, Marks, Passwords
from phonotheque.accounts.migrations import CURRENT, STEPS
from phonotheque.model.numbers import Kind
from phonotheque.storage.database import split_statements
from tests.accounts.conftest import NOW

GOLDEN = Path(__file__).parents[1] / "golden" / "accounts"


def schema_of(path: Path) -> list[tuple[str, ...]]:
    with sqlite3.connect(path) as raw:
        return raw.execute(
            "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"
        ).fetchall()


def golden(version: int, target: Path) -> None:
    """The file that version `version` of the tables was last written as, from its text."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(target) as raw:
        raw.executescript((GOLDEN / f"v{version}.sql").read_text())
        raw.execute(f"PRAGMA user_version={version}")


@pytest.mark.parametrize("version", range(1, CURRENT + 1))
def test_each_older_version_is_brought_up_to_date_and_nothing_is_lost(
    version: int, place: Path, tmp_path: Path
) -> None:
    golden(version, place)
    with Accounts(place, passwords=Passwords(CHEAP)) as opened:
        (ana, lea) = opened.listed()
        assert (ana.name, ana.role.value, ana.territory, ana.disabled_at is None) == (
            "ana", "admin", None, False,
        )  # fmt: skip
        assert (lea.name, lea.role.value, lea.territory) == ("lea", "reader", "DE")
        assert opened.by_password("lea", "correct horse battery") is not None
        assert [key.name for key in opened.keys("lea")] == ["phone", "old"]
        assert opened.check_audit() is None and len(list(opened.iter_audit())) == 7
        marks = Marks(opened.database)
        assert marks.starred(lea.number, Kind.RECORDING) == ([7] if version > 1 else [])
        marks.star(lea.number, [(Kind.RECORDING, 9)], NOW)
    with Accounts(tmp_path / "new" / "accounts.sqlite", create=True):
        pass
    assert schema_of(place) == schema_of(tmp_path / "new" / "accounts.sqlite")


def test_an_upgrade_that_fails_leaves_the_file_as_it_was(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    golden(1, place)
    before = schema_of(place)
    broken = (*STEPS[:1], "CREATE TABLE stars (x INTEGER);\nCREATE TABLE accounts (x INTEGER);\n")
    monkeypatch.setattr("phonotheque.accounts.database.STEPS", broken)
    with pytest.raises(Exception, match="already exists"):
        Accounts(place)
    monkeypatch.undo()
    assert schema_of(place) == before
    with Accounts(place) as opened:
        assert len(opened.listed()) == 2


def test_triggers_are_whole_statements() -> None:
    assert [len(list(split_statements(step))) for step in STEPS] == [6, 8]
