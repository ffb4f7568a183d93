"""A slice of a catalogue: which rows were asked for, and they themselves, in order of number.

The numbers that pass the filters are chosen first (DuckDB, within its limit, spilling). Rows are
then read range by range of their numbers, each range joined and sorted by itself, so memory does
not grow with the slice. Recordings and releases of tracks stand near each other in number, which
keeps the part of the other tables that a range needs small.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import duckdb
import pyarrow as pa

from phonotheque.catalogue.id_columns import format_id_column
from phonotheque.catalogue.published import Bounds, CatalogueFiles
from phonotheque.catalogue.slice_columns import ALIASES, KINDS, PUBLIC_ID, Column, Of
from phonotheque.model.errors import InputError, NotFoundError, UsageError
from phonotheque.model.numbers import Kind, parse_public_id
from phonotheque.model.text import normalise

STEP = 1 << 20
"""Numbers to a range: about this many rows are joined and sorted at a time."""

_BATCH_ROWS = 122_880
_KEYS = {"r": "t.recording", "s": "t.recording", "d": "t.release"}
_VIEWS = {"r": "recordings", "s": "standing", "d": "releases"}


@dataclass(frozen=True, slots=True)
class Filters:
    """What a slice is of; all must hold, and of several values one. Nothing: everything.

    `artists` are names or public ids; `years` a first and a last one; `licences` SPDX ids, or
    "none".
    """

    artists: Sequence[str] = ()
    countries: Sequence[str] = ()
    years: tuple[int, int] | None = None
    licences: Sequence[str] = ()
    tiers: Sequence[int] = ()
    min_listens: int | None = None
    isrc_only: bool = False

    def as_dict(self) -> dict[str, Any]:
        """What was asked, without what was not."""
        return {name: value for name, value in asdict(self).items() if value}


class Slice:
    """The rows of one catalogue that pass `filters`. Use `open_slice`."""

    def __init__(
        self, catalogue: CatalogueFiles, cursor: duckdb.DuckDBPyConnection, filters: Filters
    ) -> None:
        self.catalogue = catalogue
        self.filters = filters
        self._cursor = cursor
        self._chosen: dict[tuple[Of, bool], str | None] = {}

    def count(self, of: Of) -> int:
        """How many rows of a kind there are, exactly."""
        chosen = self._choose(of)
        return self._one(f"SELECT count(*) FROM {chosen or of.value}")

    def iter_ranges(self, of: Of) -> list[int]:
        """The ranges of numbers that have rows, each as its first number, rising."""
        chosen = self._choose(of)
        if chosen is None:
            highest = self._one(f"SELECT coalesce(max(number), -1) FROM {of.value}")
            return list(range(0, highest + 1, STEP))
        found = self._cursor.execute(
            f"SELECT DISTINCT number // {STEP} AS step FROM {chosen} ORDER BY step"
        )
        return [int(step) * STEP for (step,) in found.fetchall()]

    def iter_rows(
        self, of: Of, columns: Sequence[Column], low: int, *, limit: int | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The rows of the range that begins with `low`, in order of number (the first `limit`).

        Use one iterator up before the next is begun.
        """
        schema = schema_of(columns)
        query = self._query(of, columns, low) + (f" LIMIT {limit}" if limit else "")
        reader = self._cursor.sql(query).to_arrow_reader(_BATCH_ROWS)
        for batch in reader:
            arrays = [
                self._values(of, column, batch.column(i)).cast(column.type)
                for i, column in enumerate(columns)
            ]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    def _values(self, of: Of, column: Column, values: pa.Array) -> pa.Array:
        if column.name != PUBLIC_ID:
            return values
        key = self.catalogue.id_key
        if key is None:
            raise UsageError("a build away from its archive has no public ids; leave them out")
        return format_id_column(values.to_numpy(zero_copy_only=False), key, KINDS[of])

    def _query(self, of: Of, columns: Sequence[Column], low: int) -> str:
        alias = ALIASES[of]
        rows = self._rows_of(of, low)
        joins = "".join(
            self._join(of, other, rows, low)
            for other in ("r", "s", "d")
            if other != alias and any(column.alias == other for column in columns)
        )
        then = ", f.volume, f.path" if of is Of.FILES else ""
        selected = ", ".join(f'{column.sql} AS "{column.name}"' for column in columns)
        return f"SELECT {selected} FROM ({rows}) {alias}{joins} ORDER BY {alias}.number{then}"

    def _rows_of(self, of: Of, low: int) -> str:
        chosen = self._choose(of)
        among = f" AND number IN (SELECT number FROM {chosen} WHERE {_within(low)})"
        return f"SELECT * FROM {of.value} WHERE {_within(low)}{among if chosen else ''}"

    def _join(self, of: Of, other: str, rows: str, low: int) -> str:
        key = _KEYS[other] if of is Of.TRACKS else f"{ALIASES[of]}.number"
        wanted = _within(low)
        if of is Of.TRACKS:
            found = self._cursor.execute(f"SELECT min({key}), max({key}) FROM ({rows}) t")
            ((first, last),) = found.fetchall()
            wanted = f"number BETWEEN {first or 0} AND {last or 0}"
        joined = f"(SELECT * FROM {_VIEWS[other]} WHERE {wanted})"
        return f" LEFT JOIN {joined} {other} ON {other}.number = {key}"

    # ------------------------------------------------------------------- which rows are meant

    def _choose(self, of: Of) -> str | None:
        """The temporary table (number) of the rows of a kind; None: all of them."""
        if not self.filters.as_dict():
            return None
        return self._made(of, of is Of.RELEASES, self._selection)

    def _made(self, of: Of, as_release: bool, select: Any) -> str | None:
        place = of, as_release
        if place not in self._chosen:
            query = select(of)
            name = f"chosen_{of.value}{'_for_releases' if as_release else ''}"
            if query is not None:
                self._cursor.execute(f"CREATE TEMP TABLE {name} AS {query}")
            self._chosen[place] = name if query is not None else None
        return self._chosen[place]

    def _selection(self, of: Of) -> str:
        match of:
            case Of.RECORDINGS:
                return self._recordings(for_releases=False) or "SELECT number FROM recordings"
            case Of.TRACKS:
                chosen = self._made(Of.RECORDINGS, False, self._selection)
                query = f"SELECT number FROM tracks SEMI JOIN {chosen} c ON recording = c.number"
                country = self._of_country()
                return query + (f" WHERE release IN ({country})" if country else "")
            case Of.FILES:
                chosen = self._made(Of.RECORDINGS, False, self._selection)
                return f"SELECT f.number FROM files f SEMI JOIN {chosen} c ON f.number = c.number"
            case Of.RELEASES:
                return self._releases()
            case Of.ARTISTS:
                chosen = self._made(Of.RECORDINGS, False, self._selection)
                return (
                    "SELECT DISTINCT number FROM (SELECT unnest(artist_numbers) AS number "
                    f"FROM recordings r SEMI JOIN {chosen} c ON r.number = c.number)"
                )

    def _releases(self) -> str:
        own = [f"number IN ({country})" for country in (self._of_country(),) if country]
        if self.filters.years:
            own.append(_between("year", self.filters.years))
        recordings = self._made(Of.RECORDINGS, True, lambda _: self._recordings(for_releases=True))
        if recordings:
            own.append(
                f"number IN (SELECT release FROM tracks SEMI JOIN {recordings} c "
                "ON recording = c.number)"
            )
        return f"SELECT number FROM releases WHERE {' AND '.join(own)}"

    def _recordings(self, *, for_releases: bool) -> str | None:
        """The recordings that are meant; for releases, year and country are asked of these."""
        wanted = self.filters
        conditions = [*self._of_artist(), *self._of_licence()]
        if wanted.isrc_only:
            conditions.append("len(isrcs) > 0")
        stands = [f"tier IN ({', '.join(str(int(t)) for t in wanted.tiers)})"] * bool(wanted.tiers)
        if wanted.min_listens:
            stands.append(f"listens >= {int(wanted.min_listens)}")
        if stands:
            conditions.append(
                f"number IN (SELECT number FROM standing WHERE {' AND '.join(stands)})"
            )
        if not for_releases:
            if wanted.years:
                conditions.append(_between("first_release_year", wanted.years))
            if country := self._of_country():
                conditions.append(
                    f"number IN (SELECT recording FROM tracks WHERE release IN ({country}))"
                )
        return (
            f"SELECT number FROM recordings WHERE {' AND '.join(conditions)}" * bool(conditions)
            or None
        )

    def _of_country(self) -> str | None:
        if not self.filters.countries:
            return None
        listed = _listed(country.lower() for country in self.filters.countries)
        return f"SELECT number FROM releases WHERE lower(country) IN ({listed})"

    def _of_licence(self) -> list[str]:
        if not self.filters.licences:
            return []
        listed = _listed(licence.lower() for licence in self.filters.licences)
        return [f"lower(coalesce(licence, 'none')) IN ({listed})"]

    def _of_artist(self) -> list[str]:
        """Artists are found by name first: a few numbers, then only numbers are compared."""
        if not self.filters.artists:
            return []
        numbers: set[int] = set()
        for artist in self.filters.artists:
            found = self._artist_numbers(artist)
            if not found:
                raise NotFoundError(f"{artist}: no artist of that name; try search, or a public id")
            numbers |= found
        listed = ", ".join(str(number) for number in sorted(numbers))
        return [f"list_has_any(artist_numbers, [{listed}]::BIGINT[])"]

    def _artist_numbers(self, artist: str) -> set[int]:
        if self.catalogue.id_key is not None:
            try:
                kind, number = parse_public_id(artist, self.catalogue.id_key)
            except InputError:
                kind, number = Kind.RECORDING, 0
            if kind is Kind.ARTIST:
                return {number}
        found = self._cursor.execute(
            "SELECT number FROM artists WHERE key = 'name:' || $norm OR "
            "folded(name) = folded($name) OR folded(sort_name) = folded($name) OR "
            "list_contains(list_transform(aliases, lambda x: folded(x)), folded($name))",
            {"norm": normalise(artist), "name": artist},
        )
        return {int(number) for (number,) in found.fetchall()}

    def _one(self, query: str) -> int:
        ((number,),) = self._cursor.execute(query).fetchall()
        return int(number or 0)


@contextmanager
def open_slice(catalogue: CatalogueFiles, filters: Filters, bounds: Bounds) -> Iterator[Slice]:
    """The slice of `catalogue` that passes `filters`; `bounds` says what reading may use."""
    with catalogue.open(bounds) as cursor:
        cursor.execute("CREATE TEMP MACRO folded(x) AS lower(strip_accents(x))")
        yield Slice(catalogue, cursor, filters)


def schema_of(columns: Sequence[Column]) -> pa.Schema:
    """The Arrow schema of these columns."""
    return pa.schema([(column.name, column.type) for column in columns])


def _within(low: int) -> str:
    return f"number >= {low} AND number < {low + STEP}"


def _between(column: str, years: tuple[int, int]) -> str:
    return f"{column} BETWEEN {int(years[0])} AND {int(years[1])}"


def _listed(values: Any) -> str:
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)
