"""Worker processes that make rows: what happens when one ends, or its parent does."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from phonotheque.model.errors import PhonothequeError
from phonotheque.sources import Block, Workers
from tests.support.clock import NOW

START = ("redirects", "s", "in", NOW)
COMMAND = (
    sys.executable, "-c",
    "from phonotheque.sources import maker_of, serve; "
    "serve(lambda start: maker_of(start[0], start[1], start[2], None, start[3]))",
)  # fmt: skip
BLOCK = Block([1, 2], {"entity": ["recording", None], "old": ["x", "y"], "new": ["z", "z"]})


def test_batches_come_in_the_order_of_their_blocks() -> None:
    blocks = [Block([n], {"entity": ["label"]}) for n in range(1, 30)]
    with Workers(COMMAND, START) as workers:
        rows = [findings[0].row for _, findings in workers.make_all(blocks)]
    assert rows == list(range(1, 30))


def test_a_worker_that_ends_stops_the_ingest_with_a_way_out() -> None:
    with (
        Workers((sys.executable, "-c", "input()"), START) as workers,
        pytest.raises(PhonothequeError, match="Run this again"),
    ):
        list(workers.make_all([BLOCK]))


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time\n"
        "from datetime import datetime\n"
        "from phonotheque.sources import Workers\n"
        f"w = Workers({COMMAND!r}, ('redirects', 's', 'in', datetime(2026, 1, 1)))\n"
        "print(*(p.pid for p in w._processes), flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    children = [int(pid) for pid in parent.stdout.readline().split()]
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{pid}/stat").exists() and _runs(pid) for pid in children):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert len(children) == 2


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except OSError:
        return False
