"""The full size, in stages that resume: ``python -m bench.full_scale ROOT --tracks N --pieces K``.

For each piece: make it up, ingest it as an import of its own, delete it; then one build. After each
stage ``ROOT/full-scale.json`` tells what it took. Killed at any moment and run again with the same
settings, it goes on with the stage that was cut short.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from bench.columns import catalogue_columns
from bench.machine import describe_machine
from bench.stages import Taken, disk_by_folder, phonotheque
from phonotheque.storage.durable import write_bytes

SOURCE, LISTENS = "synth", "synth-listens"


class Run:
    """One run at full size below `root`, with what is known of its stages."""

    def __init__(self, root: Path, settings: dict[str, Any]) -> None:
        self.root = root
        self.archive = root / "archive"
        self.dump = root / "dump"
        self.settings = settings
        self._record = root / "full-scale.json"
        self.stages: dict[str, dict[str, Any]] = {}
        if self._record.exists():
            found = msgspec.json.decode(self._record.read_bytes())
            if found["settings"] != settings:
                raise SystemExit(f"{self._record}: of another run: {found['settings']}")
            self.stages = found["stages"]

    def stage(self, name: str, work: Callable[[], Taken]) -> None:
        """Do `work` unless it was done before, and write down what it took."""
        if name in self.stages:
            return
        print(f"{time.strftime('%H:%M:%S')} {name} …", file=sys.stderr, flush=True)
        taken = work()
        self.stages[name] = asdict(taken) | {"disk": disk_by_folder(self.archive)}
        print(
            f"{time.strftime('%H:%M:%S')} {name}: {taken.wall_seconds:,.0f} s, "
            f"{taken.cpu_seconds:,.0f} cs, {taken.peak_memory_gb:.2f} GB memory, "
            f"{taken.disk_bytes / 1e9:,.2f} GB on disk, {taken.peak_disk_bytes / 1e9:,.2f} at most",
            file=sys.stderr,
            flush=True,
        )
        self.save()

    def save(self) -> None:
        """Write the record, durably."""
        content = {
            "settings": self.settings,
            "machine": describe_machine(),
            "summary": self.summary(),
            "stages": self.stages,
        }
        if "build" in self.stages:
            content["bytes_by_column"] = catalogue_columns(self.archive)
        write_bytes(self._record, msgspec.json.format(msgspec.json.encode(content), indent=1))

    def summary(self) -> dict[str, Any]:
        """Seconds by kind of stage, and the highest of memory and disk so far."""
        kinds: dict[str, dict[str, float]] = {}
        for name, stage in self.stages.items():
            kind = kinds.setdefault(
                name.partition("/")[0], {"wall_seconds": 0.0, "cpu_seconds": 0.0, "stages": 0}
            )
            kind["wall_seconds"] += stage["wall_seconds"]
            kind["cpu_seconds"] += stage["cpu_seconds"]
            kind["stages"] += 1
        tracks = self.settings["tracks"]
        highest = max((s["peak_disk_bytes"] for s in self.stages.values()), default=0)
        found: dict[str, Any] = {
            "by_kind": kinds,
            "peak_memory_gb": max((s["peak_memory_gb"] for s in self.stages.values()), default=0),
            "peak_disk_bytes": highest,
            "peak_disk_bytes_per_track": highest / tracks,
        }
        if "build" in self.stages:
            seconds = sum(kinds[k]["wall_seconds"] for k in ("ingest", "listens", "build"))
            found |= {
                "rows_per_s": tracks / seconds,
                "bytes_per_track": sum(catalogue_columns(self.archive).values()) / tracks,
            }
        return found

    # ------------------------------------------------------------------------- the stages

    def init(self) -> Taken:
        """An archive to build in."""
        return phonotheque(
            *("init", self.archive, "--name", "Full scale", "--publisher", "bench", "--seat", "NL"),
            *("--keys", self.root / "keys"),
            watch=self.root,
        )

    def generate(self, piece: int) -> Taken:
        """One piece of the dump."""
        chosen = {k: self.settings[k] for k in ("profile", "tracks", "seed", "pieces", "format")}
        options = [x for k, v in chosen.items() for x in (f"--{k}", v)]
        more = ["--random-ids"] if self.settings["random_ids"] else []
        return phonotheque(
            *("synth", self.dump, *options, *more, "--piece", piece, "--no-truth"), watch=self.root
        )

    def file(self, kind: str, piece: int) -> Path:
        """Where a file of a piece lies."""
        return self.dump / f"{kind}-{piece:05d}.{self.settings['format']}"

    def ingest(self, piece: int) -> Taken:
        """The rows of a piece as a source of their own: sixteen catalogues, say."""
        file = self.file(SOURCE, piece)
        source = f"{SOURCE}-{piece:02d}"
        taken = phonotheque("ingest", self.archive, file, "--source", source, watch=self.root)
        file.unlink()
        return taken

    def listens(self, piece: int) -> Taken:
        """The listens of a piece: a source for each, for they are added up over sources."""
        file = self.file(LISTENS, piece)
        source = f"{LISTENS}-{piece:05d}"
        taken = phonotheque("ingest", self.archive, file, "--source", source, watch=self.root)
        file.unlink()
        return taken

    def build(self) -> Taken:
        """The catalogue."""
        return phonotheque(
            "build", self.archive, "--memory", self.settings["memory"], watch=self.root
        )

    def all(self) -> None:
        """Every stage that is not done yet."""
        self.stage("init", self.init)
        for piece in range(self.settings["pieces"]):
            rows, heard = f"ingest/{piece}", f"listens/{piece}"
            if rows not in self.stages or heard not in self.stages:
                if not all(self.file(kind, piece).exists() for kind in (SOURCE, LISTENS)):
                    self.stages.pop(f"generate/{piece}", None)  # made, and used up by half
                self.stage(f"generate/{piece}", lambda piece=piece: self.generate(piece))  # type: ignore[misc]
                self.stage(rows, lambda piece=piece: self.ingest(piece))  # type: ignore[misc]
                self.stage(heard, lambda piece=piece: self.listens(piece))  # type: ignore[misc]
        self.stage("build", self.build)
        self.save()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.full_scale", description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--tracks", type=int, default=256_000_000)
    parser.add_argument("--pieces", type=int, default=16)
    parser.add_argument("--profile", choices=["coded"], default="coded")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--format", choices=["parquet", "jsonl", "jsonl.zst"], default="parquet")
    parser.add_argument("--memory", default="6GB", help="of the build's engine")
    parser.add_argument("--random-ids", action="store_true")
    settings = vars(parser.parse_args())
    root = settings.pop("root").absolute()
    root.mkdir(parents=True, exist_ok=True)
    Run(root, settings).all()


if __name__ == "__main__":
    main()
