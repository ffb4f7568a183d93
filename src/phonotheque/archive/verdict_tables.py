"""Verdicts of a whole catalogue, set by set, in DuckDB.

signatures ─► cuts (head, flags, years) ─► terms in SQL ─► distinct situations ─► the core ─► levels

Python looks once at each distinct set of evidence and once at each distinct situation; everything
else is joins, which spill. Tables stand in the connection given; `Verdicts` names them.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import duckdb
import pyarrow as pa

from phonotheque.model.rights import Evidence, Layer
from phonotheque.rights import (
    ATTESTED,
    BITS,
    POSSIBLE,
    SURE,
    TIMED,
    Policy,
    Situation,
    as_day,
    cut,
    jurisdiction_of,
    jurisdictions,
    levels_of,
    mask_of,
    term_query,
    year_columns,
)

BATCH_ROWS = 20_000
_CUTS = pa.schema(
    [
        pa.field("signature", pa.int64()),
        pa.field("head", pa.string()),
        pa.field("flags", pa.int32()),
        *[pa.field(f"key_{layer}", pa.string()) for layer in TIMED],
    ]
)
_SITUATIONS = pa.schema(
    [
        pa.field("head", pa.int64()),
        pa.field("flags", pa.int32()),
        pa.field("terms", pa.int32()),
        pa.field("mask", pa.int32()),
    ]
)
_STATES = (POSSIBLE, ATTESTED, SURE)
Parse = Callable[[str], tuple[Evidence, ...]]


class Verdicts:
    """Verdicts on the sets of evidence in the table ``signatures(signature BIGINT, text VARCHAR)``.

    Memory: that of the connection, and some batches of rows. Tables that this makes: `heads`,
    `cuts`, ``terms_<layer>``, and those that `decide` names.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, parse: Parse, policy: Policy) -> None:
        self._connection = connection
        self._policy = policy
        self._cut(parse)
        codes = sorted(jurisdictions())
        for layer in TIMED:
            source = _years_source(f"key_{layer}")
            connection.execute(
                f"CREATE OR REPLACE TABLE terms_{layer} AS "
                + term_query(layer, codes, policy.accepted_rules, source)
            )

    def decide(
        self, name: str, territories: Sequence[str], on: date, *, withdrawn: bool = False
    ) -> None:
        """Make the table `name` with `signature` and `mask` (rights.level_in): the levels of all
        uses in all of `territories` on the day `on`, of recordings that are `withdrawn` or not.

        Raises:
            InputError: a territory is no code of two letters.
        """
        places: dict[str, list[str]] = {}
        for territory in territories:
            places.setdefault(jurisdiction_of(territory), []).append(territory)
        parts = []
        for number, (code, countries) in enumerate(places.items()):
            part = f"{name}_{number}"
            self._decide_place(part, code, countries, on, withdrawn=withdrawn)
            parts.append(part)
        union = " UNION ALL ".join(f"SELECT * FROM {part}" for part in parts)
        self._connection.execute(
            f"CREATE OR REPLACE TABLE {name} AS SELECT signature, "
            f"bit_and(mask)::INTEGER AS mask FROM ({union}) GROUP BY ALL"
        )
        for part in parts:
            self._connection.execute(f"DROP TABLE {part}")

    def end_terms(self, name: str, code: str, after: date) -> None:
        """Make the table `name` with `signature`, `layer` and `free`: the terms that end in the
        jurisdiction `code` the day before `after`; `free` is false where that is not sure.
        """
        before, day = as_day(after - timedelta(days=1)), as_day(after)
        ended = [
            f"SELECT c.signature, '{layer}' AS layer, "
            f"{_over(code, layer, SURE, before, day)} AS free "
            f"FROM cuts c JOIN terms_{layer} {layer} ON {layer}.key = c.key_{layer} WHERE "
            f"{' OR '.join(_over(code, layer, bit, before, day) for bit in _STATES)}"
            for layer in TIMED
        ]
        self._connection.execute(f"CREATE OR REPLACE TABLE {name} AS {' UNION ALL '.join(ended)}")

    def _cut(self, parse: Parse) -> None:
        def rows() -> Iterator[pa.RecordBatch]:
            for batch in self._stream("SELECT signature, text FROM signatures"):
                found = []
                for signature, text in zip(*(c.to_pylist() for c in batch.columns), strict=True):
                    head, flags, keys = cut(parse(text))
                    found.append((signature, head, flags, *keys))
                yield _batch(_CUTS, found)

        self._insert("cut_rows", _CUTS, rows())
        self._connection.execute(
            "CREATE OR REPLACE TABLE heads AS SELECT row_number() OVER () AS head, text "
            "FROM (SELECT DISTINCT head AS text FROM cut_rows)"
        )
        self._connection.execute(
            "CREATE OR REPLACE TABLE cuts AS SELECT c.* REPLACE (h.head AS head) "
            "FROM cut_rows c JOIN heads h ON h.text = c.head"
        )
        self._connection.execute("DROP TABLE cut_rows")

    def _decide_place(
        self, table: str, code: str, countries: list[str], on: date, *, withdrawn: bool
    ) -> None:
        states = f"{table}_states"
        self._connection.execute(
            f"CREATE OR REPLACE TABLE {states} AS SELECT c.signature, c.head, c.flags, "
            f"({_state(code, as_day(on))})::INTEGER AS terms FROM cuts c {_join_terms()}"
        )
        asked = self._stream(
            "SELECT s.*, h.text FROM (SELECT DISTINCT head, flags, terms "
            f"FROM {states}) s JOIN heads h USING (head)"
        )
        answers = self._answers(asked, countries, on, withdrawn=withdrawn)
        self._insert(f"{table}_levels", _SITUATIONS, answers)
        self._connection.execute(
            f"CREATE OR REPLACE TABLE {table} AS SELECT signature, mask "
            f"FROM {states} JOIN {table}_levels USING (head, flags, terms)"
        )
        self._connection.execute(f"DROP TABLE {states}; DROP TABLE {table}_levels")

    def _answers(
        self,
        asked: Iterator[pa.RecordBatch],
        countries: list[str],
        on: date,
        *,
        withdrawn: bool,
    ) -> Iterator[pa.RecordBatch]:
        for batch in asked:
            found = []
            for row in zip(*(c.to_pylist() for c in batch.columns), strict=True):
                *key, text = row
                _, flags, terms = key
                situation = Situation(text, flags, terms, withdrawn)
                levels = levels_of(situation, countries, on, self._policy)
                found.append((*key, mask_of(levels)))
            yield _batch(_SITUATIONS, found)

    def _stream(self, sql: str) -> Iterator[pa.RecordBatch]:
        yield from self._connection.cursor().sql(sql).to_arrow_reader(BATCH_ROWS)

    def _insert(self, table: str, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> None:
        insert_batches(self._connection, table, schema, batches)


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


def _batch(schema: pa.Schema, rows: list[Any]) -> pa.RecordBatch:
    columns = zip(*rows, strict=True) if rows else ([] for _ in schema)
    arrays = [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _years_source(column: str) -> str:
    """Distinct year keys of one layer, as the columns that `term_query` takes."""
    *years, anonymous = year_columns()
    ends = [f"ends[{n}]::INTEGER AS {name}" for n, name in enumerate(years, 1)]
    ends.append(f"ends[{len(years) + 1}]::INTEGER AS {anonymous}")
    return (
        f"SELECT key, {', '.join(ends)} FROM (SELECT DISTINCT {column} AS key, "
        f"string_split({column}, ',') AS ends FROM cuts WHERE {column} <> '')"
    )


def _join_terms() -> str:
    return " ".join(f"LEFT JOIN terms_{one} {one} ON {one}.key = c.key_{one}" for one in TIMED)


def _since(code: str, layer: Layer, bit: int) -> str:
    """The day from which a term is in the state `bit`."""
    best, one, worst = (f"{layer}.{code}_{name}" for name in ("best", "one", "worst"))
    if bit == POSSIBLE:
        return best
    return f"greatest({best}, {one if bit == ATTESTED else worst})"


def _over(code: str, layer: Layer, bit: int, before: int, day: int) -> str:
    since = _since(code, layer, bit)
    return f"({since} > {before} AND {since} <= {day})"


def _state(code: str, day: int) -> str:
    """The bits of all layers on `day` (rights.Situation.terms); none where no years are known."""
    bits = []
    for number, layer in enumerate(TIMED):
        over = [f"{bit} * ({_since(code, layer, bit)} <= {day})::INTEGER" for bit in _STATES]
        bits.append(f"(coalesce({' + '.join(over)}, 0) << {BITS * number})")
    return " | ".join(bits)
