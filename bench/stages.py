"""Run a command and say what it took: time, memory of the process, disk at its height."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAM = (sys.executable, "-m", "phonotheque.cli.main")
_EVERY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Taken:
    """What a command took. `peak_memory_gb` is of the largest single process of it (10**9 bytes);
    disk is of the watched folder, as allocated; `said` its standard output as JSON, or null."""

    wall_seconds: float
    cpu_seconds: float
    peak_memory_gb: float
    peak_disk_bytes: int
    disk_bytes: int
    exit_code: int
    said: Any


class StageError(RuntimeError):
    """A command ended with another code than 0 or 1 (1: done, with findings)."""


def phonotheque(*arguments: object, watch: Path) -> Taken:
    """The program with `arguments` and ``--json``.

    Raises:
        StageError: it did not do its work.
    """
    return run_stage([*PROGRAM, *(str(a) for a in arguments), "--json"], watch=watch)


def run_stage(
    command: Sequence[str], *, watch: Path, cwd: Path | None = None, text: bool = False
) -> Taken:
    """Run `command` to its end, looking at the folder `watch` twice a second. With `text`, what it
    said is kept as it is.

    Raises:
        StageError: it did not do its work; with the end of what it said.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        started, peak, status = time.perf_counter(), disk_bytes(watch), None
        child = subprocess.Popen(command, stdout=out, stderr=errors, cwd=cwd)
        while status is None:
            pid, code, usage = os.wait4(child.pid, os.WNOHANG)
            if pid:
                status = os.waitstatus_to_exitcode(code)
                child.returncode = status  # it is reaped: nobody is to wait for it again
            else:
                time.sleep(_EVERY_SECONDS if time.perf_counter() - started > 5 else 0.05)
                peak = max(peak, disk_bytes(watch))
        wall = time.perf_counter() - started
        said, complaint = _content(out), _content(errors)
    if status not in (0, 1):
        raise StageError(f"{' '.join(command)}: exit code {status}\n{complaint[-2000:]}")
    return Taken(
        wall_seconds=wall,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_memory_gb=usage.ru_maxrss * 1024 / 1e9,
        peak_disk_bytes=peak,
        disk_bytes=disk_bytes(watch),
        exit_code=status,
        said=said if text else json.loads(said) if said.startswith("{") else None,
    )


def _content(stream: Any) -> str:
    stream.seek(0)
    return str(stream.read().decode(errors="replace"))


def disk_bytes(folder: Path) -> int:
    """What lies below `folder`, as allocated on disk; what vanishes meanwhile does not count."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                total += Path(path, name).lstat().st_blocks * 512
            except OSError:
                continue
    return total


def disk_by_folder(folder: Path) -> dict[str, int]:
    """`disk_bytes` of each entry of `folder`, by name."""
    if not folder.exists():
        return {}
    return {p.name: disk_bytes(p) if p.is_dir() else 0 for p in sorted(folder.iterdir())}
