"""The table of volumes of an edition: which stand, which are superseded, and by which
(docs/formats/volume.md)."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from phonotheque.model import tables
from phonotheque.model.errors import FormatError

Superseded = Mapping[str, Sequence[str]]
"""Superseded volume → the volumes that took its place; none where no file of it was left."""


def read_volumes(path: Path) -> pa.Table:
    """The table of volumes at `path`; columns that came later are null where they are missing.

    Raises:
        FormatError: it cannot be read.
    """
    try:
        return complete_volumes(pq.read_table(path))
    except (OSError, pa.ArrowInvalid, KeyError) as error:
        raise FormatError(f"{path}: not a readable table of volumes ({error})") from error


def complete_volumes(found: pa.Table) -> pa.Table:
    """Rows of `volumes.parquet` with the columns that came later, null where they are missing."""
    for name in sorted(tables.SUPERSEDING - set(found.column_names)):
        field = tables.VOLUMES.field(name)
        found = found.append_column(field, pa.nulls(found.num_rows, field.type))
    return found.select(tables.VOLUMES.names).cast(tables.VOLUMES)


def read_superseded(edition: Path) -> dict[str, list[str]]:
    """The superseded volumes that the edition in `edition` names.

    Raises:
        FormatError: its table of volumes cannot be read.
    """
    path = edition / "volumes.parquet"
    try:
        return superseded_in(pq.ParquetFile(path))
    except (OSError, pa.ArrowInvalid) as error:
        raise FormatError(f"{path}: not a readable table of volumes ({error})") from error


def superseded_in(volumes: pq.ParquetFile) -> dict[str, list[str]]:
    """As `read_superseded`, of an open table of volumes."""
    if "superseded_by" not in volumes.schema_arrow.names:
        return {}
    rows: list[dict[str, Any]] = volumes.read(columns=["volume", "superseded_by"]).to_pylist()
    return {r["volume"]: r["superseded_by"] for r in rows if r["superseded_by"] is not None}


def heirs_of(volume: str, superseded: Superseded) -> list[str]:
    """The volumes that hold today what `volume` held, sorted; itself where it still stands."""
    return sorted(set(_iter_heirs(volume, superseded, frozenset())))


def _iter_heirs(volume: str, superseded: Superseded, seen: frozenset[str]) -> Iterator[str]:
    if volume in seen:
        raise FormatError(f"volumes.parquet: {volume} supersedes itself; fetch the edition again")
    if volume not in superseded:
        yield volume
        return
    for heir in superseded[volume]:
        yield from _iter_heirs(heir, superseded, seen | {volume})
