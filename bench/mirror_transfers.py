"""Fetching a volume (part of the bench `mirror`): against curl, aria2c and libtorrent alone.

The same files, many small and few large, come from a web server and from a peer on loopback, each
in a process of its own. Ours is a whole `sync`, begin and end included: everything is hashed twice
(SHA-256 and the tree of BEP 52), waited for until it is on the disk, and noted. curl and aria2c
check nothing; libtorrent checks pieces, and waits for the disk once, at its end. CPU-seconds and
memory are those of the fetching process; memory has that of Python and its libraries in it, which
the commands are forked from. With sources held to a rate, `together` says what both
at once bring of the sum of both rates, ours and libtorrent with web seeds.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from msgspec.structs import replace
from tests.support.editions import TinyRecording
from tests.support.origin import TinyOrigin

from bench.web_and_peer import load_plain, peer, plain_session, web_server
from phonotheque.mirror import Via, parse_peer, plan_mirror, read_mirror, save_plan, sync
from phonotheque.model.progress import Silent
from phonotheque.storage.documents import write_document
from phonotheque.storage.layout import Tree

SHAPES = {
    "small": {"many": (400, 64 << 10), "few": (3, 32 << 20)},
    "large": {"many": (10_000, 64 << 10), "few": (8, 128 << 20)},
}  # files, bytes
TRACKS = (24, 3_500_000)
RATE = 5_000_000  # bytes a second of each source, for both together
PIECE_BYTES = 512 << 10
VOLUME = "bench-tier1-00001"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
Figures = dict[str, float]


def measure(scale: str) -> dict[str, Any]:
    """The figures, in the form of a bench."""
    figures: dict[str, dict[str, Any]] = {"ours": {}, "peers": {}, "ratios": {}}
    for shape, (files, size) in SHAPES[scale].items():
        with TemporaryDirectory(dir=os.environ.get("PHONOTHEQUE_BENCH_DIR")) as scratch:
            bench = _Bench(Path(scratch), files, size)
            _compare(figures, shape, bench)
    with TemporaryDirectory(dir=os.environ.get("PHONOTHEQUE_BENCH_DIR")) as scratch:
        _together(figures, _Bench(Path(scratch), *TRACKS))
    return figures


class _Bench:
    """A published volume, and a mirror that has its edition and none of its files."""

    def __init__(self, folder: Path, files: int, size: int) -> None:
        self.folder = folder
        noise = os.urandom(size)
        self.origin = TinyOrigin(folder / "archive", piece_length=PIECE_BYTES)
        self.origin.publish(
            [
                TinyRecording(
                    f"Song {n}", listens=n,
                    file=(VOLUME, f"data/{n % 97:02d}/{n:06d}.ogg",
                          n.to_bytes(8) + noise[8:]),
                )
                for n in range(files)
            ]
        )  # fmt: skip
        self.bag = self.origin.tree.volume(VOLUME)
        self.paths = sorted(p for p in self.bag.rglob("*") if p.is_file())
        self.bytes = sum(p.stat().st_size for p in self.paths)
        self.torrent = self.origin.tree.edition("2026-11") / "torrents" / f"{VOLUME}.torrent"
        self.tree = Tree(folder / "mirror")
        plan = plan_mirror(self.tree, Silent(), now=NOW, origin=str(self.origin.root))
        save_plan(self.tree, replace(plan, volumes=[]))
        sync(self.tree, Silent(), now=NOW)
        save_plan(self.tree, plan)

    def ours(self, via: Via | None, url: str, port: int) -> Figures:
        """One sync of the volume, which is taken away again."""
        settings = read_mirror(self.tree)
        write_document(self.tree.mirror_toml, replace(settings, origin=url))

        def run() -> None:
            peers = [parse_peer(f"127.0.0.1:{port}")] if port else []
            report = sync(self.tree, Silent(), now=NOW, via=via, peers=peers, listen="127.0.0.1:0")
            if report.findings or report.volumes_complete != [VOLUME]:
                raise RuntimeError(f"not everything came: {report.findings[:3]}")

        found = self.measured(run)
        shutil.rmtree(self.tree.volumes)
        return found

    def libtorrent(self, port: int, webseed: str = "") -> Figures:
        """libtorrent as it is."""
        target = self.target()

        def run() -> None:
            session = plain_session({})
            params = load_plain(self.torrent, target)
            params.peers = [("127.0.0.1", port)] if port else []
            params.url_seeds = [f"{webseed}/volumes/"] if webseed else []
            handle = session.add_torrent(params)
            while not handle.status().is_seeding:
                time.sleep(0.02)
            session.pause()
            session.remove_torrent(handle)
            os.sync()

        return self.measured(run)

    def command(self, *words: str) -> Figures:
        """Another program."""
        return self.measured(
            lambda: subprocess.run(words, check=True, timeout=100, stdout=subprocess.DEVNULL)
        )

    def curl(self, url: str) -> Figures:
        """curl, four at once, from a list."""
        target, listed = self.target(), self.folder / "curl.txt"
        listed.write_text(
            "".join(
                f'url = "{url}/volumes/{VOLUME}/{quote(name)}"\noutput = "{target / name}"\n'
                for name in self.names()
            )
        )
        return self.command("curl", "-sS", "-f", "--create-dirs", "--parallel",
                            "--parallel-max", "4", "--config", str(listed))  # fmt: skip

    def aria2c(self, url: str) -> Figures:
        """aria2c, four at once, from a list."""
        target, listed = self.target(), self.folder / "aria2.txt"
        listed.write_text(
            "".join(f"{url}/volumes/{VOLUME}/{quote(n)}\n out={n}\n" for n in self.names())
        )
        return self.command("aria2c", "-q", "-j4", "-x1", "-s1", f"--dir={target}",
                            "--file-allocation=none", f"--input-file={listed}")  # fmt: skip

    def names(self) -> list[str]:
        """The files of the volume."""
        return [p.relative_to(self.bag).as_posix() for p in self.paths]

    def target(self) -> Path:
        """A new empty folder."""
        shutil.rmtree(self.folder / "target", ignore_errors=True)
        (self.folder / "target").mkdir()
        return self.folder / "target"

    def measured(self, run: Callable[[], object]) -> Figures:
        """MB a second, CPU-seconds a GB and MB of memory of `run` in a process of its own."""
        begin = time.perf_counter()
        child = os.fork()
        if child == 0:
            try:
                run()
            except BaseException as error:
                sys.stderr.write(f"{error}\n")
                os._exit(1)
            os._exit(0)
        _, status, used = os.wait4(child, 0)
        if status:
            raise RuntimeError("one of the fetchers failed")
        spent = used.ru_utime + used.ru_stime
        return {
            "mb_per_second": self.bytes / 1e6 / (time.perf_counter() - begin),
            "cpu_seconds_per_gb": spent / self.bytes * 1e9,
            "mb_of_memory": used.ru_maxrss / 1024,
        }


def _compare(figures: dict[str, dict[str, Any]], shape: str, bench: _Bench) -> None:
    with (
        peer([bench.torrent], bench.origin.tree.volumes) as port,
        web_server(bench.origin.root) as url,
    ):
        found = {
            "webseed": bench.ours(Via.HTTP, url, 0),
            "swarm": bench.ours(Via.SWARM, url, port),
            "both": bench.ours(None, url, port),
            "curl": bench.curl(url),
            "libtorrent": bench.libtorrent(port),
        }
        if shutil.which("aria2c"):
            found["aria2c"] = bench.aria2c(url)
    for name, values in found.items():
        group = "ours" if name in ("webseed", "swarm", "both") else "peers"
        for figure, value in values.items():
            figures[group][f"{name}_{shape}_{figure}"] = round(value, 2)
    pairs = [("webseed", "curl"), ("webseed", "aria2c"), ("swarm", "libtorrent")]
    for ours, other in pairs:
        if other in found:
            name = f"{ours}_vs_{other}" + ("" if shape == "few" else "_many")
            fast = found[ours]["mb_per_second"] / found[other]["mb_per_second"]
            cheap = found[other]["cpu_seconds_per_gb"] / found[ours]["cpu_seconds_per_gb"]
            figures["ratios"] |= {name: round(fast, 3), f"{name}_cpu": round(cheap, 3)}


def _together(figures: dict[str, dict[str, Any]], bench: _Bench) -> None:
    """Both at once, each held to a rate: what part of the sum comes."""
    with (
        peer([bench.torrent], bench.origin.tree.volumes, RATE) as port,
        web_server(bench.origin.root, RATE) as url,
    ):
        ours = bench.ours(None, url, port)
        other = bench.libtorrent(port, url)
    for name, found in (("together", ours), ("libtorrent_webseeds", other)):
        share = found["mb_per_second"] * 1e6 / (2 * RATE)
        figures["ratios"][f"{name}_vs_sum_of_rates"] = round(share, 3)
