"""Writing one volume: a bag of hard links to the vault, and its torrent.

A volume is built in ``volumes/.building-<name>`` and gets its name when all of it is durable. What
a kill leaves there is thrown away and made again, to the same bytes.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from phonotheque.edition.bag import MANIFEST, format_bag
from phonotheque.edition.metainfo import CreatedTorrent, VolumeFile, create_torrent
from phonotheque.edition.packing import choose_piece_length
from phonotheque.model.errors import InputError
from phonotheque.storage.durable import commit_directory, ensure_directory

BUILDING = ".building-"


@dataclass(frozen=True, slots=True)
class VolumeSpec:
    """What goes into a volume. `files` are the payload (paths ``data/…``), each with its sha256;
    `bag_info` are labels and values; `tag_files` stand beside ``data/``.
    """

    name: str
    files: Sequence[VolumeFile]
    bag_info: Sequence[tuple[str, str]]
    tag_files: dict[str, bytes]
    webseeds: Sequence[str] = ()
    trackers: Sequence[str] = ()
    piece_length: int | None = None  # None: what is best
    v1: bool = True  # a hybrid torrent; else v2 alone


@dataclass(frozen=True, slots=True)
class BuiltVolume:
    """A volume that stands complete in its building place."""

    name: str
    torrent: CreatedTorrent
    total_bytes: int
    manifest_sha256: str


def build_volume(
    volumes: Path,
    spec: VolumeSpec,
    pool: Executor,
    advance: Callable[[int], None] = lambda _bytes: None,
) -> BuiltVolume:
    """Link the files, write the tag files, hash everything once; `commit_volume` ends it.

    Raises:
        InputError: a file is not there, or not what its digest says.
    """
    building = volumes / (BUILDING + spec.name)
    shutil.rmtree(building, ignore_errors=True)
    ensure_directory(building)
    payload = [(f.path, f.sha256 or "", f.size_bytes) for f in spec.files]
    tags = format_bag(payload, spec.bag_info, spec.tag_files)
    for file in spec.files:
        try:
            place_file(file.source, building / file.path)
        except FileNotFoundError:
            raise InputError(
                f"{file.source}: the file is gone; run `phonotheque verify ARCHIVE --vault`, mend "
                "what it finds with `phonotheque vault repair`, and publish again"
            ) from None
    for name, content in tags.items():
        (building / name).parent.mkdir(exist_ok=True)
        (building / name).write_bytes(content)
        (building / name).chmod(0o444)
    inside = [replace(file, source=building / file.path) for file in spec.files]
    inside += [
        VolumeFile(name, building / name, len(content), sha256(content).hexdigest())
        for name, content in tags.items()
    ]
    length = spec.piece_length or choose_piece_length([f.size_bytes for f in inside])
    torrent = create_torrent(
        spec.name,
        inside,
        length,
        pool,
        webseeds=spec.webseeds,
        trackers=spec.trackers,
        v1=spec.v1,
        advance=advance,
    )
    total = sum(f.size_bytes for f in inside)
    return BuiltVolume(spec.name, torrent, total, sha256(tags[MANIFEST]).hexdigest())


def commit_volume(volumes: Path, name: str) -> None:
    """Give a built volume its name, durably; from then on it never changes."""
    commit_directory(volumes / (BUILDING + name), volumes / name)


def place_file(source: Path, target: Path) -> None:
    """A second name for `source`, or a read-only copy on another disk; not yet durable.

    For directories under construction, which `storage.durable.commit_directory` makes durable.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
        target.chmod(0o444)
