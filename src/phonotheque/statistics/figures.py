"""Reading the figures of one edition."""

from pathlib import Path
from typing import Any, TypeVar

import duckdb
import msgspec

from phonotheque.catalogue import open_edition
from phonotheque.model.edition import EditionManifest
from phonotheque.statistics.queries import QUERIES
from phonotheque.storage.documents import read_document

DEFAULT_TOP = 20
T = TypeVar("T", bound=msgspec.Struct)


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of the whole edition; files, bytes and time are of what is held, not withdrawn."""

    recordings: int
    tracks: int
    releases: int
    artists: int
    with_isrc: int
    volumes: int
    files: int
    audio_bytes: int
    audio_ms: int
    withdrawn: int
    listens: int


class TierFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One tier. Shares are of all listens of the edition, from 0 to 1."""

    tier: int
    recordings: int
    listens: int
    files: int
    bytes: int
    least_listens: int
    listens_held: int  # of recordings whose audio is held
    share: float
    share_held: float


class LicenceFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One licence; None: no evidence agrees on one."""

    licence: str | None
    recordings: int
    files: int
    bytes: int


class DecadeFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Recordings first released in the ten years from `decade`; None: year unknown."""

    decade: int | None
    recordings: int


class DurationBin(msgspec.Struct, frozen=True, kw_only=True):
    """Recordings of `from_seconds` and less than 30 s longer; the last bin (1200) has no end."""

    from_seconds: int
    recordings: int


class TopRecording(msgspec.Struct, frozen=True, kw_only=True):
    """One of the most listened."""

    rank: int
    number: int
    title: str
    artist_credit: str
    listens: int
    tier: int
    held: bool


class VolumeFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `volumes.parquet`, less its digests."""

    volume: str
    tier: int
    first_edition: str
    files: int
    audio_bytes: int
    total_bytes: int
    listens: int
    withdrawn_files: int
    licences: list[str]
    piece_length: int
    padding_bytes: int
    torrent_bytes: int


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """All figures of one edition; `queries.QUERIES` has the SQL that gave each."""

    edition: str
    totals: Totals
    tiers: list[TierFigures]
    licences: list[LicenceFigures]
    decades: list[DecadeFigures]
    durations: list[DurationBin]
    top_recordings: list[TopRecording]
    volumes: list[VolumeFigures]


def read_statistics(edition_dir: Path, *, top: int = DEFAULT_TOP) -> Statistics:
    """The figures of the edition in `edition_dir`, with the `top` most listened recordings.

    Raises:
        NotFoundError, FormatError: no edition there, or not one this program reads.
    """
    manifest = read_document(edition_dir / "edition.json", EditionManifest)
    reader = open_edition(edition_dir, manifest)
    try:
        cursor = reader.cursor()
        (totals,) = _all(cursor, "totals", Totals)
        return Statistics(
            edition=manifest.name,
            totals=totals,
            tiers=_tiers(cursor, totals.listens),
            licences=_all(cursor, "by_licence", LicenceFigures),
            decades=_all(cursor, "by_decade", DecadeFigures),
            durations=_all(cursor, "durations", DurationBin),
            top_recordings=_all(cursor, "top_recordings", TopRecording, {"limit": top}),
            volumes=_all(cursor, "volumes", VolumeFigures),
        )
    finally:
        reader.close()


def _tiers(cursor: duckdb.DuckDBPyConnection, listens: int) -> list[TierFigures]:
    whole = max(listens, 1)
    return [
        TierFigures(**row, share=row["listens"] / whole, share_held=row["listens_held"] / whole)
        for row in _rows(cursor, "by_tier")
    ]


def _all(
    cursor: duckdb.DuckDBPyConnection,
    query: str,
    kind: type[T],
    parameters: dict[str, int] | None = None,
) -> list[T]:
    return [kind(**row) for row in _rows(cursor, query, parameters)]


def _rows(
    cursor: duckdb.DuckDBPyConnection, query: str, parameters: dict[str, int] | None = None
) -> list[dict[str, Any]]:
    cursor.execute(QUERIES[query], parameters)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
