"""Verdicts of a whole catalogue, set by set, in DuckDB.

parts of sets ─► years ─► terms in SQL ─► classes ─► situations ─► the core ─► levels

A set of evidence falls into three parts (PARTS). Python looks once at each distinct part, and once
at each distinct situation that they make on a day; everything else is joins, which spill. Sets are
many; the classes that they fall into on some days are few, and the levels stand with these.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple

import duckdb
import pyarrow as pa

from phonotheque.archive.term_tables import (
    Parse,
    batch_of,
    insert_batches,
    make_term_tables,
    state_of,
    stream,
)
from phonotheque.model.rights import Layer
from phonotheque.rights import (
    YEAR_PARTS,
    Policy,
    Situation,
    as_day,
    dated,
    jurisdiction_of,
    levels_of,
    mask_of,
)

_SITUATIONS = pa.schema(
    [
        pa.field("head", pa.int64()),
        pa.field("flags", pa.int32()),
        pa.field("terms", pa.int32()),
        pa.field("mask", pa.int32()),
    ]
)


class Asked(NamedTuple):
    """A verdict that is asked for: on all uses in all of some territories on a day."""

    territories: tuple[str, ...]
    on: date


class _Place(NamedTuple):
    """As `Asked`, of countries in one jurisdiction."""

    code: str
    countries: tuple[str, ...]
    on: date


class Verdicts:
    """Verdicts on the sets of evidence in the table `sets` (a column for each of PARTS, recordings,
    listens), whose parts stand in ``parts_<name>`` (part, text).

    Memory: that of the connection, and some batches of rows. Tables that this makes: those of
    `make_term_tables`, and those that `decide` names.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, parse: Parse, policy: Policy) -> None:
        self._connection = connection
        self._parse = parse
        self._policy = policy
        make_term_tables(connection, parse, policy.accepted_rules)

    def decide(self, name: str, asked: Sequence[Asked], *, withdrawn: bool = False) -> None:
        """Make the table `name`: the classes into which the sets fall, with `recordings`,
        `listens` and, for each that is asked, ``mask_0``, ``mask_1`` … (rights.level_in). `members`
        tells which recordings are in a class.

        Raises:
            InputError: a territory is no code of two letters.
        """
        placed = [_placed(each) for each in asked]
        places = list(dict.fromkeys(place for each in placed for place in each))
        for part, (layers, _) in YEAR_PARTS.items():
            self._classify(name, part, layers, places)
        self._run(
            f"CREATE OR REPLACE TABLE met AS SELECT c.head, {_CLASSES}, "
            "sum(c.recordings)::BIGINT AS recordings, sum(c.listens)::BIGINT AS listens "
            f"FROM sets c {_joined_classes(name)} GROUP BY ALL"
        )
        self._meet(name, places, withdrawn=withdrawn)
        masks = [
            " & ".join(f"place_{places.index(place)}" for place in each) + f" AS mask_{n}"
            for n, each in enumerate(placed)
        ]
        self._run(
            f"CREATE OR REPLACE TABLE {name} AS SELECT head, {', '.join(YEAR_PARTS)}, recordings, "
            f"listens, {', '.join(masks)} FROM masks"
        )
        self._drop("met", "masks", *(f"{name}_{part}_terms" for part in YEAR_PARTS))

    def members(self, name: str, sets: str = "signed") -> str:
        """SQL to select from: the rows of `sets` (alias `c`) with their rows in `name` (`v`)."""
        same = " AND ".join(f"v.{part} = in_{part}.class" for part in YEAR_PARTS)
        return f"{sets} c {_joined_classes(name)} JOIN {name} v ON v.head = c.head AND {same}"

    def _classify(
        self, name: str, part: str, layers: Sequence[Layer], places: Sequence[_Place]
    ) -> None:
        """``<name>_<part>`` (part, class), ``<name>_<part>_terms``: flags and terms of a class."""
        terms = ", ".join(
            f"({state_of(place.code, layers, as_day(place.on))})::INTEGER AS terms_{n}"
            for n, place in enumerate(places)
        )
        columns = ", ".join(["flags", *(f"terms_{n}" for n in range(len(places)))])
        joins = " ".join(f"JOIN terms_{one} {one} ON {one}.key = p.key_{one}" for one in layers)
        self._run(
            f"CREATE OR REPLACE TABLE stated AS SELECT p.part, p.flags, {terms} "
            f"FROM years_{part} p {joins}"
        )
        self._run(
            f"CREATE OR REPLACE TABLE {name}_{part}_terms AS SELECT "
            f"(row_number() OVER ())::INTEGER AS class, * FROM (SELECT DISTINCT {columns} "
            "FROM stated)"
        )
        self._run(
            f"CREATE OR REPLACE TABLE {name}_{part} AS SELECT part, class FROM stated "
            f"JOIN {name}_{part}_terms USING ({columns})"
        )
        self._drop("stated")

    def _meet(self, name: str, places: Sequence[_Place], *, withdrawn: bool) -> None:
        """`masks`: the rows of `met` with ``place_<n>``, the mask of each place."""
        one, other = YEAR_PARTS
        counted = dated("a.flags | b.flags")
        columns = ["flags", *(f"terms_{n}" for n in range(len(places)))]
        joined = ", ".join(f"if({counted}, a.{c} | b.{c}, 0)::INTEGER AS {c}" for c in columns)
        self._run(
            f"CREATE OR REPLACE TABLE masks AS SELECT met.*, {joined} FROM met "
            f"JOIN {name}_{one}_terms a ON a.class = met.{one} "
            f"JOIN {name}_{other}_terms b ON b.class = met.{other}"
        )
        for n, place in enumerate(places):  # one by one: many joins at once go astray
            situations = stream(
                self._connection,
                f"SELECT s.*, h.text FROM (SELECT DISTINCT head, flags, terms_{n} FROM masks) s "
                "JOIN parts_head h ON h.part = s.head",
            )
            answers = self._answers(situations, place, withdrawn=withdrawn)
            insert_batches(self._connection, "levels", _SITUATIONS, answers)
            self._run(
                f"CREATE OR REPLACE TABLE masks AS SELECT m.* EXCLUDE (terms_{n}), "
                f"l.mask AS place_{n} FROM masks m JOIN levels l ON l.head = m.head "
                f"AND l.flags = m.flags AND l.terms = m.terms_{n}"
            )
        self._drop("levels")

    def _answers(
        self, situations: Iterator[pa.RecordBatch], place: _Place, *, withdrawn: bool
    ) -> Iterator[pa.RecordBatch]:
        for batch in situations:
            found = []
            for row in zip(*(c.to_pylist() for c in batch.columns), strict=True):
                *key, text = row
                _, flags, terms = key
                situation = Situation(text, flags, terms, withdrawn)
                levels = levels_of(
                    situation, place.countries, place.on, self._policy, parse=self._parse
                )
                found.append((*key, mask_of(levels)))
            yield batch_of(_SITUATIONS, found)

    def _run(self, sql: str) -> None:
        self._connection.execute(sql)

    def _drop(self, *tables: str) -> None:
        for table in tables:
            self._run(f"DROP TABLE {table}")


_CLASSES = ", ".join(f"in_{part}.class AS {part}" for part in YEAR_PARTS)


def _joined_classes(name: str) -> str:
    return " ".join(
        f"JOIN {name}_{part} in_{part} ON in_{part}.part = c.{part}" for part in YEAR_PARTS
    )


def _placed(asked: Asked) -> list[_Place]:
    countries: dict[str, list[str]] = {}
    for territory in asked.territories:
        countries.setdefault(jurisdiction_of(territory), []).append(territory)
    return [_Place(code, tuple(those), asked.on) for code, those in countries.items()]
