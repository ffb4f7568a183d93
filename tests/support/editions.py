"""A tiny but true edition, written straight from the schemas: for tests of what reads editions."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa

from phonotheque.model import tables
from phonotheque.model.edition import (
    ArchiveIdentity,
    Counts,
    EditionFile,
    EditionManifest,
    ShardFile,
)
from phonotheque.model.text import normalise
from phonotheque.storage.documents import write_document
from phonotheque.storage.layout import Tree
from phonotheque.storage.tables import write_table

ID_KEY = "000102030405060708090a0b0c0d0e0f"
NOW = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass
class TinyRecording:
    """One recording with one track; `file` is (volume, path, content) where there is audio."""

    title: str
    artist: str = "Nobody"
    release: str | None = "Single"
    isrcs: list[str] = field(default_factory=list)
    listens: int = 0
    tier: int = 1
    year: int | None = 2020
    duration_ms: int | None = 180_000
    collection: str = "tiny"
    licence: str | None = "CC-BY-4.0"
    stream: str = "ALLOW_IF"
    distribute: str = "ALLOW_IF"
    flags: int = 0
    file: tuple[str, str, bytes] | None = None
    position_text: str | None = None
    label: str | None = None  # of its release; the first recording of a release says it
    ai_train: str | None = None  # as the edition says of its file; None: it does not
    aliases: list[str] = field(default_factory=list)  # of its artist; likewise
    release_year: int | None = 2020  # of its release; likewise
    genres: list[str] | None = None  # of its release; the first recording of a release says them
    release_artist: str | None = None  # of its release; None: `artist`


def write_tiny_edition(
    root: Path, recordings: list[TinyRecording], *, name: str = "2026-11", sequence: int = 1
) -> EditionManifest:
    """Write ``root/editions/<name>`` (no torrents, no signatures) and the volumes' data files.

    Recordings are numbered from 1 in list order. Releases are numbered by first appearance of
    (release, release_artist); artists by first appearance of the name.
    """
    tree = Tree(root)
    edition = tree.edition(name)
    releases: dict[tuple[str, str], int] = {}
    artists: dict[str, int] = {}
    labels: dict[tuple[str, str], str | None] = {}
    years: dict[tuple[str, str], int | None] = {}
    genres: dict[tuple[str, str], list[str] | None] = {}
    aliases: dict[str, list[str]] = {}
    for r in recordings:
        artists.setdefault(r.artist, len(artists) + 1)
        aliases.setdefault(r.artist, r.aliases)
        if r.release is not None:
            release = (r.release, r.release_artist or r.artist)
            releases.setdefault(release, len(releases) + 1)
            labels.setdefault(release, r.label)
            years.setdefault(release, r.release_year)
            genres.setdefault(release, r.genres)
    shards: list[ShardFile] = []

    def shard(table: str, schema: pa.Schema, rows: list[dict[str, Any]]) -> None:
        folder = "standing" if table == "standing" else f"catalogue/{table}"
        path = edition / folder / "00000.parquet"
        write_table(path, schema, [pa.Table.from_pylist(rows, schema=schema)])
        content = path.read_bytes()
        digest = sha256(content).hexdigest()
        final = path.with_name(f"00000-{digest[:16]}.parquet")
        path.rename(final)
        shards.append(
            ShardFile(
                table=table,
                shard=0,
                layer="base",
                path=f"{folder}/{final.name}",
                rows=len(rows),
                bytes=len(content),
                sha256=digest,
            )
        )

    shard("recordings", tables.RECORDINGS, [
        {
            "number": n, "isrcs": r.isrcs, "recording_mbid": None,
            "title": r.title, "artist_credit": r.artist, "artist_numbers": [artists[r.artist]],
            "duration_ms": r.duration_ms, "first_release_year": r.year,
            "collections": [r.collection], "licence": r.licence, "stream": r.stream,
            "distribute": r.distribute, "flags": r.flags,
        }
        for n, r in enumerate(recordings, 1)
    ])  # fmt: skip
    shard("tracks", tables.TRACKS, [
        {
            "number": n, "recording": n,
            "release": releases.get((r.release or "", r.release_artist or r.artist)),
            "disc": 1, "position": n,
            "position_text": r.position_text, "title": None, "artist_credit": None,
            "duration_ms": None, "met": None, "source": "tiny", "source_key": str(n),
        }
        for n, r in enumerate(recordings, 1)
    ])  # fmt: skip
    shard("releases", tables.RELEASES, [
        {"number": n, "key": f"source:tiny:{normalise(title)}", "title": title,
         "artist_credit": artist, "year": years[title, artist], "country": None,
         "label": labels[title, artist],
         "barcode": None, "release_mbid": None, "genres": genres[title, artist]}
        for (title, artist), n in releases.items()
    ])  # fmt: skip
    shard("artists", tables.ARTISTS, [
        {"number": n, "key": f"name:{normalise(a)}", "name": a, "sort_name": None,
         "aliases": aliases[a]}
        for a, n in artists.items()
    ])  # fmt: skip
    ranked = sorted(range(len(recordings)), key=lambda i: (-recordings[i].listens, i))
    rank = {i: p for p, i in enumerate(ranked, 1)}
    shard("standing", tables.STANDING, [
        {"number": i + 1, "listens": r.listens, "listeners": None, "rank": rank[i],
         "tier": r.tier}
        for i, r in enumerate(recordings)
    ])  # fmt: skip

    volumes: dict[str, list[dict[str, Any]]] = {}
    training: dict[str, list[dict[str, Any]]] = {}
    for n, r in enumerate(recordings, 1):
        if r.file is None:
            continue
        volume, path, content = r.file
        target = tree.volume(volume) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        volumes.setdefault(volume, []).append({
            "path": path, "recording": n, "sha256": sha256(content).hexdigest(),
            "bytes": len(content), "pieces_root": "00" * 32, "puid": "fmt/203",
            "media_type": "audio/ogg", "codec": "vorbis", "duration_ms": r.duration_ms or 0,
            "sample_rate_hz": 44100, "channels": 2, "title": r.title, "artist_credit": r.artist,
            "release_title": r.release, "licence": r.licence or "LicenseRef-unknown",
            "licence_url": None, "attribution": f"{r.title} by {r.artist}", "stream": r.stream,
            "distribute": r.distribute, "conditions": ["attribution"], "rule_ids": ["test.rule"],
            "reasons": ["made for a test"],
            "evidence": [{"claim": "licence", "value": r.licence, "raw": r.licence or "",
                          "kind": "sidecar", "source": "rights.toml", "captured_at": NOW,
                          "sha256": None}],
        })  # fmt: skip
        if r.ai_train is not None:
            training.setdefault(volume, []).append({
                **{n: volumes[volume][-1][n] for n in
                   ("path", "recording", "sha256", "licence", "licence_url", "attribution",
                    "rule_ids", "reasons")},
                "source_url": None, "ai_train": r.ai_train, "signals": [],
                "conditions": ["credit"] if r.ai_train == "ALLOW_IF" else [],
            })  # fmt: skip
    for volume, files in training.items():
        write_table(
            edition / "ai-training" / f"{volume}.parquet", tables.AI_TRAINING,
            [pa.Table.from_pylist(files, schema=tables.AI_TRAINING)],
        )  # fmt: skip
    volume_rows = []
    for volume, files in sorted(volumes.items()):
        files.sort(key=lambda f: f["path"])
        write_table(
            edition / "files" / f"{volume}.parquet", tables.FILES,
            [pa.Table.from_pylist(files, schema=tables.FILES)],
        )  # fmt: skip
        size = sum(f["bytes"] for f in files)
        volume_rows.append({
            "volume": volume, "tier": recordings[files[0]["recording"] - 1].tier,
            "first_edition": name, "files": len(files), "audio_bytes": size, "total_bytes": size,
            "listens": sum(recordings[f["recording"] - 1].listens for f in files),
            "withdrawn_files": 0, "licences": sorted({f["licence"] for f in files}),
            "piece_length": 16384, "padding_bytes": 0, "torrent_bytes": 0,
            "info_hash_v1": "00" * 20, "info_hash_v2": "00" * 32, "manifest_sha256": "00" * 32,
        })  # fmt: skip
    write_table(edition / "volumes.parquet", tables.VOLUMES,
                [pa.Table.from_pylist(volume_rows, schema=tables.VOLUMES)])  # fmt: skip
    write_table(edition / "tombstones.parquet", tables.TOMBSTONES, [])
    contents = []
    for path in sorted(p for p in edition.rglob("*") if p.is_file()):
        content = path.read_bytes()
        digest = sha256(content).hexdigest()
        where = path.relative_to(edition).as_posix()
        contents.append(EditionFile(path=where, bytes=len(content), sha256=digest))
    manifest = EditionManifest(
        format=1,
        name=name,
        sequence=sequence,
        previous=None,
        published_at=NOW,
        archive=ArchiveIdentity(
            id="00000000-0000-4000-8000-000000000000",
            name="Tiny archive",
            publisher="Tests",
            seat="DE",
        ),
        id_key=ID_KEY,
        tier_cuts_percent=[80.0, 100.0],
        territories=["ZZ"],
        rows_per_shard=4_194_304,
        counts=Counts(
            recordings=len(recordings),
            tracks=len(recordings),
            releases=len(releases),
            artists=len(artists),
            files=sum(len(f) for f in volumes.values()),
            audio_bytes=sum(v["audio_bytes"] for v in volume_rows),
            volumes=len(volumes),
            tiers=len({r.tier for r in recordings}),
            withdrawn=0,
            listens=sum(r.listens for r in recordings),
        ),
        shards=shards,
        contents=contents,
        webseeds=[],
        trackers=[],
    )
    write_document(edition / "edition.json", manifest)
    return manifest
