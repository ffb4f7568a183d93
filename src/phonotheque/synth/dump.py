"""Writing a made-up dump, whole or one piece of it (docs/formats/synth.md)."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from phonotheque.model.errors import UsageError
from phonotheque.model.progress import Progress
from phonotheque.storage.durable import free_bytes, partial_file
from phonotheque.synth.layouts import BLOCK
from phonotheque.synth.lines import format_lines
from phonotheque.synth.profiles import PROFILES, TRUTH, Profile
from phonotheque.synth.world import World, recordings_in

FORMATS = ("parquet", "jsonl", "jsonl.zst")
CHUNK = 512 * BLOCK
MOST_TRACKS = 2**31
_WORKERS = 2
_ROW_BYTES = {"parquet": 80, "jsonl": 320, "jsonl.zst": 80}  # measured, listens and truth included


class SynthPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What `execute_synth` will write. `expected_bytes` is a guess by experience."""

    out: str
    profile: str
    tracks: int  # of the whole dump
    recordings: int
    seed: int
    pieces: int
    chosen: list[int]  # the pieces to be written
    format: str
    random_ids: bool
    truth: bool
    piece_tracks: int  # in all pieces to be written
    files: list[str]
    expected_bytes: int
    free_bytes: int


class SynthFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file that was written."""

    path: str
    kind: str  # a source's rows, its listens (<source>-listens), or truth
    piece: int
    rows: int
    bytes: int


class SynthReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was written."""

    tracks: int
    rows: int  # of sources: a track may be told by several, or by none
    bytes: int
    files: list[SynthFile]


def plan_synth(
    out: Path,
    *,
    profile: str,
    tracks: int,
    seed: int = 1,
    pieces: int = 1,
    piece: int | None = None,
    format: str = "parquet",
    random_ids: bool = False,
    truth: bool = True,
) -> SynthPlan:
    """Say what would be written to the folder `out`; all pieces, or number `piece` from 0.

    Raises:
        UsageError: an argument makes no sense.
    """
    if profile not in PROFILES or format not in FORMATS:
        raise UsageError(f"profiles: {', '.join(PROFILES)}; formats: {', '.join(FORMATS)}")
    if not 1 <= tracks <= MOST_TRACKS or not 0 <= seed < 2**32:
        raise UsageError(f"tracks: 1 to {MOST_TRACKS:,}; seed: 0 to {2**32 - 1:,}")
    if pieces < 1 or (piece is not None and not 0 <= piece < pieces):
        raise UsageError(f"pieces are counted from 0: --piece 0 to {max(pieces, 1) - 1}")
    chosen = list(range(pieces)) if piece is None else [piece]
    wanted = sum(high - low for low, high in (_range(tracks, pieces, p) for p in chosen))
    kinds = [k for k in PROFILES[profile].schemas if truth or k != TRUTH]
    return SynthPlan(
        out=str(out),
        profile=profile,
        tracks=tracks,
        recordings=recordings_in(tracks),
        seed=seed,
        pieces=pieces,
        chosen=chosen,
        format=format,
        random_ids=random_ids,
        truth=truth,
        piece_tracks=wanted,
        files=[_name(kind, p, format) for p in chosen for kind in kinds],
        expected_bytes=wanted * _ROW_BYTES[format],
        free_bytes=free_bytes(out),
    )


def execute_synth(plan: SynthPlan, progress: Progress) -> SynthReport:
    """Write the files of the plan; each appears when it is complete, and replaces what was there.

    Memory: the vocabulary (100 MB at full size) and a few chunks of 65,536 tracks.

    Raises:
        NoSpaceError: the disk is full; complete files stay.
    """
    profile = PROFILES[plan.profile]
    world = World(plan.seed, plan.recordings)
    progress.start(f"tracks of {plan.profile}", plan.piece_tracks, "tracks")
    files = [
        f for piece in plan.chosen for f in _write_piece(plan, profile, world, piece, progress)
    ]
    sources = [f for f in files if f.kind != TRUTH and not f.kind.endswith("-listens")]
    return SynthReport(
        tracks=plan.piece_tracks,
        rows=sum(f.rows for f in sources),
        bytes=sum(f.bytes for f in files),
        files=files,
    )


def _range(tracks: int, pieces: int, piece: int) -> tuple[int, int]:
    """Tracks of a piece: whole blocks, one piece after the other."""
    blocks = -(-tracks // BLOCK)
    low, high = (blocks * at // pieces * BLOCK for at in (piece, piece + 1))
    return min(low, tracks), min(high, tracks)


def _name(kind: str, piece: int, format: str) -> str:
    return f"{kind}-{piece:05d}.{'parquet' if kind == TRUTH else format}"


class _Sink(Protocol):
    def write(self, content: object) -> object: ...


Prepared = dict[str, tuple[int, object]]  # kind -> (rows, a table or the bytes of lines)


def _write_piece(
    plan: SynthPlan, profile: Profile, world: World, piece: int, progress: Progress
) -> list[SynthFile]:
    kinds = [k for k in profile.schemas if plan.truth or k != TRUTH]
    paths = {k: Path(plan.out) / _name(k, piece, plan.format) for k in kinds}
    rows = dict.fromkeys(kinds, 0)
    low, high = _range(plan.tracks, plan.pieces, piece)

    def prepare(start: int) -> Prepared:
        numbers = np.arange(start, min(start + CHUNK, high), dtype=np.int64)
        made = profile.make(world, numbers, plan.random_ids)
        return {k: (made[k].num_rows, _shape(made[k], paths[k])) for k in kinds}

    with ExitStack() as stack:
        sinks = {k: stack.enter_context(_Output(paths[k], profile.schemas[k])) for k in kinds}
        for prepared in _in_order(prepare, range(low, high, CHUNK)):
            for kind, (count, content) in prepared.items():
                sinks[kind].write(content)
                rows[kind] += count
            progress.advance(min(CHUNK, high - low))
    return [
        SynthFile(
            path=str(paths[k]), kind=k, piece=piece, rows=rows[k], bytes=paths[k].stat().st_size
        )
        for k in kinds
    ]


def _shape(batch: pa.RecordBatch, path: Path) -> object:
    return pa.Table.from_batches([batch]) if path.suffix == ".parquet" else format_lines(batch)


def _in_order(prepare: Callable[[int], Prepared], starts: range) -> Iterator[Prepared]:
    """`prepare` of each start, a few at once; Arrow and NumPy work outside Python's lock."""
    with ThreadPoolExecutor(_WORKERS) as pool:
        left = iter(starts)
        waiting: list[Future[Prepared]] = [
            pool.submit(prepare, s) for s in islice(left, _WORKERS + 1)
        ]
        while waiting:
            done = waiting.pop(0).result()
            waiting += [pool.submit(prepare, s) for s in islice(left, 1)]
            yield done


class _Output:
    """One file on its way: Parquet, or lines, compressed where its name says so."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._schema = schema
        self._path = path
        self._stack = ExitStack()

    def __enter__(self) -> _Sink:
        with self._stack as stack:
            temporary = stack.enter_context(partial_file(self._path))
            if self._path.suffix == ".parquet":
                writer = pq.ParquetWriter(
                    temporary, self._schema, compression="zstd", compression_level=1
                )
                sink = stack.enter_context(_Tables(writer))
            else:
                codec = "zstd" if self._path.suffix == ".zst" else None
                sink = stack.enter_context(pa.output_stream(temporary, codec))
            self._stack = stack.pop_all()
            return sink

    def __exit__(self, *failure: object) -> None:
        self._stack.__exit__(*failure)  # type: ignore[arg-type]


class _Tables:
    def __init__(self, writer: pq.ParquetWriter) -> None:
        self._writer = writer

    def __enter__(self) -> "_Tables":
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def write(self, content: object) -> None:
        self._writer.write_table(content)
