"""Seeding (part of the bench `mirror`): memory and start-up of a mirror with many torrents, in a
set memory and with all of them loaded, against a plain libtorrent session that has all added.

The mirror is made up: files are hard links of a few holes, their hashes random, the metainfo as
long as of tracks of 3.5 MB in pieces of 512 KiB, the journal full. So no spot check is made, which
in a mirror reads two files of each volume that is loaded. Each figure is of a process of its own:
what it has to itself (`RssAnon`), less what it had before. `large` has 300 torrents of 3,000 files,
and 3,000 of 300; what 3,000 of 3,000 take is reckoned from both.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha1, sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import libtorrent as lt
import pyarrow as pa
import pyarrow.parquet as pq

from phonotheque.edition import HashedFile, VolumeFile, create_torrent
from phonotheque.edition.bencode import slice_of
from phonotheque.edition.torrent import root_of_layer
from phonotheque.mirror import MirrorSettings, Seeder
from phonotheque.mirror.state import open_state
from phonotheque.mirror.swarm import SwarmOptions, load_torrent, open_session
from phonotheque.model import tables
from phonotheque.model.edition import ArchiveIdentity, Counts, EditionManifest, Latest
from phonotheque.model.seeding import SeedSettings
from phonotheque.storage.documents import write_document
from phonotheque.storage.layout import Tree

NAME = "made-tier1-{:05d}"
PIECE = 512 << 10
FILE_BYTES = 3_500_000
LINKS = 30_000  # of one inode
SHAPES = {"small": ((30, 1000), (300, 100)), "large": ((300, 3000), (3000, 300))}
BUDGET = {"small": 8 << 20, "large": 128 << 20}
NOW = datetime(2026, 11, 23, tzinfo=UTC)
LISTEN = "127.0.0.1:0"


@dataclass(frozen=True)
class Figures:
    """Of one process: what it took to be found by all hashes, and to be ready; and its memory."""

    found_seconds: float
    ready_seconds: float
    cpu_seconds: float
    mb: float
    torrents: int
    loaded: int


def measure(scale: str) -> dict[str, Any]:
    """The figures, in the form of a bench."""
    few, many = SHAPES[scale]
    with TemporaryDirectory(dir=os.environ.get("PHONOTHEQUE_BENCH_DIR")) as scratch:
        tree = make_mirror(Path(scratch) / "few", *few)
        ours, whole, plain = (_apart(how, tree, BUDGET[scale]) for how in ("ours", "all", "plain"))
        shutil.rmtree(tree.root)
        tree = make_mirror(Path(scratch) / "many", *many)
        resting = _apart("rest", tree, 1)
        ours_many = _apart("ours", tree, BUDGET[scale])
        plain_many = _apart("plain", tree, 0)
    millions = few[0] * few[1] / 1e6
    rest_kb = resting.mb * 1000 / resting.torrents
    crowd = many[0] * few[1] / 1e6  # as many torrents as of `many`, with the files of `few`
    return {
        "ours": {
            "files_millions": millions,
            "budget_mb": BUDGET[scale] / 1e6,
            **_told("few", ours), **_told("few_all_loaded", whole), **_told("many", ours_many),
            "resting_kb_per_torrent": rest_kb,
            "crowd_files_millions": crowd,
            "crowd_mb_reckoned": BUDGET[scale] / 1e6 + rest_kb * many[0] / 1000,
        },
        "peers": {
            **_told("libtorrent_few", plain), **_told("libtorrent_many", plain_many),
            "libtorrent_mb_per_million_files": plain.mb / millions,
            "libtorrent_crowd_mb_reckoned": plain.mb / millions * crowd,
        },
        "ratios": {
            "seed_mb_per_million_files": ours.mb / millions,
            "seed_all_mb_per_million_files": whole.mb / millions,
            "seed_memory_vs_libtorrent": ours.mb / plain.mb,
            "seed_start_vs_libtorrent": ours.found_seconds / plain.found_seconds,
        },
    }  # fmt: skip


def _told(name: str, figures: Figures) -> dict[str, float]:
    return {
        f"{name}_found_seconds": figures.found_seconds,
        f"{name}_ready_seconds": figures.ready_seconds,
        f"{name}_cpu_seconds": figures.cpu_seconds,
        f"{name}_mb": figures.mb,
        f"{name}_loaded": figures.loaded,
    }


def make_mirror(root: Path, torrents: int, files: int) -> Tree:
    """A mirror of `torrents` volumes of `files` files each, all proved."""
    tree = Tree(root)
    edition = tree.edition("2026-11")
    (edition / "torrents").mkdir(parents=True)
    rows, links = [], _links(root)
    paths = [f"data/artist {n % 60:03d}/{n:05d} song.opus" for n in range(files)]
    folders = {Path(path).parent for path in paths}
    first = create_torrent(NAME.format(0), [_file(path) for path in paths], PIECE, None)  # type: ignore[arg-type]
    with open_state(tree) as state:
        state.connection.execute("PRAGMA synchronous = OFF")
        for number in range(torrents):
            name = NAME.format(number)
            content = first.content.replace(NAME.format(0).encode(), name.encode())
            info = slice_of(content, b"info")
            (edition / "torrents" / f"{name}.torrent").write_bytes(content)
            rows.append((name, sha1(info).hexdigest(), sha256(info).hexdigest()))
            for folder in folders:
                (tree.volume(name) / folder).mkdir(parents=True)
            proved = []
            for path in paths:
                hole, stat = next(links)
                os.link(hole, tree.volume(name) / path)
                proved.append((f"volumes/{name}/{path}", "0" * 64, stat))
            state.prove_all(proved, NOW, None)
    _write_edition(tree, rows)
    return tree


def _links(root: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """What to link to, again and again."""
    number = 0
    while True:
        hole = root / f"hole-{number}"
        with hole.open("wb") as stream:
            stream.truncate(FILE_BYTES)
        stat = hole.stat()
        for _ in range(LINKS):
            yield hole, stat
        number += 1


def _file(path: str) -> VolumeFile:
    count = -(-FILE_BYTES // PIECE)
    layer = secrets.token_bytes(32 * count)
    root = root_of_layer(layer, PIECE)
    hashed = HashedFile(FILE_BYTES, b"", root, layer, secrets.token_bytes(20 * count))
    return VolumeFile(path, Path(path), FILE_BYTES, pieces_root=root.hex(), kept=hashed)


def _write_edition(tree: Tree, rows: list[tuple[str, str, str]]) -> None:
    edition = tree.edition("2026-11")
    names, v1, v2 = zip(*rows, strict=True)
    table = pa.table({"volume": names, "info_hash_v1": v1, "info_hash_v2": v2})
    pq.write_table(table, edition / "volumes.parquet")
    counts = dict.fromkeys(
        ("recordings", "tracks", "releases", "artists", "files", "audio_bytes", "volumes",
         "tiers", "withdrawn", "listens"), 0,
    )  # fmt: skip
    write_document(edition / "edition.json", EditionManifest(
        format=tables.FORMAT_VERSION, name="2026-11", sequence=1, previous=None, published_at=NOW,
        archive=ArchiveIdentity(id="-", name="-", publisher="-", seat="DE"), id_key="0" * 32,
        tier_cuts_percent=[100.0], territories=[], rows_per_shard=1, counts=Counts(**counts),
        shards=[], contents=[], webseeds=[], trackers=[],
    ))  # fmt: skip
    write_document(
        tree.latest_json,
        Latest(
            format=tables.FORMAT_VERSION, edition="2026-11", sequence=1, edition_sha256="0" * 64
        ),
    )
    write_document(tree.mirror_toml, MirrorSettings(origin="/nowhere", root_sha256="0" * 64))


def _apart(how: str, tree: Tree, budget: int) -> Figures:
    """The figures of a process that does `how`."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.mirror_seeding", how, str(tree.root), str(budget)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr)
    return Figures(**json.loads(done.stdout))


def anonymous_mb() -> float:
    """What this process has to itself, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) * 1024 / 1e6


def ours(tree: Tree, budget: int) -> Figures:
    """A seeder with so many bytes for torrents, until what fits is loaded."""
    settings = SeedSettings(memory_bytes=budget, spot_checks=0)
    before, begin, cpu = anonymous_mb(), time.monotonic(), time.process_time()
    with Seeder(tree, listen=LISTEN, settings=settings) as seeder:
        found = time.monotonic() - begin
        loaded = -1
        while loaded != len(seeder.loaded):
            loaded = len(seeder.loaded)
            time.sleep(2.0)
            seeder.uploaded_bytes()  # waits for a load that is under way
        ready = time.monotonic() - begin - 2.0
        return Figures(found, ready, time.process_time() - cpu, anonymous_mb() - before,
                       len(seeder.volumes), loaded)  # fmt: skip


def plain(tree: Tree, _budget: int) -> Figures:
    """A session with all torrents added and taken for whole."""
    before, begin, cpu = anonymous_mb(), time.monotonic(), time.process_time()
    session = open_session(SwarmOptions(listen=LISTEN))
    torrents = sorted(tree.edition("2026-11").glob("torrents/*.torrent"))
    for path in torrents:
        params = load_torrent(path, tree.volumes, SwarmOptions())
        params.flags |= lt.torrent_flags.seed_mode
        session.add_torrent(params)
    spent = time.monotonic() - begin
    time.sleep(1.0)
    return Figures(spent, spent, time.process_time() - cpu, anonymous_mb() - before,
                   len(torrents), len(session.get_torrents()))  # fmt: skip


if __name__ == "__main__":
    ways = {"ours": ours, "all": lambda t, _: ours(t, 1 << 40), "rest": ours, "plain": plain}
    of = ways[sys.argv[1]](Tree(Path(sys.argv[2])), int(sys.argv[3]))
    sys.stdout.write(json.dumps({name: getattr(of, name) for name in Figures.__annotations__}))
