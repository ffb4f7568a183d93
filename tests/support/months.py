"""An archive that gets older by a month at a time, by the program's own commands, and those who
follow it; with an account of what each follower had to fetch.

The rows are those of ``phonotheque synth``; of some of their recordings there is audio, noise in
FLAC with the code in its tags. Each month brings more of both, mends some rows, moves all listens,
and withdraws a little.
"""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from phonotheque.catalogue import open_edition
from phonotheque.model.edition import EditionManifest
from phonotheque.storage.documents import read_document
from phonotheque.storage.layout import Tree
from tests.support.origin import WebServer

BEGIN = int(time.time())
"""Near the true time: python-tuf's client goes by the clock of the machine."""
MONTH_SECONDS = 30 * 86_400
RIGHTS = '[[rights]]\nlicence = "CC-BY-4.0"\nholder = "{holder}"\n'
TABLES = {"r": "recordings", "t": "tracks", "d": "releases", "a": "artists"}


@dataclass(frozen=True)
class Pace:
    """How large the archive is in its first month, and what each further month brings."""

    months: int = 12
    tracks: int = 6_400
    more_tracks: int = 128
    mended_rows: int = 32
    songs: int = 240
    more_songs: int = 40
    shorter: int = 200  # than in the dump: a song of 3:32 takes a second, and 190 kB
    withdrawn: int = 2  # from the third month on
    settings: Mapping[str, object] = field(default_factory=dict)  # key: value in archive.toml


@dataclass(frozen=True)
class Fetched:
    """What a follower fetched in one go: bytes by kind of file, and the report of `sync`."""

    by_kind: Mapping[str, int]
    sync: Mapping[str, Any]

    @property
    def bytes(self) -> int:
        return sum(self.by_kind.values())


def program(*arguments: str | Path, now: int) -> Any:
    """Run ``phonotheque … --json`` in a process of its own at a time; what it printed.

    It may end with findings: titles that speak of a cover are kept out, as they should be.
    """
    done = subprocess.run(
        [sys.executable, "-m", "phonotheque.cli.main", *map(str, arguments), "--json"],
        check=False, capture_output=True, text=True,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(now)},
    )  # fmt: skip
    if done.returncode not in (0, 1) or not done.stdout:
        raise AssertionError(f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return json.loads(done.stdout)


class GrowingArchive:
    """The archive below `folder`, and all that goes into it."""

    def __init__(self, folder: Path, pace: Pace, seed: int = 1) -> None:
        self.folder, self.pace = folder, pace
        self.tree = Tree(folder / "archive")
        self.months = 0
        self.published: list[Any] = []  # reports
        self.withdrawn: list[str] = []  # codes
        self._rng = np.random.default_rng(seed)
        self._rows, self._heard = self._make_dump(seed)
        self._growth = np.ones(len(self._heard))
        self._songs: list[str] = []  # codes of recordings with audio
        program("init", self.tree.root, "--name", "Months", "--publisher", "Tests", "--seat", "DE",
                now=BEGIN)  # fmt: skip
        _set(self.tree.archive_toml, pace.settings)

    @property
    def now(self) -> int:
        return BEGIN + MONTH_SECONDS * max(self.months - 1, 0)

    @property
    def edition(self) -> str:
        """Name of the newest edition."""
        return f"month-{self.months:02d}"

    def run(self, command: str, *arguments: str | Path) -> Any:
        """Run a command on the archive."""
        return program(command, self.tree.root, *arguments, now=self.now)

    def next_month(self) -> Any:
        """Everything that a month brings, up to its edition; the report of `publish`."""
        self.months += 1
        rows, songs = self.folder / "rows.parquet", self.folder / "songs"
        pq.write_table(self._new_rows(), rows)
        pq.write_table(self._listens(), self.folder / "listens.parquet")
        self._sing(songs)
        self.run("ingest", rows, "--source", "dump", "--as", "rows", "--add")
        self.run("ingest", self.folder / "listens.parquet", "--source", "plays", "--as", "listens")
        self.run("ingest", songs, "--source", "songs", "--link", "hard")
        if self.months > 2 and self.pace.withdrawn:
            out = [code for code in self._songs if code not in self.withdrawn]
            out = out[: -self.pace.more_songs]
            taken = [str(c) for c in self._rng.choice(out, self.pace.withdrawn, False)]
            self.run("withdraw", *taken, "--reason", "take-down")
            self.withdrawn += taken
        self.run("build")
        self.published.append(self.run("publish", "--edition", self.edition))
        return self.published[-1]

    def _make_dump(self, seed: int) -> tuple[pa.Table, Any]:
        pace, out = self.pace, self.folder / "dump"
        count = pace.tracks + pace.more_tracks * (pace.months - 1)
        program("synth", out, "--profile", "coded", "--tracks", str(count), "--seed", str(seed),
                "--no-truth", now=BEGIN)  # fmt: skip
        rows = pq.read_table(next(out.glob("synth-0*.parquet")))
        rows = _set_column(rows, "duration_ms", pc.divide(rows.column("duration_ms"), pace.shorter))
        listens = pq.read_table(next(out.glob("synth-listens-*.parquet")))
        self._keys = listens.column("key").to_pylist()
        return rows, listens.column("listens").to_numpy()

    def _known(self, months: int) -> int:
        """How many rows are known after so many months."""
        return self.pace.tracks + self.pace.more_tracks * (months - 1) if months else 0

    def _new_rows(self) -> pa.Table:
        """The new rows of the month, and old ones with another label or duration."""
        before, after = self._known(self.months - 1), self._known(self.months)
        new = self._rows.slice(before, after - before)
        if not before:
            return new
        chosen = np.sort(self._rng.choice(before, self.pace.mended_rows, False))
        old = self._rows.take(pa.array(chosen))
        longer = pc.add(old.column("duration_ms"), 100 * self.months)
        return pa.concat_tables([new, _set_column(old, "duration_ms", longer)])

    def _listens(self) -> pa.Table:
        """Totals of all recordings: each month adds to them, to each in its own measure."""
        self._growth *= 1 + 0.08 * self._rng.lognormal(0, 1.2, len(self._growth))
        totals = (self._heard * self._growth).astype(np.int64)
        return pa.table({"key": self._keys, "listens": totals})

    def _sing(self, folder: Path) -> None:
        """Audio of more recordings, one half of them among the most heard."""
        more = self.pace.songs if self.months == 1 else self.pace.more_songs
        known = self._rows.slice(0, self._known(self.months)).select(
            ["isrcs", "title", "artist_credit", "duration_ms"]
        )
        heard = np.array(self._keys)[np.argsort(-self._heard, kind="stable")].tolist()
        rank = {key.removeprefix("isrc:"): place for place, key in enumerate(heard)}
        first: dict[str, dict[str, Any]] = {}
        for row in known.to_pylist():
            first.setdefault(_code(row["isrcs"]), row)
        left = sorted(set(first) - set(self._songs), key=lambda code: rank.get(code, 1 << 60))
        chosen = left[: more // 2]
        chosen += [str(c) for c in self._rng.choice(left[more // 2 :], more - len(chosen), False)]
        place = folder / f"month-{self.months:02d}"
        place.mkdir(parents=True)
        (place / "rights.toml").write_text(RIGHTS.format(holder=f"Label {self.months}"))
        for code in chosen:
            row = first[code]
            tags = {"title": row["title"], "artist": row["artist_credit"], "isrc": code}
            write_noise(place / f"{code}.flac", row["duration_ms"] / 1000, self._rng, tags)
        self._songs += chosen


def _code(isrcs: Any) -> str:
    return str(isrcs[0] if isinstance(isrcs, list) else isrcs)


def _set_column(table: pa.Table, name: str, values: Any) -> pa.Table:
    index = table.schema.get_field_index(name)
    return table.set_column(index, name, pc.cast(values, table.schema.field(index).type))


def _set(toml: Path, settings: Mapping[str, object]) -> None:
    lines = toml.read_text().splitlines()
    for key, value in settings.items():
        at = next(n for n, line in enumerate(lines) if line.startswith(f"{key} = "))
        lines[at] = f"{key} = {value}"
    toml.chmod(0o644)
    toml.write_text("\n".join(lines) + "\n")


def write_noise(
    path: Path, seconds: float, rng: np.random.Generator, tags: Mapping[str, str]
) -> None:
    """A FLAC file of stereo noise at 44.1 kHz."""
    count = max(round(seconds * 44_100), 1_000)
    samples = rng.integers(-20_000, 20_000, (1, 2 * count), dtype=np.int16)
    with av.open(str(path), "w", format="flac", options={"fflags": "+bitexact"}) as container:
        container.metadata.update(tags)
        stream = container.add_stream("flac", rate=44_100)
        stream.layout = "stereo"
        for at in range(0, 2 * count, 2 * 4_608):
            part = np.ascontiguousarray(samples[:, at : at + 2 * 4_608])
            frame = av.AudioFrame.from_ndarray(part, format="s16", layout="stereo")
            frame.rate, frame.pts = 44_100, at // 2
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


class MonthlyFollower:
    """A mirror of everything, which plans and syncs whenever it is told to."""

    def __init__(self, archive: GrowingArchive, server: WebServer, folder: Path) -> None:
        self.archive, self.server, self.tree = archive, server, Tree(folder)

    def follow(self, *wishes: str) -> Fetched:
        """``plan`` and ``sync``."""
        before, now = len(self.server.served), self.archive.now
        program("plan", self.tree.root, "--origin", self.server.url, *wishes, now=now)
        report = program("sync", self.tree.root, "--via", "http", now=now)
        by_kind: Counter[str] = Counter()
        for served in self.server.served[before:]:
            by_kind[kind_of(served.path)] += served.bytes
        return Fetched(dict(sorted(by_kind.items())), report)


def kind_of(path: str) -> str:
    """What a file is for, in a word or two."""
    parts = path.split("/")
    if parts[0] == "volumes":
        return "audio" if parts[2] == "data" else "bag"
    if parts[0] != "editions":
        return "signatures"
    if parts[2] == "catalogue":
        return "overlays" if "-overlay-" in parts[-1] else f"catalogue {parts[3]}"
    return parts[2].removesuffix(".parquet") if len(parts) > 3 else parts[-1]


@dataclass(frozen=True)
class ReallyNew:
    """What an edition says that none before it said: audio, and rows of the catalogue, written
    by themselves as one table each. Standing is not counted."""

    audio_bytes: int
    rows: int
    row_bytes: int

    @property
    def bytes(self) -> int:
        return self.audio_bytes + self.row_bytes


def really_new(tree: Tree, editions: Sequence[str], scratch: Path) -> ReallyNew:
    """What is new in the last of `editions`, for one who has the edition before the first."""
    numbers: dict[str, set[int]] = {letter: set() for letter in TABLES}
    for name in editions:
        changes = pq.read_table(tree.edition(name) / "changes" / "changes.parquet").to_pylist()
        for row in changes:
            if row["kind"] in numbers:
                numbers[row["kind"]].add(row["number"])
    edition = tree.edition(editions[-1])
    volumes = pq.read_table(edition / "volumes.parquet").to_pylist()
    audio = sum(v["audio_bytes"] for v in volumes if v["first_edition"] in editions)
    rows = size = 0
    reader = open_edition(edition)
    try:
        cursor = reader.cursor()
        for letter, table in TABLES.items():
            cursor.register(
                "wanted", pa.table({"n": pa.array(sorted(numbers[letter]), pa.int64())})
            )
            found = cursor.sql(
                f"SELECT * FROM {table} WHERE number IN (SELECT n FROM wanted) ORDER BY number"
            ).to_arrow_table()
            pq.write_table(found, scratch / "rows.parquet", compression="zstd")
            rows, size = rows + len(found), size + (scratch / "rows.parquet").stat().st_size
    finally:
        reader.close()
    return ReallyNew(audio, rows, size)


def manifest_of(tree: Tree, edition: str) -> EditionManifest:
    return read_document(tree.edition(edition) / "edition.json", EditionManifest)
