"""Where published files stand, by their SHA-256: derived from an edition, kept within its index.

A key is filed as those of `phonotheque.search.keys` are; what it leads to is the place of a file
in all tables of files laid end to end, in the order of their volumes' names.
"""

import shutil
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import accumulate
from pathlib import Path
from typing import ClassVar

import duckdb
import msgspec
import numpy as np
import pyarrow.parquet as pq

from phonotheque.model.edition import EditionManifest
from phonotheque.model.errors import NotFoundError, PhonothequeError
from phonotheque.search.keys import HashedKeys, text_hash, write_hashed_keys
from phonotheque.storage.arrays import U64, Array, number_type
from phonotheque.storage.documents import parse_document, read_document, write_document
from phonotheque.storage.durable import commit_directory, ensure_directory
from phonotheque.storage.lock import writing
from phonotheque.storage.part_tables import paths_here

FOLDER = "files"
DEFAULT_MEMORY_BYTES = 1 << 30
_BATCH_ROWS = 65_536
_KEYS = """
SELECT md5_number_lower(sha256) AS key, (start + file_row_number)::UBIGINT AS place
FROM read_parquet({listed}, filename = true, file_row_number = true, union_by_name = true) f
JOIN starts s ON s.volume = parse_filename(f.filename, true)
ORDER BY key, place
"""


class FileKeysManifest(msgspec.Struct, frozen=True, kw_only=True):
    """`files/files.json`: of which tables the keys are; table i begins at place `starts[i]`."""

    FORMAT: ClassVar[int] = 1

    format: int
    edition_sha256: str
    volumes: list[str]
    starts: list[int]
    files: int


class FileKeys:
    """The keys of one edition. Any number of threads may ask at once."""

    def __init__(self, folder: Path) -> None:
        try:
            self._manifest = read_document(folder / "files.json", FileKeysManifest)
        except NotFoundError:
            raise NotFoundError(
                f"{folder}: this index has no list of files; `phonotheque serve` makes it when it "
                "starts, where it may write there"
            ) from None
        self._keys = HashedKeys(folder, "sha256")

    def find(self, digest: str) -> list[tuple[str, int]]:
        """(volume, place in its table, counted from 0) where a file with this SHA-256 may stand;
        a stranger may be among them: compare what stands there."""
        manifest = self._manifest
        found = []
        for place in self._keys.find(text_hash(digest)):
            at = bisect_right(manifest.starts, place) - 1
            found.append((manifest.volumes[at], place - manifest.starts[at]))
        return found


def ensure_file_keys(
    edition_dir: Path, index_dir: Path, *, memory_bytes: int = DEFAULT_MEMORY_BYTES
) -> None:
    """Make the keys of the edition in `edition_dir` within its index, unless they are there.

    Memory: `memory_bytes` and 4 bytes for every 16 files; the rest is sorted on disk.

    Raises:
        NotFoundError, FormatError: no edition there, or not one this program reads.
        ArchiveBusyError: another process is making them.
    """
    path = edition_dir / "edition.json"
    content = path.read_bytes()
    manifest = parse_document(content, EditionManifest, str(path))
    digest = sha256(content).hexdigest()
    listed = [e.path for e in manifest.contents if e.path.startswith("files/")]
    tables = [edition_dir / name for name in sorted(paths_here(edition_dir, listed))]
    volumes = [table.stem for table in tables]
    target = index_dir / FOLDER
    if _is_of(target, digest, volumes):
        return
    work = index_dir / f".{FOLDER}.partial"
    with writing(work):
        rows = [pq.read_metadata(table).num_rows for table in tables]
        starts = [0, *accumulate(rows)]
        keys = _iter_keys(tables, starts, work, memory_bytes)
        write_hashed_keys(work, "sha256", keys, number_type(starts[-1]), starts[-1])
        made = FileKeysManifest(
            format=FileKeysManifest.FORMAT,
            edition_sha256=digest,
            volumes=volumes,
            starts=starts[:-1],
            files=starts[-1],
        )
        write_document(work / "files.json", made)
        shutil.rmtree(work / "spill", ignore_errors=True)
        shutil.rmtree(target, ignore_errors=True)
        (work / ".lock").unlink()
        commit_directory(work, target)


def _is_of(folder: Path, digest: str, volumes: Sequence[str]) -> bool:
    try:
        found = read_document(folder / "files.json", FileKeysManifest)
    except PhonothequeError:
        return False
    return (found.edition_sha256, found.volumes) == (digest, list(volumes))


def _iter_keys(
    tables: Sequence[Path], starts: Sequence[int], work: Path, memory_bytes: int
) -> Iterator[tuple[U64, Array]]:
    """Keys and places, sorted by key."""
    if not tables:
        return
    ensure_directory(work / "spill")
    place = number_type(starts[-1])
    settings = {"temp_directory": str(work / "spill"), "threads": 2}
    with duckdb.connect(":memory:", config=settings) as connection:
        connection.execute(f"SET memory_limit = '{memory_bytes // 1_000_000}MB'")
        connection.execute("CREATE TABLE starts (volume VARCHAR, start BIGINT)")
        named = [[table.stem, start] for table, start in zip(tables, starts[:-1], strict=True)]
        connection.executemany("INSERT INTO starts VALUES (?, ?)", named)
        quoted = ", ".join("'" + str(table).replace("'", "''") + "'" for table in tables)
        query = connection.sql(_KEYS.format(listed=f"[{quoted}]"))
        for batch in query.to_arrow_reader(_BATCH_ROWS):
            keys = batch.column("key").to_numpy(zero_copy_only=False).astype(np.uint64)
            places = batch.column("place").to_numpy(zero_copy_only=False)
            yield keys, places.astype(place)
