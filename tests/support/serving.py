"""`phonotheque serve` in a process of its own, as its operator runs it, and what it takes."""

import http.client
import re
import signal
import subprocess
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

from phonotheque.storage.layout import Tree
from tests.whole.program import command, environment

START_SECONDS = 60.0
_SITE = re.compile(r"serving edition \S+ on http://127\.0\.0\.1:(\d+)/")
_FIGURES = re.compile(r"figures for Prometheus on (\S+)")


class ServedTree:
    """A server over `tree`, with further `options`; a context manager. `said`: its standard error,
    in the file it goes to."""

    def __init__(self, tree: Tree, folder: Path, *options: str) -> None:
        self.said = folder / "said.txt"
        with self.said.open("wb") as out:
            self.process = subprocess.Popen(
                command("serve", tree.root, "--port", "0", "--metrics", "127.0.0.1:0", *options),
                stderr=out, stdout=subprocess.DEVNULL, env=environment(),
            )  # fmt: skip
        self.port = int(self._wait_for(_SITE))
        self._figures = self._wait_for(_FIGURES)

    def _wait_for(self, pattern: re.Pattern[str]) -> str:
        deadline = time.monotonic() + START_SECONDS
        while (found := pattern.search(self.said.read_text())) is None:
            assert self.process.poll() is None, self.said.read_text()
            assert time.monotonic() < deadline, self.said.read_text()
            time.sleep(0.02)
        return found[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def get(
        self, path: str, headers: dict[str, str] | None = None, timeout: float = 20
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, fields and body of one answer, over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def figure(self, name: str) -> list[float]:
        """One figure, of each worker or of all."""
        with urllib.request.urlopen(self._figures, timeout=20) as answer:
            lines = answer.read().decode().splitlines()
        begins = (f"phonotheque_{name}{{", f"phonotheque_{name} ")
        return [float(line.split()[-1]) for line in lines if line.startswith(begins)]

    @property
    def workers(self) -> list[int]:
        """The processes that answer."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        found = [int(child) for child in children if "serving_worker" in _command_of(child)]
        return found or [pid]


def _command_of(pid: str | int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def open_handles(pid: int) -> int:
    """How many files and sockets a process has open."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def own_bytes(pid: int) -> int:
    """Memory of a process, without mapped files."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the kernel does not say")


def maps(pid: int, folder: Path) -> bool:
    """Whether a process has a file below `folder` mapped."""
    return str(folder) in Path(f"/proc/{pid}/maps").read_text()
