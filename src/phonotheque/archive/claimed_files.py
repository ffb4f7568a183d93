"""Files that are plainly those of recordings on which the operator recorded claims.

A file is one if the current build knows it by its source and key, or if its MBID or ISRC is that of
the recording; and if it lasts as long, so that it is not another put in its place. Claims are made
by hand, so they and what their recordings are known by are held in memory.
"""

from collections.abc import Mapping
from typing import Any

import duckdb
import pyarrow as pa

from phonotheque.catalogue import current_build, lasts_as_long, open_build
from phonotheque.model.numbers import Kind
from phonotheque.model.rights import Evidence, evidence_of, standing_claims
from phonotheque.sources import iter_claims
from phonotheque.storage.layout import Tree


class ClaimedFiles:
    """The standing claims by all that a file of their recording is known by."""

    def __init__(self, claims: Mapping[int, tuple[Evidence, ...]]) -> None:
        self._claims = claims
        self._known: dict[str, dict[int, int | None]] = {}

    def know(self, key: str, recording: int, duration_ms: int | None) -> None:
        """That what is known by `key` is of `recording` and lasts so long (None: not known)."""
        self._known.setdefault(key, {})[recording] = duration_ms

    def of(self, row: Mapping[str, Any]) -> tuple[Evidence, ...]:
        """What was claimed of the recording of a file's row (`tables.ROWS`); nothing where it may
        be of none or of several.
        """
        found = set()
        for key in _keys(row["source_key"], row["recording_mbid"], row["isrcs"]):
            for number, duration_ms in self._known.get(key, {}).items():
                lasts_ms = row["duration_ms"]
                if duration_ms and lasts_ms:
                    fits = lasts_as_long(duration_ms, lasts_ms)
                else:
                    fits = key.startswith("file:")
                if fits:
                    found.add(number)
        return self._claims[found.pop()] if len(found) == 1 else ()


def read_claimed_files(tree: Tree, source: str) -> ClaimedFiles:
    """The claims that stand, for the files of `source`. Without claims no catalogue is opened; with
    some, all its tracks are looked through once.

    Raises:
        FormatError: a file that this program does not read.
    """
    standing: dict[int, list[Evidence]] = {}
    for row in standing_claims(list(iter_claims(tree))):
        standing.setdefault(row["recording"], []).extend(map(evidence_of, row["evidence"]))
    current = current_build(tree) if standing else None
    if current is None:
        return ClaimedFiles({})
    reader = open_build(current[1], current[0])
    try:
        return _read(reader.cursor(), standing, source)
    finally:
        reader.close()


def _read(
    cursor: duckdb.DuckDBPyConnection, standing: dict[int, list[Evidence]], source: str
) -> ClaimedFiles:
    cursor.register("wanted", pa.table({"number": pa.array(sorted(standing), pa.int64())}))
    cursor.execute(
        "CREATE TEMP TABLE claimed AS SELECT w.number AS old, coalesce(m.new, w.number) AS number "
        f"FROM wanted w LEFT JOIN redirects m ON m.kind = '{Kind.RECORDING.value}' "
        "AND m.old = w.number"
    )
    claims: dict[int, tuple[Evidence, ...]] = {}
    for old, number in cursor.execute("SELECT old, number FROM claimed ORDER BY old").fetchall():
        claims[number] = (*claims.get(number, ()), *standing[old])
    found = ClaimedFiles(claims)
    cursor.execute(
        "CREATE TEMP TABLE theirs AS SELECT number, duration_ms, recording_mbid, isrcs "
        "FROM recordings SEMI JOIN claimed USING (number)"
    )
    for number, duration_ms, mbid, isrcs in cursor.execute("FROM theirs").fetchall():
        for key in _keys(None, mbid, isrcs):
            found.know(key, number, duration_ms)
    tracks = cursor.execute(
        "SELECT r.number, t.source_key, coalesce(t.duration_ms, r.duration_ms) FROM tracks t "
        "JOIN theirs r ON r.number = t.recording WHERE t.source = ?",
        [source],
    )
    for number, key, duration_ms in tracks.fetchall():
        found.know(f"file:{key}", number, duration_ms)
    return found


def _keys(source_key: str | None, mbid: str | None, isrcs: list[str] | None) -> list[str]:
    keys = [] if source_key is None else [f"file:{source_key}"]
    return keys + ([f"mbid:{mbid}"] if mbid else []) + [f"isrc:{code}" for code in isrcs or ()]
