"""Kill a process at its n-th call that changes a folder, also where SQLite or libtorrent makes it.

`Killer` starts one process with `interposer.c` loaded (LD_PRELOAD), which forks for each attempt;
so the tests' own servers and threads are not copied, and nothing is imported again. An action is a
function named ``module:function``, called with plain values.
"""

import importlib
import json
import os
import shutil
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from tests.support.hurry import hurry_swarms

SOURCE = Path(__file__).with_name("interposer.c")
KILLED = -9
COMPILER = shutil.which("cc")


class Manner(IntEnum):
    """What happens at the n-th call."""

    COUNT = 0  # nothing
    KILL = 1  # the process is killed before it
    TEAR = 2  # half of what was to be written is, then the process is killed
    FAIL = 3  # it fails with an error of the system
    FAIL_ON = 4  # it fails, and all that need room after it


@dataclass(frozen=True)
class Attempt:
    """How an attempt ended: `code` 0, KILLED, or 1 with what it `said`; calls it made, by name and
    path below the folder (for `COUNT` alone)."""

    code: int
    said: str
    calls: list[tuple[str, str]]


class Killer:
    """A process that can be made to die; see the module."""

    def __init__(self, library: Path) -> None:
        settings = os.environ | {"LD_PRELOAD": str(library), "INTERPOSER": str(library)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__], env=settings, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self._log = library.with_suffix(".log")
        self._asked = 0

    def attempt(
        self, action: str, arguments: Mapping[str, Any], folder: Path,
        number: int = 0, manner: Manner = Manner.COUNT, error: int = 0,
    ) -> Attempt:  # fmt: skip
        """Call `action` in a process of its own."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._asked += 1  # a test that timed out leaves an answer that nobody reads
        asked = [action, dict(arguments), str(folder), number, int(manner), error, str(self._log)]
        print(json.dumps([self._asked, *asked]), file=self._process.stdin, flush=True)
        answered = 0
        while answered != self._asked:
            answered, code, said = json.loads(self._process.stdout.readline())
        lines = self._log.read_text().splitlines() if manner is Manner.COUNT else []
        calls = [(name, path) for name, _, path in (line.partition(" ") for line in lines)]
        return Attempt(code, said, calls)

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()


@contextmanager
def killer(folder: Path) -> Iterator[Killer]:
    """A `Killer` whose library is made in `folder`; needs a C compiler."""
    assert COMPILER is not None
    library = folder / "interposer.so"
    made = [COMPILER, "-O1", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(made, check=True, capture_output=True)
    process = Killer(library)
    try:
        yield process
    finally:
        process.close()


def steps(calls: list[tuple[str, str]], *, most_alike: int = 3) -> list[int]:
    """Numbers of the calls at which to kill: of each run of calls that differ only in what is
    written to the same file, the first, the last and some between; all others. From 1."""
    alike: dict[tuple[str, str], list[int]] = {}
    for number, (name, path) in enumerate(calls, 1):
        alike.setdefault((name, path), []).append(number)
    chosen = set[int]()
    for numbers in alike.values():
        step = max((len(numbers) - 1) / max(most_alike - 1, 1), 1.0)
        chosen |= {numbers[min(round(n * step), len(numbers) - 1)] for n in range(most_alike)}
    return sorted(chosen)


def _serve() -> None:
    """Fork for each line of standard input; see `Killer.attempt`."""
    import ctypes

    library = ctypes.CDLL(os.environ["INTERPOSER"])
    os.environ.pop("LD_PRELOAD")
    for line in sys.stdin:
        asked, action, arguments, folder, number, manner, error, log = json.loads(line)
        module, _, function = action.partition(":")
        call = getattr(importlib.import_module(module), function)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            handle = -1
            if manner == Manner.COUNT:
                handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
            library.interposer_arm(folder.encode(), number, manner, error, handle)
            said, code = "", 0
            try:
                call(**arguments)
            except BaseException as raised:
                code, said = 1, _described(raised)
            library.interposer_seen()
            os.write(writer, said.encode()[:60_000])
            os._exit(code)
        os.close(writer)
        with os.fdopen(reader, "rb") as said_there:
            said = said_there.read().decode()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(json.dumps([asked, code, said]), flush=True)


def _described(raised: BaseException) -> str:
    from phonotheque.cli.failures import describe_failure

    if isinstance(raised, Exception):
        said, _ = describe_failure(raised)
        unforeseen = "should not have happened" in said
        return said + ("\n" + "".join(traceback.format_exception(raised)) if unforeseen else "")
    return repr(raised)


if __name__ == "__main__":
    hurry_swarms()
    _serve()
