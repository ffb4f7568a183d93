"""Which torrents a tree may seed, and what they are known by: read from the edition's table of
volumes and the folders here, so without any torrent file."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from phonotheque.mirror.announcing import Hashes
from phonotheque.mirror.expected import torrent_path
from phonotheque.mirror.formats import MirrorSettings
from phonotheque.model.edition import EditionManifest
from phonotheque.model.errors import FormatError
from phonotheque.model.seeding import SeedSettings
from phonotheque.storage.documents import read_document, read_settings
from phonotheque.storage.layout import Tree

_COLUMNS = ["volume", "info_hash_v1", "info_hash_v2"]


@dataclass(frozen=True, slots=True)
class Known:
    """A torrent that may be seeded, and the length of its file."""

    hashes: Hashes
    torrent: Path
    metainfo_bytes: int


def read_known(
    tree: Tree, manifest: EditionManifest, note: Callable[[str], None]
) -> dict[str, Known]:
    """By place: the volumes that stand here and edition `manifest` knows, and the edition itself.

    Raises:
        FormatError: the edition's table of volumes cannot be read.
    """
    found = [*_iter_volumes(tree, manifest.name, note)]
    own = manifest.catalogue_torrent
    if own is not None:
        path = tree.edition(manifest.name) / own.path
        hashes = Hashes(f"editions/{manifest.name}", own.info_hash_v1, own.info_hash_v2)
        found.insert(0, Known(hashes, path, own.bytes))
    return {one.hashes.place: one for one in found if _is_there(one, note)}


def _iter_volumes(tree: Tree, edition: str, note: Callable[[str], None]) -> Iterator[Known]:
    path = tree.edition(edition) / "volumes.parquet"
    try:
        table = pq.ParquetFile(path, memory_map=True)
        rows = table.read(_COLUMNS, use_threads=False).to_pylist()  # threads would keep 20 MB
    except (OSError, pa.ArrowInvalid, KeyError) as error:
        raise FormatError(f"{path}: not a readable table of volumes ({error})") from error
    named = {row["volume"]: row for row in rows}
    here = sorted(p.name for p in tree.volumes.glob("[!.]*") if p.is_dir() and not p.is_symlink())
    for name in here:
        row = named.get(name)
        if row is None:
            note(f"not seeding {name}: edition {edition} has no such volume")
            continue
        torrent = torrent_path(tree.edition(edition), name)
        size = torrent.stat().st_size if torrent.is_file() else 0
        yield Known(
            Hashes(f"volumes/{name}", row["info_hash_v1"], row["info_hash_v2"]), torrent, size
        )


def _is_there(known: Known, note: Callable[[str], None]) -> bool:
    if known.torrent.is_file():
        return True
    note(f"not seeding {known.hashes.place}: {known.torrent.name} is not here; run a sync")
    return False


def read_manifest(tree: Tree, edition: str) -> EditionManifest:
    """`edition.json` of an edition here."""
    return read_document(tree.edition(edition) / "edition.json", EditionManifest)


def seed_settings(tree: Tree) -> SeedSettings:
    """`[seed]` of the mirror or archive at `tree`, or what holds without it."""
    found: object = None
    if tree.mirror_toml.is_file():
        found = read_document(tree.mirror_toml, MirrorSettings).seed
    elif tree.archive_toml.is_file():
        found = read_settings(tree).seed
    return found if isinstance(found, SeedSettings) else SeedSettings()
