"""Making an index from an edition, and nothing else.

The catalogue is read in ranges of numbers, for rows and for words apart, by two processes where it
is large; each range of words gives one sorted run of postings, and all runs are merged. What is
done is not done again when a killed build is begun anew. Memory: about `memory_bytes`, and beside
it the vocabulary (docs/formats/index.md, "Cost").
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import msgspec

from phonotheque.catalogue import CatalogueReader, open_edition
from phonotheque.model.edition import EditionManifest
from phonotheque.model.errors import PhonothequeError
from phonotheque.model.progress import Progress
from phonotheque.search import dictionary, identifiers, lists
from phonotheque.search.forward import write_forward, write_titles
from phonotheque.search.postings import write_postings
from phonotheque.search.reading import EditionTables
from phonotheque.search.row_worker import write_rows
from phonotheque.search.runs import Run, merge_vocabularies, write_entities, write_list
from phonotheque.search.standing import (
    DEFAULT_MEMORY_BYTES,
    part_of,
    read_identity,
    report_of,
)
from phonotheque.search.text_worker import write_runs
from phonotheque.search.values import INDEX_FORMAT, IndexManifest, IndexReport
from phonotheque.storage.arrays import load_array, write_array
from phonotheque.storage.documents import read_document, write_document
from phonotheque.storage.durable import commit_directory, ensure_directory
from phonotheque.storage.lock import writing

HEAD_POSTINGS = 65_536
ENTITY_LISTS = {"release": "releases", "label": "releases", "alias": "artists"}
_BYTES_PER_POSTING_OF_A_SPAN = 64
_PLAN = "build.json"


class _Plan(msgspec.Struct, frozen=True):
    """What a build under way is of: its parts are of use to no other."""

    FORMAT: ClassVar[int] = INDEX_FORMAT

    format: int
    edition_sha256: str
    memory_bytes: int
    part: str = ""


@dataclass(frozen=True, slots=True)
class IndexContents:
    """What a build found in the catalogue."""

    documents: int
    terms: int
    postings: int
    licences: list[str]
    years: list[int]


def build_index(
    edition_dir: Path,
    index_dir: Path,
    progress: Progress,
    *,
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
) -> IndexReport:
    """Make the index of the edition in `edition_dir` at `index_dir`, in the place of any there.

    It is made beside its place and moved there whole; a killed build leaves nothing but
    ``.<name>.partial``, and the next one of the same edition with the same memory goes on there.

    Raises:
        NotFoundError, FormatError: no edition there, or not one this program reads.
        ArchiveBusyError: another process is building the same index.
    """
    manifest, digest = read_identity(edition_dir)
    part = part_of(edition_dir, manifest)
    work = index_dir.with_name(f".{index_dir.name}.partial")
    with writing(work):
        _resume(work, digest, memory_bytes, part)
        reader = open_edition(edition_dir, manifest)
        try:
            contents = _build(reader, work, progress, memory_bytes)
        finally:
            reader.close()
        made = msgspec.structs.replace(_manifest(manifest, digest, contents), part=part)
        write_document(work / "index.json", made)
        (work / ".lock").unlink()
        _replace(work, index_dir)
    return report_of(index_dir, made, rebuilt=True)


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
        years=contents.years,
    )


def _build(
    reader: CatalogueReader, work: Path, progress: Progress, memory_bytes: int
) -> IndexContents:
    spill = work / "spill"
    ensure_directory(spill)
    tables = EditionTables(reader, memory_bytes // 2, spill)
    licences, years = tables.licences(), tables.years()
    progress.start("index: identifiers", 5, "steps")
    for name, write in (
        ("documents", lambda: lists.write_documents(work, spill, tables, licences, years)),
        ("files", lambda: lists.write_has_file(work, spill, tables)),
        ("identifiers", lambda: identifiers.write_identifiers(work, spill, tables)),
        ("contents", lambda: identifiers.write_contents(work, spill, tables)),
        ("redirects", lambda: identifiers.write_redirects(work, tables)),
    ):
        _once(spill, name, write)
        progress.advance()
    _once(spill, "rows", lambda: write_rows(reader, work, progress, memory_bytes))
    runs = write_runs(reader, work, progress, memory_bytes)
    _merge(work, tables, runs, progress, memory_bytes)
    shutil.rmtree(spill)
    (work / _PLAN).unlink()
    terms = len(load_array(work / "term_offsets.npy")) - 1
    postings = int(load_array(work / "posting_offsets.npy")[-1])
    return IndexContents(tables.count("recordings")[0], terms, postings, licences, years)


def _merge(
    work: Path, tables: EditionTables, runs: list[Run], progress: Progress, memory_bytes: int
) -> None:
    """Make the files of the index of the runs."""
    documents = tables.count("recordings")[0]
    greatest = {name: tables.count(table)[1] for name, table in ENTITY_LISTS.items()}
    spill, plain = work / "spill", work / "spill" / "plain.npy"
    offsets = work / "spill" / "plain-offsets.npy"
    span = max(memory_bytes // _BYTES_PER_POSTING_OF_A_SPAN, 1)
    progress.start("index: merging", 9 + len(greatest), "steps")
    merged = merge_vocabularies(runs)
    progress.advance()

    def write_plain() -> None:
        write_array(offsets, write_list(plain, "docs", merged, span, documents))

    def drop(*parts: str) -> None:
        for run in runs:
            run.drop(*parts)

    def write_heads() -> None:
        before, postings = load_array(offsets), load_array(plain)
        dictionary.write_heads(work, merged.terms, before, postings, HEAD_POSTINGS)

    steps: dict[str, Callable[[], object]] = {
        name: partial(write_entities, work, name, merged, span, last + 1)
        for name, last in greatest.items()
    }
    steps |= {
        "plain": write_plain,
        "after-plain": partial(drop, "docs-postings"),  # a third of what the runs take
        "terms": lambda: dictionary.write_terms(work, merged.terms),
        "postings": lambda: write_postings(work, documents, load_array(offsets), load_array(plain)),
        "heads": write_heads,
        "typos": lambda: dictionary.write_typos(work, merged.terms, memory_bytes),
        "forward": lambda: write_forward(work, documents, merged, memory_bytes),
        "after-forward": partial(drop, "title-terms", "credit-terms", "doc-credits"),
        "titles": lambda: write_titles(work, documents, merged, memory_bytes),
    }
    for name, write in steps.items():
        _once(spill, f"merged-{name}", write)
        progress.advance()


def _once(spill: Path, name: str, write: Callable[[], object]) -> None:
    """Do a step, unless it was done before the build was killed."""
    done = spill / f"{name}.done"
    if not done.exists():
        write()
        done.touch()


def _resume(work: Path, digest: str, memory_bytes: int, part: str) -> None:
    """Leave what is in `work` where it is of the same build, else clear it."""
    plan = _Plan(INDEX_FORMAT, digest, memory_bytes, part)
    try:
        found = read_document(work / _PLAN, _Plan)
    except PhonothequeError:
        found = None
    if found != plan:
        _clear(work)
        write_document(work / _PLAN, plan)


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
