"""Putting an edition together in ``editions/.building-<name>``, until one rename publishes it."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from msgspec.structs import replace

from phonotheque.archive.ai_training import FOLDER, write_ai_training
from phonotheque.archive.packed import Packed, write_waiting
from phonotheque.archive.places import write_places
from phonotheque.archive.planning_tables import write_planning
from phonotheque.archive.provenance import built_by, licence_counts, read_sources, schema_note
from phonotheque.archive.release_files import write_release_files
from phonotheque.archive.release_sqlite import write_sqlite_release
from phonotheque.archive.selection import Selection
from phonotheque.archive.tombstones import tombstones
from phonotheque.archive.volumes import VolumeRecord
from phonotheque.archive.volumes_table import volumes_table
from phonotheque.archive.workspace import (
    BUILDING,
    VOLUMES,
    WAITING,
    Basis,
    Intent,
    work_directory,
)
from phonotheque.catalogue import CatalogueReader
from phonotheque.edition import Catalogue, iter_changes, place_file
from phonotheque.model import tables
from phonotheque.model.edition import ArchiveIdentity, Counts, EditionFile, EditionManifest
from phonotheque.model.progress import Progress
from phonotheque.model.tables import FORMAT_VERSION
from phonotheque.storage.digests import digest_file
from phonotheque.storage.documents import write_document
from phonotheque.storage.durable import commit_directory, ensure_directory
from phonotheque.storage.tables import write_table
from phonotheque.storage.volume_rows import complete_volumes


class EditionReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`report.json`: how the edition was made. Nothing in it depends on the clock."""

    format: int
    name: str
    build: int
    inputs: list[str]
    new_files: int
    new_volumes: list[str]
    refused: dict[str, int]  # findings by code; each stands in findings.parquet
    withdrawn: int
    evidence: str | None = None  # digest of what was said of files; None: before it was kept
    superseded: dict[str, list[str]] = {}  # by this edition: old volume → new ones


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the edition is put together, and from what."""

    basis: Basis
    intent: Intent
    directory: Path
    records: Sequence[VolumeRecord]
    superseded: Mapping[str, Sequence[str]]

    @property
    def volumes(self) -> list[str]:
        stand = [v for v in self.basis.published_volumes if v not in self.superseded]
        return [*stand, *(r.volume for r in self.records)]

    @property
    def outgoing(self) -> list[str]:
        """Superseded volumes of which the edition still says what they hold."""
        settings, volumes = self.basis.settings.volumes, self.basis.volumes
        if volumes is None:
            return []
        keep, names = settings.keep_superseded_editions, ("volume", "superseded_since")
        rows = zip(*(volumes.column(name).to_pylist() for name in names), strict=True)
        since = {name: sequence for name, sequence in rows if sequence is not None}
        before = [
            name
            for name in self.basis.outgoing_volumes
            if not keep or self.intent.sequence - since[name] < keep
        ]
        return sorted([*before, *self.superseded])


def assemble_edition(
    basis: Basis,
    intent: Intent,
    selection: Selection,
    packed: Packed,
    records: Sequence[VolumeRecord],
    *,
    superseded: Mapping[str, Sequence[str]],
    sqlite: Progress | None = None,
) -> EditionManifest:
    """Make the edition appear, complete and durable. Unchanged files are hard links.

    `packed` is the selection as it was packed; `records` are the new volumes, which stand in
    ``volumes/`` already; `superseded`: those whose place some of them take, and which. Where
    `sqlite` is given the catalogue is written as such a file, too.
    """
    directory = basis.tree.editions / (BUILDING + intent.name)
    shutil.rmtree(directory, ignore_errors=True)
    ensure_directory(directory)
    place = _Place(basis, intent, directory, records, superseded)
    _link_catalogue(place)
    _link_volumes(place)
    write_places(basis.tree.editions, basis.previous, directory, place.volumes)
    counts, licences = _write_tables(place)
    _write_told(place)
    write_waiting(selection, packed, intent, directory / WAITING)
    counts = replace(counts, waiting=packed.waiting_files)
    place_file(selection.findings, directory / "findings.parquet")
    write_document(directory / "report.json", _report(place, selection))
    torrent, contents = write_release_files(basis, intent.name, directory, list(_contents(place)))
    manifest = _manifest(place, counts, licences)
    manifest = replace(manifest, contents=contents, catalogue_torrent=torrent)
    write_document(directory / "edition.json", manifest)
    if sqlite is not None:
        spill, at = work_directory(basis.tree, intent.name) / "spill", intent.published_at
        made = write_sqlite_release(basis.tree, directory.name, at, counts, spill, progress=sqlite)
        manifest = replace(manifest, sqlite=made)
        write_document(directory / "edition.json", manifest)
    commit_directory(directory, basis.tree.edition(intent.name))
    shutil.rmtree(work_directory(basis.tree, intent.name), ignore_errors=True)
    return manifest


def _link_catalogue(place: _Place) -> None:
    for shard in place.basis.build.shards:
        place_file(place.basis.build_directory / shard.path, place.directory / shard.path)


def _link_volumes(place: _Place) -> None:
    """Torrents and files tables: old ones from the edition before, new ones from the work."""
    basis, target = place.basis, place.directory
    if basis.previous is not None:
        before = basis.tree.edition(basis.previous.name)
        stand = [v for v in basis.published_volumes if v not in place.superseded]
        _link_each(before, target, [*stand, *place.outgoing])
    work = work_directory(basis.tree, place.intent.name)
    _link_each(work, target, [record.volume for record in place.records])


def _link_each(source: Path, target: Path, volumes: Sequence[str]) -> None:
    for volume in volumes:
        for path in (f"torrents/{volume}.torrent", f"files/{volume}.parquet"):
            place_file(source / path, target / path)


def _write_tables(place: _Place) -> tuple[Counts, dict[str, int]]:
    """``tombstones``, ``volumes`` and ``changes``; the totals, and the files by licence."""
    basis, directory = place.basis, place.directory
    reader = CatalogueReader(directory, basis.build.shards)
    try:
        reader.add_files_view(place.volumes, place.outgoing)
        cursor = reader.cursor()
        stones = tombstones(cursor, basis.withdrawals, _carried(place))
        write_table(directory / "tombstones.parquet", tables.TOMBSTONES, [stones])
        volumes = volumes_table(
            cursor,
            place.records,
            basis.volumes,
            stones,
            superseded=place.superseded,
            sequence=place.intent.sequence,
        )
        write_table(directory / VOLUMES, volumes.schema, [volumes])
        listens = cursor.execute("SELECT coalesce(sum(listens), 0) FROM standing").fetchall()[0][0]
        gone = _withdrawn_bytes(reader, stones)
        licences = licence_counts(cursor, stones)
    finally:
        reader.close()
    write_table(directory / "changes" / "changes.parquet", tables.CHANGES, _changes(place))
    build = basis.build
    standing = {n: column.to_pylist() for n, column in _standing_columns(volumes).items()}
    withdrawn_files = sum(standing["withdrawn_files"])
    counts = Counts(
        recordings=build.recordings,
        tracks=build.tracks,
        releases=build.releases,
        artists=build.artists,
        files=sum(standing["files"]) - withdrawn_files,
        audio_bytes=sum(standing["audio_bytes"]) - gone,
        volumes=len(standing["files"]),
        tiers=len(build.tier_cuts_percent),
        withdrawn=len(basis.withdrawals),
        listens=int(listens),
        superseded=volumes.num_rows - len(standing["files"]),
    )
    return counts, licences


def _standing_columns(volumes: pa.Table) -> dict[str, pa.ChunkedArray]:
    """What is counted of the volumes that are not superseded."""
    found = complete_volumes(volumes)
    found = found.filter(pc.is_null(found.column("superseded_by")))
    return {name: found.column(name) for name in ("files", "audio_bytes", "withdrawn_files")}


def _carried(place: _Place) -> pa.Table:
    """Tombstones of files in volumes that this edition does not describe any more."""
    basis = place.basis
    if basis.previous is None:
        return tables.TOMBSTONES.empty_table()
    path = basis.tree.edition(basis.previous.name) / "tombstones.parquet"
    stones = pq.read_table(path).cast(tables.TOMBSTONES)
    gone = [v for v in basis.superseded if v not in place.outgoing]
    return stones.filter(pc.is_in(stones.column("volume"), pa.array(gone, pa.string())))


def _write_told(place: _Place) -> None:
    """``ai-training/`` and ``planning/``; what says the same as before is a link to it."""
    basis, directory = place.basis, place.directory
    reader = CatalogueReader(directory, basis.build.shards)
    try:
        reader.add_files_view(place.volumes)
        reader.add_view("tombstones", tables.TOMBSTONES, ["tombstones.parquet"])
        said = [str(basis.build_directory / s.path) for s in basis.build.recording_files]
        reader.add_view("recording_files", tables.RECORDING_FILES, said)
        cursor = reader.cursor()
        spill = work_directory(basis.tree, place.intent.name) / "spill"
        cursor.execute("SET temp_directory = ?", [str(spill)])
        on = place.intent.published_at.date()
        write_ai_training(cursor, place.volumes, basis.settings, on, directory)
        before = basis.tree.edition(basis.previous.name) if basis.previous else None
        write_planning(
            cursor, place.volumes, basis.settings, on, directory=directory, before=before
        )
    finally:
        reader.close()
    if basis.previous is None or before is None:
        return
    for entry in basis.previous.contents:
        target = directory / entry.path
        listed = entry.path.startswith(f"{FOLDER}/") and target.exists()
        if listed and digest_file(target).sha256.hex() == entry.sha256:
            place_file(before / entry.path, target)


def evidence_digest(basis: Basis) -> str:
    """A text that changes when anything else is said of any file."""
    return sha256("".join(s.sha256 for s in basis.build.recording_files).encode()).hexdigest()


def _withdrawn_bytes(reader: CatalogueReader, stones: pa.Table) -> int:
    cursor = reader.cursor()
    cursor.register("stones", stones)
    total = cursor.execute(
        "SELECT coalesce(sum(bytes), 0) FROM files SEMI JOIN stones USING (volume, path)"
    ).fetchall()
    return int(total[0][0])


def _changes(place: _Place) -> Iterator[pa.RecordBatch]:
    basis, old, known = place.basis, None, set[int]()
    if basis.previous is not None:
        before = basis.tree.edition(basis.previous.name)
        old = Catalogue(before, basis.previous.shards)
        stones = pq.read_table(before / "tombstones.parquet", columns=["recording"])
        known = set(stones.column("recording").to_pylist())
    new = Catalogue(place.directory, basis.build.shards)
    gone = [w.recording for w in basis.withdrawals if w.recording not in known]
    spill = work_directory(basis.tree, place.intent.name) / "spill"
    yield from iter_changes(old, new, gone, spill)


def _report(place: _Place, selection: Selection) -> EditionReport:
    return EditionReport(
        format=FORMAT_VERSION,
        name=place.intent.name,
        build=place.intent.build,
        inputs=place.basis.build.inputs,
        new_files=sum(record.files for record in place.records if not record.supersedes),
        new_volumes=[record.volume for record in place.records],
        refused=selection.refused,
        withdrawn=len(place.basis.withdrawals),
        evidence=evidence_digest(place.basis),
        superseded={old: list(new) for old, new in place.superseded.items()},
    )


def _manifest(place: _Place, counts: Counts, licences: dict[str, int]) -> EditionManifest:
    settings, build, intent = place.basis.settings, place.basis.build, place.intent
    return EditionManifest(
        format=FORMAT_VERSION,
        name=intent.name,
        sequence=intent.sequence,
        previous=intent.previous,
        published_at=intent.published_at,
        archive=ArchiveIdentity(
            id=settings.id,
            name=settings.name,
            publisher=settings.publisher,
            seat=settings.seat,
        ),
        id_key=settings.id_key,
        tier_cuts_percent=build.tier_cuts_percent,
        territories=list(settings.rights.territories),
        rows_per_shard=build.rows_per_shard,
        counts=counts,
        shards=build.shards,
        contents=[],
        webseeds=list(settings.publish.webseeds),
        trackers=list(settings.publish.trackers),
        sources=read_sources(place.basis.tree, build.inputs),
        licences=licences,
        built_by=built_by(settings),
        schema=schema_note(),
    )


def _contents(place: _Place) -> Iterator[EditionFile]:
    """Every file, sorted by path. Digests of linked files are known; only new ones are read."""
    known = {s.path: EditionFile(path=s.path, bytes=s.bytes, sha256=s.sha256)
             for s in place.basis.build.shards}  # fmt: skip
    if place.basis.previous is not None:
        old = {*place.basis.published_volumes, *place.basis.outgoing_volumes}
        known |= {
            e.path: e
            for e in place.basis.previous.contents
            if e.path.startswith(("files/", "torrents/")) and Path(e.path).stem in old
        }
    for path in sorted(p for p in place.directory.rglob("*") if p.is_file()):
        name = path.relative_to(place.directory).as_posix()
        if name in known:
            yield known[name]
        else:
            digests = digest_file(path)
            yield EditionFile(path=name, bytes=digests.size_bytes, sha256=digests.sha256.hex())
