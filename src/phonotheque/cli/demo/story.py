"""The demo, step by step. Every step calls what the command of that name calls; nothing is faked.

music ─► init ─► ingest ─► listens ─► build ─► publish ─► origin (web server and seeder)
      ─► plan ─► sync ─► verify ─► damage ─► verify ─► repair ─► verify ─► search ─► serve
"""

import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from phonotheque import archive, mirror
from phonotheque.catalogue import open_edition
from phonotheque.cli.clock import now
from phonotheque.cli.console import Reporter, Screen, format_bytes
from phonotheque.cli.demo.music import AUDIO_SUFFIXES, Music, find_music
from phonotheque.cli.demo.traps import lay_traps
from phonotheque.mirror import MirrorPlan, VerifyReport, Via
from phonotheque.model.edition import EditionManifest
from phonotheque.model.errors import PhonothequeError, UsageError
from phonotheque.search import SearchIndex, ensure_index
from phonotheque.serve import Server, create_app
from phonotheque.storage.documents import read_document
from phonotheque.storage.layout import Tree

T = TypeVar("T")
MARKER = "this-is-a-phonotheque-demo"
TIER_CUTS_PERCENT = (80.0, 100.0)
FLIPPED_BYTES = 3
STEPS = [
    "music", "init", "ingest", "listens", "build", "publish", "origin", "plan", "sync", "verify",
    "damage", "verify_damaged", "repair", "verify_repaired", "search",
]  # fmt: skip


class Step(msgspec.Struct, frozen=True):
    """One step and how long it took."""

    name: str
    seconds: float


class DemoResult(msgspec.Struct, frozen=True, kw_only=True):
    """What `demo --json` prints. Findings are counted by code; `refused` counts input files."""

    music: str
    steps: list[Step]
    recordings: int
    files: int
    bytes: int
    volumes: int
    tiers: int
    planned: list[str]
    fetched_http: int
    fetched_swarm: int
    findings_damaged: dict[str, int]
    findings_after_repair: int
    repaired_bytes: int
    refused: int
    info_hashes: dict[str, str]
    search_hit: str | None


class Demo:
    """One run of the demo in `folder`, which is made anew but for downloaded music."""

    def __init__(self, screen: Screen, folder: Path, own_music: Path | None) -> None:
        self._screen = screen
        self._folder = folder
        self._own = own_music.absolute() if own_music else None
        self._steps: list[Step] = []
        self.archive = Tree(folder / "archive")
        self.mirror = Tree(folder / "mirror")

    def run(self) -> DemoResult:
        """All steps up to the repaired mirror and a search in it.

        Raises:
            UsageError: the folder holds something else, or the music folder no music.
            PhonothequeError: a step did not do what it is there for.
        """
        self._clear()
        at = now()
        with Reporter(self._screen) as progress:
            self._progress = progress
            music = self._step("music", self._get_music)
            self._step("init", lambda: self._init(music, at))
            refused = self._step("ingest", lambda: self._ingest(music, at))
            self._step("listens", lambda: self._listens(music, at))
            self._step("build", lambda: self._build(at))
            manifest = self._step("publish", lambda: self._publish(at))
            with ExitStack() as origin:
                peer = self._step("origin", lambda: self._start_origin(origin))
                plan = self._step("plan", lambda: self._plan(manifest, at))
                synced = self._step("sync", lambda: self._sync(peer, at))
                self._expect_clean(self._step("verify", lambda: self._verify(at)))
                self._step("damage", lambda: self._damage(plan))
                damaged = self._step("verify_damaged", lambda: self._verify(at))
                repaired = self._step("repair", lambda: self._repair(at))
                after = self._step("verify_repaired", lambda: self._verify(at))
            hit = self._step("search", lambda: self._search(music))
        hashes = _info_hashes(self.archive, manifest)
        return DemoResult(
            music=music.origin,
            steps=self._steps,
            recordings=manifest.counts.recordings,
            files=manifest.counts.files,
            bytes=manifest.counts.audio_bytes,
            volumes=manifest.counts.volumes,
            tiers=manifest.counts.tiers,
            planned=[volume.volume for volume in plan.volumes],
            fetched_http=synced.files_fetched_http,
            fetched_swarm=synced.files_fetched_swarm,
            findings_damaged=_count(damaged),
            findings_after_repair=len(after.findings),
            repaired_bytes=repaired.bytes_fetched,
            refused=refused,
            info_hashes=hashes,
            search_hit=hit,
        )

    def summary(self, result: DemoResult) -> Iterator[str]:
        """The result in a few lines for people."""
        seconds = sum(step.seconds for step in result.steps)
        yield ""
        yield f"An archive of {result.music}, made, mirrored and mended in {seconds:.0f} seconds:"
        yield (
            f"  {result.recordings} recordings, {result.files} files of audio "
            f"({format_bytes(result.bytes)}) in {result.volumes} volumes of {result.tiers} tiers; "
            f"{result.refused} files were refused."
        )
        yield (
            f"  The mirror holds {' and '.join(result.planned)}: {result.fetched_http} files came "
            f"over HTTP, {result.fetched_swarm} from the swarm."
        )
        found = ", ".join(f"{n} × {code}" for code, n in sorted(result.findings_damaged.items()))
        yield (
            f"  Damaged on purpose, verify found {found}; repair fetched "
            f"{format_bytes(result.repaired_bytes)}, and {result.findings_after_repair} findings "
            "remain."
        )

    def serve(self, port: int) -> None:
        """Serve the mirror until interrupted; another port when `port` is taken."""
        from phonotheque.serve import run_server

        free = port if port and _is_free(port) else _free_port()
        self._screen.note(f"The mirror is at http://127.0.0.1:{free}/ – Ctrl-C stops.")
        run_server(create_app(self.mirror), "127.0.0.1", free)

    def _step(self, name: str, act: Callable[[], T]) -> T:
        begun = time.monotonic()
        result = act()
        self._steps.append(Step(name, round(time.monotonic() - begun, 2)))
        return result

    def _say(self, text: str) -> None:
        self._progress.close()
        self._screen.note(f"· {text}")

    def _clear(self) -> None:
        marker = self._folder / MARKER
        if self._folder.exists() and any(self._folder.iterdir()) and not marker.exists():
            raise UsageError(f"{self._folder}: holds something else; name another --dir")
        self._folder.mkdir(parents=True, exist_ok=True)
        marker.write_text("Everything here may be deleted.\n", encoding="utf-8")
        for tree in (self.archive, self.mirror):
            shutil.rmtree(tree.root, ignore_errors=True)
            shutil.rmtree(tree.offline_keys, ignore_errors=True)
        for name in ("traps", "listens.csv"):
            path = self._folder / name
            shutil.rmtree(path, ignore_errors=True)
            path.unlink(missing_ok=True)

    def _get_music(self) -> Music:
        music = find_music(self._folder / "music", self._own, self._say)
        self._say(f"music: {music.origin}")
        return music

    def _init(self, music: Music, at: datetime) -> None:
        size = sum(path.stat().st_size for path in iter_audio(music.folder))
        self._port = _free_port()
        plan = archive.plan_init(
            self.archive.root,
            name="Demonstration archive",
            publisher="phonotheque demo",
            seat="DE",
            slug="demo",
            overrides={
                "tiers": {"cuts_percent": list(TIER_CUTS_PERCENT)},
                "volumes": {"max_bytes": max(size // 3, 1)},
                "publish": {"webseeds": [f"http://127.0.0.1:{self._port}"]},
            },
        )
        report = archive.execute_init(plan, None, at, self._progress)
        self._say(f"init: {report.root}, offline keys in {report.offline_keys}")

    def _ingest(self, music: Music, at: datetime) -> int:
        traps = self._folder / "traps"
        lay_traps(traps, list(iter_audio(music.folder)))
        refused = 0
        for folder, source in ((music.folder, music.source), (traps, "traps")):
            plan = archive.plan_ingest(self.archive, [folder], source=source, kind="folder", now=at)
            report = archive.execute_ingest(self.archive, plan, at, self._progress)
            refused += report.files_refused
            self._say(
                f"ingest {source}: {report.files_admitted} admitted, {report.files_refused} refused"
            )
            for code, count in sorted(report.findings_by_code.items()):
                self._say(f"    {count} × {code}")
        return refused

    def _listens(self, music: Music, at: datetime) -> None:
        path = self._folder / "listens.csv"
        largest_first = sorted(iter_audio(music.folder), key=lambda p: (-p.stat().st_size, p))
        keys = [p.relative_to(music.folder).as_posix() for p in largest_first]
        lines = [
            f'"source:{music.source}:{key}",{round(10_000 / position**1.2)}'
            for position, key in enumerate(keys, 1)
        ]
        path.write_text("key,listens\n" + "\n".join(lines) + "\n", encoding="utf-8")
        plan = archive.plan_ingest(
            self.archive, [path], source="demo-listens", kind="listens", now=at
        )
        archive.execute_ingest(self.archive, plan, at, self._progress)
        self._say("listens: invented numbers, so that there are ranks and tiers to show")

    def _build(self, at: datetime) -> None:
        plan = archive.plan_build(self.archive, at.date())
        report = archive.execute_build(self.archive, plan, self._progress)
        self._say(f"build: {report.recordings} recordings on {report.releases} releases")

    def _publish(self, at: datetime) -> EditionManifest:
        plan = archive.plan_publish(self.archive, at)
        report = archive.execute_publish(self.archive, plan, at, self._progress)
        self._say(f"publish: edition {report.name}, signed; {report.new_files} files in")
        for volume in report.new_volumes:
            size = format_bytes(volume.total_bytes)
            self._say(f"    {volume.volume}: {volume.files} files, {size}")
        path = self.archive.edition(report.name)
        ensure_index(path, self.archive.edition_index(report.name), self._progress)
        return read_document(path / "edition.json", EditionManifest)

    def _start_origin(self, stack: ExitStack) -> tuple[str, int]:
        server = stack.enter_context(Server(create_app(self.archive), port=self._port))
        seeder = stack.enter_context(
            mirror.Seeder(self.archive, self._progress, listen="127.0.0.1:0")
        )
        self._say(f"origin: {server.url}, and a BitTorrent seeder on port {seeder.port}")
        return ("127.0.0.1", seeder.port)

    def _plan(self, manifest: EditionManifest, at: datetime) -> MirrorPlan:
        everything = mirror.plan_mirror(
            self.mirror, self._progress, now=at, origin=self._origin_url
        )
        smallest = min(volume.bytes for volume in everything.volumes)
        disk = everything.bytes - smallest
        plan = mirror.plan_mirror(
            self.mirror, self._progress, now=at, origin=self._origin_url, disk_bytes=disk
        )
        if len(plan.volumes) < 2 or not plan.left_out:
            raise PhonothequeError("the music is too little for a demo of three volumes; add some")
        chosen = [
            msgspec.structs.replace(volume, via=Via.HTTP if position == 0 else Via.SWARM)
            for position, volume in enumerate(plan.volumes)
        ]
        plan = msgspec.structs.replace(plan, volumes=chosen)
        mirror.save_plan(self.mirror, plan)
        self._say(
            f"plan: {format_bytes(disk)} of disk where {format_bytes(everything.bytes)} are due: "
            f"{', '.join(f'{v.volume} by {v.via}' for v in chosen)}; left out "
            f"{', '.join(v.volume for v in plan.left_out)}; {plan.listens_share:.0%} of listens"
        )
        return plan

    def _sync(self, peer: tuple[str, int], at: datetime) -> mirror.SyncReport:
        report = mirror.sync(
            self.mirror, self._progress, now=at, peers=[peer], listen="127.0.0.1:0"
        )
        self._say(
            f"sync: {report.files_fetched_http} files over HTTP, {report.files_fetched_swarm} "
            "from the swarm"
        )
        return report

    def _verify(self, at: datetime) -> VerifyReport:
        report = mirror.verify(self.mirror, self._progress, now=at)
        self._say(
            f"verify: {report.sound} sound, {report.damaged} damaged, {report.missing} missing"
        )
        for finding in report.findings:
            self._say(f"    {finding.code} {finding.where}: {finding.message}")
        return report

    def _expect_clean(self, report: VerifyReport) -> None:
        if not report.clean:
            raise PhonothequeError("the fresh mirror is not clean; see the findings above")

    def _damage(self, plan: MirrorPlan) -> None:
        first, second = (
            sorted(iter_audio(self.mirror.volume(volume.volume))) for volume in plan.volumes[:2]
        )
        victim, lost = first[0], second[0]
        content = bytearray(victim.read_bytes())
        for share in range(1, FLIPPED_BYTES + 1):
            content[len(content) * share // (FLIPPED_BYTES + 1)] ^= 0xFF
        victim.chmod(0o644)
        victim.write_bytes(content)
        lost.unlink()
        self._say(f"damage, on purpose: {FLIPPED_BYTES} bytes of {victim.name} flipped")
        self._say(f"    and {lost.name} deleted")

    def _repair(self, at: datetime) -> mirror.RepairReport:
        report = mirror.repair(self.mirror, self._progress, now=at)
        self._say(
            f"repair: {len(report.repaired)} files, {format_bytes(report.bytes_fetched)} fetched"
        )
        return report

    def _search(self, music: Music) -> str | None:
        name = mirror.newest_edition(self.mirror)
        folder = self.mirror.edition_index(name)
        ensure_index(self.mirror.edition(name), folder, self._progress)
        index = SearchIndex.open(folder)
        try:
            words = "zaz" if music.source == "debian-music" else index.rows([1])[0].title
            page = index.search(words, limit=1)
        finally:
            index.close()
        if not page.hits:
            return None
        row = page.hits[0].row
        self._say(f"search “{words}”: {row.artist} – {row.title}, one of {page.total}")
        return f"{row.artist} – {row.title}"

    @property
    def _origin_url(self) -> str:
        return f"http://127.0.0.1:{self._port}"


def iter_audio(folder: Path) -> Iterator[Path]:
    """The audio files below `folder`, in the order of their names."""
    for where, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if Path(name).suffix.lower() in AUDIO_SUFFIXES:
                yield Path(where) / name


def _count(report: VerifyReport) -> dict[str, int]:
    counts: dict[str, int] = {}
    for finding in report.findings:
        counts[finding.code] = counts.get(finding.code, 0) + 1
    return counts


def _info_hashes(tree: Tree, manifest: EditionManifest) -> dict[str, str]:
    reader = open_edition(tree.edition(manifest.name), manifest)
    try:
        rows = reader.cursor().execute("SELECT volume, info_hash_v2 FROM volumes ORDER BY volume")
        return dict(rows.fetchall())
    finally:
        reader.close()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
