"""Which volumes are due to be superseded, and what takes their place.

A withdrawal alone never remakes a volume. One that lost `supersede_withdrawn_percent` of its files
or bytes is *due*; when what all of them lost together comes to `supersede_batch_bytes`, their
living files are put together into new volumes, tier by tier, in the order of old volumes and paths
(docs/formats/volume.md). Only volumes of one piece length come together, so that nothing is read.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from phonotheque.archive.packed import packing_limits
from phonotheque.archive.tombstones import carried_tombstones, tombstones
from phonotheque.archive.workspace import Basis
from phonotheque.catalogue import open_build
from phonotheque.edition import FilesToPack, plan_volumes

_DUE = """
    SELECT v.volume, v.tier, v.piece_length, v.files, v.audio_bytes AS bytes,
        w.files AS withdrawn_files, w.bytes::BIGINT AS withdrawn_bytes
    FROM volume_facts v JOIN (
        SELECT volume, count(*) AS files, sum(bytes) AS bytes
        FROM files SEMI JOIN stones USING (volume, path) GROUP BY volume
    ) w USING (volume)
    WHERE 100 * w.files >= $percent * v.files OR 100 * w.bytes >= $percent * v.audio_bytes
    ORDER BY v.tier, v.piece_length, v.volume"""
_LIVING = """
    SELECT d.volume, f.path, f.sha256, f.bytes, d.tier, d.piece_length,
        (2 * (strlen(f.path) - 5))::INTEGER AS name_bytes, coalesce(s.listens, 0) AS listens
    FROM files f JOIN due d USING (volume) ANTI JOIN stones USING (volume, path)
    LEFT JOIN redirects r ON r.kind = 'r' AND r.old = f.recording
    LEFT JOIN standing s ON s.number = coalesce(r.new, f.recording)
    ORDER BY d.tier, d.piece_length, d.volume, encode(f.path)"""


@dataclass(frozen=True, slots=True)
class DueVolume:
    """A volume that lost enough to be superseded."""

    volume: str
    tier: int
    piece_length: int
    files: int
    bytes: int
    withdrawn_files: int
    withdrawn_bytes: int


@dataclass(frozen=True, slots=True)
class Heir:
    """A volume that takes over living files: rows ``[begin, end)`` of `Superseding.living`."""

    name: str
    tier: int
    piece_length: int
    begin: int
    end: int
    bytes: int
    listens: int
    supersedes: tuple[str, ...]

    @property
    def files(self) -> int:
        """How many audio files it will hold."""
        return self.end - self.begin


@dataclass(frozen=True, slots=True)
class Superseding:
    """`due` volumes; and, where they make a batch, their `heirs` and `superseded`: each of them →
    names of its heirs. `living`: volume, path, sha256, bytes of the files that go on, in order;
    about 200 bytes of memory each."""

    due: list[DueVolume] = field(default_factory=list)
    heirs: list[Heir] = field(default_factory=list)
    superseded: dict[str, list[str]] = field(default_factory=dict)
    living: pa.Table | None = None


def plan_superseding(basis: Basis, first: int) -> Superseding:
    """What of the previous edition's volumes is due, and its heirs, numbered from `first`."""
    settings, volumes = basis.settings.volumes, basis.volumes
    percent = settings.supersede_withdrawn_percent
    if volumes is None or basis.previous is None or not percent or not basis.withdrawals:
        return Superseding()
    reader = open_build(basis.build_directory, basis.build)
    try:
        before = basis.tree.edition(basis.previous.name)
        reader.add_files_view(basis.published_volumes, basis.outgoing_volumes, below=before)
        cursor = reader.cursor()
        carried = carried_tombstones(basis.tree, basis.previous)
        cursor.register("stones", tombstones(cursor, basis.withdrawals, carried))
        cursor.register("volume_facts", volumes)
        due = [DueVolume(**row) for row in _rows(cursor, _DUE, {"percent": percent})]
        lost = sum(d.withdrawn_bytes for d in due)
        if not due or lost < settings.supersede_batch_bytes:
            return Superseding(due=due)
        return _batch(basis, due, _living(cursor, due), first)
    finally:
        reader.close()


def _living(cursor: duckdb.DuckDBPyConnection, due: list[DueVolume]) -> pa.Table:
    columns = {
        "volume": [d.volume for d in due],
        "tier": pa.array([d.tier for d in due], pa.int8()),
        "piece_length": pa.array([d.piece_length for d in due], pa.int32()),
    }
    cursor.register("due", pa.table(columns))
    return cursor.sql(_LIVING).to_arrow_table()


def _batch(basis: Basis, due: list[DueVolume], living: pa.Table, first: int) -> Superseding:
    heirs: list[Heir] = []
    for begin, end in _groups(living):
        heirs += _pack(basis, living, begin, end, first + len(heirs))
    by_volume: dict[str, list[str]] = {d.volume: [] for d in due}
    for heir in heirs:
        for name in heir.supersedes:
            by_volume[name].append(heir.name)
    kept = living.select(["volume", "path", "sha256", "bytes"])
    return Superseding(due, heirs, by_volume, kept)


def _groups(living: pa.Table) -> Iterator[tuple[int, int]]:
    """Rows of one tier and piece length."""
    keys = np.stack([living.column(n).to_numpy() for n in ("tier", "piece_length")])
    cuts = np.flatnonzero((keys[:, 1:] != keys[:, :-1]).any(axis=0)) + 1
    edges = [0, *cuts.tolist(), living.num_rows]
    return ((a, b) for a, b in pairwise(edges) if a < b)


def _pack(basis: Basis, living: pa.Table, begin: int, end: int, first: int) -> Iterator[Heir]:
    rows = living.slice(begin, end - begin)
    column = {n: rows.column(n).to_numpy() for n in ("tier", "bytes", "name_bytes", "listens")}
    files = FilesToPack(
        column["tier"].astype(np.int8),
        column["bytes"].astype(np.int64),
        column["name_bytes"],
        column["listens"].astype(np.int64),
        np.zeros(end - begin, np.int16),
    )
    v1 = basis.settings.torrents.form == "hybrid"
    plan = plan_volumes(files, packing_limits(basis.settings.volumes, v1=v1, waiting=False))
    for lot in range(len(plan)):
        start, stop = plan.begins[lot : lot + 2].tolist()
        tier = int(plan.tiers[lot])
        yield Heir(
            name=f"{basis.settings.slug}-tier{tier}-{first + lot:05d}",
            tier=tier,
            piece_length=int(rows.column("piece_length")[0].as_py()),
            begin=begin + start,
            end=begin + stop,
            bytes=int(plan.bytes[lot]),
            listens=int(plan.listens[lot]),
            supersedes=tuple(sorted(set(rows.column("volume")[start:stop].to_pylist()))),
        )


def _rows(
    cursor: duckdb.DuckDBPyConnection, sql: str, values: dict[str, float]
) -> list[dict[str, Any]]:
    found = cursor.execute(sql, values)
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
