"""The catalogue's format, version 1, as it was written once: it must stay readable for ever.

`python -m tests.catalogue.test_golden` writes the golden files anew; only a new format version may.
"""

import json
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.parquet as pq
import pytest

from phonotheque.catalogue import build_directory, open_build
from phonotheque.model.edition import BuildManifest
from phonotheque.model.tables import earlier
from phonotheque.storage.documents import read_document
from tests.support.catalogues import Archive, row

GOLDEN = Path(__file__).parents[1] / "golden" / "catalogue" / "v1"
VIEWS = (
    "recordings", "tracks", "releases", "artists", "standing", "redirects", "recording_files",
)  # fmt: skip
EVIDENCE = {
    "claim": "licence", "value": "CC-BY-4.0", "raw": "CC BY 4.0", "kind": "sidecar",
    "source": "rights.toml", "captured_at": 0, "sha256": None,
}  # fmt: skip


def make(root: Path) -> tuple[BuildManifest, Path]:
    """Two builds with all there can be: an overlay, a redirect, a retired key, a tombstone."""
    archive = Archive(root, rows_per_shard=64, cuts=(80.0, 100.0))
    rows = [
        row(
            f"{i:02d}", f"Título {7 if i == 8 else i}", f"Artist {i % 3}",
            release_title=f"Album {i % 4}", release_year=1999, disc=1, position=i,
            duration_ms=60_000 + i, collection="golden",
            isrcs={7: ["USABC2000007"], 8: ["USABC2000007"], 10: ["USABC2000010"]}.get(i, []),
            evidence=[EVIDENCE] if i < 5 else [],
            file_sha256=f"{i:064x}" if i < 2 else None,
        )
        for i in range(66)
    ]  # fmt: skip
    archive.add_rows("golden", rows)
    archive.add_listens("plays", [("source", f"golden:{i:02d}", i * i) for i in range(66)])
    archive.build()
    code = {"isrcs": ["USABC2000001"], "title": "One"}
    archive.add_rows("golden", [rows[1] | code, rows[4] | code | {"release_title": None,
                     "release_norm": ""}, rows[0] | {"isrcs": ["USABC2000007"]},
                     rows[10] | {"isrcs": []}])  # fmt: skip
    archive.withdrawn = [3]
    made = archive.build()
    return made, build_directory(archive.tree, made.build)


def contents(directory: Path) -> dict[str, list[dict[str, Any]]]:
    """Every view of the build in `directory`, as plain values."""
    reader = open_build(directory)
    try:
        return {
            view: json.loads(
                json.dumps(
                    reader.cursor().sql(f"FROM {view} ORDER BY ALL").to_arrow_table().to_pylist(),
                    default=str,
                )
            )
            for view in VIEWS
        }
    finally:
        reader.close()


def without_witness(views: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """The views with evidence as version 1 wrote it before it named witnesses; none is named."""
    for held in views["recording_files"]:
        for evidence in held["evidence"]:
            assert evidence.pop("witness") is evidence.pop("confidence") is None
    return views


@pytest.fixture(scope="module")
def expected() -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = json.loads((GOLDEN / "expected.json").read_text())
    return found


def test_todays_reader_reads_version_1(expected: dict[str, list[dict[str, Any]]]) -> None:
    assert contents(GOLDEN / "build") == expected
    assert all(expected.values()), "every table has rows"


def test_todays_writer_writes_what_version_1_wrote(
    tmp_path: Path, expected: dict[str, list[dict[str, Any]]]
) -> None:
    made, directory = make(tmp_path)
    golden = read_document(GOLDEN / "build" / "build.json", BuildManifest)
    assert without_witness(contents(directory)) == expected
    assert [(s.table, s.shard, s.layer, s.rows) for s in made.shards] == [
        (s.table, s.shard, s.layer, s.rows) for s in golden.shards
    ]
    for new, old in zip(made.shards, golden.shards, strict=True):
        written = pq.read_schema(directory / new.path)
        kept = pq.read_schema(GOLDEN / "build" / old.path)
        grown = earlier(written).equals(kept) and written.metadata == kept.metadata
        assert grown or written.equals(kept, check_metadata=True), new.path


def test_the_golden_build_shows_every_layer_and_kind_of_file() -> None:
    golden = read_document(GOLDEN / "build" / "build.json", BuildManifest)
    assert {s.layer for s in golden.shards} == {"base", "overlay"}
    assert {s.table for s in golden.shards} >= {"registry-recordings", "redirects", "standing"}


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        _, place = make(Path(folder))
        shutil.rmtree(GOLDEN, ignore_errors=True)
        shutil.copytree(place, GOLDEN / "build")
    (GOLDEN / "expected.json").write_text(
        json.dumps(contents(GOLDEN / "build"), ensure_ascii=False).replace("}, {", "},\n{") + "\n"
    )
    sys.stdout.write(f"{GOLDEN}\n")
