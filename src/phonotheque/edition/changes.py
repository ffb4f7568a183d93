"""What changed between two catalogues, shard by shard of those whose files differ (DuckDB).

Memory is that of comparing one shard, or `_MEMORY` and the rest on disk.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from phonotheque.model import tables
from phonotheque.model.edition import ShardFile
from phonotheque.model.numbers import Kind

_KINDS = {
    "recordings": Kind.RECORDING,
    "tracks": Kind.TRACK,
    "releases": Kind.RELEASE,
    "artists": Kind.ARTIST,
}
_BATCH_ROWS = 100_000
_MEMORY = "2GB"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Where the shards of one state stand."""

    root: Path
    shards: Sequence[ShardFile]


def iter_changes(
    old: Catalogue | None, new: Catalogue, withdrawn: Sequence[int], spill: Path
) -> Iterator[pa.RecordBatch]:
    """Rows of `tables.CHANGES`, by kind in the order of `_KINDS`, then by number.

    `withdrawn`: recordings withdrawn since `old`. A number that was merged into another is
    "merged", one that names nothing any more "gone", whatever else happened to it; one that came
    back is "added"; a withdrawn one is "withdrawn". `spill`: a directory for what exceeds memory.
    """
    with closing(duckdb.connect(":memory:", config={"temp_directory": str(spill)})) as connection:
        connection.execute(f"SET memory_limit = '{_MEMORY}'")
        connection.execute("CREATE TABLE gone (kind VARCHAR, number BIGINT, change VARCHAR)")
        _note_redirects(connection, old, new)
        for number in withdrawn:
            connection.execute("INSERT INTO gone VALUES ('r', ?, 'withdrawn')", [number])
        for table, kind in _KINDS.items():
            for batch in _iter_kind(connection, table, kind, old, new):
                yield batch.cast(tables.CHANGES)


def _iter_kind(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    kind: Kind,
    old: Catalogue | None,
    new: Catalogue,
) -> Iterator[pa.RecordBatch]:
    """Changes of one kind: shards follow each other as their numbers do."""
    gone = f"SELECT * FROM gone WHERE kind = '{kind.value}'"
    at = 0  # all that is changed up to this number was given
    for shard in sorted(_differing(table, old, new)):
        _compare(connection, table, kind, (old, new), shard)
        last = connection.execute("SELECT max(number) FROM changed").fetchall()[0][0]
        if last is None:
            continue
        result = connection.sql(
            "SELECT * FROM changed UNION ALL "
            f"{gone} AND number > {at} AND number <= {last} ORDER BY number, change"
        )
        yield from result.to_arrow_reader(_BATCH_ROWS)
        at = last
    rest = connection.sql(f"{gone} AND number > {at} ORDER BY number, change")
    yield from rest.to_arrow_reader(_BATCH_ROWS)


def _note_redirects(
    connection: duckdb.DuckDBPyConnection, old: Catalogue | None, new: Catalogue
) -> None:
    before, after = _plain(old, "redirects"), _plain(new, "redirects")
    connection.execute(
        f"INSERT INTO gone SELECT kind, old, CASE new WHEN 0 THEN 'gone' ELSE 'merged' END "
        f"FROM ({after}) a ANTI JOIN ({before}) b USING (kind, old)"
    )
    connection.execute(  # what came back may stand in a file that never changed
        f"INSERT INTO gone SELECT kind, old, 'added' FROM ({before}) b "
        f"ANTI JOIN ({after}) a USING (kind, old)"
    )


def _compare(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    kind: Kind,
    states: tuple[Catalogue | None, Catalogue],
    shard: int,
) -> None:
    """The table `changed`: rows of one shard that are new, or not as they were."""
    before, after = (_layered(state, table, {shard}) for state in states)
    old = states[0]
    was = old is not None and any(s.table == table and s.shard == shard for s in old.shards)
    compared = (
        f"WITH before AS ({before}), differing AS (({after}) EXCEPT SELECT * FROM before) "
        f"SELECT '{kind.value}' AS kind, d.number, "
        "CASE WHEN b.number IS NULL THEN 'added' ELSE 'changed' END AS change "
        "FROM differing d LEFT JOIN before b ON b.number = d.number"
    )
    added = f"SELECT '{kind.value}' AS kind, d.number, 'added' AS change FROM ({after}) d"
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE changed AS {compared if was else added} "
        f"WHERE d.number NOT IN (SELECT number FROM gone WHERE kind = '{kind.value}')"
    )


def _differing(table: str, old: Catalogue | None, new: Catalogue) -> set[int]:
    """Shards of `table` that are not made of the same files in both."""

    def made_of(state: Catalogue | None) -> dict[int, set[str]]:
        files: dict[int, set[str]] = {}
        for shard in state.shards if state else ():
            if shard.table == table:
                files.setdefault(shard.shard, set()).add(shard.sha256)
        return files

    before, after = made_of(old), made_of(new)
    return {k for k in {*before, *after} if before.get(k) != after.get(k)}


def _layered(state: Catalogue | None, table: str, shards: set[int]) -> str:
    base = _select(state, table, shards, "base")
    over = _select(state, table, shards, "overlay")
    return (
        f"SELECT * FROM ({base}) b WHERE b.number NOT IN (SELECT number FROM ({over})) "
        f"UNION ALL SELECT * FROM ({over})"
    )


def _plain(state: Catalogue | None, table: str) -> str:
    shards = {s.shard for s in state.shards if s.table == table} if state else set()
    return _select(state, table, shards, "base")


def _select(state: Catalogue | None, table: str, shards: set[int], layer: str) -> str:
    schema = tables.REDIRECTS if table == "redirects" else _SCHEMAS[table]
    paths = (
        []
        if state is None
        else [
            "'" + str(state.root / s.path).replace("'", "''") + "'"
            for s in state.shards
            if s.table == table and s.layer == layer and s.shard in shards
        ]
    )
    if paths:
        return f"SELECT * FROM read_parquet([{', '.join(paths)}])"
    columns = ", ".join(f"NULL::{_sql_type(f.type)} AS {f.name}" for f in schema)
    return f"SELECT {columns} WHERE false"


def _sql_type(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return _sql_type(kind.value_type) + "[]"
    return {"int64": "BIGINT", "int32": "INTEGER", "int16": "SMALLINT", "string": "VARCHAR"}[
        str(kind)
    ]


_SCHEMAS = {
    "recordings": tables.RECORDINGS,
    "tracks": tables.TRACKS,
    "releases": tables.RELEASES,
    "artists": tables.ARTISTS,
}
