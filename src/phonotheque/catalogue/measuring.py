"""Figures of a catalogue by column, and what differs from another one by more than it may."""

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import msgspec
import pyarrow as pa

from phonotheque.model import tables
from phonotheque.model.findings import Finding, FindingCode, Severity

MEASURED = {
    "recordings": tables.RECORDINGS,
    "tracks": tables.TRACKS,
    "releases": tables.RELEASES,
    "artists": tables.ARTISTS,
    "standing": tables.STANDING,
}


class ColumnFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One column. `null_share` is of 1; an empty list counts as null; `least` and `most` only
    numbers have."""

    nulls: int
    null_share: float
    least: int | None = None
    most: int | None = None


class TableFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One table: its live rows, and its columns by name."""

    rows: int
    columns: dict[str, ColumnFigures]


class CatalogueFigures(msgspec.Struct, frozen=True, kw_only=True):
    """A whole catalogue; `listens` is the sum over its standing."""

    label: str
    listens: int
    tables: dict[str, TableFigures]


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What may go missing from one catalogue to the next: rows of a table and listens in per cent,
    nulls of a column in percentage points."""

    rows_percent: float = 1.0
    null_points: float = 5.0
    listens_percent: float = 10.0


def measure(cursor: duckdb.DuckDBPyConnection, label: str) -> CatalogueFigures:
    """The figures of the catalogue behind `cursor`; one scan of each view."""
    total = "SELECT coalesce(sum(listens), 0)::BIGINT FROM standing"
    ((listens,),) = cursor.execute(total).fetchall()
    measured = {name: _measure_table(cursor, name, schema) for name, schema in MEASURED.items()}
    return CatalogueFigures(label=label, listens=int(listens), tables=measured)


def find_differences(
    now: CatalogueFigures, before: CatalogueFigures, tolerance: Tolerance
) -> Iterator[Finding]:
    """One finding for each table, column or sum that lost more than `tolerance` grants."""
    for name, table in now.tables.items():
        then = before.tables[name]
        lost = _lost_percent(then.rows, table.rows)
        if lost > tolerance.rows_percent:
            yield _finding(
                FindingCode.CATALOGUE_ROWS_LOST,
                name,
                f"{table.rows:,} rows, {then.rows:,} in {before.label}: {lost:.2f} % fewer, "
                f"{tolerance.rows_percent:g} % is tolerated; see whether a source is missing",
            )
        yield from _nulls_that_rose(name, table, then, before.label, tolerance)
    lost = _lost_percent(before.listens, now.listens)
    if lost > tolerance.listens_percent:
        yield _finding(
            FindingCode.CATALOGUE_LISTENS_FELL,
            "standing",
            f"{now.listens:,} listens, {before.listens:,} in {before.label}: {lost:.2f} % fewer, "
            f"{tolerance.listens_percent:g} % is tolerated; see whether a source is missing",
        )


def _nulls_that_rose(
    name: str, now: TableFigures, then: TableFigures, label: str, tolerance: Tolerance
) -> Iterator[Finding]:
    for column, figures in now.columns.items():
        was = then.columns[column].null_share
        points = (figures.null_share - was) * 100
        if now.rows and then.rows and points > tolerance.null_points:
            yield _finding(
                FindingCode.CATALOGUE_NULLS_ROSE,
                f"{name}.{column}",
                f"empty in {figures.null_share:.2%} of the rows, {was:.2%} in {label}; "
                f"{tolerance.null_points:g} points are tolerated; see what the newest imports lack",
            )


def _measure_table(cursor: duckdb.DuckDBPyConnection, name: str, schema: pa.Schema) -> TableFigures:
    selected = ["count(*)"]
    for field in schema:
        selected += _selected(field)
    (found,) = cursor.execute(f"SELECT {', '.join(selected)} FROM {name}").fetchall()
    rows, values = int(found[0]), iter(found[1:])
    columns = {}
    for field in schema:
        nulls = int(next(values))
        numeric = pa.types.is_integer(field.type)
        columns[field.name] = ColumnFigures(
            nulls=nulls,
            null_share=nulls / rows if rows else 0.0,
            least=next(values) if numeric else None,
            most=next(values) if numeric else None,
        )
    return TableFigures(rows=rows, columns=columns)


def _selected(field: pa.Field) -> list[str]:
    name = f'"{field.name}"'
    if pa.types.is_list(field.type):
        return [f"count(*) FILTER (WHERE {name} IS NULL OR len({name}) = 0)"]
    nulls = f"count(*) - count({name})"
    return [nulls, f"min({name})", f"max({name})"] if pa.types.is_integer(field.type) else [nulls]


def _lost_percent(then: int, now: int) -> float:
    return (then - now) / then * 100 if then else 0.0


def _finding(code: FindingCode, where: str, message: str) -> Finding:
    return Finding(code, Severity.ERROR, where, message)
