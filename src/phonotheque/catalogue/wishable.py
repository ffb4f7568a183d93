"""What a mirror may choose files by, as the catalogue of a build or an edition says it now."""

from collections.abc import Iterator

import duckdb
import pyarrow as pa

from phonotheque.model import tables

_BATCH_ROWS = 50_000
WISHABLE = pa.schema(
    [
        pa.field("volume", pa.string()),
        *(tables.PLANNING.field(n) for n in ("file_bytes", "licence", "artist_numbers", "genres")),
        tables.PLANNING_LISTENS.field("listens"),
    ]
)
"""Columns of `iter_wishable`."""


def iter_wishable(cursor: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, pa.Table]]:
    """Each volume with its files in the order of ``files/<volume>.parquet``, by name of volume.

    Tables have the columns of `WISHABLE` but for `volume`. Artists are those of the recording's
    credit, genres those of all releases that it is on; listens are null where the file has a
    tombstone. `cursor` has the views of an edition (`files`, `tombstones`, `redirects`,
    `recordings`, `tracks`, `releases`, `standing`). Memory: one volume, and DuckDB's own, which
    spills.
    """
    _gather(cursor)
    rows = cursor.cursor().sql(_ROWS).to_arrow_reader(_BATCH_ROWS)
    held: list[pa.RecordBatch] = []
    current: str | None = None
    for batch in rows:
        for name, part in _runs(batch):
            if current is not None and name != current:
                yield current, _joined(held)
                held = []
            current = name
            held.append(part)
    if current is not None:
        yield current, _joined(held)


_ROWS = """
    SELECT w.volume, w.bytes AS file_bytes, w.licence,
        coalesce(r.artist_numbers, []) AS artist_numbers, coalesce(g.genres, []) AS genres,
        CASE WHEN t.path IS NULL THEN coalesce(s.listens, 0) END AS listens
    FROM wishable_files w
    LEFT JOIN recordings r ON r.number = w.number
    LEFT JOIN wishable_genres g ON g.number = w.number
    LEFT JOIN standing s ON s.number = w.number
    LEFT JOIN (SELECT DISTINCT volume, path FROM tombstones) t
        ON t.volume = w.volume AND t.path = w.path
    ORDER BY w.volume, w.path"""


def _gather(cursor: duckdb.DuckDBPyConnection) -> None:
    """The tables `wishable_files` and `wishable_genres`, by the numbers recordings have now."""
    cursor.execute(
        "CREATE TABLE wishable_files AS SELECT f.volume, f.path, f.bytes, f.licence, "
        "coalesce(nullif(r.new, 0), f.recording) AS number FROM files f "
        "LEFT JOIN redirects r ON r.kind = 'r' AND r.old = f.recording"
    )
    cursor.execute(
        "CREATE TABLE wishable_genres AS SELECT t.recording AS number, "
        "list_sort(list_distinct(flatten(list(d.genres)))) AS genres "
        "FROM tracks t JOIN releases d ON d.number = t.release "
        "WHERE len(d.genres) > 0 "
        "AND t.recording IN (SELECT number FROM wishable_files) GROUP BY t.recording"
    )


def _runs(batch: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
    """The parts of a batch that are of one volume each."""
    import pyarrow.compute as pc  # noqa: PLC0415 - a server does without

    runs = pc.run_end_encode(batch.column("volume"))
    start = 0
    for name, stop in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
        yield name, batch.slice(start, stop - start)
        start = stop


def _joined(parts: list[pa.RecordBatch]) -> pa.Table:
    return pa.Table.from_batches(parts).cast(_OPEN).drop_columns(["volume"]).combine_chunks()


_OPEN = pa.schema([f.with_nullable(True) for f in WISHABLE])
