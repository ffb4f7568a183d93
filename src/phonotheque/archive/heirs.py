"""Making the volumes that supersede others: links to files that stand, hashes that are known."""

import shutil
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from phonotheque.archive.superseding import Heir, Superseding
from phonotheque.archive.verdicts import licence_names
from phonotheque.archive.volumes import VolumeContent, VolumeRecord, at_hand, make_volume
from phonotheque.archive.workspace import Basis, Intent, edition_volumes, work_directory
from phonotheque.edition import VolumeFile, iter_kept_names, kept_hashes, read_torrent
from phonotheque.model import tables
from phonotheque.model.edition import EditionManifest
from phonotheque.model.progress import Progress
from phonotheque.rights import licences_in
from phonotheque.storage.durable import fsync_directory
from phonotheque.storage.layout import Tree
from phonotheque.storage.volume_rows import read_superseded
from phonotheque.vault import Vault


def write_heirs(
    basis: Basis,
    intent: Intent,
    superseding: Superseding,
    pool: Executor,
    *,
    vault: Vault,
    progress: Progress,
) -> list[VolumeRecord]:
    """Make every heir that is not done yet; the records of all of them, in order.

    Memory: the rows and hashes of one heir, and the torrent of one volume that it supersedes.

    Raises:
        InputError: a file stands neither in the old volume nor in the vault.
    """
    work = work_directory(basis.tree, intent.name)
    records = []
    for heir in superseding.heirs:
        record = work / "volumes" / f"{heir.name}.json"
        if not record.exists() or not basis.tree.volume(heir.name).exists():
            content = _content(basis, heir, superseding, vault, work / "fetched")
            make_volume(basis, intent, content, pool, progress)
        records.append(msgspec.json.decode(record.read_bytes(), type=VolumeRecord))
    return records


def drop_superseded(tree: Tree, manifest: EditionManifest) -> list[str]:
    """Remove the volumes that were superseded so long ago that the edition does not say any more
    what they held; returns their names. Their files stand in their heirs."""
    named = set(edition_volumes(manifest))
    gone = [v for v in read_superseded(tree.edition(manifest.name)) if v not in named]
    dropped = [name for name in sorted(gone) if tree.volume(name).is_dir()]
    for name in dropped:
        drop_volume(tree, name)
    return dropped


def drop_volume(tree: Tree, name: str) -> None:
    """Take a volume away: its name first, so that nobody finds half of it."""
    leaving = tree.volumes / f".building-{name}"
    shutil.rmtree(leaving, ignore_errors=True)
    tree.volume(name).rename(leaving)
    fsync_directory(tree.volumes)
    shutil.rmtree(leaving)


def _content(
    basis: Basis, heir: Heir, superseding: Superseding, vault: Vault, fetched: Path
) -> VolumeContent:
    assert superseding.living is not None
    parts = list(_iter_parts(basis, superseding.living.slice(heir.begin, heir.files)))
    rows = pa.concat_tables(table for table, _ in parts)
    old = [file for _, files in parts for file in files]
    names = list(iter_kept_names((f.path, f.sha256 or "") for f in old))
    rows = rows.set_column(rows.schema.get_field_index("path"), "path", pa.array(names))
    said = [licence_names(licences_in(text)) for text in rows.column("licence").to_pylist()]
    rows = rows.append_column("licence_name", pa.array(said, pa.string()))
    lost = {f.sha256 or "" for f in old if not _stands(f)}
    places = at_hand(vault, lost, fetched)
    payload = [
        replace(f, path=name, source=places.get(f.sha256 or "", f.source))
        for f, name in zip(old, names, strict=True)
    ]
    return VolumeContent(
        heir.name, heir.tier, rows, payload, heir.piece_length, list(heir.supersedes)
    )


def _iter_parts(basis: Basis, living: pa.Table) -> Iterator[tuple[pa.Table, list[VolumeFile]]]:
    """Of each volume that gives files: its rows of them, and the files with their hashes."""
    assert basis.previous is not None
    edition = basis.tree.edition(basis.previous.name)
    for volume in dict.fromkeys(living.column("volume").to_pylist()):
        wanted = living.filter(pc.equal(living.column("volume"), volume)).column("path")
        rows = _read_rows(edition / "files" / f"{volume}.parquet")
        rows = rows.filter(pc.is_in(rows.column("path"), wanted)).sort_by("path")
        where = edition / "torrents" / f"{volume}.torrent"
        torrent = read_torrent(where.read_bytes(), str(where))
        known = {file.path: file for file in torrent.files}
        names = ("path", "sha256", "bytes", "pieces_root")
        files = [
            VolumeFile(
                path,
                basis.tree.volume(volume) / path,
                size,
                digest,
                root,
                kept_hashes(torrent, known[path], digest),
            )
            for path, digest, size, root in zip(
                *(rows.column(name).to_pylist() for name in names), strict=True
            )
        ]
        yield rows, files


def _read_rows(path: Path) -> pa.Table:
    """A table of files in its newest form."""
    found = pq.read_table(path)
    for name in sorted(tables.COPIES - set(found.column_names)):
        found = found.append_column(name, pa.nulls(found.num_rows, pa.string()))
    rows = found.select(tables.FILES.names).to_pylist()
    return pa.Table.from_pylist(rows, schema=tables.FILES)


def _stands(file: VolumeFile) -> bool:
    return file.source.is_file() and file.source.stat().st_size == file.size_bytes
