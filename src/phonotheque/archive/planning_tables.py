"""The tables that mirrors plan by: what each published file is worth, and what it is.

``planning/<volume>.parquet`` changes slowly: it is written anew only where more than one row in a
hundred says something else than before, so that followers fetch it seldom. Listens change with
every edition and stand apart, in ``planning/listens.parquet``.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from phonotheque.archive.policy import archive_policy
from phonotheque.archive.verdicts import parse_evidence
from phonotheque.catalogue import iter_wishable
from phonotheque.edition import place_file
from phonotheque.model import tables
from phonotheque.model.archive import ArchiveSettings
from phonotheque.model.rights import LEAST_CONFIDENCE, Claim, Use
from phonotheque.rights import Policy, decide, facts_of, jurisdictions
from phonotheque.storage.tables import write_table

FOLDER = "planning"
LISTENS = f"{FOLDER}/listens.parquet"
STALE_SHARE = 0.01
"""A table stays as it was while at most this share of its rows would change."""
_BATCH_ROWS = 20_000
_MEMORY = "4GB"
_NOT_ASKED = f"'{Claim.CHECKED}', '{Claim.PROVENANCE}', '{Claim.RESERVATION}'"
_SIGNATURE = (
    f"sha256(to_json(list_sort(list_distinct(list_transform(list_filter(evidence, lambda e: "
    f"e.claim NOT IN ({_NOT_ASKED})), lambda e: {{'c': e.claim, 'v': e.value, 'k': e.kind, "
    f"'w': e.witness, 'd': coalesce(e.confidence < {LEAST_CONFIDENCE}, false)}}))))::VARCHAR)"
)
_BARRED = pa.schema([pa.field("signature", pa.string()), tables.PLANNING.field("barred")])


def write_planning(
    cursor: duckdb.DuckDBPyConnection,
    volumes: Sequence[str],
    settings: ArchiveSettings,
    on: date,
    *,
    directory: Path,
    before: Path | None,
) -> None:
    """Write ``planning/`` of the edition in `directory` for all its `volumes`; `before` is the
    edition before.

    `cursor` has the views of the edition. Memory: one volume, and DuckDB's own, which spills.
    """
    cursor.execute(f"SET memory_limit = '{_MEMORY}'")
    cursor.execute("SET preserve_insertion_order = false")
    old = {v: _table(before, v) for v in volumes if before and _table(before, v).is_file()}
    fresh = [volume for volume in volumes if volume not in old]
    _bar(cursor, fresh, archive_policy(settings), on)
    listens = _write_each(cursor, directory, old)
    write_table(directory / LISTENS, tables.PLANNING_LISTENS, listens)


def _table(edition: Path, volume: str) -> Path:
    return edition / FOLDER / f"{volume}.parquet"


def _write_each(
    cursor: duckdb.DuckDBPyConnection, directory: Path, old: dict[str, Path]
) -> Iterator[pa.Table]:
    """Write the table of each volume; gives its listens."""
    for volume, rows in iter_wishable(cursor):
        places = pa.array(np.arange(rows.num_rows, dtype=np.int32))
        kept = pq.read_table(old[volume]) if volume in old else None
        said = None if kept is None else kept.column("barred")
        if said is None:
            said = _barred(cursor, volume, rows.num_rows)
        made = rows.drop_columns(["listens"]).append_column("place", places)
        made = made.append_column("barred", said).select(tables.PLANNING.names)
        target = _table(directory, volume)
        if kept is not None and _is_much_alike(kept, made):
            place_file(old[volume], target)
        else:
            write_table(target, tables.PLANNING, [made])
        named = pa.array([volume]).take(pa.array(np.zeros(rows.num_rows, np.int64)))
        yield pa.table({"volume": named, "place": places, "listens": rows.column("listens")})


_TEXTS = pa.list_(pa.string())


def _is_much_alike(one: pa.Table, other: pa.Table) -> bool:
    if one.num_rows != other.num_rows:
        return False
    changed = np.zeros(one.num_rows, np.bool_)
    for name in tables.PLANNING.names:
        was, now = one.column(name), other.column(name)
        if not was.equals(now.cast(was.type)):
            pairs = zip(was.to_pylist(), now.to_pylist(), strict=True)
            changed |= np.fromiter((a != b for a, b in pairs), np.bool_, one.num_rows)
    return bool(changed.sum() <= STALE_SHARE * one.num_rows)


def _bar(
    cursor: duckdb.DuckDBPyConnection, volumes: Sequence[str], policy: Policy, on: date
) -> None:
    """The table `barred_files`: files of `volumes` that may not be given out everywhere, with the
    codes of where not. Each distinct set of claims is decided once.
    """
    cursor.register("fresh", pa.table({"volume": pa.array(volumes, pa.string())}))
    said, of = f"path, {_SIGNATURE} AS signature", "FROM files SEMI JOIN fresh USING (volume)"
    cursor.execute(f"CREATE TABLE fresh_files AS SELECT volume, {said} {of}")
    cursor.register("decided", _BARRED.empty_table())
    cursor.execute("CREATE TABLE barred_sets AS SELECT * FROM decided")
    asked = cursor.cursor()
    asked.register("fresh", pa.table({"volume": pa.array(volumes, pa.string())}))
    sets = asked.sql(
        "SELECT signature, arg_min(evidence, path) AS evidence "
        f"FROM (SELECT evidence, {said} {of}) GROUP BY signature"
    )
    for batch in sets.to_arrow_reader(_BATCH_ROWS):
        rows = [_decided(row, policy, on) for row in batch.to_pylist()]
        cursor.register("decided", pa.Table.from_pylist(rows, schema=_BARRED))
        cursor.execute("INSERT INTO barred_sets SELECT * FROM decided WHERE len(barred) > 0")
    cursor.execute(
        "CREATE TABLE barred_files AS SELECT volume, place, barred FROM (SELECT volume, signature, "
        "row_number() OVER (PARTITION BY volume ORDER BY path) - 1 AS place FROM fresh_files) "
        "JOIN barred_sets USING (signature) ORDER BY volume"
    )


def _barred(cursor: duckdb.DuckDBPyConnection, volume: str, rows: int) -> pa.Array:
    """The column `barred` of a volume that `_bar` looked at."""
    found = cursor.execute("SELECT place, barred FROM barred_files WHERE volume = ?", [volume])
    known = dict(found.fetchall())
    return pa.array([known.get(place, []) for place in range(rows)], _TEXTS)


def _decided(row: dict[str, Any], policy: Policy, on: date) -> dict[str, object]:
    facts = facts_of(parse_evidence(row["evidence"]))
    codes = tuple(jurisdictions())

    def allows(*where: str) -> bool:
        return decide(facts, where, on, Use.DISTRIBUTE, policy).allows

    barred = [] if allows(*codes) else [code for code in codes if not allows(code)]
    return {"signature": row["signature"], "barred": barred}
