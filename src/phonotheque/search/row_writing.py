"""Making the row store: parts that each cover a range of numbers, then one store of them all.

A part is one sorted SST file, written by any process and renamed when it is whole: a killed build
goes on after its last whole part. What a part says depends on the edition and the range alone.
"""

import os
import shutil
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from rocksdict import IngestExternalFileOptions, Rdict, SstFileWriter

from phonotheque.model.numbers import Kind
from phonotheque.search.reading import EditionTables
from phonotheque.search.row_reading import iter_packed_rows, scatter_owned
from phonotheque.search.rows import row_options
from phonotheque.storage.arrays import Array

KINDS = {Kind.ARTIST: "artists", Kind.RELEASE: "releases", Kind.RECORDING: "recordings"}
BYTES_A_ROW = 1_024
_MOST_ROWS = 1 << 21
_LEAST_ROWS = 1 << 16
_KEY_BYTES = struct.calcsize(">cQ")


@dataclass(frozen=True, slots=True)
class RowPart:
    """The rows of one kind with first ≤ number < last, one of a plan with parts of `step`."""

    kind: Kind
    first: int
    last: int
    step: int = 0

    @property
    def name(self) -> str:
        """Name of its file; names sort as keys do."""
        return f"rows-{self.kind.value}-{self.first:013d}-{self.last:013d}.sst"


def plan_row_parts(tables: EditionTables, memory_bytes: int) -> list[RowPart]:
    """The parts of an edition, in order of key, each made within `memory_bytes`."""
    step = min(max(memory_bytes // BYTES_A_ROW, _LEAST_ROWS), _MOST_ROWS)
    return [
        RowPart(kind, first, min(first + step, greatest + 1), step)
        for kind, table in KINDS.items()
        for greatest in [tables.count(table)[1]]
        for first in range(1, greatest + 1, step)
    ]


def count_rows(tables: EditionTables) -> int:
    """How many rows the store of an edition has."""
    return sum(tables.count(table)[0] for table in KINDS.values())


def write_row_part(tables: EditionTables, part: RowPart, folder: Path) -> int:
    """Write `part` into `folder`, unless it is there already; the number of rows written."""
    done = folder / part.name
    if done.exists():
        return 0
    own = folder / f"rows-owned-{part.step}" / f"part={(part.first - 1) // max(part.step, 1)}"
    partial = done.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    writer, rows = SstFileWriter(row_options(for_writing=True)), 0
    writer.open(str(partial))
    for numbers, packed in iter_packed_rows(
        tables, part.kind, part.first, part.last, own if own.parent.exists() else None
    ):
        _put(writer, _keys(part.kind, numbers), packed)
        rows += len(numbers)
    if rows:
        writer.finish()
        partial.rename(done)
    else:
        partial.unlink(missing_ok=True)  # an SST file must not be empty
    return rows


def finish_rows(folder: Path, store: Path) -> None:
    """Make the store at `store`, whole or not at all, of the parts in `folder`; they are gone then.

    The store shares their bytes on disk, which are never there twice.
    """
    partial, links = store.with_name(f"{store.name}.partial"), folder / "rows-links"
    for left in (partial, links):
        shutil.rmtree(left, ignore_errors=True)
    links.mkdir()
    parts = sorted(folder.glob("rows-*.sst"))
    for part in parts:
        os.link(part, links / part.name)
    database = Rdict(str(partial), row_options(for_writing=True))
    if parts:
        how = IngestExternalFileOptions()
        how.set_move_files(True)
        database.ingest_external_file([str(links / part.name) for part in parts], how)
    database.close()
    partial.rename(store)
    for part in parts:
        part.unlink()
    for left in (links, *folder.glob("rows-owned-*")):
        shutil.rmtree(left)


def prepare_parts(tables: EditionTables, parts: Sequence[RowPart], folder: Path) -> None:
    """Lay out what recordings own by the parts of a plan; what another plan left is deleted."""
    named, steps = {part.name for part in parts}, {part.step for part in parts}
    for left in folder.glob("rows-*.sst"):
        if left.name not in named:
            left.unlink()
    for left in folder.glob("rows-owned-*"):
        if left.name not in {f"rows-owned-{step}" for step in steps}:
            shutil.rmtree(left)
    for step in steps:
        scatter_owned(tables, step, folder / f"rows-owned-{step}")


def _keys(kind: Kind, numbers: Array) -> list[bytes]:
    keys = np.empty((len(numbers), _KEY_BYTES), np.uint8)
    keys[:, 0] = ord(kind.value)
    keys[:, 1:] = numbers.astype(">u8").view(np.uint8).reshape(-1, 8)
    listed: list[bytes] = keys.view(f"V{_KEY_BYTES}").ravel().tolist()
    return listed


def _put(writer: Any, keys: Iterable[bytes], packed: pa.Array) -> None:
    for key, value in zip(keys, packed.to_pylist(), strict=True):  # encoded already: a plain copy
        writer[key] = value
