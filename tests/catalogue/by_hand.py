"""A build written by hand from rows, small shards: for tests of what reads catalogues."""

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa

from phonotheque.catalogue.published import CatalogueFiles
from phonotheque.model import tables
from phonotheque.model.edition import ShardFile
from phonotheque.model.numbers import IdKey
from phonotheque.storage.tables import write_table

SCHEMAS = {
    "recordings": tables.RECORDINGS,
    "tracks": tables.TRACKS,
    "releases": tables.RELEASES,
    "artists": tables.ARTISTS,
    "standing": tables.STANDING,
    "redirects": tables.REDIRECTS,
}
KEY = IdKey(bytes(range(16)))
Row = dict[str, Any]


def recording(number: int, title: str, artist: int, **more: Any) -> Row:
    """A row of `tables.RECORDINGS`."""
    return {
        "number": number, "isrcs": [], "recording_mbid": None, "title": title,
        "artist_credit": f"Artist {artist}", "artist_numbers": [artist], "duration_ms": 180_000,
        "first_release_year": 1999, "collections": [], "licence": None, "stream": "DENY",
        "distribute": "DENY", "flags": 0,
    } | more  # fmt: skip


def track(number: int, of: int, release: int | None, **more: Any) -> Row:
    """A row of `tables.TRACKS` that says the same as its recording."""
    return dict.fromkeys(tables.TRACKS.names) | {
        "number": number, "recording": of, "release": release, "disc": 1, "position": number,
        "source": "a", "source_key": f"t{number}",
    } | more  # fmt: skip


def release(number: int, title: str, **more: Any) -> Row:
    """A row of `tables.RELEASES`."""
    return dict.fromkeys(tables.RELEASES.names) | {
        "number": number, "key": f"source:a:r{number}", "title": title,
        "artist_credit": "Artist 1", "year": 1999,
    } | more  # fmt: skip


def artist(number: int, name: str, **more: Any) -> Row:
    """A row of `tables.ARTISTS`."""
    return {
        "number": number, "key": f"name:{name.lower()}", "name": name, "sort_name": None,
        "aliases": [],
    } | more  # fmt: skip


def stands(number: int, listens: int, rank: int, tier: int) -> Row:
    """A row of `tables.STANDING`."""
    return {"number": number, "listens": listens, "listeners": None, "rank": rank, "tier": tier}


@dataclass
class ByHand:
    """Three recordings, four tracks, two releases, two artists; change the rows, then `write`."""

    directory: Path
    rows_per_shard: int = 2
    label: str = "build 2"
    overlay: list[Row] = field(default_factory=list)  # of recordings
    redirects: list[Row] = field(default_factory=list)
    recordings: list[Row] = field(default_factory=lambda: [
        recording(1, "Älskling, \"so\"", 1, isrcs=["USABC2000001"], licence="CC-BY-4.0"),
        recording(2, "=Sum", 2, first_release_year=2005, duration_ms=None),
        recording(4, "Third\nline", 1, artist_numbers=[1, 2], artist_credit="Artist 1 & Zoë"),
    ])  # fmt: skip
    tracks: list[Row] = field(default_factory=lambda: [
        track(1, 1, 1), track(2, 2, 1, title="Sum (live)", artist_credit="Zoë"),
        track(3, 4, 3, met="text"), track(5, 1, None, met="isrc"),
    ])  # fmt: skip
    releases: list[Row] = field(default_factory=lambda: [
        release(1, "Best of", country="SE", label="Lab"), release(3, "Other", country="de"),
    ])  # fmt: skip
    artists: list[Row] = field(default_factory=lambda: [
        artist(1, "Artist 1"), artist(2, "Zoë", sort_name="Zoë", aliases=["ZZ Top of"]),
    ])  # fmt: skip
    standing: list[Row] = field(default_factory=lambda: [
        stands(1, 10, 2, 3), stands(2, 90, 1, 1), stands(4, 0, 3, 3),
    ])  # fmt: skip
    counts: dict[str, int] = field(default_factory=dict)
    shards: list[ShardFile] = field(default_factory=list)

    def write(self) -> CatalogueFiles:
        """The catalogue of these rows; `counts` is what the manifest promises otherwise."""
        for table in ("recordings", "tracks", "releases", "artists", "standing"):
            self._write_table(table, "base", getattr(self, table))
        self._write_table("recordings", "overlay", self.overlay)
        if self.redirects:
            self._write_file("redirects", 0, "base", self.redirects)
        counts = {
            name: len(getattr(self, name))
            for name in ("recordings", "tracks", "releases", "artists")
        }
        return CatalogueFiles(
            label=self.label, directory=self.directory, shards=self.shards,
            counts=counts | self.counts, rows_per_shard=self.rows_per_shard,
            cuts_percent=[50.0, 80.0, 100.0], id_key=KEY,
        )  # fmt: skip

    def _write_table(self, table: str, layer: str, rows: list[Row]) -> None:
        for shard in sorted({row["number"] // self.rows_per_shard for row in rows}):
            mine = [r for r in rows if r["number"] // self.rows_per_shard == shard]
            self._write_file(table, shard, layer, mine)

    def _write_file(self, table: str, shard: int, layer: str, rows: list[Row]) -> None:
        path = self.directory / table / f"{shard:05d}-{layer}.parquet"
        schema = SCHEMAS[table]
        write_table(path, schema, [pa.Table.from_pylist(rows, schema=schema)])
        content = path.read_bytes()
        self.shards.append(ShardFile(
            table=table, shard=shard, layer=layer, path=path.relative_to(self.directory).as_posix(),
            rows=len(rows), bytes=len(content), sha256=sha256(content).hexdigest(),
        ))  # fmt: skip
