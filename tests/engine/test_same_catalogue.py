"""Spark, in executor processes of their own, builds the very catalogue that the embedded engine
builds: every table row for row in number order, and every file byte for byte."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from phonotheque.catalogue import BuildInputs, build_catalogue
from phonotheque.engine import LocalEngine
from phonotheque.model.edition import BuildManifest
from phonotheque.model.progress import Silent
from tests.support.catalogues import Archive, Row, fake_summary, row
from tests.support.spark import LOCAL_CLUSTER, open_spark

pytestmark = [pytest.mark.full, pytest.mark.spark, pytest.mark.timeout(2700)]

TABLES = ("recordings", "tracks", "releases", "artists", "redirects", "standing", "recording_files")
CODES = [f"USABC20{i:05d}" for i in range(12)]
MBIDS = [f"b1a9c0e9-d987-4042-ae91-78d6a3267d{i:02x}" for i in range(0, 250, 20)]
TITLES = [
    "Song",
    "song (live)",
    "Größe",
    "Ｆｕｌｌ",
    "\\ 100 %",
    "夜",
    "Other one",
    "Other One - Remix",
]
ARTISTS = ["Band", "BAND", "Ärzte", "Someone feat. Band", "夜の人", "O'Neill"]
RELEASES = [None, "First", "Größte Hits", "first"]
PART_ROWS = 120
"""So few that the rows go through two parts."""


def made_up(random: Random, key: str) -> Row:
    """A row with codes, ids, texts and durations that agree here and contradict there."""
    release = random.choice(RELEASES)
    facts = random.choices(["CC-BY-4.0", "CC0-1.0", None], k=random.choice([0, 0, 1, 2]))
    return row(
        key, random.choice(TITLES), random.choice(ARTISTS),
        isrcs=random.sample(CODES, random.choice([0, 0, 1, 1, 2])),
        recording_mbid=random.choice([None, None, *MBIDS]),
        duration_ms=random.choice([None, 100_000, 101_500, 104_000, 180_000]),
        release_title=release,
        release_artist=random.choice([None, "Band", "Various Artists"]) if release else None,
        release_year=random.choice([None, 1999, 2001]) if release else None,
        release_key=random.choice([None, None, "r1", "r2"]) if release else None,
        release_country=random.choice([None, "DE", "jp"]),
        genres=random.choice([None, [], ["Rock"], ["Rock", "Pop"]]),
        year=random.choice([None, 1998, 2000]),
        disc=random.choice([None, 1, 2]), position=random.choice([None, 1, 2, 3]),
        position_text=random.choice([None, None, "A1"]),
        collection=random.choice([None, "tapes"]),
        artists=random.choice([None, None, [
            {"key": "mbid:a1", "name": "Band", "join": " & "},
            {"key": None, "name": "Somebody", "join": ""},
        ]]),
        file_sha256=random.choice([None, None, f"{random.randrange(9):064x}"]),
        evidence=[
            {"claim": random.choice(["licence", "holder"]), "value": value, "raw": value or "?",
             "kind": random.choice(["sidecar", "tag"]), "source": "rights.toml",
             "captured_at": datetime(2026, 1, 1 + n, tzinfo=UTC), "sha256": None}
            for n, value in enumerate(facts)
        ],
    )  # fmt: skip


def made_up_sounds(random: Random) -> list[tuple[str, str, str]]:
    """What is said of pairs of the files that rows have."""
    said = ["same", "same", "maybe", "none"]
    pairs = [[f"{random.randrange(9):064x}" for _ in range(2)] for _ in range(8)]
    return [(one, other, random.choice(said)) for one, other in pairs]


def first_imports(archive: Archive) -> None:
    """Two sources that describe the same music differently, what their files sound like, and
    listens of every kind of key."""
    random = Random(1)
    archive.add_rows("a", [made_up(random, f"k{i}") for i in range(150)], files=2)
    archive.add_rows("b", [made_up(random, f"k{i}") for i in range(70)])
    keys = [("isrc", c) for c in CODES] + [("mbid", m) for m in MBIDS]
    keys += [("source", f"a:k{i}") for i in range(160)] + [("public_id", "R-nonsense")]
    archive.add_sounds(made_up_sounds(random))
    archive.add_listens("plays", [(kind, key, random.randrange(50)) for kind, key in keys])


def later_imports(archive: Archive) -> None:
    """What an update meets: new rows, changed ones, some gone, one recording withdrawn."""
    random = Random(2)
    archive.add_rows("b", [made_up(random, f"k{i}") for i in range(60, 90)], gone=["k3", "k4"])
    archive.add_sounds(made_up_sounds(random))
    archive.withdrawn = [5]


def build(archive: Archive, engine: Any) -> BuildManifest:
    """The next build of `archive` by `engine`, in several parts and shards."""
    inputs: BuildInputs = archive.inputs()
    return build_catalogue(archive.tree, inputs, engine, fake_summary, Silent())


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[tuple[Any, Any]]:
    spark = open_spark(tmp_path / "spark-work", LOCAL_CLUSTER)
    local = LocalEngine(tmp_path / "local-work", memory="500MB", threads=2)
    yield local, spark
    local.close()
    spark.close()


def test_both_engines_build_the_same_catalogue_and_the_same_update(
    tmp_path: Path, engines: tuple[Any, Any]
) -> None:
    archives = [
        Archive(tmp_path / name, rows_per_shard=128, more={"rows_per_part": PART_ROWS})
        for name in ("local", "spark")
    ]
    for imports in (first_imports, later_imports):
        made = []
        for archive, engine in zip(archives, engines, strict=True):
            imports(archive)
            made.append(build(archive, engine))
        one, other = archives
        for table in TABLES:
            assert one.table(table, made[0]) == other.table(table, made[1]), table
            assert one.table(table, made[0]) or table == "redirects", f"{table} has rows"
        assert one.findings(made[0]) == other.findings(made[1])
        assert made[0] == made[1], "files differ though their rows do not"
