"""Several origins at once, rests after failures, and the rate that is kept."""

from pathlib import Path
from threading import Event

import pytest

from phonotheque.mirror import Limits
from phonotheque.mirror.failover import Origins
from phonotheque.mirror.origin import BusyError, FolderOrigin, MissingError
from phonotheque.mirror.pacing import Pace
from phonotheque.mirror.planning import read_mirror
from phonotheque.model.errors import TransferError
from phonotheque.storage.documents import write_document
from tests.mirror.conftest import HASTY, Follower
from tests.support.origin import WebServer

SONG = "volumes/tiny-tier1-00001/data/artist 1/song-1.ogg"


def add_origin(follower: Follower, *urls: str) -> None:
    import msgspec

    settings = read_mirror(follower.tree)
    write_document(follower.tree.mirror_toml, msgspec.structs.replace(settings, others=urls))


class Hand:
    """A clock that is moved by hand, and the waits that were asked for."""

    def __init__(self) -> None:
        self.at = 100.0
        self.waits: list[float] = []

    def clock(self) -> float:
        return self.at

    def pause(self, stop: Event, seconds: float) -> None:
        self.waits.append(seconds)
        self.at += seconds


def test_a_pace_is_kept_over_all_that_is_taken() -> None:
    hand = Hand()
    pace = Pace(1000, clock=hand.clock, pause=hand.pause)
    for _ in range(40):
        pace.take(250, Event())
    assert 9.0 <= hand.at - 100 <= 10.0, "10,000 bytes at 1,000 a second, less the first burst"


def test_a_pause_earns_no_more_than_a_burst() -> None:
    hand = Hand()
    pace = Pace(1000, clock=hand.clock, pause=hand.pause)
    hand.at += 3600
    assert pace.charge(1250) == pytest.approx(1.0)


def test_no_pace_never_waits() -> None:
    hand = Hand()
    Pace(None, clock=hand.clock, pause=hand.pause).take(1 << 40, Event())
    assert hand.waits == []


def two_origins(tmp_path: Path, hand: Hand) -> Origins:
    return Origins(
        [FolderOrigin(tmp_path), FolderOrigin(tmp_path)],
        first_rest_seconds=1.0, longest_rest_seconds=60.0, clock=hand.clock,
    )  # fmt: skip


def test_threads_spread_over_origins_that_are_well(tmp_path: Path) -> None:
    origins = two_origins(tmp_path, Hand())
    assert origins.choose(()) == (0, 0.0)
    with origins.asking(0):
        assert origins.choose(()) == (1, 0.0)
    assert origins.choose({0, 1}) is None


def test_an_origin_that_fails_rests_longer_each_time(tmp_path: Path) -> None:
    hand = Hand()
    origins = two_origins(tmp_path, hand)
    rests = []
    for _ in range(8):
        with pytest.raises(TransferError), origins.asking(0):
            raise TransferError("no")
        assert origins.choose(()) == (1, 0.0), "the other is asked at once"
        choice = origins.choose({1})
        assert choice is not None
        rests.append(choice[1])
    assert rests == [1, 2, 4, 8, 16, 32, 60, 60]
    with origins.asking(0):
        pass
    with pytest.raises(TransferError), origins.asking(0):
        raise TransferError("no")
    assert origins.choose({1}) == (0, 1.0), "what delivers is forgiven"


def test_retry_after_is_kept_up_to_the_limit(tmp_path: Path) -> None:
    origins = two_origins(tmp_path, Hand())
    with pytest.raises(BusyError), origins.asking(0):
        raise BusyError("later", 20.0)
    assert origins.choose({1}) == (0, 20.0)
    with pytest.raises(BusyError), origins.asking(0):
        raise BusyError("much later", 86_400.0)
    assert origins.choose({1}) == (0, 60.0)


def test_an_origin_that_lacks_files_is_asked_after_others(tmp_path: Path) -> None:
    origins = two_origins(tmp_path, Hand())
    with pytest.raises(MissingError), origins.asking(0):
        raise MissingError("no")
    assert origins.choose(()) == (1, 0.0)


def test_two_origins_share_a_sync_and_one_that_fails_costs_nothing_but_its_files(
    follower: Follower,
) -> None:
    follower.plan()
    follower.server.delay_seconds = 0.01
    with WebServer(follower.origin.root) as other:
        other.delay_seconds = 0.01
        add_origin(follower, other.url)
        assert follower.sync().findings == []
        assert follower.server.bytes_of("volumes/")
        assert other.bytes_of("volumes/")
    assert follower.verify().clean


def test_an_origin_that_dies_amid_the_volumes_is_replaced_by_another(follower: Follower) -> None:
    follower.plan()
    follower.server.bend = lambda path, content: 500 if path.startswith("volumes/") else None
    with WebServer(follower.origin.root) as other:
        add_origin(follower, other.url)
        assert follower.sync().files_fetched_http == 19
    assert follower.verify().clean


def test_a_busy_origin_is_asked_again_when_it_says(follower: Follower) -> None:
    follower.plan()
    follower.server.error_headers = {"Retry-After": "1"}
    left = {SONG: 1}

    def bend(path: str, content: bytes) -> int | None:
        left[path] = left.get(path, 0) - 1
        return 503 if left[path] == 0 else None

    follower.server.bend = bend
    assert follower.sync().findings == []
    assert follower.verify().clean


def test_a_beginning_that_another_origin_spoilt_is_not_held_against_this_one(
    follower: Follower,
) -> None:
    follower.plan()
    follower.server.bend = lambda path, content: content[::-1] if path == SONG else None
    follower.server.cut[SONG] = 50_000
    with WebServer(follower.origin.root) as other:
        add_origin(follower, other.url)
        assert follower.sync(limits=Limits(attempts=1, backoff_seconds=30)).findings == []
    assert follower.verify().clean


def test_a_sync_keeps_the_rate_it_is_given(
    follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower.plan()
    taken: list[int] = []
    monkeypatch.setattr(Pace, "charge", lambda self, amount: taken.append(amount) or 0.0)
    report = follower.sync(max_rate=1 << 20, limits=HASTY)
    assert sum(taken) == report.bytes_fetched_http + report.edition_bytes_fetched
