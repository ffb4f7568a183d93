"""Where builds stand and which one counts (docs/formats/catalogue.md).

``catalogue/builds/<nnnn>/build.json`` describes one build; ``catalogue/current.json`` names the one
that counts and is written last, so a build that was cut short is never seen.
"""

from pathlib import Path

import msgspec

from phonotheque.catalogue.reader import CatalogueReader
from phonotheque.model import tables
from phonotheque.model.edition import BuildManifest
from phonotheque.model.errors import NotFoundError
from phonotheque.storage.documents import read_document
from phonotheque.storage.layout import Tree


class CurrentBuild(msgspec.Struct, frozen=True, kw_only=True):
    """``current.json``: the number of the build that counts."""

    format: int
    build: int


def build_directory(tree: Tree, number: int) -> Path:
    """Where build `number` stands."""
    return tree.catalogue / "builds" / f"{number:04d}"


def current_json(tree: Tree) -> Path:
    """Where the current build is named."""
    return tree.catalogue / "current.json"


def current_build(tree: Tree) -> tuple[BuildManifest, Path] | None:
    """Manifest and directory of the build that counts, or None before the first.

    Raises:
        FormatError: a manifest that this program does not read.
        NotFoundError: current.json names a build that is not there.
    """
    path = current_json(tree)
    if not path.exists():
        return None
    directory = build_directory(tree, read_document(path, CurrentBuild).build)
    if not (directory / "build.json").exists():
        raise NotFoundError(
            f"{directory}: {path} names this build, but it is not there; restore it from a backup"
        )
    return read_document(directory / "build.json", BuildManifest), directory


def open_build(directory: Path, manifest: BuildManifest | None = None) -> CatalogueReader:
    """The catalogue of the build in `directory`, with the view `recording_files` added.

    Raises:
        NotFoundError, FormatError: no build there, or not one this program reads.
    """
    manifest = manifest or read_document(directory / "build.json", BuildManifest)
    reader = CatalogueReader(directory, manifest.shards)
    reader.add_view(
        "recording_files", tables.RECORDING_FILES, [s.path for s in manifest.recording_files]
    )
    return reader
