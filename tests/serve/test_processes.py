"""`phonotheque serve --workers 2`, as its operator runs it: several processes on one socket."""

import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import pytest

from phonotheque.model.edition import Latest
from phonotheque.serve.workers import Workers
from phonotheque.storage.documents import write_document
from phonotheque.storage.layout import Tree
from tests.serve.conftest import DENIED, VOLUME, noise, recording_id, recordings
from tests.support.editions import TinyRecording, write_tiny_edition
from tests.support.serving import ServedTree, maps, open_handles

NEXT = "2026-12"
FILE = f"/volumes/{VOLUME}/data/b.ogg"


@pytest.fixture
def tree(own_tree: Tree) -> Tree:
    """One that is an archive in nothing but what is published."""
    own_tree.archive_toml.unlink()
    shutil.rmtree(own_tree.online_keys)
    return own_tree


def wait_until(done: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


STAND_IN = """
import os, sys
name = sys.stdin.readline().strip()
os.write(1, b"ready\\n")
with open(name, "a") as out:
    print(os.getpid(), file=out, flush=True)
    for line in sys.stdin:
        print(line.strip(), file=out, flush=True)
"""
"""Stands for a worker: writes down its number, and what it is told after its orders."""


def test_workers_are_begun_told_replaced_and_ended(tmp_path: Path) -> None:
    files = [tmp_path / "0", tmp_path / "1"]
    command = (sys.executable, "-S", "-E", "-c", STAND_IN)
    orders = [str(file).encode() for file in files]
    with (
        socket.socket() as listening,
        Workers(command, orders, [listening.fileno()], grace_seconds=0) as workers,
    ):
        workers.wait_ready()
        looking = threading.Thread(target=workers.look_after)
        looking.start()
        first, second = workers.processes
        workers.renew()
        wait_until(lambda: all(file.exists() and "renew" in file.read_text() for file in files))
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: len(files[0].read_text().split()) == 3)  # another number
        assert second in workers.processes
        new = workers.processes[0]
        assert files[0].read_text().split() == [str(first), "renew", str(new)]
        workers.stop()
        looking.join()
    assert workers.processes == []
    assert not Path(f"/proc/{new}").exists()


@pytest.mark.full
def test_a_worker_that_dies_is_replaced_and_the_other_answers_meanwhile(
    tree: Tree, tmp_path: Path
) -> None:
    with ServedTree(tree, tmp_path, "--workers", "2", "--grace", "1") as served:
        first, second = served.workers
        assert served.get("/api/v1/search?q=anna")[0] == 200
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: first not in served.workers)
        assert served.get(FILE)[2] == noise(5002, 2)
        wait_until(lambda: len(served.workers) == 2)
        assert second in served.workers
        (new,) = set(served.workers) - {second}
        wait_until(lambda: maps(new, tree.edition_index("2026-11")))
        os.kill(second, signal.SIGKILL)  # now the new one has to answer
        wait_until(lambda: second not in served.workers)
        assert served.get("/about")[0] == 200
        assert "begun anew" in served.said.read_text()
    assert served.process.returncode == 0
    wait_until(lambda: not Path(f"/proc/{new}").exists(), 10)


@pytest.mark.full
def test_all_workers_show_a_newer_edition_and_no_request_is_lost(
    tree: Tree, tmp_path: Path
) -> None:
    statuses: list[int] = []
    enough = threading.Event()
    with ServedTree(tree, tmp_path, "--workers", "2") as served:

        def ask() -> None:
            while not enough.is_set():
                for path in ("/api/v1/search?q=anna", "/edition", FILE):
                    statuses.append(served.get(path)[0])

        askers = [threading.Thread(target=ask) for _ in range(3)]
        for asker in askers:
            asker.start()
        wait_until(lambda: served.figure("edition_sequence") == [1, 1])
        added = TinyRecording("Quite new", "Anna Lind", listens=5)
        write_tiny_edition(tree.root, [*recordings(), added], name=NEXT, sequence=2)
        latest = Latest(format=1, edition=NEXT, sequence=2, edition_sha256="00" * 32)
        write_document(tree.latest_json, latest)
        served.process.send_signal(signal.SIGHUP)
        wait_until(lambda: served.figure("edition_sequence") == [2, 2])
        before = len(statuses)
        wait_until(lambda: len(statuses) > before + 30)
        enough.set()
        for asker in askers:
            asker.join()
        assert set(statuses) == {200}
        assert served.figure("renewals_total") == [1, 1]
        for _ in range(8):  # whichever worker answers
            assert b"Quite new" in served.get("/api/v1/search?q=quite+new")[2]
        old = tree.edition_index("2026-11")
        wait_until(lambda: not any(maps(pid, old) for pid in served.workers), 20)


@pytest.mark.full
def test_connections_that_come_at_once_are_shared_by_the_workers(
    tree: Tree, tmp_path: Path
) -> None:
    request = b"GET /api/v1/lookup?q=anna HTTP/1.1\r\nHost: here\r\n\r\n"
    smaller: list[int] = []
    with ServedTree(tree, tmp_path, "--workers", "2") as served:
        workers = served.workers
        for _ in range(15):
            before = [open_handles(pid) for pid in workers]
            with ExitStack() as peers:
                for _ in range(16):
                    peer = peers.enter_context(socket.create_connection(("127.0.0.1", served.port)))
                    peer.sendall(request)
                time.sleep(0.3)
                taken = [open_handles(p) - b for p, b in zip(workers, before, strict=True)]
                assert sum(taken) >= 15, taken
                smaller.append(min(taken))
            time.sleep(0.2)
    assert median(smaller) >= 5, smaller  # 3 where the first to wake takes all that wait


@pytest.mark.full
def test_workers_hand_files_over_and_refuse_what_may_not_leave(tree: Tree, tmp_path: Path) -> None:
    options = ("--workers", "2", "--hand-over", "x-accel-redirect:/inside")
    with ServedTree(tree, tmp_path, *options) as served:
        for _ in range(8):
            status, fields, body = served.get(FILE)
            assert (status, body) == (200, b"")
            assert fields["x-accel-redirect"] == f"/inside/volumes/{VOLUME}/data/b.ogg"
            status, fields, _ = served.get(f"/stream/{recording_id(DENIED)}")
            assert status == 403
            assert "x-accel-redirect" not in fields
