"""The editions that are here, and what changed from one to the next. Reads only."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from phonotheque.model import answers
from phonotheque.model.archive_answers import (
    ChangeAnswer,
    ChangesAnswer,
    EditionsAnswer,
    EditionSummary,
)
from phonotheque.model.edition import Counts
from phonotheque.model.errors import InputError
from phonotheque.model.numbers import Kind, format_public_ids
from phonotheque.serve.assemble import edition_answer_of, parse_offset
from phonotheque.serve.problems import Refused, not_found
from phonotheque.serve.publication import Publication, read_edition
from phonotheque.serve.queries import Row
from phonotheque.serve.streaming import Batch
from phonotheque.storage.layout import Tree
from phonotheque.storage.volume_rows import read_volumes

CHANGES = "changes/changes.parquet"
CHANGES_SCHEMA = pa.schema(
    [
        pa.field("edition", pa.string(), nullable=False),
        pa.field("sequence", pa.int32(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("change", pa.string(), nullable=False),
        pa.field("successor", pa.string()),
    ]
)
_BATCH_ROWS = 10_000
_ROWS_OF_CHANGES = ["kind", "number", "change"]


class _Head(msgspec.Struct, frozen=True, kw_only=True):
    """What a list shows of `edition.json`; its long lists are passed over."""

    name: str
    sequence: int
    previous: str | None
    published_at: datetime
    counts: Counts


def editions_answer(publication: Publication, cursor: str | None, limit: int) -> EditionsAnswer:
    """One page of the editions that are out and here, the newest first; `cursor`: how many came
    before.

    Raises:
        InputError: `cursor` is not one of ours.
    """
    start = parse_offset(cursor)
    found = _editions_here(publication)[::-1]
    stop = start + limit
    return EditionsAnswer(
        editions=[_summary(publication, one) for one in found[start:stop]],
        total=len(found),
        next_cursor=str(stop) if stop < len(found) else None,
    )


def edition_by_name(publication: Publication, name: str) -> answers.EditionAnswer:
    """An edition that is here, in figures.

    Raises:
        Refused: 404, it is not here.
    """
    if name not in {one.name for one in _editions_here(publication)}:
        raise not_found(f"{name}: this edition is not here; /api/v1/editions lists those that are")
    tree = publication.tree
    manifest, digest = read_edition(tree, name)
    volumes = read_volumes(tree.edition(name) / "volumes.parquet")
    return edition_answer_of(manifest, digest, _tiers(volumes))


def _tiers(volumes: pa.Table) -> list[Row]:
    """The volumes of each tier, added up; superseded ones count no more."""
    standing = volumes.filter(volumes.column("superseded_by").is_null())
    sums = {"files": "sum", "audio_bytes": "sum", "listens": "sum", "volume": "count"}
    added = standing.group_by("tier").aggregate(list(sums.items())).sort_by("tier")
    return [
        {
            "tier": row["tier"],
            "volumes": row["volume_count"],
            **{name: row[f"{name}_sum"] for name in ("files", "audio_bytes", "listens")},
        }
        for row in added.to_pylist()
    ]


class Since(NamedTuple):
    """From where changes are told: place `offset` of edition number `sequence`."""

    sequence: int
    offset: int


def parse_since(since: int, cursor: str | None) -> Since:
    """Where to begin: after edition `since`, or at `cursor`.

    Raises:
        InputError: `cursor` is not one of ours.
    """
    if cursor is None:
        return Since(since + 1, 0)
    sequence, dash, offset = cursor.partition("-")
    if not (dash and all(p.isascii() and p.isdigit() and len(p) <= 12 for p in (sequence, offset))):
        raise InputError(f"cursor: {cursor!r} is not one of ours; begin without a cursor")
    if int(sequence) <= since:
        raise InputError(f"cursor: {cursor!r} is not of since={since}")
    return Since(int(sequence), int(offset))


def changes_answer(
    publication: Publication, since: int, cursor: str | None, limit: int
) -> ChangesAnswer:
    """One page of what changed after edition number `since`.

    Raises:
        InputError: `cursor` is not one of ours.
        Refused: 404, an edition in between is not here.
    """
    start = parse_since(since, cursor)
    rows: list[ChangeAnswer] = []
    following: str | None = None
    for one in _editions_after(publication, start.sequence - 1):
        offset = start.offset if one.sequence == start.sequence else 0
        with pq.ParquetFile(_changes_of(publication, one)) as file:
            if len(rows) == limit and offset < file.metadata.num_rows:
                following = f"{one.sequence}-{offset}"
                break
            for table in _tables(file, offset):
                taken = table.slice(0, limit - len(rows))
                batch = _told(publication, one, taken)
                rows += [ChangeAnswer(**row) for row in batch.to_pylist()]
                offset += taken.num_rows
                if len(rows) == limit:
                    break
            if len(rows) == limit and offset < file.metadata.num_rows:
                following = f"{one.sequence}-{offset}"
                break
    until = publication.manifest.sequence
    return ChangesAnswer(since=since, until=until, changes=rows, next_cursor=following)


def iter_changes(publication: Publication, since: int, cursor: str | None) -> Iterator[Batch]:
    """All that changed after edition number `since`, in record batches of `CHANGES_SCHEMA`.

    Raises:
        InputError, Refused: as `changes_answer`, before the first batch.
    """
    start = parse_since(since, cursor)
    for one in _editions_after(publication, start.sequence - 1):
        offset = start.offset if one.sequence == start.sequence else 0
        with pq.ParquetFile(_changes_of(publication, one)) as file:
            for table in _tables(file, offset):
                for at in range(0, table.num_rows, _BATCH_ROWS):
                    yield _told(publication, one, table.slice(at, _BATCH_ROWS))


def _tables(file: pq.ParquetFile, offset: int) -> Iterator[pa.Table]:
    """The rows from `offset` on, one row group at a time; those before it are not read."""
    passed = 0
    for group in range(file.metadata.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        if passed + rows > offset:
            table = file.read_row_group(group, _ROWS_OF_CHANGES)
            yield table.slice(max(offset - passed, 0))
        passed += rows


def _told(publication: Publication, one: _Head, table: pa.Table) -> pa.RecordBatch:
    """Rows of changes with public ids, and, of what was merged, with what stands for it now."""
    kinds = table.column("kind").to_pylist()
    numbers = table.column("number").to_numpy()
    merged = [change == "merged" for change in table.column("change").to_pylist()]
    ids: list[str] = [""] * len(kinds)
    for kind in set(kinds):
        places = [at for at, k in enumerate(kinds) if k == kind]
        for at, public_id in zip(
            places,
            format_public_ids(numbers[places], publication.id_key, Kind(kind)),
            strict=True,
        ):
            ids[at] = public_id
    successors = _successors(publication, [ids[at] for at, is_so in enumerate(merged) if is_so])
    columns = [
        pa.array([one.name] * len(ids), pa.string()),
        pa.array([one.sequence] * len(ids), pa.int32()),
        pa.array(kinds, pa.string()),
        pa.array(ids, pa.string()),
        table.column("change").combine_chunks().cast(pa.string()),
        pa.array([successors.get(i) if m else None for i, m in zip(ids, merged, strict=True)],
                 pa.string()),
    ]  # fmt: skip
    return pa.RecordBatch.from_arrays(
        [c.chunk(0) if isinstance(c, pa.ChunkedArray) else c for c in columns],
        schema=CHANGES_SCHEMA,
    )


def _successors(publication: Publication, ids: Sequence[str]) -> dict[str, str]:
    found = {}
    for public_id, result in zip(ids, publication.index.lookup_many(ids), strict=True):
        if result.kind is not None and result.numbers:
            (now,) = format_public_ids(result.numbers[:1], publication.id_key, result.kind)
            found[public_id] = now
    return found


def _changes_of(publication: Publication, one: _Head) -> Path:
    path = publication.tree.edition(one.name) / CHANGES
    if not path.is_file():
        raise not_found(f"edition {one.name} says nothing here of what it changed")
    return path


def _editions_after(publication: Publication, sequence: int) -> list[_Head]:
    """The editions after number `sequence` up to the one served, in order.

    Raises:
        Refused: 404, one of them is not here.
    """
    here = {one.sequence: one for one in _editions_here(publication)}
    last = publication.manifest.sequence
    wanted = range(sequence + 1, last + 1)
    lacking = next((n for n in wanted if n not in here), None)
    if lacking is not None:
        raise Refused(
            HTTPStatus.NOT_FOUND,
            f"edition number {lacking} is not here, so what changed since is not known; take the "
            f"newest edition whole: /editions/{publication.manifest.name}/edition.json",
        )
    return [here[n] for n in wanted]


def _editions_here(publication: Publication) -> list[_Head]:
    """The editions here by sequence, up to the one served: what comes after it may not be out."""
    found = [_head(path, path.stat().st_mtime_ns) for path in _manifests(publication.tree)]
    last = publication.manifest.sequence
    kept = {one.sequence: one for one in found if one is not None and one.sequence <= last}
    return [kept[sequence] for sequence in sorted(kept)]


def _manifests(tree: Tree) -> list[Path]:
    return [p for p in tree.editions.glob("*/edition.json") if p.parent.name[:1] != "."]


@lru_cache(maxsize=4096)
def _head(path: Path, changed_ns: int) -> _Head | None:  # `changed_ns`: another file is read again
    del changed_ns
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Head)
    except (OSError, msgspec.MsgspecError):
        return None


def _summary(publication: Publication, one: _Head) -> EditionSummary:
    names = answers.CountsAnswer.__struct_fields__
    counts = answers.CountsAnswer(**{name: getattr(one.counts, name) for name in names})
    return EditionSummary(
        name=one.name,
        sequence=one.sequence,
        previous=one.previous,
        published_at=one.published_at,
        counts=counts,
        url=f"/editions/{one.name}/edition.json",
        served=one.name == publication.manifest.name,
    )
