"""Signing an edition, and following it, at a number of volumes (part of the bench `edition`).

Ours signs two targets, `latest.json` and `edition.json`, which has the digests of all files of the
edition. The other way is the one that TUF leads to by itself: every file of it is a target.
"""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from securesystemslib.signer import CryptoSigner
from tests.support.editions import write_tiny_edition
from tuf.api.metadata import Metadata, TargetFile, Targets

from bench.torrents import cpu_seconds
from phonotheque.edition import OfflineKeys, init_repository, publish_targets
from phonotheque.mirror.origin import FolderOrigin
from phonotheque.mirror.trust import first_trust
from phonotheque.model.edition import EditionFile, EditionManifest, Latest
from phonotheque.storage.documents import write_document
from phonotheque.storage.layout import Tree

FOLDERS = {"torrents": "torrent", "files": "parquet", "ai-training": "parquet"}  # of each volume
NAME = "2026-11"


class CountingOrigin(FolderOrigin):
    """Counts what is fetched."""

    fetched = 0

    def read(self, path: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See `Origin.read`."""
        for chunk in super().read(path, start, length):
            self.fetched += len(chunk)
            yield chunk


def measure(volumes: int, scratch: Path) -> tuple[dict[str, float], dict[str, float]]:
    """(ours, every file a target): CPU seconds and bytes."""
    now = datetime.now(UTC)
    tree = Tree(scratch / "archive")
    keys = OfflineKeys(scratch / "keys")
    init_repository(tree, keys, b'{"files": []}\n', now)
    manifest = _manifest(scratch / "tiny", volumes)
    contents = {"latest.json": b"", f"editions/{NAME}/edition.json": _bytes_of(manifest, scratch)}
    digest = sha256(contents[f"editions/{NAME}/edition.json"]).hexdigest()
    latest = Latest(format=1, edition=NAME, sequence=1, edition_sha256=digest)
    contents["latest.json"] = _bytes_of(latest, scratch)
    begin = cpu_seconds()
    publish_targets(tree, contents, keys, now)
    signing = cpu_seconds() - begin
    first, first_bytes = _follow(tree, scratch / "follower")
    again, again_bytes = _follow(tree, scratch / "follower")
    return {
        "sign_cpu_seconds": signing,
        "first_refresh_cpu_seconds": first,
        "first_refresh_bytes": first_bytes,
        "unchanged_refresh_cpu_seconds": again,
        "unchanged_refresh_bytes": again_bytes,
    }, _every_file_a_target(manifest, now)


def _follow(tree: Tree, home: Path) -> tuple[float, int]:
    """What a follower spends and fetches until it has the manifest, proved."""
    origin = CountingOrigin(tree.root)
    begin = cpu_seconds()
    trust = first_trust(origin, home / "metadata", None, home)
    trust.refresh()
    for path in ("latest.json", f"editions/{NAME}/edition.json"):
        content = trust.target(path)
        if content is None:
            raise RuntimeError(f"{path} is not signed")
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_bytes(content)
    trust.edition(NAME)
    return cpu_seconds() - begin, origin.fetched


def _manifest(scratch: Path, volumes: int) -> EditionManifest:
    manifest = write_tiny_edition(scratch, [], name=NAME)
    contents = [
        EditionFile(
            path=f"{folder}/free-tunes-tier{1 + number * 6 // volumes}-{number:05d}.{suffix}",
            bytes=20_000_000 + number,
            sha256=sha256(b"%d %s" % (number, folder.encode())).hexdigest(),
        )
        for folder, suffix in FOLDERS.items()
        for number in range(1, volumes + 1)
    ]
    shutil.rmtree(scratch)
    return type(manifest)(
        **{name: getattr(manifest, name) for name in manifest.__struct_fields__}
        | {"contents": sorted(contents, key=lambda file: file.path)}
    )


def _bytes_of(document: EditionManifest | Latest, scratch: Path) -> bytes:
    write_document(scratch / "document.json", document)
    return (scratch / "document.json").read_bytes()


def _every_file_a_target(manifest: EditionManifest, now: datetime) -> dict[str, float]:
    signer = CryptoSigner.generate_ed25519()
    begin = cpu_seconds()
    targets = Targets(expires=(now + timedelta(days=365)).replace(microsecond=0))
    for file in manifest.contents:
        path = f"editions/{NAME}/{file.path}"
        targets.targets[path] = TargetFile(file.bytes, {"sha256": file.sha256}, path)
    document = Metadata(targets)
    document.sign(signer)
    content = document.to_bytes()
    signing = cpu_seconds() - begin
    begin = cpu_seconds()
    Metadata[Targets].from_bytes(content)
    return {
        "every_file_a_target_sign_cpu_seconds": signing,
        "every_file_a_target_read_cpu_seconds": cpu_seconds() - begin,
        "every_file_a_target_bytes": len(content),
    }
