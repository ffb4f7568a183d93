"""`volumes.parquet`: every volume there ever was, as of one edition."""

from collections.abc import Mapping, Sequence

import duckdb
import msgspec
import pyarrow as pa

from phonotheque.archive.volumes import VolumeRecord
from phonotheque.model import tables

_CHANGING = ("listens", "withdrawn_files")
_FACTS = pa.schema([f for f in tables.VOLUMES if f.name not in _CHANGING])
_TOLD = ("volume", "superseded_by", "superseded_since")
_SQL = """
    SELECT {columns} FROM volume_facts v
    LEFT JOIN (
        SELECT f.volume, coalesce(sum(s.listens), 0)::BIGINT AS listens FROM files f
        LEFT JOIN redirects r ON r.kind = 'r' AND r.old = f.recording
        LEFT JOIN standing s ON s.number = coalesce(r.new, f.recording) GROUP BY f.volume
    ) l ON l.volume = v.volume
    LEFT JOIN (
        SELECT volume, count(DISTINCT path) AS files FROM stones GROUP BY volume
    ) w ON w.volume = v.volume
    LEFT JOIN just_superseded j ON j.volume = v.volume ORDER BY v.volume"""
_COMPUTED = {
    "listens": "coalesce(l.listens, 0)",
    "withdrawn_files": "coalesce(w.files, 0)::INTEGER",
    "superseded_by": "coalesce(v.superseded_by, j.superseded_by)",
    "superseded_since": "coalesce(v.superseded_since, j.superseded_since)",
}


def volumes_table(
    cursor: duckdb.DuckDBPyConnection,
    records: Sequence[VolumeRecord],
    before: pa.Table | None,
    stones: pa.Table,
    *,
    superseded: Mapping[str, Sequence[str]],
    sequence: int,
) -> pa.Table:
    """All volumes: new ones (`records`) and those of the edition before, with their listens and
    withdrawn files as of this edition, number `sequence`. `superseded`: what it supersedes, and by
    which.

    `cursor` has the views `files` (of volumes that are not superseded), `redirects`, `standing`.
    """
    rows = [msgspec.to_builtins(record) for record in records]
    parts = [pa.Table.from_pylist(rows, schema=_FACTS)]
    if before is not None:
        parts.append(before.select(_FACTS.names))
    told = pa.schema([tables.VOLUMES.field(n) for n in _TOLD])
    heirs = [dict(zip(_TOLD, (v, list(by), sequence), strict=True)) for v, by in superseded.items()]
    cursor.register("volume_facts", pa.concat_tables(parts))
    cursor.register("stones", stones)
    cursor.register("just_superseded", pa.Table.from_pylist(heirs, schema=told))
    columns = ", ".join(f"{_COMPUTED.get(n, f'v.{n}')} AS {n}" for n in tables.VOLUMES.names)
    found = cursor.sql(_SQL.format(columns=columns)).to_arrow_table().cast(tables.VOLUMES)
    return found.select(_schema(found).names).cast(_schema(found))


def _schema(volumes: pa.Table) -> pa.Schema:
    """Where nothing was ever superseded: that of before, which all readers know."""
    told = any(volumes.column(n).null_count < volumes.num_rows for n in tables.SUPERSEDING)
    return tables.VOLUMES if told else tables.without(tables.VOLUMES, tables.SUPERSEDING)
