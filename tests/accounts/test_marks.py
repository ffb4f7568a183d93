"""What listeners keep: stars, ratings, plays, playlists, queues."""

from datetime import timedelta

import pytest

from phonotheque.accounts import Accounts, Mark, Marks, Playlists, PlayQueue
from phonotheque.model.errors import NotFoundError, UsageError
from phonotheque.model.numbers import Kind
from tests.accounts.conftest import NOW

R, D, A = Kind.RECORDING, Kind.RELEASE, Kind.ARTIST
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def two(accounts: Accounts) -> tuple[int, int]:
    return accounts.add("lea", NOW, "t").number, accounts.add("max", NOW, "t").number


def test_stars_are_each_account_s_own_and_the_newest_comes_first(
    accounts: Accounts, two: tuple[int, int]
) -> None:
    marks, (lea, other) = Marks(accounts.database), two
    marks.star(lea, [(R, 5), (R, 7), (D, 5)], NOW)
    marks.star(lea, [(R, 5), (R, 3)], LATER)
    assert marks.starred(lea, R) == [3, 5, 7] and marks.starred(lea, D) == [5]
    assert marks.starred(lea, R, 1, 1) == [5] and marks.starred(other, R) == []
    marks.unstar(lea, [(R, 5), (A, 1)])
    assert marks.starred(lea, R) == [3, 7]


def test_marks_of_many_items_come_at_once(accounts: Accounts, two: tuple[int, int]) -> None:
    marks, (lea, _) = Marks(accounts.database), two
    marks.star(lea, [(R, 5)], NOW)
    marks.rate(lea, (R, 5), 4)
    marks.rate(lea, (R, 6), 2)
    marks.rate(lea, (R, 6), 0)
    marks.played(lea, [((R, 5), NOW), ((R, 5), LATER), ((R, 5), NOW), ((D, 1), NOW)])
    found = marks.marks_of(lea, [(R, n) for n in range(2000)] + [(D, 1), (A, 1)])
    assert found == {
        (R, 5): Mark(starred_at=NOW, rating=4, plays=3, played_at=LATER),
        (D, 1): Mark(plays=1, played_at=NOW),
    }
    assert marks.most_played(lea, R, 0, 9) == marks.last_played(lea, R, 0, 9) == [5]
    assert marks.best_rated(lea, R, 0, 9) == [5] and marks.best_rated(lea, R, 1, 9) == []
    with pytest.raises(UsageError, match="1 to 5"):
        marks.rate(lea, (R, 5), 6)


def test_what_is_playing_is_forgotten(accounts: Accounts, two: tuple[int, int]) -> None:
    marks, (lea, other) = Marks(accounts.database), two
    marks.now_playing(lea, 3, "a player", NOW)
    (heard,) = marks.playing(lea, NOW, timedelta(minutes=10))
    assert (heard.account, heard.recording, heard.client) == ("lea", 3, "a player")
    assert marks.playing(lea, LATER, timedelta(minutes=10)) == []
    assert marks.playing(other, NOW, timedelta(minutes=10)) == []


def test_a_playlist_is_its_owner_s_until_it_is_made_public(
    accounts: Accounts, two: tuple[int, int]
) -> None:
    lists, (lea, other) = Playlists(accounts.database), two
    made = lists.create(lea, "Nuit", [3, 1, 3], NOW)
    assert made.recordings == (3, 1, 3) and made.owner == "lea" and not made.public
    assert lists.visible(other) == lists.visible(None) == []
    for change in (lists.read, lists.delete):
        with pytest.raises(NotFoundError):
            change(made.id, other)
    shown = lists.change(made.id, lea, LATER, public=True, remove=[0], add=[2**40, 9])
    assert shown.recordings == (1, 3, 2**40, 9) and shown.changed_at == LATER
    assert [p.id for p in lists.visible(None)] == [p.id for p in lists.visible(other)] == [made.id]
    with pytest.raises(NotFoundError, match="somebody else's"):
        lists.change(made.id, other, LATER, name="mine")
    accounts.disable("lea", NOW, "t")
    assert lists.visible(None) == []
    lists.delete(made.id, lea)
    assert lists.visible(lea) == []


@pytest.mark.parametrize("name", ["", "  ", "x" * 201])
def test_a_playlist_has_a_name_and_an_end(
    accounts: Accounts, two: tuple[int, int], name: str
) -> None:
    lists = Playlists(accounts.database)
    with pytest.raises(UsageError, match="1 to 200"):
        lists.create(two[0], name, [], NOW)
    with pytest.raises(UsageError, match="at most 20000"):
        lists.create(two[0], "long", range(20_001), NOW)
    assert lists.visible(two[0]) == []


def test_a_queue_is_kept_with_its_place(accounts: Accounts, two: tuple[int, int]) -> None:
    lists, (lea, other) = Playlists(accounts.database), two
    queue = PlayQueue(
        recordings=(1, 1, 2), current=1, position_ms=5000, changed_at=NOW, client="a player"
    )
    lists.save_queue(lea, queue)
    assert lists.queue(lea) == queue and lists.queue(other) is None
    with pytest.raises(UsageError, match="not in the queue"):
        lists.save_queue(lea, PlayQueue(
            recordings=(1,), current=1, position_ms=0, changed_at=NOW, client=""
        ))  # fmt: skip
    assert lists.queue(lea) == queue
    lists.save_queue(
        lea, PlayQueue(recordings=(), current=None, position_ms=0, changed_at=NOW, client="")
    )
    assert lists.queue(lea) is None
