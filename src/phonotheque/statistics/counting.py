"""Counting: every query of one edition, run once, within a bounded memory."""

import os
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import duckdb
import msgspec

from phonotheque.model.edition import EditionManifest
from phonotheque.model.progress import Progress, Silent
from phonotheque.statistics.figures import EditionFigures, Statistics
from phonotheque.statistics.queries import QUERIES
from phonotheque.statistics.views import format_editions, format_views, volumes_lacking
from phonotheque.storage.documents import read_document

DEFAULT_MEMORY_BYTES = 2 << 30
_SPILL = str(Path(gettempdir()) / f"phonotheque-spill-{os.getuid()}")


def read_statistics(
    edition_dir: Path,
    progress: Progress | None = None,
    *,
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
) -> Statistics:
    """The figures of the edition in `edition_dir`, counted now.

    Time is in proportion to the edition (docs/statistics.md); memory is about `memory_bytes`, and
    what does not fit goes to the folder for temporary files.

    Raises:
        NotFoundError, FormatError: no edition there, or not one this program reads.
    """
    manifest = read_document(edition_dir / "edition.json", EditionManifest)
    progress = progress or Silent()
    progress.start("statistics", len(QUERIES), "figures")
    limits = {
        "threads": 2,
        "temp_directory": _SPILL,
        "memory_limit": f"{memory_bytes}B",
        "preserve_insertion_order": False,
    }
    with duckdb.connect(":memory:", config=limits) as connection:
        connection.execute(format_views(manifest, edition_dir, f"{edition_dir}/"))
        return _count(connection, manifest, edition_dir, progress)


def read_growth(edition_dir: Path, manifest: EditionManifest) -> list[EditionFigures]:
    """The editions that stand beside `manifest`'s, which is in `edition_dir`, up to it, oldest
    first: so far as they are here."""
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        connection.execute(format_editions(manifest.sequence, f"{edition_dir}/"))
        return msgspec.convert(_rows(connection, "growth"), list[EditionFigures])


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    cursor = connection.execute(QUERIES[query])
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


_LISTS = {
    "listens": "by_listens",
    "licences": "by_licence",
    "verdicts": "by_verdict",
    "rules": "by_rule",
    "decades": "by_decade",
    "years": "by_year",
    "durations": "durations",
    "seconds": "by_second",
    "tracks_per_isrc": "tracks_per_isrc",
    "tracks_per_recording": "tracks_per_recording",
    "formats": "formats",
    "bitrates": "bitrates",
    "growth": "growth",
    "top_recordings": "top_recordings",
    "top_artists": "top_artists",
    "top_releases": "top_releases",
    "top_genres": "top_genres",
    "volumes": "volumes",
}
"""Field of `Statistics` → query, where nothing is added to the rows."""


def _count(
    connection: duckdb.DuckDBPyConnection,
    manifest: EditionManifest,
    edition_dir: Path,
    progress: Progress,
) -> Statistics:
    counted: dict[str, Any] = {}
    for field, query in _LISTS.items():
        counted[field] = _rows(connection, query)
        progress.advance()
    (totals,) = _rows(connection, "totals")
    progress.advance()
    counted |= {
        "edition": manifest.name,
        "territories": manifest.territories,
        "volumes_lacking": len(volumes_lacking(manifest, edition_dir)),
        "totals": totals,
        "tiers": _tiers(_rows(connection, "by_tier"), totals["listens"]),
        "ranks": _ranks(_rows(connection, "by_rank"), totals["listens"]),
        "sql": {"views": format_views(manifest, edition_dir), **QUERIES},
    }
    return msgspec.convert(counted, Statistics)


def _tiers(rows: Sequence[dict[str, Any]], listens: int) -> list[dict[str, Any]]:
    whole = max(listens, 1)
    return [
        {**row, "share": row["listens"] / whole, "share_held": row["listens_held"] / whole}
        for row in rows
    ]


def _ranks(rows: Sequence[dict[str, Any]], listens: int) -> list[dict[str, Any]]:
    whole = max(listens, 1)
    names = ("listens", "listens_held", "bytes")
    sums = [list(accumulate(row[name] for row in rows)) for name in names]
    return [
        {**row, "share_to_here": heard / whole, "share_held_to_here": held / whole,
         "bytes_to_here": size}
        for row, heard, held, size in zip(rows, *sums, strict=True)
    ]  # fmt: skip
