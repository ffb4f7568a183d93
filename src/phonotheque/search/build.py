"""Making an index from an edition, and nothing else.

The catalogue is read once, in ranges of numbers; each range gives one sorted run of postings and
the next rows of the row store. Memory: about `memory_bytes` (a half for DuckDB, a half for one
run), and beside it the vocabulary and 16 bytes a recording for the exact titles.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from phonotheque.catalogue import CatalogueReader, open_edition
from phonotheque.model.edition import EditionManifest
from phonotheque.model.errors import PhonothequeError
from phonotheque.model.progress import Progress
from phonotheque.search import dictionary, identifiers, lists
from phonotheque.search.arrays import U32, load_array
from phonotheque.search.forward import write_forward, write_titles
from phonotheque.search.postings import write_postings
from phonotheque.search.ranges import add_artists, add_recordings, add_releases, add_tracks
from phonotheque.search.reading import EditionTables
from phonotheque.search.row_worker import write_rows
from phonotheque.search.runs import (
    Merged,
    Run,
    RunWriter,
    merge_vocabularies,
    write_entities,
    write_list,
)
from phonotheque.search.values import INDEX_FORMAT, IndexManifest, IndexReport
from phonotheque.storage.documents import parse_document, read_document, write_document
from phonotheque.storage.durable import commit_directory, ensure_directory
from phonotheque.storage.lock import writing

DEFAULT_MEMORY_BYTES = 2 << 30
HEAD_POSTINGS = 65_536
ENTITY_LISTS = {"release": "releases", "label": "releases", "alias": "artists"}
_BYTES_PER_ROW_OF_A_RUN = 1_024
_BYTES_PER_POSTING_OF_A_SPAN = 64


@dataclass(frozen=True, slots=True)
class IndexContents:
    """What a build found in the catalogue."""

    documents: int
    terms: int
    postings: int
    licences: list[str]


def build_index(
    edition_dir: Path,
    index_dir: Path,
    progress: Progress,
    *,
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
) -> IndexReport:
    """Make the index of the edition in `edition_dir` at `index_dir`, in the place of any there.

    It is made beside its place and moved there whole; a killed build leaves nothing but
    ``.<name>.partial``, which the next one clears.

    Raises:
        NotFoundError, FormatError: no edition there, or not one this program reads.
        ArchiveBusyError: another process is building the same index.
    """
    manifest, digest = _edition(edition_dir)
    work = index_dir.with_name(f".{index_dir.name}.partial")
    with writing(work):
        _clear(work)
        reader = open_edition(edition_dir, manifest)
        try:
            contents = _build(reader, work, progress, memory_bytes)
        finally:
            reader.close()
        made = _manifest(manifest, digest, contents)
        write_document(work / "index.json", made)
        (work / ".lock").unlink()
        _replace(work, index_dir)
    return _report(index_dir, made, rebuilt=True)


def ensure_index(
    edition_dir: Path,
    index_dir: Path,
    progress: Progress,
    *,
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
) -> IndexReport:
    """As `build_index`, unless `index_dir` has an index of this very edition already."""
    _, digest = _edition(edition_dir)
    try:
        found = read_document(index_dir / "index.json", IndexManifest)
    except PhonothequeError:
        found = None
    if found is None or (found.format, found.edition_sha256) != (INDEX_FORMAT, digest):
        return build_index(edition_dir, index_dir, progress, memory_bytes=memory_bytes)
    return _report(index_dir, found, rebuilt=False)


def _manifest(edition: EditionManifest, digest: str, contents: IndexContents) -> IndexManifest:
    return IndexManifest(
        format=INDEX_FORMAT,
        edition=edition.name,
        edition_sha256=digest,
        published_at=edition.published_at,
        id_key=edition.id_key,
        documents=contents.documents,
        terms=contents.terms,
        postings=contents.postings,
        head_postings=HEAD_POSTINGS,
        licences=contents.licences,
    )


def _edition(edition_dir: Path) -> tuple[EditionManifest, str]:
    path = edition_dir / "edition.json"
    manifest = read_document(path, EditionManifest)
    content = path.read_bytes()
    return parse_document(content, type(manifest), str(path)), sha256(content).hexdigest()


def _build(
    reader: CatalogueReader, work: Path, progress: Progress, memory_bytes: int
) -> IndexContents:
    spill = work / "spill"
    ensure_directory(spill)
    tables = EditionTables(reader, memory_bytes // 2, spill)
    licences = tables.licences()
    number_doc = lists.write_documents(work, tables, licences)
    identifiers.write_identifiers(work, tables)
    identifiers.write_contents(work, tables)
    identifiers.write_redirects(work, tables)
    write_rows(reader, work, progress, memory_bytes)
    runs = _read_catalogue(tables, number_doc, work, progress, memory_bytes // 2)
    documents = tables.count("recordings")[0]
    merged, postings = _merge(work, tables, runs, progress, memory_bytes)
    shutil.rmtree(spill)
    return IndexContents(documents, len(merged.terms), postings, licences)


def _read_catalogue(
    tables: EditionTables, number_doc: U32, work: Path, progress: Progress, memory_bytes: int
) -> list[Run]:
    spill = work / "spill"
    step = max(memory_bytes // _BYTES_PER_ROW_OF_A_RUN, 1)
    runs: list[Run] = []
    for table in ("recordings", "releases", "artists"):
        total, greatest = tables.count(table)
        progress.start(f"index: words of {table}", total, "rows")
        for first in range(1, max(greatest + 1, 2), step):
            run = RunWriter(spill, f"run-{len(runs):05d}")
            for rows in _iter_added(tables, table, (first, first + step), number_doc, run):
                progress.advance(rows)
            runs.append(run.finish())
    return runs


def _iter_added(
    tables: EditionTables, table: str, span: tuple[int, int], number_doc: U32, run: RunWriter
) -> Iterator[int]:
    """Add the texts of a range of a table; gives the rows of each batch."""
    if table == "recordings":
        for batch in tables.iter_other_texts(*span):
            add_tracks(batch, number_doc, run)
        for batch in tables.iter_texts(*span):
            add_recordings(batch, number_doc, run)
            yield len(batch)
    elif table == "releases":
        for batch in tables.iter_release_texts(*span):
            add_releases(batch, run)
            yield len(batch)
    else:
        for batch in tables.iter_artist_texts(*span):
            add_artists(batch, run)
            yield len(batch)


def _merge(
    work: Path, tables: EditionTables, runs: list[Run], progress: Progress, memory_bytes: int
) -> tuple[Merged, int]:
    documents = tables.count("recordings")[0]
    progress.start("index: merging", 6, "steps")
    merged = merge_vocabularies(runs)
    dictionary.write_terms(work, merged.terms)
    progress.advance()
    span = max(memory_bytes // _BYTES_PER_POSTING_OF_A_SPAN, 1)
    for name, table in ENTITY_LISTS.items():
        write_entities(work, name, merged, span, tables.count(table)[1] + 1)
    progress.advance()
    plain = work / "spill" / "plain.npy"
    offsets = write_list(plain, "docs", merged, span, documents)
    postings = load_array(plain)
    write_postings(work, documents, offsets, postings)
    progress.advance()
    dictionary.write_heads(work, merged.terms, offsets, postings, HEAD_POSTINGS)
    progress.advance()
    dictionary.write_typos(work, merged.terms, memory_bytes)
    progress.advance()
    write_forward(work, documents, merged, memory_bytes)
    write_titles(work, documents, merged, memory_bytes)
    progress.advance()
    return merged, int(offsets[-1])


def _clear(work: Path) -> None:
    for path in work.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != ".lock":
            path.unlink()


def _replace(work: Path, index_dir: Path) -> None:
    old = index_dir.with_name(f".{index_dir.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if index_dir.exists():
        index_dir.rename(old)
    commit_directory(work, index_dir)
    shutil.rmtree(old, ignore_errors=True)


def _report(index_dir: Path, made: IndexManifest, *, rebuilt: bool) -> IndexReport:
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
