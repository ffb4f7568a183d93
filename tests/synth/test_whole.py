"""Made-up dumps go the whole way: ingested, built, and compared with their truth."""

from itertools import combinations
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from bench.columns import catalogue_columns
from bench.pairs import score

from phonotheque.catalogue import current_build, open_build
from phonotheque.cli.main import main
from phonotheque.storage.layout import Tree


def build(root: Path, profile: str, tracks: int) -> tuple[Path, Path]:
    """(archive, truth) of a dump that was ingested and built below `root`."""
    archive, dump = root / "archive", root / "dump"
    main(["init", str(archive), "--name", "A", "--publisher", "P", "--seat", "NL",
          "--keys", str(root / "keys")])  # fmt: skip
    main(["synth", str(dump), "--profile", profile, "--tracks", str(tracks)])
    for file in sorted(dump.glob("*.parquet")):
        if not file.name.startswith("truth"):
            source = file.name.removesuffix("-00000.parquet")
            assert main(["ingest", str(archive), str(file), "--source", source]) in (0, 1)
    assert main(["build", str(archive)]) == 0
    return archive, dump / "truth-00000.parquet"


@pytest.mark.full
def test_a_coded_dump_becomes_the_recordings_that_it_is_of(tmp_path: Path) -> None:
    archive, truth = build(tmp_path, "coded", 4_000)
    found = score(archive, truth)
    assert (found.rows, found.precision) == (4_000, 1.0)
    assert found.recall > 0.99
    current = current_build(Tree(archive))
    assert current is not None
    shards = sum(shard.bytes for shard in current[0].shards)
    assert sum(catalogue_columns(archive).values()) == shards


@pytest.mark.full
def test_an_open_dump_is_joined_mostly_right_and_scored_by_pairs(tmp_path: Path) -> None:
    archive, truth = build(tmp_path, "open", 1_500)
    found = score(archive, truth)
    assert found.precision > 0.97
    assert found.recall > 0.85
    current = current_build(Tree(archive))
    assert current is not None
    reader = open_build(current[1])
    joined = reader.cursor().execute("SELECT source, source_key, recording FROM tracks").fetchall()
    reader.close()
    columns = ("source", "source_key", "recording")
    told = zip(*(pq.read_table(truth)[c].to_pylist() for c in columns), strict=True)
    truly = {(source, key): recording for source, key, recording in told}
    pairs = list(combinations([(r, truly[s, k]) for s, k, r in joined], 2))
    assert found.joined_pairs == sum(a[0] == b[0] for a, b in pairs)
    assert found.true_pairs == sum(a[1] == b[1] for a, b in pairs)
    assert found.right_pairs == sum(a == b for a, b in pairs)
