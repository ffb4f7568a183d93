"""Terms of protection of a whole catalogue, by the distinct years that its sets of evidence tell.

parts of sets ─► years ─► terms in SQL

Tables stand in the connection given. Python looks once at each distinct part of a set of evidence.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import duckdb
import pyarrow as pa

from phonotheque.model.rights import Claim, Evidence, Layer
from phonotheque.rights import (
    ATTESTED,
    BITS,
    POSSIBLE,
    SURE,
    TIMED,
    YEAR_PARTS,
    as_day,
    cut_years,
    dated,
    jurisdiction_of,
    jurisdictions,
    term_query,
    year_columns,
)

BATCH_ROWS = 20_000
_STATES = (POSSIBLE, ATTESTED, SURE)
Parse = Callable[[str], tuple[Evidence, ...]]
_TIMED_CLAIMS = frozenset[Claim]().union(*(claims for _, claims in YEAR_PARTS.values()))
PARTS = {"head": frozenset(Claim) - _TIMED_CLAIMS} | {
    name: claims for name, (_, claims) in YEAR_PARTS.items()
}
"""The parts of a set of evidence, each with the claims that make it: the head, and YEAR_PARTS."""
DATED_SETS = (
    "{} c "
    + " ".join(f"JOIN years_{part} y_{part} ON y_{part}.part = c.{part}" for part in YEAR_PARTS)
    + f" WHERE {dated(' | '.join(f'y_{part}.flags' for part in YEAR_PARTS))}"
)
"""SQL for the rows (alias `c`) of a table with the columns of PARTS that tell any year."""


def make_term_tables(
    connection: duckdb.DuckDBPyConnection, parse: Parse, accepted: frozenset[str]
) -> None:
    """From `sets` and ``parts_<part>`` (see `verdict_tables.Verdicts`) make for each of YEAR_PARTS
    ``years_<part>`` (part, flags, a key for each layer), ``weights_<part>`` (part, recordings,
    listens: of sets that tell any year), and for each layer ``terms_<layer>``: the terms of each
    distinct set of years, by key. `accepted` are rules that the archive accepts.
    """
    for part, (layers, _) in YEAR_PARTS.items():
        _key_years(connection, parse, part)
        for one in layers:
            query = term_query(one, sorted(jurisdictions()), accepted, _years_source(f"keys_{one}"))
            connection.execute(f"CREATE OR REPLACE TABLE terms_{one} AS {query}")
            connection.execute(f"DROP TABLE keys_{one}")
    for part in YEAR_PARTS:
        connection.execute(
            f"CREATE OR REPLACE TABLE weights_{part} AS SELECT c.{part} AS part, "
            "sum(recordings)::BIGINT AS recordings, sum(listens)::BIGINT AS listens "
            f"FROM {DATED_SETS.format('sets')} GROUP BY ALL"
        )


def end_terms(
    connection: duckdb.DuckDBPyConnection, name: str, territories: Sequence[str], after: date
) -> None:
    """For each of YEAR_PARTS make the table ``<name>_<part>`` (part, territory, layer, free,
    recordings, listens): the terms that end in the jurisdictions of `territories` the day
    before `after`; `free` is false where that is not sure.

    Raises:
        InputError: a territory is no code of two letters.
    """
    before, day = as_day(after - timedelta(days=1)), as_day(after)
    for part, (layers, _) in YEAR_PARTS.items():
        ended = []
        for territory in territories:
            code = jurisdiction_of(territory)
            for one in layers:
                any_of = " OR ".join(_over(code, one, bit, before, day) for bit in _STATES)
                ended.append(
                    f"SELECT p.part, '{territory}' AS territory, '{one}' AS layer, "
                    f"{_over(code, one, SURE, before, day)} AS free, w.recordings, w.listens "
                    f"FROM weights_{part} w JOIN years_{part} p USING (part) "
                    f"JOIN terms_{one} {one} ON {one}.key = p.key_{one} WHERE {any_of}"
                )
        connection.execute(f"CREATE OR REPLACE TABLE {name}_{part} AS {' UNION ALL '.join(ended)}")


def state_of(code: str, layers: Sequence[Layer], day: int) -> str:
    """The bits of `layers` on `day` (rights.Situation.terms)."""
    bits = []
    for layer in layers:
        over = [f"{bit} * ({_since(code, layer, bit)} <= {day})::INTEGER" for bit in _STATES]
        bits.append(f"(({' + '.join(over)}) << {BITS * TIMED.index(layer)})")
    return " | ".join(bits)


def insert_batches(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    schema: pa.Schema,
    batches: Iterator[pa.RecordBatch],
) -> None:
    """Make `table` of `batches`, drawn one after the other in this thread."""
    connection.register("incoming", schema.empty_table())
    connection.execute(f"CREATE OR REPLACE TABLE {table} AS SELECT * FROM incoming")
    for batch in batches:
        connection.register("incoming", pa.Table.from_batches([batch], schema))
        connection.execute(f"INSERT INTO {table} SELECT * FROM incoming")
    connection.unregister("incoming")


def batch_of(schema: pa.Schema, rows: list[Any]) -> pa.RecordBatch:
    """Rows as a batch."""
    columns = zip(*rows, strict=True) if rows else ([] for _ in schema)
    arrays = [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _years_source(keys: str) -> str:
    """The rows of `keys` (`key`, and `text` as rights.cut_years writes it) as the columns that
    `term_query` takes."""
    *years, anonymous = year_columns()
    ends = [f"ends[{n}]::INTEGER AS {name}" for n, name in enumerate(years, 1)]
    ends.append(f"ends[{len(years) + 1}] ::INTEGER AS {anonymous}")
    split = f"SELECT key, string_split(text, ',') AS ends FROM {keys}"
    return f"SELECT key, {', '.join(ends)} FROM ({split})"


def _since(code: str, layer: Layer, bit: int) -> str:
    """The day from which a term is in the state `bit`."""
    best, one, worst = (f"{layer}.{code}_{name}" for name in ("best", "one", "worst"))
    if bit == POSSIBLE:
        return best
    return f"greatest({best}, {one if bit == ATTESTED else worst})"


def _over(code: str, layer: Layer, bit: int, before: int, day: int) -> str:
    since = _since(code, layer, bit)
    return f"({since} > {before} AND {since} <= {day})"


def stream(connection: duckdb.DuckDBPyConnection, sql: str) -> Iterator[pa.RecordBatch]:
    """The rows of a query, in no order."""
    yield from connection.cursor().sql(sql).to_arrow_reader(BATCH_ROWS)


def _key_years(connection: duckdb.DuckDBPyConnection, parse: Parse, part: str) -> None:
    """``years_<part>``, and ``keys_<layer>`` (key, text) for each of its layers."""
    layers, _ = YEAR_PARTS[part]
    schema = pa.schema(
        [("part", pa.int32()), ("flags", pa.int32()), *((one, pa.string()) for one in layers)]
    )
    rows = stream(connection, f"SELECT part, text FROM parts_{part}")
    insert_batches(connection, "dated", schema, (_dated(each, schema, parse) for each in rows))
    for one in layers:
        connection.execute(
            f"CREATE OR REPLACE TABLE keys_{one} AS SELECT row_number() OVER () AS key, text "
            f"FROM (SELECT DISTINCT {one} AS text FROM dated)"
        )
    keys = ", ".join(f"k_{one}.key::INTEGER AS key_{one}" for one in layers)
    joins = " ".join(f"JOIN keys_{one} k_{one} ON k_{one}.text = d.{one}" for one in layers)
    connection.execute(
        f"CREATE OR REPLACE TABLE years_{part} AS SELECT d.part, d.flags, {keys} "
        f"FROM dated d {joins}"
    )
    connection.execute("DROP TABLE dated")


def _dated(batch: pa.RecordBatch, schema: pa.Schema, parse: Parse) -> pa.RecordBatch:
    """Parts with their texts as rows of `schema`: flags, and the key of each layer."""
    layers = [Layer(name) for name in schema.names[2:]]
    rows = []
    for number, text in zip(*(c.to_pylist() for c in batch.columns), strict=True):
        flags, keys = cut_years(parse(text), layers)
        rows.append((number, flags, *keys))
    return batch_of(schema, rows)
