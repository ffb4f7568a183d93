"""What an edition has for those who fetch it without this program: its torrent, its checksums."""

from collections.abc import Sequence
from pathlib import Path

from phonotheque.archive.workspace import Basis
from phonotheque.edition import (
    KnownTorrent,
    VolumeFile,
    create_catalogue_torrent,
    hashing_pool,
    read_torrent,
)
from phonotheque.model.edition import CatalogueTorrent, EditionFile
from phonotheque.storage.digests import digest_file
from phonotheque.storage.durable import write_bytes

TORRENT = "torrents/catalogue.torrent"
CHECKSUMS = "SHA256SUMS"


def write_release_files(
    basis: Basis, name: str, directory: Path, contents: Sequence[EditionFile]
) -> tuple[CatalogueTorrent, list[EditionFile]]:
    """Write the torrent over `contents`, all files in `directory` so far, and then the checksums
    of them and of it. Returns the torrent, and all files with the two, sorted by path.

    Raises:
        InputError: a file changed meanwhile.
    """
    publish, before = basis.settings.publish, _before(basis)
    files = [VolumeFile(e.path, directory / e.path, e.bytes, e.sha256) for e in contents]
    known = before.sha256s if before else {}
    unread = sum(e.bytes for e in contents if known.get(e.path) != e.sha256)
    with hashing_pool(unread) as pool:
        made = create_catalogue_torrent(
            name,
            files,
            before,
            pool,
            collection=f"urn:uuid:{basis.settings.id}",
            webseeds=[f"{base.rstrip('/')}/editions/" for base in publish.webseeds],
            trackers=publish.trackers,
        )
    write_bytes(directory / TORRENT, made.content, read_only=True)
    listed = _sorted([*contents, _entry(directory, TORRENT)])
    write_bytes(directory / CHECKSUMS, format_checksums(listed), read_only=True)
    torrent = CatalogueTorrent(
        path=TORRENT,
        info_hash_v1=made.info_hash_v1,
        info_hash_v2=made.info_hash_v2,
        bytes=len(made.content),
    )
    return torrent, _sorted([*listed, _entry(directory, CHECKSUMS)])


def format_checksums(files: Sequence[EditionFile]) -> bytes:
    """What ``sha256sum --check`` reads; paths hold neither line feeds nor backslashes."""
    return "".join(f"{file.sha256}  {file.path}\n" for file in files).encode()


def _before(basis: Basis) -> KnownTorrent | None:
    """The torrent of the edition before; None where it has none."""
    if basis.previous is None or basis.previous.catalogue_torrent is None:
        return None
    path = basis.tree.edition(basis.previous.name) / TORRENT
    digests = {entry.path: entry.sha256 for entry in basis.previous.contents}
    return KnownTorrent(read_torrent(path.read_bytes(), str(path)), digests)


def _entry(directory: Path, path: str) -> EditionFile:
    digests = digest_file(directory / path)
    return EditionFile(path=path, bytes=digests.size_bytes, sha256=digests.sha256.hex())


def _sorted(files: Sequence[EditionFile]) -> list[EditionFile]:
    return sorted(files, key=lambda file: Path(file.path))
