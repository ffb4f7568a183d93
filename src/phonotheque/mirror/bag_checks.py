"""A held volume as a bag (RFC 8493): its manifests against the edition; payload is not read."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from phonotheque.edition import bagit_faults, parse_manifest
from phonotheque.mirror.expected import ExpectedVolume, entry
from phonotheque.mirror.formats import EntryReport
from phonotheque.model.errors import FormatError
from phonotheque.model.findings import FindingCode

_MANIFEST, _TAGS = "manifest-sha256.txt", "tagmanifest-sha256.txt"
_WAY_OUT = "run repair, or restore the volume"


def check_bag(folder: Path, volume: ExpectedVolume, manifest_sha256: str) -> Iterator[EntryReport]:
    """What is wrong with the tag files of the bag in `folder`; nothing where it is not there.

    The manifest must be the one that the edition names and list the audio that it lists; the tag
    manifest must list every other file of the bag with its digest.
    """
    if not folder.is_dir():
        return
    tags = {path for path, file in volume.files.items() if file.sha256 is None}
    audio = {p: f.sha256 for p, f in volume.files.items() if f.sha256 is not None}
    payload = {f.path: f.size_bytes for f in volume.torrent.files if f.path.startswith("data/")}
    for name, why in _faults(folder, tags, (audio, payload), manifest_sha256):
        where = f"volumes/{volume.name}/{name}".rstrip("/")
        yield entry(FindingCode.EDITION_BAG, where, f"{why}; {_WAY_OUT}")


def _faults(
    folder: Path,
    tags: set[str],
    payload: tuple[dict[str, str], dict[str, int]],
    manifest_sha256: str,
) -> Iterator[tuple[str, str]]:
    audio, sizes = payload
    try:
        content = {name: (folder / name).read_bytes() for name in sorted(tags)}
        listed, beside = (parse_manifest(content[name], name) for name in (_MANIFEST, _TAGS))
    except (OSError, KeyError, FormatError) as error:
        yield "", f"a tag file of the bag cannot be read ({error})"
        return
    if not content.get("bagit.txt", b"").startswith(b"BagIt-Version: 1.0\n"):
        yield "bagit.txt", "does not say that this is a bag of version 1.0"
    for fault in bagit_faults(content, sizes):
        yield "", fault
    if sha256(content[_MANIFEST]).hexdigest() != manifest_sha256:
        yield _MANIFEST, "is not the one that the edition names"
    if wrong := [path for path, digest in audio.items() if listed.get(path) != digest]:
        yield _MANIFEST, f"does not list {wrong[0]} as the edition does"
    for name in sorted(content.keys() - {_TAGS}):
        if beside.get(name) != sha256(content[name]).hexdigest():
            yield name, f"{_TAGS} does not list it with this digest"
    for name in sorted(beside.keys() - content.keys()):
        yield name, f"{_TAGS} lists it, and the torrent does not"
