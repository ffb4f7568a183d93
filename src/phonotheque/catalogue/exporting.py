"""Exports: a slice of a catalogue as one file (docs/formats/export.md). Plan, then execute."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from phonotheque.catalogue.export_formats import (
    iter_json,
    write_csv,
    write_jsonl,
    write_parquet,
    write_sidecar,
)
from phonotheque.catalogue.export_sqlite import columns_of, write_sqlite
from phonotheque.catalogue.slice_columns import CATALOGUED, Column, Of, choose_columns
from phonotheque.catalogue.slicing import Slice, schema_of
from phonotheque.model.errors import NoSpaceError, UsageError
from phonotheque.model.progress import Progress
from phonotheque.model.tables import FORMAT_VERSION
from phonotheque.storage.durable import free_bytes

_SAMPLED_RANGES = 3
_SAMPLED_ROWS = 10_000


class ExportFormat(StrEnum):
    """What an export is written as."""

    PARQUET = "parquet"
    CSV = "csv"
    JSONL = "jsonl"
    SQLITE = "sqlite"


_FACTORS = {
    ExportFormat.PARQUET: 0.1,
    ExportFormat.CSV: 0.45,
    ExportFormat.JSONL: 1.0,
    ExportFormat.SQLITE: 0.65,
}
"""Bytes of a row in each format to its bytes as JSON, indexes and full text included; measured."""


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What to write where. `columns`: those of the default when empty."""

    target: Path
    of: Of = Of.RECORDINGS
    format: ExportFormat = ExportFormat.PARQUET
    columns: Sequence[str] = ()
    force: bool = False


class ExportPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What an export would write: rows exactly, by table; bytes by a sample."""

    target: str
    catalogue: str
    of: str
    format: str
    columns: list[str]
    filters: dict[str, Any]
    rows: dict[str, int]
    estimated_bytes: int
    free_bytes: int
    replaces: bool


class ExportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an export wrote."""

    target: str
    sidecar: str | None
    catalogue: str
    format: str
    columns: list[str]
    filters: dict[str, Any]
    rows: dict[str, int]
    bytes: int


def plan_export(rows: Slice, request: ExportRequest) -> ExportPlan:
    """Count the rows that are meant, and estimate what they will take. Writes nothing.

    Raises:
        UsageError: a column that such rows do not have; a target that exists, without `force`.
        NotFoundError: an artist that the catalogue does not know.
    """
    _check_target(request)
    if request.of is Of.FILES and rows.catalogue.training is None:
        raise UsageError(
            f"{rows.catalogue.label}: it does not say which files may train; only editions do, "
            "those made since they have tables ai-training/"
        )
    kinds = list(CATALOGUED) if request.format is ExportFormat.SQLITE else [request.of]
    columns = {of: _columns(request, of) for of in kinds}
    counts = {of: rows.count(of) for of in kinds}
    size = sum(counts[of] * _row_bytes(rows, of, columns[of], request.format) for of in kinds)
    return ExportPlan(
        target=str(request.target),
        catalogue=rows.catalogue.label,
        of=request.of.value if len(kinds) == 1 else "all",
        format=request.format.value,
        columns=[c.name for c in columns[kinds[0]]] if len(kinds) == 1 else [],
        filters=rows.filters.as_dict(),
        rows={of.value: count for of, count in counts.items()},
        estimated_bytes=int(size),
        free_bytes=free_bytes(request.target.parent),
        replaces=request.target.exists(),
    )


def execute_export(
    rows: Slice, request: ExportRequest, plan: ExportPlan, progress: Progress, *, now: datetime
) -> ExportReport:
    """Write what `plan` says; the file appears whole, or not at all.

    Raises:
        UsageError: the target has appeared meanwhile.
        NoSpaceError: the disk has no room for what is estimated, or was full.
    """
    _check_target(request)
    if plan.estimated_bytes > plan.free_bytes:
        raise NoSpaceError(
            f"{request.target}: about {plan.estimated_bytes:,} bytes are needed and "
            f"{plan.free_bytes:,} are free; choose fewer columns or rows, or another disk"
        )
    provenance = _provenance(plan, now)
    sidecar = None
    if request.format is ExportFormat.SQLITE:
        written = write_sqlite(request.target, rows, provenance, progress)
    else:
        count = _write_rows(rows, request, provenance, progress)
        written = {request.of.value: count}
        if request.format is not ExportFormat.PARQUET:
            sidecar = sidecar_of(request.target)
            write_sidecar(sidecar, {**provenance, "rows": written})
    return ExportReport(
        target=plan.target,
        sidecar=str(sidecar) if sidecar else None,
        catalogue=plan.catalogue,
        format=plan.format,
        columns=plan.columns,
        filters=plan.filters,
        rows=written,
        bytes=request.target.stat().st_size,
    )


def sidecar_of(target: Path) -> Path:
    """Where the provenance of a CSV or JSON Lines file stands."""
    return target.with_name(f"{target.name}.export.json")


def _write_rows(
    rows: Slice, request: ExportRequest, provenance: dict[str, Any], progress: Progress
) -> int:
    columns = _columns(request, request.of)
    progress.start("write", rows.count(request.of), "rows")
    batches = _reported(_iter_all(rows, request.of, columns), progress)
    match request.format:
        case ExportFormat.CSV:
            return write_csv(request.target, schema_of(columns), batches)
        case ExportFormat.JSONL:
            return write_jsonl(request.target, batches)
        case _:
            return write_parquet(request.target, schema_of(columns), batches, provenance)


def _iter_all(rows: Slice, of: Of, columns: Sequence[Column]) -> Iterator[pa.RecordBatch]:
    return chain.from_iterable(rows.iter_rows(of, columns, low) for low in rows.iter_ranges(of))


def _reported(batches: Iterator[pa.RecordBatch], progress: Progress) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield batch
        progress.advance(batch.num_rows)


def _columns(request: ExportRequest, of: Of) -> list[Column]:
    if request.format is not ExportFormat.SQLITE:
        return choose_columns(of, list(request.columns))
    if request.columns:
        raise UsageError("a SQLite file has all columns of its four tables; leave out --columns")
    return choose_columns(of, columns_of(of))


def _check_target(request: ExportRequest) -> None:
    places = [request.target]
    if request.format in (ExportFormat.CSV, ExportFormat.JSONL):
        places.append(sidecar_of(request.target))
    for place in places:
        if place.is_dir():
            raise UsageError(f"{place}: is a directory; name a file")
        if place.exists() and not request.force:
            raise UsageError(f"{place}: is there already; name another file, or say --force")


def _row_bytes(rows: Slice, of: Of, columns: Sequence[Column], written_as: ExportFormat) -> float:
    """Bytes of a row, by the first rows of some ranges spread over the slice."""
    ranges = rows.iter_ranges(of)
    size, count = 0, 0
    for low in ranges[:: max(len(ranges) // _SAMPLED_RANGES, 1)]:
        for batch in rows.iter_rows(of, columns, low, limit=_SAMPLED_ROWS):
            size += sum(len(line.encode()) + 1 for lines in iter_json([batch]) for line in lines)
            count += batch.num_rows
    return size / count * _FACTORS[written_as] if count else 0.0


def _provenance(plan: ExportPlan, now: datetime) -> dict[str, Any]:
    return {
        "format": FORMAT_VERSION,
        "catalogue": plan.catalogue,
        "of": plan.of,
        "columns": plan.columns,
        "filters": plan.filters,
        "exported_at": now.isoformat().replace("+00:00", "Z"),
    }
