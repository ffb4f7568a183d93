"""The index that stands in a folder: of which edition it is, and what is told of it."""

from hashlib import sha256
from pathlib import Path

from phonotheque.model.edition import EditionManifest
from phonotheque.model.errors import PhonothequeError
from phonotheque.search.values import IndexManifest, IndexReport
from phonotheque.storage.documents import parse_document, read_document
from phonotheque.storage.part_tables import volume_of, volumes_lacking

DEFAULT_MEMORY_BYTES = 2 << 30


def find_index(edition_dir: Path, index_dir: Path) -> IndexManifest | None:
    """What the index in `index_dir` says of itself, where it is one of the edition in `edition_dir`
    as it is here now; else None."""
    manifest, digest = read_identity(edition_dir)
    try:
        found = read_document(index_dir / "index.json", IndexManifest)
    except PhonothequeError:
        return None
    current = (found.edition_sha256, found.part) == (digest, part_of(edition_dir, manifest))
    return found if current else None


def read_identity(edition_dir: Path) -> tuple[EditionManifest, str]:
    """The manifest of an edition and the sha256 of its bytes.

    Raises:
        NotFoundError, FormatError: no edition there, or not one this program reads.
    """
    path = edition_dir / "edition.json"
    manifest = read_document(path, EditionManifest)
    content = path.read_bytes()
    return parse_document(content, type(manifest), str(path)), sha256(content).hexdigest()


def part_of(edition_dir: Path, manifest: EditionManifest) -> str:
    """What tells one part of the tables of files from another; empty where all of them are here."""
    lacking = volumes_lacking(edition_dir, manifest)
    if not lacking:
        return ""
    named = (e.path for e in manifest.contents if e.path.startswith("files/"))
    here = sorted(name for name in map(volume_of, named) if name and name not in lacking)
    return sha256("\n".join(here).encode()).hexdigest()


def report_of(index_dir: Path, made: IndexManifest, *, rebuilt: bool) -> IndexReport:
    """What is told of an index that was made, or was there."""
    return IndexReport(
        index=str(index_dir),
        edition=made.edition,
        documents=made.documents,
        terms=made.terms,
        postings=made.postings,
        index_bytes=sum(p.stat().st_size for p in index_dir.glob("*.npy")),
        rows_bytes=sum(p.stat().st_size for p in (index_dir / "rows").iterdir()),
        rebuilt=rebuilt,
    )
