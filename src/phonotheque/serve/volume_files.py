"""The files of a volume, and where a file stands, by its digest. Reads only.

A volume's table of files is bounded (30,000 files by default), and so is each answer; a digest is
found by the index, whatever the number of files.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from phonotheque.model import answers, tables
from phonotheque.model.archive_answers import (
    FilePlacesAnswer,
    PlaceAnswer,
    VolumeFileAnswer,
    VolumeFilesAnswer,
)
from phonotheque.model.numbers import Kind, format_public_ids
from phonotheque.serve import queries
from phonotheque.serve.assemble import (
    file_answer,
    parse_offset,
    summarise_rows,
    tombstone_answer,
    volume_answer,
)
from phonotheque.serve.problems import bad_request, not_found
from phonotheque.serve.publication import Publication
from phonotheque.serve.queries import Row
from phonotheque.serve.streaming import Batch

_BATCH_ROWS = 2_000
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SHOWN = [name for name in VolumeFileAnswer.__struct_fields__ if name != "withdrawn"]
VOLUME_FILES_SCHEMA = pa.schema(
    [
        *(
            pa.field("recording", pa.string(), nullable=False)
            if name == "recording"
            else tables.FILES.field(name)
            for name in _SHOWN
        ),
        pa.field("withdrawn", pa.bool_(), nullable=False),
    ]
)


def one_volume(publication: Publication, volume: str) -> answers.VolumeAnswer:
    """A volume of the edition, a superseded one as well.

    Raises:
        Refused: 404, the edition has none of this name.
    """
    with publication.cursor() as cursor:
        row = queries.find_volume(cursor, volume)
    if row is None:
        raise not_found(f"{volume}: this edition has no such volume")
    return volume_answer(publication, row)


def volume_files_answer(
    publication: Publication, volume: str, cursor: str | None, limit: int
) -> VolumeFilesAnswer:
    """One page of the files of a volume by path; `cursor`: how many came before.

    Raises:
        InputError: `cursor` is not one of ours.
        Refused: 404, there is no such volume, or its table is not here.
    """
    offset = parse_offset(cursor)
    rows: list[VolumeFileAnswer] = []
    with pq.ParquetFile(_table_of(publication, volume)) as file:
        for batch in _batches(publication, volume, file, offset, limit):
            rows += [VolumeFileAnswer(**row) for row in batch.to_pylist()]
            if len(rows) >= limit:
                break
        stop = offset + len(rows)
        more = stop < file.metadata.num_rows
    return VolumeFilesAnswer(
        volume=volume, files=rows[:limit], next_cursor=str(stop) if more and rows else None
    )


def iter_volume_files(publication: Publication, volume: str, cursor: str | None) -> Iterator[Batch]:
    """All files of a volume by path, in record batches of `VOLUME_FILES_SCHEMA`.

    Raises:
        InputError, Refused: as `volume_files_answer`, before the first batch.
    """
    offset = parse_offset(cursor)
    with pq.ParquetFile(_table_of(publication, volume)) as file:
        yield from _batches(publication, volume, file, offset, _BATCH_ROWS)


def file_places_answer(publication: Publication, digest: str) -> FilePlacesAnswer:
    """Everywhere the file with this SHA-256 stands in the edition.

    Raises:
        Refused: 400, it is no SHA-256; 404, this edition has no such file.
    """
    digest = digest.lower()
    if not _DIGEST.fullmatch(digest):
        raise bad_request(f"{digest}: a SHA-256 has 64 hexadecimal digits")
    found = []
    for volume, row_number in publication.index.find_file(digest):
        row = _row_at(publication, volume, row_number)
        if row is not None and row["sha256"] == digest:
            found.append(_place(publication, volume, row))
    if not found:
        raise not_found(f"{digest}: this edition has no such file")
    return FilePlacesAnswer(sha256=digest, places=found)


def _place(publication: Publication, volume: str, row: Row) -> PlaceAnswer:
    (public_id,) = format_public_ids([row["recording"]], publication.id_key, Kind.RECORDING)
    rows = publication.index.rows(publication.index.lookup(public_id).numbers)
    gone = publication.is_withdrawn(volume, row["path"], row["sha256"])
    with publication.cursor() as cursor:
        return PlaceAnswer(
            volume=volume,
            path=row["path"],
            recording=next(iter(summarise_rows(publication, rows)), None),
            file=None if gone else file_answer(publication, cursor, volume, row),
            tombstone=tombstone_answer(publication, cursor, rows[0]) if gone and rows else None,
        )


def _table_of(publication: Publication, volume: str) -> Path:
    one_volume(publication, volume)
    path = _files_table(publication, volume)
    if path is None:
        raise not_found(f"{volume}: this server does not have the table of its files")
    return path


def _files_table(publication: Publication, volume: str) -> Path | None:
    """The table of files of `volume`, if the edition has it and this server: a mirror may keep a
    part of them."""
    place = f"files/{volume}.parquet"
    path = publication.directory / place
    return path if place in publication.digests and path.is_file() else None


def _row_at(publication: Publication, volume: str, place: int) -> Row | None:
    """The row at `place`, counted from 0, of the table of files of `volume`."""
    path = _files_table(publication, volume)
    if path is None:
        return None
    with publication.cursor() as cursor:
        return queries.read_file_row(cursor, path, "file_row_number", place)


def _batches(
    publication: Publication, volume: str, file: pq.ParquetFile, offset: int, rows: int
) -> Iterator[pa.RecordBatch]:
    """Rows from `offset` on, at most `rows` at a time; row groups before it are not read."""
    here = [name for name in _SHOWN if name in file.schema_arrow.names]
    passed = 0
    for group in range(file.metadata.num_row_groups):
        within = file.metadata.row_group(group).num_rows
        if passed + within > offset:
            table = file.read_row_group(group, here)
            for at in range(max(offset - passed, 0), within, rows):
                yield _told(publication, volume, table.slice(at, rows))
        passed += within


def _told(publication: Publication, volume: str, table: pa.Table) -> pa.RecordBatch:
    """Rows of a table of files with public ids, and with what is withdrawn by now."""
    numbers = table.column("recording").to_numpy()
    ids = format_public_ids(numbers, publication.id_key, Kind.RECORDING) if len(numbers) else []
    columns: list[Any] = []
    for name in _SHOWN:
        field = VOLUME_FILES_SCHEMA.field(name)
        if name == "recording":
            columns.append(pa.array(ids, pa.string()))
        elif name not in table.column_names:
            columns.append(pa.nulls(table.num_rows, field.type))
        else:
            column = table.column(name).cast(field.type).combine_chunks()
            columns.append(pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray)
                           else column)  # fmt: skip
    paths = table.column("path").to_pylist()
    digests = table.column("sha256").to_pylist()
    columns.append(
        pa.array(
            [
                publication.is_withdrawn(volume, path, digest)
                for path, digest in zip(paths, digests, strict=True)
            ],
            pa.bool_(),
        )
    )
    return pa.RecordBatch.from_arrays(columns, schema=VOLUME_FILES_SCHEMA)
