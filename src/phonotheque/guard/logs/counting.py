"""Requests to numbered accounts, items with ranks, and media requests in order; all of it on disk.

An item's rank comes from a table that the operator gives, else from the log: by how many accounts
asked for it, equal ones sharing the middle of their ranks. Those that one account asked for share
them with all that nobody did; where the size of the catalogue is not given, these are not known,
the tail looks nearer than it is, and levels found in the log itself have to answer for that.
"""

from pathlib import Path
from typing import Final

import duckdb

from phonotheque.guard.symbols import EDGE_SHARES
from phonotheque.model.errors import InputError, UsageError

PARTS_SECONDS: Final = 600
"""Requests for one item one after the other within this time are one: players ask in parts."""
_LARGEST: Final = 2**53
_ALONE: Final = 1 << 54
_TABLE_NAMES: Final = ("item", "rank", "plays", "number", "artist", "release")

ACCOUNTS: Final = """
CREATE TABLE accounts AS
SELECT row_number() OVER (ORDER BY who, named) - 1 AS account, * FROM (
  SELECT who, named, count(*) AS requests, count(item) AS media, sum(bytes)::BIGINT AS bytes,
    count_if(refused) AS refused, min(t) AS first_t, max(t) AS last_t,
    min(agent) AS agent
  FROM requests GROUP BY who, named);
CREATE TABLE media AS
SELECT a.account, item, t, file, line, address FROM (
  SELECT who, named, item, t, file, line, address FROM requests
  WHERE item IS NOT NULL AND NOT refused) JOIN accounts a USING (who, named);
CREATE TABLE seen AS
SELECT item, count(*) AS accounts FROM (SELECT DISTINCT item, account FROM media) GROUP BY item;
"""


def number_all(
    connection: duckdb.DuckDBPyConnection, table: Path | None, catalogue: int | None
) -> int:
    """Make `accounts`, `media` and `items` (item, number, artist, release, bucket); the size of the
    catalogue that buckets were cut by.

    Raises:
        InputError: the table has no column that is needed.
        UsageError: the catalogue is said to be smaller than what was asked for.
    """
    run = connection.execute
    for statement in ACCOUNTS.split(";\n"):
        run(statement)
    seen = int(_one(connection, "SELECT count(*) FROM seen"))
    if catalogue is not None and catalogue < seen:
        raise UsageError(f"a catalogue of {catalogue:,} items, but {seen:,} were asked for")
    if table is None:
        size = catalogue or seen
        run(_KNOWN_FROM_LOG.replace("$unseen", str(size - seen)))
    else:
        size = max(_take_table(connection, table), catalogue or 0)
    whole = "coalesce(try_cast(item AS BIGINT) BETWEEN 0 AND $most, false)"
    counting = bool(
        _one(connection, f"SELECT coalesce(bool_and({whole}), true) FROM known", _LARGEST)
    )
    number = "try_cast(item AS BIGINT)" if counting else "row_number() OVER (ORDER BY item) - 1"
    buckets = " + ".join(f"(rank >= {-int(-share * size // 1)})::INTEGER" for share in EDGE_SHARES)
    run(f"""
    CREATE TABLE items AS
    SELECT item, number, {_names("artist")} AS artist, {_names("release")} AS release, bucket
    FROM (SELECT item, artist, release, coalesce(number, {number}) AS number, {buckets} AS bucket
          FROM known)""")
    run("DROP TABLE known")
    return max(size, 1)


_KNOWN_FROM_LOG: Final = """
CREATE TABLE known AS
WITH said AS (
  SELECT item, min(artist) AS artist, min(release) AS release FROM requests
  WHERE item IS NOT NULL AND NOT refused GROUP BY item
), above AS (
  SELECT accounts, count(*) AS alike, coalesce(sum(count(*)) OVER (
    ORDER BY accounts DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
  FROM seen GROUP BY accounts
)
SELECT item, artist, release, NULL::BIGINT AS number,
  (before + (alike + CASE WHEN accounts = 1 THEN $unseen ELSE 0 END - 1) / 2)::DOUBLE AS rank
FROM seen JOIN above USING (accounts) JOIN said USING (item)
"""


def _take_table(connection: duckdb.DuckDBPyConnection, table: Path) -> int:
    """`known` from the operator's table; how many items it has. Items that the log has and the
    table has not are the least played."""
    quoted = "'" + str(table).replace("'", "''") + "'"
    kind = "read_parquet" if table.suffix == ".parquet" else "read_csv"
    more = "" if kind == "read_parquet" else ", all_varchar = true"
    try:
        described = connection.execute(f"DESCRIBE FROM {kind}({quoted}{more})").fetchall()
    except duckdb.Error as error:
        raise InputError(f"{table}: cannot be read as a table of items ({error})") from error
    names = {row[0] for row in described}
    if "item" not in names or not names & {"rank", "plays"}:
        raise InputError(
            f"{table}: needs the columns item and rank (from 1) or plays; may have number, artist "
            f"and release; has {', '.join(sorted(names))}"
        )
    order = "try_cast(rank AS DOUBLE)" if "rank" in names else "-try_cast(plays AS DOUBLE)"
    told = {n: f"{n}::VARCHAR" if n in names else "NULL::VARCHAR" for n in _TABLE_NAMES}
    try:
        connection.execute(f"""
        CREATE TABLE given AS
        SELECT item::VARCHAR AS item, min({told["artist"]}) AS artist,
          min({told["release"]}) AS release, min(try_cast({told["number"]} AS BIGINT)) AS number,
          row_number() OVER (ORDER BY min({order}) NULLS LAST, item::VARCHAR) - 1.0 AS rank
        FROM {kind}({quoted}{more}) WHERE item IS NOT NULL GROUP BY item""")
    except duckdb.Error as error:
        raise InputError(f"{table}: cannot be read as a table of items ({error})") from error
    size = int(_one(connection, "SELECT count(*) FROM given"))
    connection.execute(f"""
    CREATE TABLE known AS
    SELECT item, g.artist, g.release, g.number, coalesce(g.rank, {size}) AS rank
    FROM seen LEFT JOIN given g USING (item)""")
    connection.execute("DROP TABLE given")
    unnumbered = _one(connection, "SELECT count(*) FROM known WHERE number IS NULL")
    numbered = _one(connection, "SELECT count(number) FROM known")
    if unnumbered and numbered:  # two ways to number would mix neighbours
        connection.execute(f"""
        UPDATE known SET number = {_LARGEST} + n.place FROM (
          SELECT item, row_number() OVER (ORDER BY item) AS place FROM known WHERE number IS NULL
        ) n WHERE known.item = n.item""")
    return size


def _names(column: str) -> str:
    """Equal numbers for equal names; where there is none, runs of 16 items stand for them."""
    return (
        f"CASE WHEN {column} IS NULL THEN {_ALONE} + (number >> 4) "
        f"ELSE dense_rank() OVER (ORDER BY {column}) END"
    )


def lay_in_order(connection: duckdb.DuckDBPyConnection, least: int, path: Path) -> None:
    """Write media requests of accounts with at least `least` of them to the Parquet file `path`, by
    account and time: account, t, number, artist, release, bucket, file, line."""
    connection.execute(f"""
    COPY (
      SELECT m.account, m.t, i.number, i.artist, i.release, i.bucket::TINYINT AS bucket, m.file,
        m.line
      FROM media m JOIN accounts a USING (account) JOIN items i USING (item)
      WHERE a.media >= {least} ORDER BY m.account, m.t, m.file, m.line
    ) TO '{str(path).replace("'", "''")}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
    """)


def _one(connection: duckdb.DuckDBPyConnection, sql: str, most: int | None = None) -> float:
    row = connection.execute(sql, {} if most is None else {"most": most}).fetchall()
    return float(row[0][0] or 0)
