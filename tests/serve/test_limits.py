"""Who asks, how much one may ask, and how that is told."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from litestar.testing import TestClient

from phonotheque.accounts import CHEAP, Accounts, Door, Passwords
from phonotheque.model.answers import QuotaProblemAnswer
from phonotheque.serve import create_app
from phonotheque.serve.limits import Buckets, Caller, format_headers, key_of_address
from phonotheque.storage.layout import Tree
from tests.serve.conftest import recording_id

SOMEBODY, ANOTHER = Caller("192.0.2.1"), Caller("192.0.2.2")
NOON = datetime(2027, 3, 4, 12, tzinfo=UTC)


class Clock:
    """Seconds, moved by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_bucket_empties_and_fills_evenly() -> None:
    clock = Clock()
    buckets = Buckets(4, 60, clock=clock)
    told = [buckets.take(SOMEBODY, 1) for _ in range(5)]
    assert [a.allowed for a in told if a] == [True, True, True, True, False]
    assert [a.remaining for a in told if a] == [3, 2, 1, 0, 0]
    assert told[4] is not None
    assert (told[4].wait_seconds, told[4].whole_after_seconds) == (15, 60)
    other = buckets.take(ANOTHER, 1)
    assert other is not None
    assert other.allowed
    clock.seconds = 14.9
    early = buckets.take(SOMEBODY, 1)
    assert early is not None
    assert not early.allowed
    clock.seconds = 15.0
    late = buckets.take(SOMEBODY, 1)
    assert late is not None
    assert late.allowed


def test_what_costs_more_than_a_bucket_waits_for_a_full_one() -> None:
    clock = Clock()
    buckets = Buckets(4, 60, clock=clock)
    first, second = buckets.take(SOMEBODY, 100), buckets.take(SOMEBODY, 100)
    assert first is not None
    assert second is not None
    assert (first.allowed, first.remaining) == (True, 0)
    assert (second.allowed, second.wait_seconds) == (False, 60)


def test_an_account_has_a_bucket_of_its_own_and_a_larger_one() -> None:
    told = Buckets(4, 60).take(Caller("account 1", has_account=True), 1)
    assert told is not None
    assert format_headers(told) == {
        "ratelimit-policy": '"account";q=40;w=60',
        "ratelimit": '"account";r=39;t=2',
    }


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("testclient", "testclient"),
    ],
)
def test_addresses_of_one_network_count_as_one(address: str, key: str) -> None:
    assert key_of_address(address) == key


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A key of an account in Germany, and where the accounts are."""
    path = tmp_path_factory.mktemp("accounts") / "accounts.sqlite"
    with Accounts(path, create=True, passwords=Passwords(CHEAP)) as accounts:
        accounts.add("lea", NOON, "test", territory="DE")
        return accounts.add_key("lea", "program", NOON, "test").key, path


@pytest.fixture(scope="module")
def limited(key: tuple[str, Path], published: Tree) -> Iterator[TestClient]:
    door = Door(key[1], lambda: NOON, Passwords(CHEAP))
    app = create_app(published, door=door, limiter=Buckets(3, 60, clock=Clock()))
    with TestClient(app) as client:
        yield client
    door.close()


def test_who_asks_too_much_is_told_when_to_come_again(limited: TestClient) -> None:
    answers = [limited.get("/api/v1/edition") for _ in range(4)]
    assert [a.status_code for a in answers] == [200, 200, 200, 429]
    assert answers[0].headers["ratelimit-policy"] == '"anonymous";q=3;w=60'
    assert [a.headers["ratelimit"] for a in answers] == [
        '"anonymous";r=2;t=20', '"anonymous";r=1;t=40', '"anonymous";r=0;t=60',
        '"anonymous";r=0;t=60',
    ]  # fmt: skip
    assert answers[3].headers["retry-after"] == "20"
    assert answers[3].headers["content-type"] == "application/problem+json"
    problem = msgspec.json.decode(answers[3].content, type=QuotaProblemAnswer)
    assert (problem.status, problem.violated_policies) == (429, ["anonymous"])
    assert limited.get("/").status_code == 200
    assert "ratelimit" not in limited.get("/").headers


def test_a_key_is_known_and_a_wrong_one_never_taken_for_none(
    limited: TestClient, key: tuple[str, Path]
) -> None:
    known = limited.get("/api/v1/edition", headers={"authorization": f"Bearer {key[0]}"})
    assert (known.status_code, known.headers["ratelimit"]) == (200, '"account";r=29;t=2')
    for wrong in ("Bearer nothing", f"Bearer {key[0][:-1]}", "Digest x", "Bearer"):
        refused = limited.get("/api/v1/edition", headers={"authorization": wrong})
        assert refused.status_code == 401, wrong
        assert refused.headers["www-authenticate"].startswith("Bearer")
        assert refused.headers["content-type"] == "application/problem+json"


def test_rights_are_those_of_the_accounts_country_and_of_today(
    limited: TestClient, key: tuple[str, Path]
) -> None:
    answer = limited.get(
        f"/api/v1/recordings/{recording_id(1)}/rights",
        headers={"authorization": f"Bearer {key[0]}"},
    ).json()
    assert answer["territories"] == ["DE"]
    assert answer["verdicts"][0]["on"] == "2027-03-04"
