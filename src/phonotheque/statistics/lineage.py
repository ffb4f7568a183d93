"""Which edition brought or dropped what: read from the editions that stand in one place.

An edition tells of itself (`changes`, `volumes`, counts); what needs the edition before is None
where that one is not here. Memory: the manifests and the tables of volumes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow.parquet as pq

from phonotheque.model.edition import EditionManifest
from phonotheque.model.errors import InputError, NotFoundError
from phonotheque.model.numbers import IdKey, Kind, format_public_id, parse_public_id
from phonotheque.storage.documents import read_document
from phonotheque.storage.layout import Tree

KINDS = {"r": "recordings", "t": "tracks", "d": "releases", "a": "artists"}


class EditionLineage(msgspec.Struct, frozen=True, kw_only=True):
    """What one edition brought and dropped; None where the edition before is not here.

    `changes`: table → change → rows. Files of volumes that supersede others are not added: they
    were there. `own_bytes_new`: of the edition's own files (tables and
    torrents), those that the edition before does not have.
    """

    name: str
    sequence: int
    previous: str | None
    published_at: datetime
    changes: dict[str, dict[str, int]]
    volumes: int
    volumes_added: list[str]
    volumes_superseded: list[str]
    volumes_dropped: list[str] | None
    files: int
    files_added: int
    files_withdrawn: int | None
    audio_bytes: int
    audio_bytes_added: int
    audio_bytes_withdrawn: int | None
    own_bytes_new: int | None


class LineageEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that an edition did to what was asked for."""

    edition: str
    published_at: datetime
    change: str  # as in `changes`; published, dropped; files-withdrawn of a volume
    detail: str


class History(msgspec.Struct, frozen=True, kw_only=True):
    """The history of one volume, or of what one public id stands for, oldest first."""

    id: str
    events: list[LineageEvent]


@dataclass(frozen=True, slots=True)
class _Edition:
    """An edition here, with the columns of its volumes that matter, by name of volume."""

    directory: Path
    manifest: EditionManifest
    volumes: dict[str, dict[str, Any]]

    def event(self, change: str, detail: str = "") -> LineageEvent:
        at = self.manifest.published_at
        return LineageEvent(
            edition=self.manifest.name, published_at=at, change=change, detail=detail
        )


_COLUMNS = ["volume", "tier", "first_edition", "files", "audio_bytes", "withdrawn_files"]


def read_lineage(tree: Tree) -> list[EditionLineage]:
    """What each edition here brought and dropped, oldest first.

    Raises:
        NotFoundError: there is no edition here.
        FormatError: one that cannot be read.
    """
    here = _editions(tree)
    by_name = {each.manifest.name: each for each in here}
    return [_lineage(each, by_name.get(each.manifest.previous or "")) for each in here]


def read_edition_lineage(tree: Tree, name: str) -> EditionLineage:
    """The same of the edition `name` alone; of a first edition `changes` are left out, for all of
    it is new. Reads the column of changes once.

    Raises:
        NotFoundError: it is not here, or a table of it.
        FormatError: it cannot be read.
    """
    now = _edition(tree, name)
    before = now.manifest.previous
    here = before is not None and (tree.edition(before) / "edition.json").is_file()
    return _lineage(
        now, _edition(tree, before) if before and here else None, told=before is not None
    )


def read_history(tree: Tree, wanted: str) -> History:
    """The history of a volume (by name), or of a recording, track, release or artist (by its
    public id; a plain number is a recording).

    Raises:
        NotFoundError: no edition here speaks of it.
        FormatError: an edition that cannot be read.
    """
    here = _editions(tree)
    if any(wanted in each.volumes for each in here):
        return History(id=wanted, events=list(_of_volume(here, wanted)))
    key = IdKey(bytes.fromhex(here[-1].manifest.id_key))
    try:
        kind, number = (
            (Kind.RECORDING, int(wanted)) if wanted.isdecimal() else parse_public_id(wanted, key)
        )
    except InputError:
        raise NotFoundError(
            f"{wanted}: names no volume here and is no public id; `phonotheque lookup` finds ids"
        ) from None
    events = list(_of_number(here, kind, number, key))
    if not events:
        raise NotFoundError(f"{wanted}: no edition of {tree.root} speaks of it")
    return History(id=format_public_id(number, key, kind), events=events)


def _editions(tree: Tree) -> list[_Edition]:
    found = [
        _edition(tree, path.parent.name)
        for path in tree.editions.glob("*/edition.json")
        if not path.parent.name.startswith(".")
    ]
    if not found:
        raise NotFoundError(f"{tree.root}: no edition here; publish one, or sync from an origin")
    return sorted(found, key=lambda each: each.manifest.sequence)


def _edition(tree: Tree, name: str) -> _Edition:
    directory = tree.edition(name)
    manifest = read_document(directory / "edition.json", EditionManifest)
    return _Edition(directory, manifest, _volumes(directory))


def _volumes(directory: Path) -> dict[str, dict[str, Any]]:
    path = directory / "volumes.parquet"
    if not path.is_file():
        raise NotFoundError(f"{path}: is not there; run sync, or restore the edition")
    there = pq.read_schema(path).names
    optional = [n for n in ("supersedes", "superseded_by", "superseded_since") if n in there]
    rows = pq.read_table(path, columns=_COLUMNS + optional).to_pylist()
    return {row["volume"]: row for row in rows}


def _lineage(now: _Edition, before: _Edition | None, *, told: bool = True) -> EditionLineage:
    manifest, counts = now.manifest, now.manifest.counts
    added = [r for r in now.volumes.values() if r["first_edition"] == manifest.name]
    new = [r for r in added if not r.get("supersedes")]
    files_added = sum(r["files"] for r in new)
    bytes_added = sum(r["audio_bytes"] for r in new)
    first = manifest.previous is None
    known, was_files, was_bytes, was_volumes = set[str](), 0, 0, set[str]()
    if before is not None:
        known = {entry.sha256 for entry in before.manifest.contents}
        was_files = before.manifest.counts.files
        was_bytes = before.manifest.counts.audio_bytes
        was_volumes = set(before.volumes)
    tells = first or before is not None
    return EditionLineage(
        name=manifest.name,
        sequence=manifest.sequence,
        previous=manifest.previous,
        published_at=manifest.published_at,
        changes=_changes(now.directory) if told else {},
        volumes=counts.volumes,
        volumes_added=sorted(r["volume"] for r in added),
        volumes_superseded=sorted(
            r["volume"]
            for r in now.volumes.values()
            if r.get("superseded_since") == manifest.sequence
        ),
        volumes_dropped=sorted(was_volumes - now.volumes.keys()) if tells else None,
        files=counts.files,
        files_added=files_added,
        files_withdrawn=was_files + files_added - counts.files if tells else None,
        audio_bytes=counts.audio_bytes,
        audio_bytes_added=bytes_added,
        audio_bytes_withdrawn=was_bytes + bytes_added - counts.audio_bytes if tells else None,
        own_bytes_new=sum(e.bytes for e in manifest.contents if e.sha256 not in known)
        if tells
        else None,
    )


def _changes(directory: Path) -> dict[str, dict[str, int]]:
    rows = _ask(
        directory / "changes" / "changes.parquet",
        "SELECT kind, change, count(*) FROM {} GROUP BY ALL ORDER BY ALL",
    )
    found: dict[str, dict[str, int]] = {table: {} for table in KINDS.values()}
    for kind, change, count in rows:
        found[KINDS[kind]][change] = count
    return found


def _of_volume(here: Sequence[_Edition], name: str) -> Iterator[LineageEvent]:
    last: dict[str, Any] | None = None
    for each in here:
        row = each.volumes.get(name)
        if row is None:
            if last is not None:
                yield each.event("dropped")
        elif last is None:
            since = "" if row["first_edition"] == each.manifest.name else row["first_edition"]
            text = f"{row['files']:,} files, {row['audio_bytes']:,} bytes, tier {row['tier']}"
            yield each.event("published", f"{text}{f', first in {since}' if since else ''}")
        before = last or {"withdrawn_files": 0}
        if row is not None and row["withdrawn_files"] != before["withdrawn_files"]:
            text = f"{row['withdrawn_files']:,} of {row['files']:,} files are withdrawn"
            yield each.event("files-withdrawn", text)
        heirs = (row or {}).get("superseded_by")
        if heirs is not None and heirs != before.get("superseded_by"):
            yield each.event("superseded", f"by {', '.join(heirs)}" if heirs else "by none")
        last = row


def _of_number(
    here: Sequence[_Edition], kind: Kind, number: int, key: IdKey
) -> Iterator[LineageEvent]:
    numbers = {number, *_merged(here[-1], "new", "old", kind, number)}
    seen = set[str]()
    for each in here:
        path = each.directory / "changes" / "changes.parquet"
        asked = [kind.value, sorted(numbers)]
        sql = "SELECT number, change FROM {} WHERE kind = ? AND list_contains(?, number)"
        for changed, change in _ask(path, f"{sql} ORDER BY ALL", asked):
            detail = _detail(each, kind, changed, change, key)
            if changed != number:
                detail = f"{format_public_id(changed, key, kind)} {detail}".strip()
            yield each.event(change, detail)
        new = sorted(each.volumes.keys() - seen) if kind is Kind.RECORDING else []
        seen |= each.volumes.keys()
        yield from _published(each, new, sorted(numbers))


def _published(
    edition: _Edition, volumes: Sequence[str], numbers: list[int]
) -> Iterator[LineageEvent]:
    """The files of a recording in volumes that no earlier edition had."""
    for volume in volumes:
        sql = "SELECT path, sha256 FROM {} WHERE list_contains(?, recording) ORDER BY path"
        found = _ask(edition.directory / "files" / f"{volume}.parquet", sql, [numbers])
        for path, sha256 in found:
            yield edition.event("published", f"{volume}/{path} (sha256 {sha256})")


def _detail(edition: _Edition, kind: Kind, number: int, change: str, key: IdKey) -> str:
    if change == "merged":
        into = _merged(edition, "old", "new", kind, number)
        return f"into {format_public_id(into[0], key, kind)}" if into and into[0] else ""
    if change == "withdrawn":
        sql = "SELECT DISTINCT reason FROM {} WHERE recording = ?"
        reasons = _ask(edition.directory / "tombstones.parquet", sql, [number])
        return ", ".join(reason for (reason,) in reasons)
    return ""


def _merged(edition: _Edition, given: str, wanted: str, kind: Kind, number: int) -> list[int]:
    """Numbers that stand beside `number` in the redirects of an edition."""
    shards = [s.path for s in edition.manifest.shards if s.table == "redirects"]
    sql = f"SELECT {wanted} FROM {{}} WHERE kind = ? AND {given} = ? ORDER BY ALL"
    rows = [_ask(edition.directory / path, sql, [kind.value, number]) for path in shards]
    return [found for part in rows for (found,) in part]


def _ask(path: Path, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    """What `sql` finds in the Parquet file at `path`, which stands where it has ``{}``."""
    if not path.is_file():
        raise NotFoundError(f"{path}: is not there; run sync, or restore the edition")
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        found: list[tuple[Any, ...]] = connection.execute(
            sql.format("read_parquet(?)"), [str(path), *values]
        ).fetchall()
        return found
