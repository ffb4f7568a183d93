"""Whether the numbers of a catalogue name each other rightly: references, redirects, standing."""

from collections.abc import Iterator

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from phonotheque.catalogue.number_set import NumberSet
from phonotheque.catalogue.published import CatalogueFiles
from phonotheque.catalogue.ranking import count_listens, iter_standing
from phonotheque.catalogue.reader import NUMBERED
from phonotheque.model import tables
from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.model.numbers import Kind

I64 = npt.NDArray[np.int64]
_BATCH_ROWS = 1 << 18
_REFERENCES = (
    ("tracks", "recording", "recordings"),
    ("tracks", "release", "releases"),
    ("recordings", "unnest(artist_numbers)", "artists"),
)


def check_references(
    catalogue: CatalogueFiles, cursor: duckdb.DuckDBPyConnection
) -> Iterator[Finding]:
    """Tracks name recordings and releases that are rows, recordings artists."""
    for table, column, named in _REFERENCES:
        live = live_numbers(catalogue, cursor, named)
        rows, first = 0, 0
        for numbers in _stream(cursor, f"SELECT {column} AS n FROM {table}", drop_nulls=True):
            wrong = numbers[~live.contains(numbers)]
            first = first if rows or not len(wrong) else int(wrong[0])
            rows += len(wrong)
        if rows:
            text = f"{rows:,} references to {named} that are no rows, for example number {first}"
            yield _error(FindingCode.CATALOGUE_REFERENCE, table, text)


def check_redirects(
    catalogue: CatalogueFiles, cursor: duckdb.DuckDBPyConnection
) -> Iterator[Finding]:
    """Each old number stands once and leads, in one step, to a row or to nothing (0)."""
    known = {kind.value: table for table, (_, kind) in NUMBERED.items()}
    for (kind,) in cursor.execute("SELECT DISTINCT kind FROM redirects ORDER BY kind").fetchall():
        if kind not in known:
            yield _error(FindingCode.CATALOGUE_REDIRECT, "redirects", f"unknown kind {kind!r}")
    for kind, table in known.items():
        yield from _redirects_of(catalogue, cursor, Kind(kind), table)


def _redirects_of(
    catalogue: CatalogueFiles, cursor: duckdb.DuckDBPyConnection, kind: Kind, table: str
) -> Iterator[Finding]:
    mine = f"FROM redirects WHERE kind = '{kind.value}'"
    twice = f'SELECT count(*) - count(DISTINCT "old") {mine}'
    if rows := _one_number(cursor, twice):
        yield _redirect(table, f"{rows:,} old numbers stand more than once")
    chains = f'SELECT count(*) {mine} AND "new" IN (SELECT "old" {mine})'
    if rows := _one_number(cursor, chains):
        yield _redirect(table, f"{rows:,} lead to a number that is itself redirected")
    live = live_numbers(catalogue, cursor, table)
    ends = f'SELECT "new" {mine} AND "new" <> 0 AND "new" NOT IN (SELECT "old" {mine})'
    lost = sum(int(np.count_nonzero(~live.contains(new))) for new in _stream(cursor, ends))
    if lost:
        yield _redirect(table, f"{lost:,} lead to a number that is no row")
    hidden = f'SELECT count(*) FROM {table}_over WHERE number IN (SELECT "old" {mine})'
    if rows := _one_number(cursor, hidden):
        yield _redirect(table, f"{rows:,} hide a row that was written anew")


def check_standing(
    catalogue: CatalogueFiles, cursor: duckdb.DuckDBPyConnection
) -> Iterator[Finding]:
    """Every recording has one standing, and ranks and tiers are those that the listens give."""
    live, stands = live_numbers(catalogue, cursor, "recordings"), 0
    strangers = 0
    for numbers in _stream(cursor, "SELECT number FROM standing"):
        known = int(np.count_nonzero(live.contains(numbers)))
        stands, strangers = stands + known, strangers + len(numbers) - known
    if strangers:
        yield _standing(f"{strangers:,} rows of numbers that are no recordings")
    if stands != len(live):
        yield _standing(f"{len(live) - stands:,} recordings have no row")
    wrong, first = _misplaced(catalogue)
    if wrong:
        yield _standing(
            f"{wrong:,} ranks or tiers are not those that the listens give, for example of "
            f"number {first}"
        )


def _misplaced(catalogue: CatalogueFiles) -> tuple[int, int]:
    """(rows whose rank or tier is wrong, the first one's number)."""
    histogram = count_listens(_standing_batches(catalogue))
    made = iter_standing(_standing_batches(catalogue), histogram, catalogue.cuts_percent)
    rows, first = 0, 0
    for stored, right in zip(_standing_batches(catalogue), made, strict=True):
        wrong = _differs(stored, right, "rank") | _differs(stored, right, "tier")
        if wrong.any():
            first = first if rows else int(stored.column("number").to_numpy()[wrong][0])
            rows += int(np.count_nonzero(wrong))
    return rows, first


def _standing_batches(catalogue: CatalogueFiles) -> Iterator[pa.RecordBatch]:
    for shard in sorted(catalogue.shards, key=lambda s: s.shard):
        if shard.table == "standing":
            with pq.ParquetFile(catalogue.directory / shard.path) as file:
                for batch in file.iter_batches(_BATCH_ROWS, columns=tables.STANDING.names):
                    if batch.num_rows:
                        yield batch


def _differs(one: pa.RecordBatch, other: pa.RecordBatch, name: str) -> npt.NDArray[np.bool_]:
    return np.asarray(one.column(name).to_numpy() != other.column(name).to_numpy())


def live_numbers(
    catalogue: CatalogueFiles, cursor: duckdb.DuckDBPyConnection, table: str
) -> NumberSet:
    """The numbers that are rows of `table`."""
    live = NumberSet(_limit(catalogue, table))
    for numbers in _stream(cursor, f"SELECT number FROM {table}"):
        live.add(numbers)
    return live


def _limit(catalogue: CatalogueFiles, table: str) -> int:
    """Above every number of the table: its files are in order, so their shards bound them."""
    shards = [s.shard for s in catalogue.shards if s.table == table]
    return (max(shards, default=-1) + 1) * catalogue.rows_per_shard


def _one_number(cursor: duckdb.DuckDBPyConnection, query: str) -> int:
    ((number,),) = cursor.execute(query).fetchall()
    return int(number or 0)


def _stream(
    cursor: duckdb.DuckDBPyConnection, query: str, *, drop_nulls: bool = False
) -> Iterator[I64]:
    # a cursor of its own: a stream dies with the next query of the cursor it came from
    reader = cursor.cursor().sql(query).to_arrow_reader(_BATCH_ROWS)
    for batch in reader:
        column = batch.column(0)
        column = column.drop_null() if drop_nulls else column
        yield column.to_numpy(zero_copy_only=False).astype(np.int64)


def _redirect(table: str, text: str) -> Finding:
    return _error(FindingCode.CATALOGUE_REDIRECT, table, f"of the redirects, {text}")


def _standing(text: str) -> Finding:
    return _error(FindingCode.CATALOGUE_STANDING, "standing", text)


def _error(code: FindingCode, where: str, text: str) -> Finding:
    return Finding(code, Severity.ERROR, where, f"{text}; run sync (a mirror), or build again")
