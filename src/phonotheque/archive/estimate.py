"""What an ingest will take, measured on the beginning of each input; nothing is written."""

import time
from datetime import datetime
from pathlib import Path

import msgspec
import pyarrow as pa

from phonotheque.archive.ingest_plan import AUDIO, IngestPlan, InputPlan, reader_of
from phonotheque.archive.row_worker import LARGE_BYTES, make_maker
from phonotheque.sources import (
    PART_ROWS,
    compression_ratio,
    iter_made,
    known_rows,
    packed_bytes,
    watched,
)

SAMPLE_SECONDS = 3.0
SAMPLE_BYTES = 64 << 20
_BASE_BYTES = 400 << 20  # the program with its libraries, and blocks on their way
_COMPARING_BYTES = 1 << 30  # `sources.comparing`, for imports above a million rows
_WORKER_BYTES = 350 << 20
_WORKERS_GAIN = 1.6  # measured on two cores: times faster than one process
_SCRATCH_BYTES = 40  # a row, while keys are compared


class InputEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """One input. `exact`: it was read to its end. What cannot be said is None."""

    path: str
    kind: str
    bytes: int
    sampled_bytes: int
    compression_ratio: float | None
    rows: int | None
    exact: bool
    rows_per_second: float | None
    seconds: float | None
    disk_bytes: int | None  # of the import
    scratch_bytes: int | None  # above that, while it is made


class IngestEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """All inputs. Sums leave out what cannot be said; `memory_bytes` is the highest need."""

    inputs: list[InputEstimate]
    rows: int
    seconds: float
    memory_bytes: int
    disk_bytes: int
    scratch_bytes: int
    free_bytes: int


def estimate_ingest(plan: IngestPlan, now: datetime) -> IngestEstimate:
    """Read the beginning of each input of `plan` (some seconds each) and reckon from that.

    Raises:
        InputError: an input cannot be read.
    """
    found = [_estimate(item, now) for item in plan.inputs]
    each = [estimate for estimate, _ in found]
    return IngestEstimate(
        inputs=each,
        rows=sum(e.rows or 0 for e in each),
        seconds=round(sum(e.seconds or 0.0 for e in each), 1),
        memory_bytes=max(memory for _, memory in found),
        disk_bytes=sum(e.disk_bytes or 0 for e in each),
        scratch_bytes=sum(e.scratch_bytes or 0 for e in each),
        free_bytes=plan.free_bytes,
    )


def _estimate(item: InputPlan, now: datetime) -> tuple[InputEstimate, int]:
    """(the estimate, bytes of memory)."""
    if item.kind == AUDIO:  # decoding decides, and no sample of that is quick
        return _unmeasured(item), _BASE_BYTES
    sample = _Sample(item, now)
    rows = sample.rows if sample.ended else known_rows(Path(item.path))
    if rows is None and sample.share:
        rows = round(sample.rows / sample.share)
    if rows is None or not sample.rows:
        return _unmeasured(item), _BASE_BYTES
    large = item.table == "rows" and item.bytes >= LARGE_BYTES
    packed, held = sample.row_bytes()
    seconds = rows * sample.seconds / sample.rows / (_WORKERS_GAIN if large else 1.0)
    memory = _BASE_BYTES + round(1.3 * held * min(rows, PART_ROWS)) + 2 * _WORKER_BYTES * large
    memory += _COMPARING_BYTES * (rows > 1_000_000)
    estimate = InputEstimate(
        path=item.path,
        kind=item.kind,
        bytes=item.bytes,
        sampled_bytes=sample.bytes,
        compression_ratio=compression_ratio(Path(item.path)),
        rows=rows,
        exact=sample.ended,
        rows_per_second=round(rows / seconds, 1) if seconds else None,
        seconds=round(seconds, 1),
        disk_bytes=round(packed * rows),
        scratch_bytes=round((packed + _SCRATCH_BYTES) * rows),
    )
    return estimate, memory


def _unmeasured(item: InputPlan) -> InputEstimate:
    return InputEstimate(
        path=item.path,
        kind=item.kind,
        bytes=item.bytes,
        sampled_bytes=0,
        compression_ratio=None,
        rows=item.audio_files if item.kind == AUDIO else None,
        exact=False,
        rows_per_second=None,
        seconds=None,
        disk_bytes=item.bytes if item.kind == AUDIO else None,
        scratch_bytes=None,
    )


class _Sample:
    """The first rows of an input, made as they would be."""

    def __init__(self, item: InputPlan, now: datetime) -> None:
        path = Path(item.path)
        read, watch = (path, None) if path.is_dir() else watched(path)
        maker = make_maker((item.table, item.source, path.name, now))
        self.rows, self.ended = 0, True
        self._batches: list[pa.RecordBatch] = []
        start = time.monotonic()
        for batch, _ in iter_made(reader_of(item), read, 0, maker):
            if batch is not None and batch.num_rows:
                self._batches.append(batch)
                self.rows += batch.num_rows
            read_bytes = watch.bytes if watch is not None else 0
            if time.monotonic() - start > SAMPLE_SECONDS or read_bytes > SAMPLE_BYTES:
                self.ended = False
                break
        made = time.monotonic()
        self._packed = packed_bytes(pa.Table.from_batches(self._batches)) if self.rows else 0
        self.seconds = time.monotonic() - start if self.rows else made - start
        self.bytes = watch.bytes if watch is not None else 0
        self.share = self.bytes / item.bytes if item.bytes else 0.0

    def row_bytes(self) -> tuple[float, float]:
        """(bytes of a row in a file, in memory)."""
        held = sum(batch.nbytes for batch in self._batches)
        return self._packed / self.rows, held / self.rows
