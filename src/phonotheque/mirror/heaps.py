"""A folder of files of whatever names, searched for what a mirror lacks: nothing in it is believed.

Found by length alone: an old copy under other names, what another BitTorrent client fetched, a disk
rescued in part. The lengths are kept in a database on the disk, not in memory.
"""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from phonotheque.storage.durable import ensure_directory

MOST_CANDIDATES = 64  # of one length; more are not tried


class Heap:
    """The files below `folder` by length; `work` gets the database, made on the first question."""

    def __init__(self, folder: Path, work: Path) -> None:
        self.folder = folder
        self._work = work
        self._connection: sqlite3.Connection | None = None

    def candidates(self, size_bytes: int, path: str) -> list[Path]:
        """Files of `size_bytes`: first one that stands at `path` or has its name, then others."""
        wanted = Path(path).name
        rows = self._index().execute(
            "SELECT path FROM files WHERE bytes = ? ORDER BY name <> ?, path LIMIT ?",
            (size_bytes, os.fsencode(wanted), MOST_CANDIDATES),
        )
        return [Path(os.fsdecode(found)) for (found,) in rows]

    def close(self) -> None:
        """Let go of the database."""
        if self._connection is not None:
            self._connection.close()

    def _index(self) -> sqlite3.Connection:
        if self._connection is None:
            ensure_directory(self._work.parent)
            self._work.unlink(missing_ok=True)
            self._connection = sqlite3.connect(self._work)
            self._connection.executescript(
                "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
                "CREATE TABLE files (bytes INTEGER, name BLOB, path BLOB);"
            )
            self._connection.executemany(
                "INSERT INTO files VALUES (?, ?, ?)", _iter_files(self.folder)
            )
            self._connection.execute("CREATE INDEX by_length ON files (bytes)")
            self._connection.commit()
        return self._connection


def _iter_files(folder: Path) -> Iterator[tuple[int, bytes, bytes]]:
    for where, _, names in os.walk(folder):
        for name in names:
            path = Path(where) / name
            try:
                if path.is_file() and not path.is_symlink():
                    yield path.stat().st_size, os.fsencode(name), os.fsencode(path)
            except OSError:
                continue
