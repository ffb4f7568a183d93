"""The catalogue of an edition as one SQLite file, made on request (docs/formats/edition.md)."""

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

from phonotheque.catalogue import (
    Bounds,
    ExportFormat,
    ExportRequest,
    Filters,
    execute_export,
    find_edition,
    open_slice,
    plan_export,
)
from phonotheque.model.edition import Counts, SqliteFile
from phonotheque.model.errors import FormatError
from phonotheque.model.progress import Progress
from phonotheque.storage.digests import digest_file
from phonotheque.storage.durable import ensure_directory
from phonotheque.storage.layout import Tree

SQLITE = "sqlite/catalogue.sqlite"


def write_sqlite_release(
    tree: Tree, folder: str, at: datetime, counts: Counts, spill: Path, *, progress: Progress
) -> SqliteFile:
    """Write the catalogue of the edition that is being made in ``editions/<folder>``, in which
    `edition.json` stands already, and count its rows. `at`: of the publication.

    Raises:
        NoSpaceError: the disk has not the room.
        FormatError: what was written has not the rows that it should.
    """
    target = tree.edition(folder) / SQLITE
    ensure_directory(target.parent)
    ensure_directory(spill)
    request = ExportRequest(target, format=ExportFormat.SQLITE)
    with open_slice(find_edition(tree, folder), Filters(), Bounds(spill)) as rows:
        execute_export(rows, request, plan_export(rows, request), progress, now=at)
    target.chmod(0o444)
    found = _count(target)
    due = {name: getattr(counts, name) for name in found}
    if found != due:
        raise FormatError(f"{target}: has the rows {found} where {due} are due; publish again")
    digests = digest_file(target)
    return SqliteFile(
        path=SQLITE,
        bytes=digests.size_bytes,
        sha256=digests.sha256.hex(),
        rows=found,
        made_by=f"SQLite {sqlite3.sqlite_version}",
    )


def _count(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as database:
        return {
            name: int(database.execute(f"SELECT count(*) FROM {name}").fetchone()[0])
            for name in ("recordings", "tracks", "releases", "artists")
        }
