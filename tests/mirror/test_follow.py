"""Following for days: hours, a pause, withdrawals at any time, figures for Prometheus."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import Event, Thread
from urllib.request import urlopen

import pytest

from phonotheque.cli.main import main
from phonotheque.mirror import FollowOptions, follow, pause, read_status, resume
from phonotheque.mirror.following import halting
from phonotheque.mirror.metrics import Counters, render, serve_metrics
from phonotheque.mirror.schedule import may_fetch
from phonotheque.mirror.transfer import Stopped
from phonotheque.model.errors import FormatError, UsageError
from phonotheque.model.hours import parse_hours
from tests.mirror.conftest import HASTY, LOOPBACK, Follower
from tests.support.clock import NOW
from tests.support.origin import three_volumes


@pytest.mark.parametrize(
    ("hours", "inside", "outside"),
    [
        ("23:00-07:00", ("23:00", "02:30", "06:59"), ("07:00", "12:00", "22:59")),
        ("09:00-17:30", ("09:00", "17:29"), ("17:30", "08:59", "00:00")),
        ("12:00-12:00", ("12:00", "00:00", "11:59"), ()),
    ],
)
def test_hours_go_over_midnight(
    hours: str, inside: tuple[str, ...], outside: tuple[str, ...]
) -> None:
    parsed = parse_hours(hours)
    assert all(parsed.holds(datetime.fromisoformat(f"2026-11-01T{at}")) for at in inside)
    assert not any(parsed.holds(datetime.fromisoformat(f"2026-11-01T{at}")) for at in outside)


@pytest.mark.parametrize("text", ["", "23-7", "24:00-07:00", "23:00-07:60", "23:00", "always"])
def test_what_are_no_hours_is_refused(text: str) -> None:
    with pytest.raises(FormatError, match="23:00-07:00"):
        parse_hours(text)


@contextmanager
def following(follower: Follower, **options: object) -> Iterator[Event]:
    stop = Event()
    chosen = FollowOptions(
        limits=HASTY, look_seconds=0.02, listen=LOOPBACK, every_seconds=3600, **options  # type: ignore[arg-type]
    )  # fmt: skip
    thread = Thread(
        target=follow, args=(follower.tree, follower.notes, stop),
        kwargs={"clock": lambda: NOW, "options": chosen},
    )  # fmt: skip
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(60)
        assert not thread.is_alive()


def until(happens: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not happens():
        assert time.monotonic() < end
        time.sleep(0.02)


def outcome(follower: Follower) -> str:
    log = read_status(follower.tree, NOW).sync
    return log.outcome if log else ""


def test_a_paused_mirror_obeys_withdrawals_and_fetches_when_resumed(synced: Follower) -> None:
    gone = synced.origin.revoke(1, "2026-11")
    kept = synced.tree.volume("tiny-tier1-00002") / "bagit.txt"
    kept.unlink()
    pause(synced.tree, NOW)
    with following(synced):
        until(lambda: outcome(synced) == "stopped")
        assert not (synced.tree.volume(gone.volume) / gone.path).exists()
        assert not kept.exists()
        resume(synced.tree)
        until(kept.exists)
        until(lambda: outcome(synced) == "done")
    assert synced.verify().clean


def test_what_a_follower_did_and_why_it_rests_is_told(synced: Follower) -> None:
    pause(synced.tree, NOW)
    with following(synced):
        until(lambda: any("paused, until" in line for line in synced.notes.lines))
        synced.origin.publish(three_volumes(), name="2026-12")
        resume(synced.tree)
        until(lambda: any(line.startswith("edition 2026-12: ") for line in synced.notes.lines))
    told = "\n".join(synced.notes.lines)
    assert "3 volumes are whole" in told and "the plan is of edition 2026-11" in told
    synced.notes.lines.clear()
    with following(synced, hours="03:00-03:01"):
        until(lambda: any("outside the hours 03:00-03:01" in line for line in synced.notes.lines))


def test_what_is_no_mirror_is_not_resumed(tmp_path: Path) -> None:
    assert main(["resume", str(tmp_path / "nothing")]) == 66


def test_failures_are_noted_and_tried_again(synced: Follower) -> None:
    synced.server.bend = lambda path, content: 503
    with following(synced, first_wait_seconds=0.05):
        until(lambda: sum("503" in line for line in synced.notes.lines) >= 2)
        synced.server.bend = lambda path, content: None
        until(lambda: outcome(synced) == "done")


def test_less_often_than_daily_is_refused(synced: Follower) -> None:
    options = FollowOptions(every_seconds=90_000)
    with pytest.raises(UsageError, match="within a day"):
        follow(synced.tree, synced.notes, Event(), clock=lambda: NOW, options=options)


def test_a_halt_amid_a_file_keeps_what_came(follower: Follower) -> None:
    follower.plan()
    halt = Event()

    def bend(path: str, content: bytes) -> None:
        if path.startswith("volumes/"):
            halt.set()

    follower.server.bend = bend
    with pytest.raises(Stopped):
        follower.sync(halt=halt)
    follower.server.bend = lambda path, content: None
    assert follower.sync().findings == []
    assert follower.verify().clean


def test_halting_ends_with_its_hours(follower: Follower) -> None:
    allowed = Event()
    allowed.set()
    with halting(Event(), allowed.is_set, 0.01) as halt:
        assert not halt.is_set()
        allowed.clear()
        assert halt.wait(10)
    assert not may_fetch(follower.tree, parse_hours("01:00-02:00"), NOW.replace(hour=3))


def test_figures_are_told_over_http(synced: Follower) -> None:
    with serve_metrics("127.0.0.1:0", synced.tree, Counters(done=3), lambda: NOW) as url:
        text = urlopen(url, timeout=10).read().decode()
    again = render(read_status(synced.tree, NOW), Counters(done=3))
    assert len(text.splitlines()) == len(again.splitlines())
    assert "phonotheque_mirror_volumes_whole 3\n" in text
    assert 'phonotheque_mirror_syncs_total{outcome="done"} 3\n' in text
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names))
