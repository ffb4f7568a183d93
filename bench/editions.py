"""An edition for the benches, written directly as Parquet: the recordings of `phonotheque synth`,
whose words are mixed with those of the planted rows, and these rows among them.

Numbers of what is planted follow those of what is made up; their ranks lie one half evenly, one
half more among the popular. Half of the recordings have an MBID, all a code; two releases in three
have a barcode; one artist in twenty has an alias.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.known_items import UNKNOWN, Item
from bench.planted_rows import Albums, ean13s, planted_recordings, planted_tracks
from bench.shared_words import SharedWords
from phonotheque.model import tables
from phonotheque.model.edition import ArchiveIdentity, Counts, EditionManifest, ShardFile
from phonotheque.storage.documents import write_document
from phonotheque.storage.tables import write_table
from phonotheque.synth.coded import Tracks, find_tracks, make_rows
from phonotheque.synth.draws import Ints, below, draw, happens
from phonotheque.synth.layouts import BLOCK, FRESH, RELEASES
from phonotheque.synth.listening import listens
from phonotheque.synth.world import FEATURING_SHARE, World

SEED = 5
_BLOCKS_AT_ONCE = 2_048
_ROWS_AT_ONCE = 250_000
_LICENCES = ["CC-BY-4.0", "CC-BY-NC-SA-3.0", "CC0-1.0", "LicenseRef-Public-Domain", None, None]
_TIERS = (0.001, 0.1, 1.0)


@dataclass(frozen=True)
class Planted:
    """What was written. `first` is the number of the first planted recording: item i has
    `first` + i; `rank` and `listens` are by recording number - 1."""

    first: int
    rank: Ints
    listens: Ints
    tracks: int


class _Owners:
    """Artist numbers of the made-up recordings, and how many artists there are."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.greatest = 0

    def lists(self, recordings: Ints) -> pa.Array:
        """[artist] or [artist, guest] of each recording."""
        world = self._world
        owner = world.artist(world.album(recordings))
        has_guest = happens(draw(world.seed, "guest", recordings), FEATURING_SHARE)
        guest = world.guest(recordings)
        self.greatest = max(
            self.greatest, 1 + int(owner.max()), 1 + int(np.where(has_guest, guest, 0).max())
        )
        width = 1 + has_guest.astype(np.int64)
        offsets = np.concatenate([[0], np.cumsum(width)])
        values = np.empty(int(offsets[-1]), dtype=np.int64)
        values[offsets[:-1]] = owner + 1
        values[offsets[1:][has_guest] - 1] = guest[has_guest] + 1
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(values))


def write_edition(root: Path, documents: int, items: Sequence[Item]) -> Planted:
    """Write an edition of at least `documents` recordings, `items` among them, in `root`."""
    blocks = max(-(-max(documents - len(items), 1) // FRESH), 1)
    world = World(SEED, blocks * FRESH)
    said = [text for item in items for text in (item.title, item.artist) if text != UNKNOWN]
    world.words = SharedWords(world.words, said)  # type: ignore[assignment]
    made_up, owners = blocks * FRESH, _Owners(world)
    spans = [np.arange(at, min(at + _BLOCKS_AT_ONCE, blocks))
             for at in range(0, blocks, _BLOCKS_AT_ONCE)]  # fmt: skip
    shards = _write_made_up(root, world, spans, owners)
    releases, artists = blocks * RELEASES, owners.greatest
    planted = _plan_ranks(world, made_up, len(items), blocks * BLOCK + len(items))
    known = dict.fromkeys(item.artist for item in items)
    names = {name: n for n, name in enumerate(known, artists + 1)}
    albums = Albums(items, releases + 1)
    shards += [
        _shard(root, "releases", _releases(world, spans, albums)),
        _shard(root, "artists", _artists(world, artists, list(names))),
        _shard(root, "standing", _standing(planted)),
    ]
    recordings = planted_recordings(items, planted.first, names)
    tracks = planted_tracks(albums, blocks * BLOCK + 1, planted.first)
    shards += [
        _shard(
            root, "recordings", (tables.RECORDINGS, _in_parts(recordings, tables.RECORDINGS)), 1
        ),
        _shard(root, "tracks", (tables.TRACKS, _in_parts(tracks, tables.TRACKS)), 1),
    ]
    write_table(root / "volumes.parquet", tables.VOLUMES, [])
    write_table(root / "tombstones.parquet", tables.TOMBSTONES, [])
    _write_manifest(root, shards, planted, releases + len(albums.rows), artists + len(names))
    return planted


def _write_made_up(root: Path, world: World, spans: list[Ints], owners: _Owners) -> list[ShardFile]:
    """recordings and tracks of the made-up part, as the first shards of their tables."""
    paths = {name: root / name / "00000.parquet" for name in ("recordings", "tracks")}
    schemas = {"recordings": tables.RECORDINGS, "tracks": tables.TRACKS}
    writers = {}
    for name, path in paths.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        writers[name] = pq.ParquetWriter(path, schemas[name], compression="zstd")
    for blocks in spans:
        numbers = (blocks[:, None] * BLOCK + np.arange(BLOCK)).ravel()
        rows = make_rows(world, numbers)
        tracks = find_tracks(world, numbers)
        fresh = numbers % BLOCK < FRESH
        part = _recordings(world, rows.filter(pa.array(fresh)), tracks.recording[fresh], owners)
        writers["recordings"].write_table(part, row_group_size=1 << 17)
        writers["tracks"].write_table(_tracks(world, rows, tracks), row_group_size=1 << 17)
    for writer in writers.values():
        writer.close()
    return [_described(root, name, 0) for name in paths]


def _recordings(world: World, rows: pa.RecordBatch, numbers: Ints, owners: _Owners) -> pa.Table:
    count = len(numbers)
    offsets = pa.array(np.arange(count + 1), pa.int32())
    drawn = draw(world.seed, "licence", world.album(numbers))
    has_mbid = pa.array(happens(draw(world.seed, "has mbid", numbers), 0.5))
    licences = pa.array(_LICENCES, pa.string()).take(pa.array(below(drawn, len(_LICENCES))))
    none = pa.scalar(None, pa.string())
    columns = {
        "number": pa.array(numbers + 1),
        "isrcs": pa.ListArray.from_arrays(offsets, rows.column("isrcs")),
        "recording_mbid": pc.if_else(has_mbid, world.mbids(numbers), none),
        "title": rows.column("title"),
        "artist_credit": rows.column("artist_credit"),
        "artist_numbers": owners.lists(numbers),
        "duration_ms": rows.column("duration_ms"),
        "first_release_year": rows.column("release_year"),
        "collections": pa.array([[]] * count, pa.list_(pa.string())),
        "licence": licences,
        "stream": pa.repeat("ALLOW_IF", count),
        "distribute": pa.repeat("ALLOW_IF", count),
        "flags": pa.array(np.zeros(count, dtype=np.int32)),
    }
    return pa.table(columns, schema=tables.RECORDINGS)


def _tracks(world: World, rows: pa.RecordBatch, tracks: Tracks) -> pa.Table:
    count = len(tracks.number)
    own = world.titles(tracks.recording, world.artist(world.album(tracks.recording)))
    title, none = rows.column("title"), pa.scalar(None, pa.string())
    columns = {
        "number": pa.array(tracks.number + 1),
        "recording": pa.array(tracks.recording + 1),
        "release": pa.array(tracks.release + 1),
        "disc": rows.column("disc"),
        "position": rows.column("position"),
        "title": pc.if_else(pc.equal(own, title), none, title),
        "source": pa.repeat("synth", count),
        "source_key": rows.column("source_key"),
    }
    return _filled(columns, tables.TRACKS, count)


def _filled(columns: dict[str, Any], schema: pa.Schema, count: int) -> pa.Table:
    """A table of `schema`; columns that are not given are null."""
    return pa.table(
        {f.name: columns.get(f.name, pa.nulls(count, f.type)) for f in schema}, schema=schema
    )


def _releases(
    world: World, spans: list[Ints], albums: Albums
) -> tuple[pa.Schema, Iterator[pa.Table]]:
    def parts() -> Iterator[pa.Table]:
        for blocks in spans:
            numbers = (blocks[:, None] * BLOCK + np.arange(BLOCK)).ravel()
            tracks = find_tracks(world, numbers)
            heads = tracks.number[tracks.position == 1]
            yield _made_up_releases(world, make_rows(world, heads), find_tracks(world, heads))
        yield from _in_parts(albums.rows, tables.RELEASES)

    return tables.RELEASES, parts()


def _made_up_releases(world: World, rows: pa.RecordBatch, tracks: Tracks) -> pa.Table:
    count, none = len(tracks.release), pa.scalar(None, pa.string())
    drawn = draw(world.seed, "barcode", tracks.release)
    coded, known = pa.array(happens(drawn, 0.67)), pa.array(happens(drawn, 0.5))
    columns = {
        "number": pa.array(tracks.release + 1),
        "key": pc.binary_join_element_wise("synth", rows.column("release_key"), ":"),
        "title": rows.column("release_title"),
        "artist_credit": rows.column("release_artist"),
        "year": rows.column("release_year"),
        "label": rows.column("label"),
        "barcode": pc.if_else(coded, ean13s(tracks.release + 1), none),
        "release_mbid": pc.if_else(known, world.mbids(tracks.release, "release mbid"), none),
    }
    return _filled(columns, tables.RELEASES, count)


def _artists(
    world: World, made_up: int, planted: list[str]
) -> tuple[pa.Schema, Iterator[pa.Table]]:
    def parts() -> Iterator[pa.Table]:
        for at in range(0, made_up, _ROWS_AT_ONCE):
            numbers = np.arange(at, min(at + _ROWS_AT_ONCE, made_up), dtype=np.int64)
            names = world.artist_names(numbers)
            has_alias = happens(draw(world.seed, "has alias", numbers), 0.05)
            aliases = world.artist_names(numbers[has_alias] + 2**32)
            offsets = np.concatenate([[0], np.cumsum(has_alias)])
            columns = {
                "number": pa.array(numbers + 1),
                "key": pc.binary_join_element_wise(
                    "synth", pa.array(numbers).cast(pa.string()), ":"
                ),
                "name": names,
                "aliases": pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), aliases),
            }
            yield _filled(columns, tables.ARTISTS, len(numbers))
        rows = [{"number": n, "key": f"name:{name}", "name": name, "aliases": []}
                for n, name in enumerate(planted, made_up + 1)]  # fmt: skip
        yield from _in_parts(rows, tables.ARTISTS)

    return tables.ARTISTS, parts()


def _plan_ranks(world: World, made_up: int, planted: int, tracks: int) -> Planted:
    """Listens of all recordings, and their ranks: the planted take the listens of those among whom
    they fall."""
    heard = np.empty(made_up + planted, dtype=np.int64)
    for at in range(0, made_up, _ROWS_AT_ONCE):
        numbers = np.arange(at, min(at + _ROWS_AT_ONCE, made_up), dtype=np.int64)
        heard[at : at + len(numbers)] = listens(world, numbers)
    rng = np.random.default_rng(SEED)
    places = rng.integers(0, made_up, planted)
    popular = rng.random(planted) < 0.5
    places = np.where(popular, (made_up ** rng.random(planted)).astype(np.int64) - 1, places)
    heard[made_up:] = -np.sort(-heard[:made_up])[np.clip(places, 0, made_up - 1)]
    order = np.argsort(-heard, kind="stable")
    rank = np.empty(len(heard), dtype=np.int64)
    rank[order] = np.arange(1, len(heard) + 1)
    return Planted(made_up + 1, rank, heard, tracks)


def _standing(planted: Planted) -> tuple[pa.Schema, Iterator[pa.Table]]:
    total = len(planted.rank)
    cuts = np.array([total * share for share in _TIERS])

    def parts() -> Iterator[pa.Table]:
        for at in range(0, total, _ROWS_AT_ONCE):
            rank = planted.rank[at : at + _ROWS_AT_ONCE]
            columns = {
                "number": pa.array(np.arange(at + 1, at + len(rank) + 1)),
                "listens": pa.array(planted.listens[at : at + len(rank)]),
                "rank": pa.array(rank),
                "tier": pa.array((np.searchsorted(cuts, rank) + 1).clip(1, 3).astype(np.int8)),
            }
            yield _filled(columns, tables.STANDING, len(rank))

    return tables.STANDING, parts()


def _in_parts(rows: list[dict[str, Any]], schema: pa.Schema) -> Iterator[pa.Table]:
    for first in range(0, len(rows), _ROWS_AT_ONCE):
        yield pa.Table.from_pylist(rows[first : first + _ROWS_AT_ONCE], schema=schema)


def _shard(
    root: Path, table: str, content: tuple[pa.Schema, Iterator[pa.Table]], number: int = 0
) -> ShardFile:
    write_table(root / table / f"{number:05d}.parquet", *content)
    return _described(root, table, number)


def _described(root: Path, table: str, number: int) -> ShardFile:
    path = root / table / f"{number:05d}.parquet"
    with path.open("rb") as stream:
        digest = file_digest(stream, "sha256").hexdigest()
    return ShardFile(
        table=table, shard=number, layer="base", path=str(path.relative_to(root)),
        rows=pq.read_metadata(path).num_rows, bytes=path.stat().st_size, sha256=digest,
    )  # fmt: skip


def _write_manifest(
    root: Path, shards: list[ShardFile], planted: Planted, releases: int, artists: int
) -> None:
    counts = Counts(
        recordings=len(planted.rank), tracks=planted.tracks, releases=releases, artists=artists,
        files=0, audio_bytes=0, volumes=0, tiers=len(_TIERS), withdrawn=0,
        listens=int(planted.listens.sum()),
    )  # fmt: skip
    write_document(root / "edition.json", EditionManifest(
        format=1, name="bench", sequence=1, previous=None,
        published_at=datetime(2026, 11, 1, tzinfo=UTC),
        archive=ArchiveIdentity(id="-", name="Bench", publisher="Bench", seat="DE"),
        id_key="00" * 16, tier_cuts_percent=[100 * share for share in _TIERS], territories=["ZZ"],
        rows_per_shard=1 << 22, counts=counts, shards=shards, contents=[], webseeds=[],
        trackers=[],
    ))  # fmt: skip
