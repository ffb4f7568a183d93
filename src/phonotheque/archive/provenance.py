"""What an edition was made from and by what: for `edition.json` (docs/formats/edition.md)."""

import platform
from collections.abc import Iterable, Iterator
from hashlib import sha256

import duckdb
import pyarrow as pa

from phonotheque import __version__
from phonotheque.model.archive import ArchiveSettings
from phonotheque.model.edition import BuiltBy, SchemaNote, SourceInput, SourceRecord
from phonotheque.model.tables import FORMAT_VERSION
from phonotheque.sources import ImportReport
from phonotheque.storage.documents import format_document, read_document
from phonotheque.storage.layout import Tree

NOTES = "docs/formats/migrations.md"
_UNNAMED = frozenset(["claims"])  # the files behind a claim may be called after people
_OPEN_DATA = {"discogs": "CC0-1.0", "listenbrainz": "CC0-1.0", "musicbrainz": "CC0-1.0"}


def read_sources(tree: Tree, inputs: Iterable[str]) -> list[SourceRecord]:
    """The imports named ``<source>/<import>`` with what their reports say of them, in that order.

    An import whose report is gone has its name only.

    Raises:
        FormatError: a report that cannot be read.
    """
    return [_source(tree, label) for label in inputs]


def _source(tree: Tree, label: str) -> SourceRecord:
    source = label.partition("/")[0]
    path = tree.sources / label / "report.json"
    if not path.exists():
        return SourceRecord(import_=label, source=source)
    report = read_document(path, ImportReport)
    readers = sorted({given.kind for given in report.inputs})
    return SourceRecord(
        import_=label,
        source=source,
        reader=" ".join(readers) or None,
        licence=_licence(readers),
        read_at=report.read_at,
        inputs=list(_inputs(report)),
    )


def _inputs(report: ImportReport) -> Iterator[SourceInput]:
    for given in report.inputs:
        name = given.kind if report.kind in _UNNAMED else given.name
        yield SourceInput(name=name, bytes=given.bytes, sha256=given.sha256)


def _licence(readers: list[str]) -> str | None:
    """The licence that the publisher of these dumps gives for its data, where all have one."""
    found = {_OPEN_DATA.get(name.partition("-")[0]) for name in readers}
    return found.pop() if len(found) == 1 else None


def licence_counts(cursor: duckdb.DuckDBPyConnection, stones: pa.Table) -> dict[str, int]:
    """How many files that can be had stand under each licence; `cursor` has the view `files`."""
    cursor.register("stones", stones)
    try:
        found = cursor.execute(
            "SELECT licence, count(*) FROM files ANTI JOIN stones USING (volume, path) "
            "GROUP BY licence ORDER BY licence"
        ).fetchall()
    finally:
        cursor.unregister("stones")
    return {str(licence): int(files) for licence, files in found}


def built_by(settings: ArchiveSettings) -> BuiltBy:
    """This program, what it writes with, and the settings it was run under."""
    return BuiltBy(
        program="phonotheque",
        version=__version__,
        arrow=pa.__version__,
        duckdb=duckdb.__version__,
        python=platform.python_version(),
        settings_sha256=sha256(format_document(settings)).hexdigest(),
    )


def schema_note() -> SchemaNote:
    """The version of the formats of today."""
    return SchemaNote(version=FORMAT_VERSION, notes=NOTES)
