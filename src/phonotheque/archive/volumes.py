"""From a selection to volumes on disk: names, bags, torrents, files tables, one row for each."""

import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from phonotheque.archive.packed import PlannedVolume
from phonotheque.archive.selection import Selection
from phonotheque.archive.volume_texts import format_attribution, format_licences, format_readme
from phonotheque.archive.workspace import Basis, Intent, work_directory
from phonotheque.edition import (
    BuiltVolume,
    Naming,
    VolumeFile,
    VolumeSpec,
    build_volume,
    commit_volume,
    iter_names,
)
from phonotheque.model import tables
from phonotheque.model.progress import Progress
from phonotheque.rights import attribution, licences_in
from phonotheque.storage.durable import write_bytes
from phonotheque.storage.tables import write_table
from phonotheque.vault import Vault

_BATCH_ROWS = 30_000
_FETCHED_AT_ONCE = 8  # from object storage


class VolumeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `tables.VOLUMES` less what changes with each edition."""

    volume: str
    tier: int
    first_edition: str
    files: int
    audio_bytes: int
    total_bytes: int
    licences: list[str]
    piece_length: int
    padding_bytes: int
    torrent_bytes: int
    info_hash_v1: str
    info_hash_v2: str
    manifest_sha256: str
    supersedes: list[str] | None = None


@dataclass(frozen=True, slots=True)
class VolumeContent:
    """A volume to be made. `rows`: columns of `tables.FILES` and `licence_name`, one for each of
    `payload`; `piece_length` None: what is best."""

    name: str
    tier: int
    rows: pa.Table
    payload: Sequence[VolumeFile]
    piece_length: int | None = None
    supersedes: Sequence[str] | None = None


def write_volumes(
    basis: Basis,
    intent: Intent,
    selection: Selection,
    planned: Sequence[PlannedVolume],
    pool: Executor,
    *,
    vault: Vault,
    progress: Progress,
) -> list[VolumeRecord]:
    """Make every planned volume that is not done yet; the records of all of them, in order.

    Memory: the rows of one volume. For each volume its torrent, files table and record are made
    durable in the work directory first, then the volume gets its name.

    Raises:
        InputError: a file of the vault is damaged.
    """
    work = work_directory(basis.tree, intent.name)
    progress.start("volumes", sum(v.bytes for v in planned), "bytes")
    records = []
    for volume, rows in zip(planned, _iter_slices(selection.path, planned), strict=True):
        record = work / "volumes" / f"{volume.name}.json"
        if record.exists() and basis.tree.volume(volume.name).exists():
            progress.advance(volume.bytes)
        else:
            _write_volume(basis, intent, volume, rows, pool, vault=vault, progress=progress)
        records.append(msgspec.json.decode(record.read_bytes(), type=VolumeRecord))
    return records


def _write_volume(
    basis: Basis,
    intent: Intent,
    volume: PlannedVolume,
    rows: pa.Table,
    pool: Executor,
    *,
    vault: Vault,
    progress: Progress,
) -> None:
    described = _describe(rows)
    fetched = work_directory(basis.tree, intent.name) / "fetched"
    facts = ("path", "sha256", "bytes", "pieces_root")
    columns = [described.column(name).to_pylist() for name in facts]
    places = at_hand(vault, set(columns[1]), fetched)
    payload = [
        VolumeFile(path, places[digest], size, digest, root)
        for path, digest, size, root in zip(*columns, strict=True)
    ]
    content = VolumeContent(volume.name, volume.tier, described, payload)
    make_volume(basis, intent, content, pool, progress)
    shutil.rmtree(fetched, ignore_errors=True)


def make_volume(
    basis: Basis, intent: Intent, content: VolumeContent, pool: Executor, progress: Progress
) -> None:
    """The volume, its torrent, its files table and its record, durable; the volume's name last.

    Raises:
        InputError: a file is not what it should be.
    """
    work = work_directory(basis.tree, intent.name)
    publish, settings = basis.settings.publish, basis.settings
    name, tier, described = content.name, content.tier, content.rows
    spec = VolumeSpec(
        name=name,
        files=content.payload,
        bag_info=(
            ("Source-Organization", settings.publisher),
            ("External-Identifier", name),
            ("External-Description", f"Volume of {settings.name}, tier {tier}"),
            ("Bag-Group-Identifier", settings.id),
            ("Bagging-Date", intent.published_at.date().isoformat()),
        ),
        tag_files={
            "README.txt": format_readme(settings, intent, name, tier, described),
            "ATTRIBUTION.txt": format_attribution(name, described),
            **format_licences(described),
        },
        webseeds=[f"{base.rstrip('/')}/volumes/" for base in publish.webseeds],
        trackers=publish.trackers,
        piece_length=content.piece_length,
        v1=settings.torrents.form == "hybrid",
    )
    built = build_volume(basis.tree.volumes, spec, pool, progress.advance)
    write_bytes(work / "torrents" / f"{name}.torrent", built.torrent.content, read_only=True)
    schema = _files_schema(described)
    rows_of_files = described.select(schema.names).sort_by("path")
    write_table(work / "files" / f"{name}.parquet", schema, [rows_of_files])
    record = _record(intent, content, built)
    write_bytes(work / "volumes" / f"{name}.json", msgspec.json.encode(record))
    commit_volume(basis.tree.volumes, name)


def at_hand(vault: Vault, digests: set[str], folder: Path) -> dict[str, Path]:
    """Objects as files of this machine: fetched into `folder`, proved, where they are elsewhere.
    Each then becomes a file of the volume by a second name, so they take no room twice."""
    places = {digest: vault.store.local_path(digest) or folder / digest for digest in digests}
    missing = [d for d, place in places.items() if place.parent == folder and not place.exists()]
    with ThreadPoolExecutor(_FETCHED_AT_ONCE) as pool:
        for _ in pool.map(lambda digest: vault.store.fetch(digest, places[digest]), missing):
            pass
    return places


def _describe(rows: pa.Table) -> pa.Table:
    """The rows with `path` and `attribution`."""
    items = rows.select(
        ["artist_credit", "title", "disc", "position", "sha256", "extension", "holder", "licence"]
    ).to_pylist()
    names = iter_names(
        Naming(
            i["artist_credit"], i["title"], i["disc"], i["position"], i["sha256"], i["extension"]
        )
        for i in items
    )
    lines = [
        attribution(i["title"], i["artist_credit"], i["holder"], licences_in(i["licence"]))
        for i in items
    ]
    return rows.append_column("path", pa.array(names, pa.string())).append_column(
        "attribution", pa.array(lines, pa.string())
    )


def _files_schema(described: pa.Table) -> pa.Schema:
    """Of a volume without access copies: that of before there were any, which all readers know."""
    copies = described.num_rows - described.column("derived_from").null_count
    return tables.FILES if copies else tables.without(tables.FILES, tables.COPIES)


def _record(intent: Intent, content: VolumeContent, built: BuiltVolume) -> VolumeRecord:
    rows = content.rows
    return VolumeRecord(
        volume=content.name,
        tier=content.tier,
        first_edition=intent.name,
        files=rows.num_rows,
        audio_bytes=sum(rows.column("bytes").to_pylist()),
        total_bytes=built.total_bytes,
        licences=sorted(set(rows.column("licence").to_pylist())),
        piece_length=built.torrent.piece_length,
        padding_bytes=built.torrent.padding_bytes,
        torrent_bytes=len(built.torrent.content),
        info_hash_v1=built.torrent.info_hash_v1,
        info_hash_v2=built.torrent.info_hash_v2,
        manifest_sha256=built.manifest_sha256,
        supersedes=None if content.supersedes is None else list(content.supersedes),
    )


def _iter_slices(path: Path, planned: Sequence[PlannedVolume]) -> Iterator[pa.Table]:
    """The rows of each volume; volumes are ranges of the file, one after the other."""
    with pq.ParquetFile(path) as file:
        batches = file.iter_batches(_BATCH_ROWS)
        rest, row = file.schema_arrow.empty_table(), 0
        for volume in planned:
            while row + rest.num_rows <= volume.begin:  # rows between, which wait
                row, rest = row + rest.num_rows, pa.Table.from_batches([next(batches)])
            held = [rest.slice(volume.begin - row)]
            while sum(t.num_rows for t in held) < volume.files:
                held.append(pa.Table.from_batches([next(batches)]))
            joined = pa.concat_tables(held)
            yield joined.slice(0, volume.files).combine_chunks()
            rest, row = joined.slice(volume.files), volume.end
