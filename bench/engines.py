"""Ours and its peers behind one form: made from an edition, opened, asked for recording numbers.

All lie in one folder: ``edition/``, ``index/`` (ours), ``fts5.db``, ``tantivy/``, and
``made.json`` with what making each took. What is there already is used again.
"""

import json
import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from bench.fts5 import Fts5, build_fts5
from bench.peer_texts import numbers_by_rank
from bench.tantivy_peer import Tantivy, build_tantivy
from phonotheque.model.progress import Silent
from phonotheque.search import SearchIndex, ensure_index
from phonotheque.search.standing import DEFAULT_MEMORY_BYTES

OURS, PEERS = "ours", ("fts5", "tantivy")
LOOK_UP_FILES = ("isrc_", "mbid_", "source_", "release_", "artist_", "redirect_", "barcode_")
_EVERY_SECONDS = 0.2


class Engine(Protocol):
    """What can be asked."""

    def search(self, query: str, limit: int) -> Sequence[int]:
        """Recording numbers, best first."""

    def close(self) -> None:
        """Let go of its files."""


class Ours:
    """Our index. Its answer has whole rows; here only their numbers are kept."""

    def __init__(self, index: Path) -> None:
        self._index = SearchIndex.open(index)
        self._asked = self._partial = 0

    def search(self, query: str, limit: int) -> list[int]:
        """Recording numbers, best first; an answer that was cut short is counted."""
        page = self._index.search(query, limit)
        self._asked += 1
        self._partial += page.partial
        return [hit.number for hit in page.hits]

    def partial_share(self) -> float:
        """The share of answers since the last call that were cut short."""
        share = self._partial / max(self._asked, 1)
        self._asked = self._partial = 0
        return share

    def close(self) -> None:
        """Let go of the row store."""
        self._index.close()


@dataclass(frozen=True, slots=True)
class Workshop:
    """The folder of one size. `index` and `edition` may lie elsewhere."""

    folder: Path
    edition: Path
    index: Path

    @classmethod
    def at(cls, folder: Path, edition: str = "", index: str = "") -> "Workshop":
        """The usual places in `folder`, or those given."""
        return cls(folder, Path(edition or folder / "edition"), Path(index or folder / "index"))

    def path(self, engine: str) -> Path:
        """Where an engine's files are."""
        names = {OURS: self.index, "fts5": self.folder / "fts5.db"}
        return names.get(engine, self.folder / engine)

    def open(self, engine: str) -> Engine:
        """The engine, ready to be asked."""
        if engine == OURS:
            return Ours(self.index)
        kinds: dict[str, Callable[..., Engine]] = {"fts5": Fts5, "tantivy": Tantivy}
        ranks = self.folder / "number_by_rank.npy"
        if not ranks.exists():
            np.save(ranks, numbers_by_rank(self.edition))
        return kinds[engine](self.path(engine), np.load(ranks, mmap_mode="r"))

    def ensure(self, engine: str, memory_bytes: int = 0) -> dict[str, float]:
        """Make what is missing of an engine (ours within `memory_bytes`, where that is not 0); what
        that took, in seconds and bytes of memory at its height (of all its processes); nothing
        where it was made elsewhere."""
        record = self.folder / "made.json"
        made = json.loads(record.read_text()) if record.exists() else {}
        if engine != OURS and engine in made and self.path(engine).exists():
            return dict(made[engine])
        rebuilt, taken = watch(_make, engine, self, memory_bytes)
        if rebuilt:
            made[engine] = taken
            record.write_text(json.dumps(made, indent=1))
        return dict(made.get(engine, {}))


def _make(engine: str, workshop: Workshop, memory_bytes: int) -> bool:
    if engine == OURS:
        report = ensure_index(
            workshop.edition, workshop.index, Silent(),
            memory_bytes=memory_bytes or DEFAULT_MEMORY_BYTES,
        )  # fmt: skip
        return report.rebuilt
    build = {"fts5": build_fts5, "tantivy": build_tantivy}[engine]
    build(workshop.edition, workshop.path(engine))
    return True


def watch(task: Callable[..., Any], *arguments: Any) -> tuple[Any, dict[str, float]]:
    """Run `task` in a process of its own: what it returned; seconds, CPU-seconds, and memory at its
    height in bytes, of it and its children together.

    Raises:
        RuntimeError: it failed; its error is on standard error.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    started = time.perf_counter()
    process = context.Process(target=_tell, args=(theirs, task, *arguments))
    process.start()
    theirs.close()
    peak = 0
    while not ours.poll(_EVERY_SECONDS):
        peak = max(peak, resident_bytes(process.pid or 0))
    try:
        said, cpu = ours.recv()
    except EOFError as end:
        process.join()
        raise RuntimeError(f"{task.__name__}: exit code {process.exitcode}") from end
    seconds = time.perf_counter() - started
    process.join()
    return said, {"seconds": seconds, "cpu_seconds": cpu, "peak_bytes": peak}


def _tell(pipe: Any, task: Callable[..., Any], *arguments: Any) -> None:
    said = task(*arguments)
    times = os.times()
    pipe.send((said, times.user + times.system + times.children_user + times.children_system))


def resident_bytes(pid: int) -> int:
    """Resident memory of a process and all below it; shared pages count in each."""
    total = 0
    try:
        status = Path(f"/proc/{pid}/statm").read_text().split()
        total += int(status[1]) * os.sysconf("SC_PAGE_SIZE")
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text().split():
                total += resident_bytes(int(child))
    except OSError:
        pass
    return total


def sizes(workshop: Workshop, recordings: int, tracks: int) -> dict[str, float]:
    """Bytes a recording of ours: the search itself, look-up, rows; and of everything usable."""
    arrays = [p for p in workshop.index.iterdir() if p.is_file()]
    look_up = sum(
        p.stat().st_size
        for p in arrays
        if p.name.startswith(LOOK_UP_FILES) and "_word" not in p.name
    )
    search = sum(p.stat().st_size for p in arrays) - look_up
    rows = size_of(workshop.index / "rows")
    parquet = size_of(workshop.edition)
    return {
        "bytes_per_recording": search / recordings,
        "lookup_bytes_per_recording": look_up / recordings,
        "rows_bytes_per_recording": rows / recordings,
        "parquet_bytes_per_track": parquet / tracks,
        "usable_bytes_per_track": (search + look_up + rows + parquet) / tracks,
    }


def size_of(path: Path) -> int:
    """Bytes of a file, or of all below a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())


def evict(paths: Sequence[Path]) -> None:
    """Drop the files from the page cache, as far as nobody has them mapped: needs no rights and
    leaves everybody else's alone."""
    for path in paths:
        for file in [path] if path.is_file() else path.rglob("*"):
            if file.is_file():
                handle = os.open(file, os.O_RDONLY)
                try:
                    os.fsync(handle)
                    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
                finally:
                    os.close(handle)
