"""The tables of an edition that are of one volume each, and which of them are here.

An archive has those of all its volumes. A mirror of a part keeps those of the volumes it is to hold
(docs/formats/mirror.md), so whoever reads an edition asks here which tables there are.
"""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from phonotheque.model.edition import EditionManifest

FOLDERS = ("files", "torrents", "ai-training")
_OF_THE_EDITION = "torrents/catalogue.torrent"


def volume_of(path: str) -> str | None:
    """The volume whose table `path` (in an edition) is; None for a file of the whole edition."""
    folder, _, name = path.partition("/")
    if folder not in FOLDERS or not name or path == _OF_THE_EDITION:
        return None
    return PurePosixPath(name).stem


def may_lack_tables(edition: Path) -> bool:
    """Whether the edition in the folder `edition` is a mirror's, which may keep a part of it."""
    return (edition.parent.parent / "mirror.toml").is_file()


def paths_here(edition: Path, paths: Iterable[str]) -> list[str]:
    """Those of `paths` (in an edition) to be read: all in an archive, where a missing one is
    damage; in a mirror all but tables of volumes that are not here."""
    if not may_lack_tables(edition):
        return list(paths)
    return [p for p in paths if volume_of(p) is None or (edition / p).is_file()]


def volumes_lacking(edition: Path, manifest: EditionManifest) -> frozenset[str]:
    """Volumes of which a mirror does not have the table of files; none in an archive."""
    listed = [e.path for e in manifest.contents if e.path.startswith("files/")]
    here = set(paths_here(edition, listed))
    return frozenset(PurePosixPath(path).stem for path in listed if path not in here)
