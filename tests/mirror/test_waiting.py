"""Origins that drip are left, no wait is silent, and the rate and the hours are kept."""

import re
import time
from dataclasses import replace
from pathlib import Path
from threading import Event

import msgspec
import pytest

from phonotheque.mirror import Limits, halting, read_mirror, repair, runlog
from phonotheque.mirror.dripping import DripGuard, DrippingError, Least
from phonotheque.mirror.pacing import Pace
from phonotheque.mirror.runlog import LoggedProgress
from phonotheque.mirror.schedule import TransferSettings
from phonotheque.mirror.transfer import Stopped
from phonotheque.model.hours import parse_hours
from phonotheque.storage.documents import write_document
from phonotheque.storage.layout import Tree
from tests.mirror.conftest import LOOPBACK, Follower, Notes
from tests.support import rogue
from tests.support.clock import NOW
from tests.support.origin import WebServer

BAG = "volumes/tiny-tier1-00001"
SONG = f"{BAG}/data/artist 1/song-1.ogg"
PICKY = Limits(
    attempts=1, backoff_seconds=0.01, timeout_seconds=5.0, longest_wait_seconds=0.1,
    least_bytes_per_second=200_000, least_seconds=0.2,
)  # fmt: skip


def test_what_drips_is_left_and_what_is_slow_of_itself_is_not() -> None:
    guard = DripGuard(Least(1000, 30.0), "https://a.example/x")
    for _ in range(100):
        guard.count(4_000, 3.0)
    with pytest.raises(DrippingError, match=r"https://a.example/x: it gave 1 bytes a second"):
        for _ in range(20):
            guard.count(3, 3.0)
    for _ in range(1_000):
        DripGuard(Least(0, 30.0), "").count(0, 100.0)


def test_an_origin_that_drips_is_replaced_in_the_middle_of_a_file(follower: Follower) -> None:
    follower.plan(exclude=["tiny-tier1-00002", "tiny-tier2-00003"])
    with rogue.RogueServer(follower.origin.root) as dripping:
        dripping.misbehave = rogue.only(SONG, rogue.drip(2_000, 0.04))
        settings = read_mirror(follower.tree)
        both = msgspec.structs.replace(settings, origin=dripping.url, others=(follower.server.url,))
        write_document(follower.tree.mirror_toml, both)
        follower.server.bend = lambda path, content: None if path == SONG else 404
        report = follower.sync(limits=replace(PICKY, connections=1))
    assert report.findings == []
    asked = [s.range for s in follower.server.served if s.path == SONG]
    assert asked and all(text and text != "bytes=0-" for text in asked), "it is carried on with"
    assert follower.verify().clean


@pytest.mark.full
def test_alone_an_origin_that_drips_is_named(follower: Follower) -> None:
    follower.plan(exclude=["tiny-tier1-00002", "tiny-tier2-00003"])
    with rogue.RogueServer(follower.origin.root) as dripping:
        dripping.misbehave = rogue.only(SONG, rogue.drip(2_000, 0.04))
        settings = read_mirror(follower.tree)
        write_document(
            follower.tree.mirror_toml, msgspec.structs.replace(settings, origin=dripping.url)
        )
        report = follower.sync(limits=PICKY)
    said = [f.message for f in report.findings if f.where == SONG]
    assert said and re.search(r"bytes a second, less than the 200,000 asked for", said[0])


@pytest.mark.full
def test_headers_that_drip_have_an_end(follower: Follower) -> None:
    follower.plan(exclude=["tiny-tier1-00002", "tiny-tier2-00003"])

    def dripping_headers(request: object, path: str, content: bytes | None) -> bool:
        stop = Event()
        request.wfile.write(b"HTTP/1.0 200 OK\r\n")  # type: ignore[attr-defined]
        for _ in range(400):
            try:
                request.wfile.write(b"X")  # type: ignore[attr-defined]
                request.wfile.flush()  # type: ignore[attr-defined]
            except OSError:
                break
            stop.wait(0.05)
        return True

    with rogue.RogueServer(follower.origin.root) as server:
        server.misbehave = rogue.only(SONG, dripping_headers)
        settings = read_mirror(follower.tree)
        write_document(
            follower.tree.mirror_toml, msgspec.structs.replace(settings, origin=server.url)
        )
        hasty = Limits(attempts=1, timeout_seconds=0.3, longest_wait_seconds=0.1)
        report = follower.sync(limits=hasty)
    assert [f.where for f in report.findings] == [SONG]


def test_a_wait_is_never_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = Notes()
    log = LoggedProgress(Tree(tmp_path), notes, NOW, lambda: "https://a.example (2 files)")
    log.start("v by http", 100, "bytes")
    log.look()
    assert notes.lines == []
    monkeypatch.setattr(runlog, "QUIET_SECONDS", 0.0)
    log.look()
    assert notes.lines == [
        "v by http: nothing new for 0 s; waiting for https://a.example (2 files)"
    ]
    read = runlog.read_log(Tree(tmp_path))
    assert read is not None and read.waiting == "https://a.example (2 files)"
    log.advance(1)
    log.end("done")
    read = runlog.read_log(Tree(tmp_path))
    assert read is not None and read.waiting == ""


def test_a_server_that_says_nothing_is_named_while_it_is_waited_for(
    follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower.plan(exclude=["tiny-tier1-00002", "tiny-tier2-00003"])
    monkeypatch.setattr(runlog, "QUIET_SECONDS", 0.15)
    monkeypatch.setattr(runlog, "_LOOK_SECONDS", 0.05)

    def bend(path: str, content: bytes) -> None:
        time.sleep(0.5 if path == SONG else 0)

    follower.server.bend = bend
    assert follower.sync().findings == []
    said = [line for line in follower.notes.lines if "nothing new" in line]
    assert said and f"waiting for {follower.server.url} (1 files asked for)" in said[0]


def test_a_repair_keeps_the_rate_of_the_mirror(
    synced: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = read_mirror(synced.tree)
    kept = TransferSettings(max_bytes_per_second=1 << 20)
    write_document(synced.tree.mirror_toml, msgspec.structs.replace(settings, transfer=kept))
    (synced.tree.root / SONG).unlink()
    other = synced.tree.volume("tiny-tier2-00003") / "data/artist 6/song-6.ogg"
    other.chmod(0o644)
    with other.open("r+b") as stream:
        stream.write(b"?")
    rates: dict[int | None, int] = {}

    def charge(self: Pace, amount: int) -> float:
        rates[self.bytes_per_second] = rates.get(self.bytes_per_second, 0) + amount
        return 0.0

    monkeypatch.setattr(Pace, "charge", charge)
    report = repair(synced.tree, synced.notes, now=NOW, listen=LOOPBACK)
    assert report.files_repaired == 2
    assert rates == {1 << 20: report.bytes_fetched}


def test_outside_its_hours_a_sync_obeys_withdrawals_and_fetches_nothing(
    follower: Follower,
) -> None:
    follower.plan()
    hours = parse_hours("23:00-07:00")
    noon = NOW.replace(hour=12)
    with halting(Event(), lambda: hours.holds(noon)) as halt, pytest.raises(Stopped):
        follower.sync(halt=halt)
    assert follower.tree.revocations_json.is_file() and not follower.tree.editions.exists()
    assert isinstance(follower.server, WebServer)
    with halting(Event(), lambda: hours.holds(noon.replace(hour=23))) as halt:
        assert follower.sync(halt=halt).findings == []
