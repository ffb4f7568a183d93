"""Search: our index against SQLite FTS5 on the same synthetic catalogue, in the same run.

Texts are drawn from small lists of invented words by Zipf's law (200,000 recordings small,
5,000,000 large). Each class asks the same queries of both; times are of one whole page of twenty,
rows included for ours. FTS5 has ``detail=none``, documents in rank order and stops at twenty: its
fastest form. Quality: the share of queries whose recording, or one of equal title and artist, is
among the first ten. Ratios are FTS5's time over ours: above 1, ours is faster.
"""

import resource
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from phonotheque.model import tables
from phonotheque.model.edition import ArchiveIdentity, Counts, EditionManifest, ShardFile
from phonotheque.model.progress import Silent
from phonotheque.search import SearchIndex, build_index
from phonotheque.search.words import words
from phonotheque.storage.documents import write_document
from phonotheque.storage.tables import write_table

DOCUMENTS = {"small": 200_000, "large": 5_000_000}
QUERIES = {"small": 300, "large": 1_000}
SYLLABLES = ["ba", "cor", "da", "el", "fin", "gra", "ho", "is", "ju", "ka", "lo", "mir", "na",
             "or", "pe", "qui", "ra", "sol", "ta", "ul", "vé", "wen", "xi", "yo", "zu"]  # fmt: skip
COMMON = ["the", "love", "of", "you", "in", "me", "a", "night", "song", "my"]
PART_ROWS = 500_000
LOOK_UP_FILES = ["isrc_*", "mbid_*", "source_*", "release_*", "artist_*", "redirect_*"]


@dataclass(frozen=True)
class Texts:
    """Titles and artists by recording number - 1; number = rank."""

    titles: list[str]
    artists: list[str]


def run(scale: str) -> dict[str, Any]:
    """Build both, ask both."""
    documents = DOCUMENTS[scale]
    with tempfile.TemporaryDirectory(prefix="bench-search-") as folder:
        root = Path(folder)
        texts = make_texts(documents)
        write_edition(root / "edition", texts)
        started = time.monotonic()
        report = build_index(root / "edition", root / "index", Silent())
        build_s = time.monotonic() - started
        started = time.monotonic()
        index = SearchIndex.open(root / "index")
        open_ms = (time.monotonic() - started) * 1e3
        started = time.monotonic()
        peer = build_fts5(root / "fts5.db", texts)
        peer_s = time.monotonic() - started
        ours: dict[str, Any] = {
            "documents": documents,
            "docs_per_s": documents / build_s,
            "open_ms": open_ms,
            "index_bytes_per_recording": report.index_bytes / documents,
            "lookup_bytes_per_recording": bytes_of(root / "index", LOOK_UP_FILES) / documents,
            "rows_bytes_per_recording": report.rows_bytes / documents,
            "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }
        peers: dict[str, Any] = {
            "fts5_docs_per_s": documents / peer_s,
            "fts5_bytes_per_recording": (root / "fts5.db").stat().st_size / documents,
        }
        ratios: dict[str, Any] = {}
        for name, asked in make_queries(texts, QUERIES[scale]).items():
            mine = ask(lambda q: [h.row.title for h in index.search(q, 20).hits], asked)
            theirs = ask(lambda q: ask_fts5(peer, q), asked)
            for figures, prefix, found in ((ours, "", mine), (peers, "fts5_", theirs)):
                figures.update({f"{prefix}{name}_{key}": value for key, value in found.items()})
            ratios[f"{name}_p50"] = theirs["p50_ms"] / mine["p50_ms"]
            ratios[f"{name}_p99"] = theirs["p99_ms"] / mine["p99_ms"]
        ours.update(look_up(index, documents))
        index.close()
    limits = {"p50_ms": 5.0, "p99_ms": 50.0, "index_bytes_per_recording": 64}
    return {"ours": ours, "peers": peers, "limits": limits, "ratios": ratios}


def make_texts(documents: int) -> Texts:
    """Titles of 1 to 6 words, one common word in four; artists of two words, shared by Zipf."""
    rng = np.random.default_rng(7)
    vocabulary = make_words(max(documents // 8, 5_000))
    artists_known = [
        f"{vocabulary[a]} {vocabulary[b]}".title()
        for a, b in rng.integers(0, len(vocabulary), (max(documents // 20, 500), 2))
    ]
    owner = zipf(rng, len(artists_known), documents)
    lengths = rng.integers(1, 7, documents)
    chosen = zipf(rng, len(vocabulary), int(lengths.sum()))
    common = rng.random(len(chosen)) < 0.25
    commons = rng.integers(0, len(COMMON), len(chosen))
    titles, at = [], 0
    for length in lengths.tolist():
        titles.append(
            " ".join(
                COMMON[commons[i]] if common[i] else vocabulary[chosen[i]]
                for i in range(at, at + length)
            ).capitalize()
        )
        at += length
    return Texts(titles, [artists_known[i] for i in owner.tolist()])


def make_words(count: int) -> list[str]:
    """Invented words of two to four syllables, all different."""
    base = len(SYLLABLES)
    out = []
    for n in range(count):
        value, word = n * 7_919 % base**4, ""
        for _ in range(2 + n % 3):
            value, digit = divmod(value, base)
            word += SYLLABLES[digit]
        out.append(word)
    return list(dict.fromkeys(out))


def zipf(rng: np.random.Generator, kinds: int, count: int) -> np.ndarray:
    """`count` draws of 0 … kinds - 1, the probability falling as 1 / (rank + 10)."""
    weight = np.cumsum(1.0 / (np.arange(kinds) + 10))
    return np.searchsorted(weight / weight[-1], rng.random(count))


def make_queries(texts: Texts, count: int) -> dict[str, list[tuple[str, set[str]]]]:
    """Per class, queries with the title that is meant; documents drawn evenly."""
    rng = np.random.default_rng(11)
    out: dict[str, list[tuple[str, set[str]]]] = {}

    def add(name: str, make: Callable[[str, str], str | None]) -> None:
        asked: list[tuple[str, set[str]]] = []
        while len(asked) < count:
            n = int(rng.integers(len(texts.titles)))
            query = make(texts.titles[n], texts.artists[n])
            if query is not None:
                asked.append((query, {texts.titles[n]}))
        out[name] = asked

    def mistyped(text: str) -> str | None:
        parts = text.split(" ")
        long = [i for i, part in enumerate(parts) if len(part) >= 5]
        if not long:
            return None
        at = int(rng.choice(long))
        cut = int(rng.integers(1, len(parts[at]) - 1))
        parts[at] = parts[at][:cut] + parts[at][cut + 1 :]
        return " ".join(parts) + " "

    add("artist_title", lambda t, a: f"{a} {t} ")
    add("title", lambda t, a: f"{t} ")
    add("prefix", lambda t, a: f"{a} {t}"[:-2])
    add("typo", lambda t, a: mistyped(f"{a} {t}"))
    pairs = [f"{a} {b} " for a in COMMON for b in COMMON if a != b]
    out["common_words"] = [(pairs[i % len(pairs)], set()) for i in range(count)]
    return out


def ask(search: Callable[[str], list[str]], asked: list[tuple[str, set[str]]]) -> dict[str, float]:
    """Milliseconds and success of one class, after a warming tenth of it."""
    for query, _ in asked[: len(asked) // 10]:
        search(query)
    times, successes = [], 0
    for query, meant in asked:
        started = time.perf_counter()
        found = search(query)
        times.append((time.perf_counter() - started) * 1e3)
        successes += bool(meant & set(found[:10]))
    figures = {"p50_ms": float(np.percentile(times, 50)), "p99_ms": float(np.percentile(times, 99))}
    if any(meant for _, meant in asked):
        figures["success_at_10"] = successes / len(asked)
    return figures


def bytes_of(folder: Path, patterns: list[str]) -> int:
    """Size of the files of those names (they count as index bytes too)."""
    return sum(path.stat().st_size for pattern in patterns for path in folder.glob(pattern))


def look_up(index: SearchIndex, documents: int) -> dict[str, float]:
    """One ISRC with its row, and a batch of 100,000."""
    rng = np.random.default_rng(3)
    times = []
    for n in rng.integers(1, documents + 1, 2_000).tolist():
        started = time.perf_counter()
        index.rows(index.lookup(isrc(n)).numbers)
        times.append((time.perf_counter() - started) * 1e3)
    codes = [isrc(n) for n in rng.integers(1, documents + 1, 100_000).tolist()]
    started = time.perf_counter()
    index.lookup_many(codes)
    batch = time.perf_counter() - started
    return {
        "isrc_with_row_p50_ms": float(np.percentile(times, 50)),
        "isrc_with_row_p99_ms": float(np.percentile(times, 99)),
        "isrc_batch_per_s": len(codes) / batch,
    }


def isrc(number: int) -> str:
    """A well-formed code for a recording."""
    return f"QZAB{number // 10_000_000 % 10}{number % 10_000_000:07d}"


def build_fts5(path: Path, texts: Texts) -> sqlite3.Connection:
    """The peer: rowid = rank, so that it may stop at the first twenty."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = off")
    connection.execute(
        "CREATE VIRTUAL TABLE t USING fts5(title, artist, detail=none, "
        "tokenize='unicode61 remove_diacritics 2')"
    )
    rows = zip(range(1, len(texts.titles) + 1), texts.titles, texts.artists, strict=True)
    connection.executemany("INSERT INTO t(rowid, title, artist) VALUES (?, ?, ?)", rows)
    connection.execute("INSERT INTO t(t) VALUES ('optimize')")
    connection.commit()
    return connection


def ask_fts5(connection: sqlite3.Connection, query: str) -> list[str]:
    """Twenty titles by rank; the last word is a prefix where the query does not end in a blank."""
    terms = [f'"{word}"' for word in words(query)]
    if terms and not query.endswith(" "):
        terms[-1] += "*"
    found = connection.execute(
        "SELECT title FROM t WHERE t MATCH ? ORDER BY rowid LIMIT 20", (" ".join(terms),)
    )
    return [row[0] for row in found]


def write_edition(root: Path, texts: Texts) -> None:
    """A small edition: one release an artist, rank = number, listens by Zipf. What is not said of
    a row is null."""
    documents = len(texts.titles)
    artists = list(dict.fromkeys(texts.artists))
    owner = {name: n for n, name in enumerate(artists, 1)}
    numbers = [owner[name] for name in texts.artists]
    releases = [
        {"number": n, "key": f"name:{n}", "title": f"Works {n}", "artist_credit": name,
         "year": 1900 + n % 120}
        for n, name in enumerate(artists, 1)
    ]  # fmt: skip
    named = [
        {"number": n, "key": f"name:{name}", "name": name, "aliases": []}
        for n, name in enumerate(artists, 1)
    ]
    shards = [
        shard(root, "recordings", tables.RECORDINGS, recording_parts(texts, numbers)),
        shard(root, "tracks", tables.TRACKS, track_parts(numbers)),
        shard(root, "releases", tables.RELEASES, in_parts(releases, tables.RELEASES)),
        shard(root, "artists", tables.ARTISTS, in_parts(named, tables.ARTISTS)),
        shard(root, "standing", tables.STANDING, standing_parts(documents)),
    ]
    write_table(root / "volumes.parquet", tables.VOLUMES, [])
    write_table(root / "tombstones.parquet", tables.TOMBSTONES, [])
    counts = Counts(
        recordings=documents, tracks=documents, releases=len(artists), artists=len(artists),
        files=0, audio_bytes=0, volumes=0, tiers=1, withdrawn=0, listens=0,
    )  # fmt: skip
    write_document(root / "edition.json", EditionManifest(
        format=1, name="bench", sequence=1, previous=None,
        published_at=datetime(2026, 11, 1, tzinfo=UTC),
        archive=ArchiveIdentity(id="-", name="Bench", publisher="Bench", seat="DE"),
        id_key="00" * 16, tier_cuts_percent=[100.0], territories=["ZZ"],
        rows_per_shard=1 << 22, counts=counts, shards=shards, contents=[], webseeds=[],
        trackers=[],
    ))  # fmt: skip


def shard(root: Path, table: str, schema: pa.Schema, parts: Iterator[pa.Table]) -> ShardFile:
    """Write one table as one shard."""
    path = f"{table}/00000.parquet"
    rows = write_table(root / path, schema, parts)
    content = (root / path).read_bytes()
    return ShardFile(
        table=table, shard=0, layer="base", path=path, rows=rows, bytes=len(content),
        sha256=sha256(content).hexdigest(),
    )  # fmt: skip


def in_parts(rows: list[dict[str, Any]], schema: pa.Schema) -> Iterator[pa.Table]:
    """Rows as tables of half a million."""
    for first in range(0, len(rows), PART_ROWS):
        yield pa.Table.from_pylist(rows[first : first + PART_ROWS], schema=schema)


def recording_parts(texts: Texts, numbers: list[int]) -> Iterator[pa.Table]:
    """The recordings."""
    for first in range(0, len(numbers), PART_ROWS):
        rows = [
            {"number": n + 1, "isrcs": [isrc(n + 1)], "recording_mbid": None,
             "title": texts.titles[n], "artist_credit": texts.artists[n],
             "artist_numbers": [numbers[n]], "duration_ms": 60_000 + n % 300_000,
             "first_release_year": 1900 + numbers[n] % 120, "collections": ["bench"],
             "licence": "CC-BY-4.0", "stream": "ALLOW_IF", "distribute": "ALLOW_IF", "flags": 0}
            for n in range(first, min(first + PART_ROWS, len(numbers)))
        ]  # fmt: skip
        yield pa.Table.from_pylist(rows, schema=tables.RECORDINGS)


def track_parts(numbers: list[int]) -> Iterator[pa.Table]:
    """One track a recording."""
    for first in range(0, len(numbers), PART_ROWS):
        rows = [
            {"number": n + 1, "recording": n + 1, "release": numbers[n], "disc": 1,
             "position": n, "source": "bench", "source_key": str(n + 1)}
            for n in range(first, min(first + PART_ROWS, len(numbers)))
        ]  # fmt: skip
        yield pa.Table.from_pylist(rows, schema=tables.TRACKS)


def standing_parts(documents: int) -> Iterator[pa.Table]:
    """Number = rank."""
    number = np.arange(1, documents + 1)
    yield pa.table(
        {
            "number": number,
            "listens": (1e9 / (number + 10)).astype(np.int64),
            "listeners": pa.nulls(documents, pa.int64()),
            "rank": number,
            "tier": np.ones(documents, np.int8),
        },
        schema=tables.STANDING,
    )
