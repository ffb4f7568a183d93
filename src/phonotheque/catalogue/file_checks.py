"""The files of a catalogue one by one: whole, as the manifest says, and in order."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from phonotheque.catalogue.published import CatalogueFiles
from phonotheque.model import tables
from phonotheque.model.edition import ShardFile
from phonotheque.model.errors import FormatError
from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.model.progress import Progress
from phonotheque.storage.digests import digest_file
from phonotheque.storage.tables import check_schema

_SCHEMAS = {
    "recordings": tables.RECORDINGS,
    "tracks": tables.TRACKS,
    "releases": tables.RELEASES,
    "artists": tables.ARTISTS,
    "standing": tables.STANDING,
    "redirects": tables.REDIRECTS,
    "merged_ids": tables.MERGED_IDS,
    "recording_files": tables.RECORDING_FILES,
}
IN_NUMBER_ORDER = ("recordings", "tracks", "releases", "artists", "standing")
_BATCH_ROWS = 1 << 18


def schema_of(table: str) -> pa.Schema:
    """The columns of a table by its name in a manifest."""
    return tables.REGISTRY if table.startswith("registry-") else _SCHEMAS[table]


def check_files(catalogue: CatalogueFiles, progress: Progress) -> Iterator[Finding]:
    """Each file is there, has its digest, its columns and its rows; each shard one of a layer."""
    files = [*catalogue.shards, *catalogue.beside]
    progress.start("read files", sum(shard.bytes for shard in files), "bytes")
    seen: set[tuple[str, int, str]] = set()
    for shard in files:
        if (finding := _check_file(catalogue.directory / shard.path, shard)) is not None:
            yield finding
        place = shard.table, shard.shard, shard.layer
        if place in seen:
            yield _finding(
                FindingCode.CATALOGUE_ORDER,
                shard,
                f"a second {shard.layer} of shard {shard.shard}: its numbers stand twice",
            )
        seen.add(place)
        progress.advance(shard.bytes)


def check_order(catalogue: CatalogueFiles, progress: Progress) -> Iterator[Finding]:
    """Numbers rise within each file, are above 0 and belong to its shard. So none stands twice
    in a layer. The files must be readable."""
    files = [s for s in catalogue.shards if "number" in schema_of(s.table).names]
    progress.start("check order", sum(shard.rows for shard in files), "rows")
    for shard in files:
        wrong = _out_of_place(catalogue, shard)
        if wrong:
            yield _finding(
                FindingCode.CATALOGUE_ORDER,
                shard,
                f"{wrong[0]:,} numbers out of place, the first one {wrong[1]}; the file was not "
                "made by this program, or the disk failed",
            )
        progress.advance(shard.rows)


def _check_file(path: Path, shard: ShardFile) -> Finding | None:
    try:
        found = digest_file(path)
        if found.size_bytes != shard.bytes or found.sha256.hex() != shard.sha256:
            return _finding(FindingCode.TABLE_DAMAGED, shard, "its bytes are not those listed")
        check_schema(path, schema_of(shard.table))
        rows = pq.read_metadata(path).num_rows
    except FileNotFoundError:
        return _finding(FindingCode.TABLE_MISSING, shard, "there is no such file")
    except (OSError, FormatError, KeyError, pa.ArrowInvalid) as error:
        return _finding(FindingCode.TABLE_DAMAGED, shard, f"cannot be read ({error})")
    if rows != shard.rows:
        text = f"{rows:,} rows where the manifest says {shard.rows:,}"
        return _finding(FindingCode.CATALOGUE_COUNT, shard, text)
    return None


def _out_of_place(catalogue: CatalogueFiles, shard: ShardFile) -> tuple[int, int] | None:
    """(how many, the first one), or None."""
    low = max(shard.shard * catalogue.rows_per_shard, 1)
    high = (shard.shard + 1) * catalogue.rows_per_shard
    rising = shard.table in IN_NUMBER_ORDER
    rows, first, last = 0, 0, 0
    for numbers in iter_numbers(catalogue.directory / shard.path, "number"):
        wrong = (numbers < low) | (numbers >= high)
        if rising:
            wrong |= np.diff(numbers, prepend=last) <= 0
        if wrong.any():
            first = first if rows else int(numbers[wrong][0])
            rows += int(np.count_nonzero(wrong))
        last = int(numbers[-1])
    return (rows, first) if rows else None


def iter_numbers(path: Path, column: str) -> Iterator[npt.NDArray[np.int64]]:
    """A column of whole numbers of a Parquet file, some 262,144 rows at a time, never empty."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_BATCH_ROWS, columns=[column]):
            if batch.num_rows:
                yield batch.column(0).to_numpy(zero_copy_only=False)


def _finding(code: FindingCode, shard: ShardFile, text: str) -> Finding:
    way_out = "run sync (a mirror), or build again" if code in _FETCHED else "build again"
    return Finding(code, Severity.ERROR, shard.path, f"{text}; {way_out}")


_FETCHED = (FindingCode.TABLE_DAMAGED, FindingCode.TABLE_MISSING, FindingCode.CATALOGUE_COUNT)
