"""What an edition will add: its volumes, named, and the files that wait for the next one."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from phonotheque.archive.selection import Selection
from phonotheque.archive.workspace import Intent
from phonotheque.edition import FilesToPack, PackingLimits, VolumesPlan, plan_volumes
from phonotheque.model.archive import VolumeSettings
from phonotheque.model.tables import WAITING
from phonotheque.storage.tables import write_table

_BATCH_ROWS = 30_000
_COLUMN_ROWS = 1 << 20


@dataclass(frozen=True, slots=True)
class PlannedVolume:
    """One volume to come: rows ``[begin, end)`` of the selection. `fill`: 1.0 is full;
    `metainfo_bytes` is an estimate."""

    name: str
    tier: int
    begin: int
    end: int
    bytes: int
    listens: int = 0
    metainfo_bytes: int = 0
    fill: float = 1.0

    @property
    def files(self) -> int:
        """How many audio files it will hold."""
        return self.end - self.begin


@dataclass(frozen=True, slots=True)
class WaitingLot:
    """What a tier has left over: rows ``[begin, end)`` of the selection, `new` of them new."""

    tier: int
    begin: int
    end: int
    bytes: int
    listens: int
    fill: float
    new: int

    @property
    def files(self) -> int:
        """How many files wait."""
        return self.end - self.begin


@dataclass(frozen=True, slots=True)
class Packed:
    """The selection, packed: each of its rows is in a volume or waits."""

    volumes: list[PlannedVolume]
    waiting: list[WaitingLot]

    @property
    def waiting_files(self) -> int:
        """How many files wait in all tiers."""
        return sum(lot.files for lot in self.waiting)


def pack_selection(
    selection: Selection,
    slug: str,
    first: int,
    limits: VolumeSettings,
    sequence: int,
    *,
    v1: bool = True,
) -> Packed:
    """Pack what was selected for the edition `sequence`; volumes are numbered from `first`. Their
    torrents are hybrid, or without `v1` of v2 alone.

    Memory: 23 bytes a file that is not published yet, 2 GB for 86 million.
    """
    since = _numbers(selection.path, "sequence", sequence)
    files = FilesToPack(
        tiers=_numbers(selection.path, "tier"),
        sizes_bytes=_numbers(selection.path, "bytes"),
        name_bytes=_numbers(selection.path, "name_bytes"),
        listens=_numbers(selection.path, "listens"),
        kept_back=np.subtract(sequence, since, out=since),
    )
    plan = plan_volumes(files, packing_limits(limits, v1=v1))
    return Packed(
        list(_volumes(plan, slug, first)),
        [
            WaitingLot(
                **_facts(plan, lot),
                new=int((since[slice(*plan.begins[lot : lot + 2].tolist())] == 0).sum()),
            )
            for lot in np.flatnonzero(plan.waits).tolist()
        ],
    )


def write_waiting(selection: Selection, packed: Packed, intent: Intent, target: Path) -> None:
    """``waiting.parquet`` (`WAITING`), in the order of tier, then rank; no file where
    nothing waits. Memory: a batch of rows."""
    if packed.waiting:
        write_table(target, WAITING, _iter_waiting(selection.path, packed, intent))


def _iter_waiting(path: Path, packed: Packed, intent: Intent) -> Iterator[pa.Table]:
    row = 0
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_BATCH_ROWS, columns=WAITING.names):
            for lot in packed.waiting:
                begin, end = max(lot.begin - row, 0), min(lot.end - row, batch.num_rows)
                if begin < end:
                    rows = pa.Table.from_batches([batch.slice(begin, end - begin)])
                    yield _since(_since(rows, "since", intent.name), "sequence", intent.sequence)
            row += batch.num_rows


def _since(rows: pa.Table, column: str, new: str | int) -> pa.Table:
    filled = pc.fill_null(rows.column(column), new)
    return rows.set_column(rows.schema.get_field_index(column), column, filled)


def packing_limits(settings: VolumeSettings, *, v1: bool, waiting: bool = True) -> PackingLimits:
    """The limits that `settings` name; without `waiting`, a small remainder is a volume too."""
    return PackingLimits(
        settings.max_bytes,
        settings.max_files,
        settings.max_metainfo_bytes,
        settings.min_fill_percent if waiting else 0.0,
        settings.hold_editions,
        v1,
    )


def _volumes(plan: VolumesPlan, slug: str, first: int) -> Iterator[PlannedVolume]:
    for number, lot in enumerate(np.flatnonzero(~plan.waits).tolist(), first):
        name = f"{slug}-tier{plan.tiers[lot]}-{number:05d}"
        metainfo = int(plan.metainfo_bytes[lot])
        yield PlannedVolume(name, **_facts(plan, lot), metainfo_bytes=metainfo)


def _facts(plan: VolumesPlan, lot: int) -> dict[str, Any]:
    return {
        "tier": int(plan.tiers[lot]),
        "begin": int(plan.begins[lot]),
        "end": int(plan.begins[lot + 1]),
        "bytes": int(plan.bytes[lot]),
        "listens": int(plan.listens[lot]),
        "fill": float(plan.fill[lot]),
    }


def _numbers(path: Path, name: str, missing: int = 0) -> npt.NDArray[Any]:
    """One column as an array of its own type, that may be written to; nulls are `missing`."""
    with pq.ParquetFile(path) as file:
        kind = file.schema_arrow.field(name).type.to_pandas_dtype()
        values, row = np.empty(file.metadata.num_rows, kind), 0
        for batch in file.iter_batches(_COLUMN_ROWS, columns=[name]):
            column = pc.fill_null(batch.column(0), missing)
            values[row : row + len(column)] = column.to_numpy(zero_copy_only=False)
            row += len(column)
    return values
