"""Which catalogue of a tree is meant: that of an edition, or the current build's."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from phonotheque.catalogue.builds import build_directory, current_build
from phonotheque.catalogue.reader import CatalogueReader
from phonotheque.model.edition import BuildManifest, EditionManifest, Latest, ShardFile
from phonotheque.model.errors import FormatError, NotFoundError
from phonotheque.model.numbers import IdKey
from phonotheque.storage.documents import read_document, read_settings
from phonotheque.storage.layout import Tree
from phonotheque.storage.part_tables import paths_here

_TEST_IT = "verify --catalogue tells what else is wrong, and sync or a build mends it"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What reading a catalogue may use: `memory` of DuckDB's buffers, and `work`, a directory to
    spill to; `part_rows` keys are compared at a time."""

    work: Path
    memory: str = "2GB"
    threads: int = 2
    part_rows: int = 1 << 25


@dataclass(frozen=True, slots=True)
class CatalogueFiles:
    """The files of one catalogue and what its manifest promises.

    `counts` has the rows of recordings, tracks, releases and artists; `listens` is None for a
    build, whose manifest does not say; `id_key` is None for a build without its archive.
    """

    label: str  # "build 3", "edition 2026-11"
    directory: Path
    shards: Sequence[ShardFile]
    counts: dict[str, int]
    rows_per_shard: int
    cuts_percent: Sequence[float]
    listens: int | None = None
    id_key: IdKey | None = None
    previous: str | None = None  # edition
    training: Sequence[str] | None = None  # paths of ai-training/; None: there is none here
    beside: Sequence[ShardFile] = ()  # files that are listed, but are no tables of the catalogue

    @contextmanager
    def open(self, bounds: Bounds) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection to its tables as views (see `CatalogueReader`), within `bounds`.

        Raises:
            NotFoundError, FormatError: a file that is not there, or is none of ours.
        """
        lost = next((s.path for s in self.shards if not (self.directory / s.path).is_file()), None)
        if lost is not None:
            raise NotFoundError(f"{self.directory / lost}: is not there; {_TEST_IT}")
        try:
            with closing(self._reader(bounds)) as reader:
                cursor = reader.cursor()
                cursor.execute("SET memory_limit = ?", [bounds.memory])
                cursor.execute("SET temp_directory = ?", [str(bounds.work)])
                yield cursor
        except duckdb.InvalidInputException as error:
            reason = str(error).splitlines()[0]
            raise FormatError(f"{self.directory}: {reason}; {_TEST_IT}") from error

    def _reader(self, bounds: Bounds) -> CatalogueReader:
        reader = CatalogueReader(self.directory, self.shards, threads=bounds.threads)
        reader.add_training_view(self.training or [])
        return reader


def find_edition(tree: Tree, name: str | None = None) -> CatalogueFiles:
    """The catalogue of the newest edition of an archive or a mirror, or of the one named.

    Raises:
        NotFoundError: there is none.
        FormatError: its manifest cannot be read.
    """
    directory = tree.edition(name or _newest_edition(tree))
    if not (directory / "edition.json").is_file():
        raise NotFoundError(f"{directory}: there is no such edition")
    manifest = read_document(directory / "edition.json", EditionManifest)
    counts = manifest.counts
    return CatalogueFiles(
        label=f"edition {manifest.name}",
        directory=directory,
        shards=manifest.shards,
        counts=_counts(counts),
        rows_per_shard=manifest.rows_per_shard,
        cuts_percent=manifest.tier_cuts_percent,
        listens=counts.listens,
        id_key=IdKey(bytes.fromhex(manifest.id_key)),
        previous=manifest.previous,
        training=_training(directory, manifest),
    )


def _training(directory: Path, manifest: EditionManifest) -> list[str] | None:
    """The tables on training with files (in a mirror of a part those that are here); None for an
    edition of before there were any."""
    found = [e.path for e in manifest.contents if e.path.startswith("ai-training/")]
    return paths_here(directory, found) if found or not manifest.counts.volumes else None


def find_build(tree: Tree, number: int | None = None) -> CatalogueFiles | None:
    """The catalogue of the current build, or of the one numbered; None where there is none.

    Raises:
        FormatError: its manifest cannot be read.
    """
    if number is None:
        current = current_build(tree)
        if current is None:
            return None
        return _of_build(tree, *current)
    directory = build_directory(tree, number)
    if not (directory / "build.json").is_file():
        return None
    return _of_build(tree, read_document(directory / "build.json", BuildManifest), directory)


def _of_build(tree: Tree, manifest: BuildManifest, directory: Path) -> CatalogueFiles:
    has_settings = tree.archive_toml.is_file()
    return CatalogueFiles(
        label=f"build {manifest.build}",
        directory=directory,
        shards=manifest.shards,
        counts=_counts(manifest),
        rows_per_shard=manifest.rows_per_shard,
        cuts_percent=manifest.tier_cuts_percent,
        id_key=IdKey(bytes.fromhex(read_settings(tree).id_key)) if has_settings else None,
        beside=manifest.recording_files,
    )


def find_before(tree: Tree, catalogue: CatalogueFiles) -> CatalogueFiles | None:
    """What `catalogue` is compared with: for a build the newest edition, else the build before it;
    for an edition the edition before it. None where that is not here."""
    if catalogue.label.startswith("edition "):
        name = catalogue.previous
        has_it = name is not None and (tree.edition(name) / "edition.json").is_file()
        return find_edition(tree, name) if has_it else None
    try:
        return find_edition(tree)
    except NotFoundError:
        return find_build(tree, int(catalogue.label.removeprefix("build ")) - 1)


def _counts(manifest: object) -> dict[str, int]:
    names = ("recordings", "tracks", "releases", "artists")
    return {name: getattr(manifest, name) for name in names}


def _newest_edition(tree: Tree) -> str:
    if tree.latest_json.is_file():
        return read_document(tree.latest_json, Latest).edition
    whole = [p.parent for p in tree.editions.glob("*/edition.json")]
    if not whole:
        raise NotFoundError(f"{tree.root}: no edition here; publish one, or sync from an origin")
    return max(
        whole, key=lambda p: read_document(p / "edition.json", EditionManifest).sequence
    ).name
