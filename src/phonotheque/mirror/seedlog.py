"""`seed.json`: how a seeder fares (docs/formats/mirror.md). For looking at, nothing else."""

from datetime import datetime
from pathlib import Path

import msgspec

from phonotheque.model.errors import FormatError, NotFoundError
from phonotheque.model.tables import FORMAT_VERSION
from phonotheque.storage.documents import format_document, read_document
from phonotheque.storage.layout import Tree

FRESH_SECONDS = 60.0  # a seeder that runs writes more often


class SeedLog(msgspec.Struct, frozen=True, kw_only=True):
    """One seeder. `torrents` are `loaded`, or `unloaded` and still announced; counts since the
    start are `asked` (unloaded ones that a peer came for), `loads` and `given_bytes`."""

    format: int = FORMAT_VERSION
    started_at: datetime
    updated_at: datetime
    running: bool = True
    port: int = 0
    memory_bytes: int = 0  # that torrents may take
    loaded_bytes: int = 0  # that those in memory take, as reckoned
    torrents: int = 0
    loaded: int = 0
    unloaded: int = 0
    waiting: int = 0  # of the unloaded, those that a peer waits for now
    too_large: int = 0  # of the unloaded, those that the memory is too small for
    asked: int = 0
    loads: int = 0
    announced: int = 0  # of unloaded ones
    peers: int = 0
    given_bytes: int = 0
    withheld_files: int = 0  # of the loaded ones: not proved, changed, damaged or not here

    def is_fresh(self, now: datetime) -> bool:
        """Whether the seeder still runs, as far as one can see."""
        return self.running and (now - self.updated_at).total_seconds() < FRESH_SECONDS


def seed_log_path(tree: Tree) -> Path:
    """Where the seeder of a tree says how it fares."""
    return tree.root / "seed.json"


def read_seed_log(tree: Tree) -> SeedLog | None:
    """The log of the running or the last seeder; None where there is none, or none of ours."""
    try:
        return read_document(seed_log_path(tree), SeedLog)
    except (NotFoundError, FormatError):
        return None


def write_seed_log(tree: Tree, log: SeedLog) -> None:
    """Replace the log without waiting for the disk; a disk that is full or read-only is let be."""
    path = seed_log_path(tree)
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(format_document(log))
        partial.replace(path)
    except OSError:
        return
