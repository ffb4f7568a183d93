"""Running the real program in a process of its own, as its user does."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

EPOCH = str(int(time.time()))
"""One clock for all of a test run, so that two runs of a command write the same dates. It is near
the true one: signatures expire by the clock of the machine."""


@dataclass(frozen=True)
class Ran:
    """What a finished run gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "phonotheque.cli.main", *map(str, arguments)]


def environment(**changes: str) -> dict[str, str]:
    return {**os.environ, "SOURCE_DATE_EPOCH": EPOCH, **changes}


def phonotheque(*arguments: str | Path, expect: int | None = 0, timeout: float = 120) -> Ran:
    """Run the program to its end; fail the test when it ends otherwise than expected."""
    done = subprocess.run(
        command(*arguments),
        check=False,
        capture_output=True,
        text=True,
        env=environment(),
        timeout=timeout,
    )
    ran = Ran(done.returncode, done.stdout, done.stderr)
    if expect is not None:
        assert ran.code == expect, f"exit {ran.code}\n{ran.out}\n{ran.err}"
    return ran


def kill_after(seconds: float, *arguments: str | Path) -> bool:
    """Start the program and kill -9 it and its children after `seconds`; True if it was alive."""
    process = subprocess.Popen(
        command(*arguments),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
        start_new_session=True,
    )
    time.sleep(seconds)
    alive = process.poll() is None
    if alive:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return alive


def tree_digests(root: Path, *, leave_out: tuple[str, ...] = ()) -> dict[str, str]:
    """sha256 of every file below `root`, by relative path; names in `leave_out` are passed over.

    SQLite's files are state of this machine, compared through the program's own checks instead.
    """
    found = {}
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        relative = path.relative_to(root).as_posix()
        if path.name == ".lock" or ".sqlite" in path.name:
            continue
        if any(relative == name or relative.startswith(name + "/") for name in leave_out):
            continue
        found[relative] = sha256(path.read_bytes()).hexdigest()
    return found


def copy_tree(source: Path, target: Path) -> Path:
    """A full copy, for trying the same step again from the same start."""
    shutil.copytree(source, target, symlinks=True)
    return target


def moments(seconds: float, count: int, seed: int) -> list[float]:
    """`count` random moments between 0 and `seconds`."""
    chance = random.Random(seed)
    return [chance.uniform(0, seconds) for _ in range(count)]
