"""Accounts, keys and passwords: who gets in, who does not, and what is written down of it."""

import base64
import sqlite3
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from phonotheque.accounts import (
    CHEAP,
    KEY_PREFIX,
    Accounts,
    Door,
    NotAuthenticatedError,
    Passwords,
    Role,
    is_key,
    make_key,
)
from phonotheque.model.errors import FormatError, NotFoundError, UsageError
from tests.accounts.conftest import NOW

WORDS = "correct horse battery"


def test_a_key_opens_until_it_is_revoked_and_is_not_kept(accounts: Accounts, place: Path) -> None:
    accounts.add("lea", NOW, "test", role=Role.OPERATOR, territory="de")
    made = accounts.add_key("lea", "phone", NOW, "test")
    found = accounts.by_key(made.key, NOW)
    assert found is not None and (found.name, found.territory) == ("lea", "DE")
    assert found.may(Role.READER) and not found.may(Role.ADMIN)
    accounts.revoke_key("lea", made.row.number, NOW, "test")
    assert accounts.by_key(made.key, NOW) is None
    with pytest.raises(NotFoundError, match="no key 1 that is in force"):
        accounts.revoke_key("lea", made.row.number, NOW, "test")
    accounts.close()
    kept = b"".join(p.read_bytes() for p in place.parent.iterdir())
    assert made.key.encode() not in kept and made.key[9:].encode() not in kept
    assert place.stat().st_mode & 0o077 == 0


def test_a_key_ends_with_its_time_and_with_its_account(accounts: Accounts) -> None:
    accounts.add("lea", NOW, "test")
    made = accounts.add_key("lea", "week", NOW, "test", expires_at=NOW + timedelta(7))
    assert accounts.by_key(made.key, NOW + timedelta(6)) is not None
    assert accounts.by_key(made.key, NOW + timedelta(7)) is None
    accounts.disable("lea", NOW, "test")
    assert accounts.by_key(made.key, NOW) is None
    accounts.enable("lea", NOW, "test")
    assert accounts.by_key(made.key, NOW) is not None


def test_when_a_key_was_used_is_known_to_the_hour(accounts: Accounts) -> None:
    accounts.add("lea", NOW, "test")
    made = accounts.add_key("lea", "phone", NOW, "test")
    for minutes, known in ((0, 0), (59, 0), (60, 60)):
        accounts.by_key(made.key, NOW + timedelta(minutes=minutes))
        assert accounts.keys("lea")[0].used_at == NOW + timedelta(minutes=known)


def test_a_key_is_known_by_its_look_and_a_typing_error_is_seen() -> None:
    key = make_key()
    assert key.startswith(KEY_PREFIX) and len(key) == 42 and is_key(key)
    for at in range(4, len(key)):
        other = "x" if key[at] != "x" else "y"
        assert not is_key(key[:at] + other + key[at + 1 :])
    assert not is_key(key + "0") and not is_key("") and not is_key(key.upper())


def test_a_password_is_kept_as_argon2_and_made_anew_when_the_cost_changes(
    accounts: Accounts, place: Path
) -> None:
    accounts.add("lea", NOW, "test")
    with pytest.raises(UsageError, match="12 to 256"):
        accounts.set_password("lea", "short", NOW, "test")
    accounts.set_password("lea", WORDS, NOW, "test")
    before = accounts.database.row("SELECT password FROM accounts")[0]
    assert before.startswith("$argon2id$v=19$m=1024,t=1,p=1$")
    assert accounts.by_password("lea", WORDS) is not None
    for name, given in (("lea", WORDS + "."), ("leo", WORDS), ("lea", ""), ("lea", "x" * 9999)):
        assert accounts.by_password(name, given) is None
    with Accounts(place) as dearer:
        assert dearer.by_password("lea", WORDS) is not None
        after = dearer.database.row("SELECT password FROM accounts")[0]
        assert "m=47104,t=1" in after
    accounts.set_password("lea", None, NOW, "test")
    assert accounts.by_password("lea", WORDS) is None


def test_strangers_with_passwords_wait_for_each_other_and_no_longer_than_a_few(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts.add("lea", NOW, "test")
    accounts.set_password("lea", WORDS, NOW, "test")
    go_on, turned_away = threading.Event(), []
    hasher = "argon2.PasswordHasher.verify"
    monkeypatch.setattr(hasher, lambda *_: go_on.wait(30))

    def ask() -> None:
        try:
            accounts.by_password("lea", "wrong")
        except NotAuthenticatedError:
            turned_away.append(1)
            if len(turned_away) == 4:
                go_on.set()

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(turned_away) == 4
    monkeypatch.undo()
    assert accounts.by_password("lea", WORDS) is not None


def test_one_password_is_one_however_its_accents_are_typed(accounts: Accounts) -> None:
    accounts.add("lea", NOW, "test")
    accounts.set_password("lea", "cafe\u0301 cafe\u0301 cafe", NOW, "test")
    assert accounts.by_password("lea", "café café cafe") is not None


@pytest.mark.parametrize("name", ["", "Lea", "a b", "-a", "a.", "x" * 41, "guest", "é", "a\n"])
def test_what_is_no_name_gets_no_account(accounts: Accounts, name: str) -> None:
    with pytest.raises(UsageError):
        accounts.add(name, NOW, "test")
    assert accounts.listed() == []


def test_a_name_is_taken_once_and_a_country_is_one(accounts: Accounts) -> None:
    accounts.add("lea", NOW, "test")
    with pytest.raises(UsageError, match="there is an account"):
        accounts.add("lea", NOW, "test")
    with pytest.raises(UsageError, match="no country"):
        accounts.change("lea", NOW, "test", territory="QQQ")
    assert accounts.change("lea", NOW, "test", territory="fr").territory == "FR"
    assert accounts.change("lea", NOW, "test", role=Role.ADMIN).territory == "FR"
    assert accounts.change("lea", NOW, "test", territory="").territory is None


def test_every_change_is_in_the_audit_log_and_the_log_shows_tampering(
    accounts: Accounts, place: Path
) -> None:
    accounts.add("lea", NOW, "cli:me")
    made = accounts.add_key("lea", "phone", NOW, "cli:me")
    accounts.set_password("lea", WORDS, NOW, "cli:me")
    accounts.revoke_key("lea", made.row.number, NOW, "cli:me")
    accounts.disable("lea", NOW, "cli:me")
    accounts.disable("lea", NOW, "cli:me")  # changes nothing: says nothing
    actions = [event.action for event in accounts.iter_audit()]
    assert actions == ["account.added", "key.added", "password.set", "key.revoked",
                       "account.disabled"]  # fmt: skip
    assert all(e.actor == "cli:me" and e.account == "lea" for e in accounts.iter_audit())
    assert [e.number for e in accounts.iter_audit(after=3)] == [4, 5]
    assert accounts.check_audit() is None
    with sqlite3.connect(place) as raw:
        for forbidden in ("UPDATE audit SET actor = 'x'", "DELETE FROM audit"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                raw.execute(forbidden)
        raw.execute("DROP TRIGGER audit_is_not_changed")
        raw.execute("UPDATE audit SET actor = 'nobody' WHERE event = 3")
    assert accounts.check_audit() == 3


def test_a_door_knows_nobody_where_there_are_no_accounts_and_writes_nothing(place: Path) -> None:
    door = Door(place, lambda: NOW, Passwords(CHEAP))
    assert door.authenticate(None) is None and door.authenticate(" ") is None
    with pytest.raises(NotAuthenticatedError):
        door.authenticate(f"Bearer {make_key()}")
    assert not place.parent.exists()
    with Accounts(place, create=True, passwords=Passwords(CHEAP)) as later:
        later.add("lea", NOW, "test")
        key = later.add_key("lea", "late", NOW, "test").key
        later.set_password("lea", WORDS, NOW, "test")
    by_key = door.authenticate(f"bearer  {key}")
    basic = base64.b64encode(f"lea:{WORDS}".encode()).decode()
    by_password = door.authenticate(f"Basic {basic}")
    assert by_key == by_password and by_key is not None
    door.close()


@pytest.mark.parametrize(
    "header",
    ["Bearer  ", "Bearer x", "Basic !!!", "Basic YQ==", "Digest a=b", "x", "Bearer " + "a" * 9999,
     f"Basic {base64.b64encode(bytes([255, 58, 255])).decode()}"],
)  # fmt: skip
def test_a_credential_that_opens_nothing_is_refused_and_not_taken_for_none(
    accounts: Accounts, place: Path, header: str
) -> None:
    door = Door(place, lambda: NOW, Passwords(CHEAP))
    with pytest.raises(NotAuthenticatedError) as refused:
        door.authenticate(header)
    assert len(header) < 12 or header[-9:] not in str(refused.value)
    door.close()


def test_many_threads_and_two_processes_worth_of_connections_lose_nothing(
    accounts: Accounts, place: Path
) -> None:
    accounts.add("lea", NOW, "test")

    def add_some(opened: Accounts, label: str) -> None:
        for i in range(10):
            opened.add_key("lea", f"{label} {i}", NOW, label)

    with Accounts(place) as other:
        threads = [
            threading.Thread(target=add_some, args=(opened, f"{i}"))
            for i, opened in enumerate((accounts, other, accounts))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(accounts.keys("lea")) == 30
    assert accounts.check_audit() is None and len(list(accounts.iter_audit())) == 31


def test_what_is_no_file_of_accounts_is_said_so(place: Path) -> None:
    with pytest.raises(NotFoundError, match="no accounts here"):
        Accounts(place)
    place.parent.mkdir()
    place.write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(FormatError, match=r"accounts\.sqlite: .*put back a copy"):
        Accounts(place)
    place.unlink()
    with sqlite3.connect(place) as raw:
        raw.execute("PRAGMA user_version=99")
    with pytest.raises(FormatError, match="version 99, this program reads up to"):
        Accounts(place)
