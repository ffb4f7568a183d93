"""Files by their digest: where they stand, as the index knows."""

from hashlib import sha256
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from phonotheque.model.errors import NotFoundError
from phonotheque.search.file_keys import FOLDER, FileKeys, ensure_file_keys
from tests.support.editions import TinyRecording, write_tiny_edition


def content(n: int) -> bytes:
    return f"file {n % 90}".encode()  # the last ten are the same as the first ten


def volume(n: int) -> str:
    return f"tiny-tier1-{n % 3:05}"


@pytest.fixture(scope="module")
def edition(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("keys")
    write_tiny_edition(
        root,
        [
            TinyRecording(f"Song {n}", file=(volume(n), f"data/{n:03}.ogg", content(n)))
            for n in range(100)
        ],
    )
    return root / "editions/2026-11"


@pytest.fixture(scope="module")
def index(edition: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("index")
    ensure_file_keys(edition, folder)
    return folder


def test_every_place_of_every_file_is_found(edition: Path, index: Path) -> None:
    keys = FileKeys(index / FOLDER)
    for n in range(100):
        digest = sha256(content(n)).hexdigest()
        found = set()
        for name, place in keys.find(digest):
            row = pq.read_table(edition / "files" / f"{name}.parquet").slice(place, 1).to_pylist()
            assert row[0]["sha256"] == digest
            found.add((name, row[0]["path"]))
        same = [m for m in range(100) if content(m) == content(n)]
        assert found == {(volume(m), f"data/{m:03}.ogg") for m in same}
    assert keys.find("0" * 64) == []


def test_what_is_there_is_not_made_again_and_another_edition_is(
    edition: Path, index: Path, tmp_path: Path
) -> None:
    made = (index / FOLDER).stat().st_ino
    ensure_file_keys(edition, index)
    assert (index / FOLDER).stat().st_ino == made
    write_tiny_edition(tmp_path, [TinyRecording("Other")])
    ensure_file_keys(tmp_path / "editions/2026-11", index)
    assert FileKeys(index / FOLDER).find(sha256(content(1)).hexdigest()) == []
    ensure_file_keys(edition, index)
    assert len(FileKeys(index / FOLDER).find(sha256(content(1)).hexdigest())) == 2


def test_what_a_killed_run_left_is_no_hindrance(edition: Path, tmp_path: Path) -> None:
    (tmp_path / f".{FOLDER}.partial" / "spill").mkdir(parents=True)
    (tmp_path / f".{FOLDER}.partial" / "sha256_rests.npy").write_bytes(b"half")
    ensure_file_keys(edition, tmp_path)
    assert len(FileKeys(tmp_path / FOLDER).find(sha256(content(50)).hexdigest())) == 1
    assert not (tmp_path / f".{FOLDER}.partial").exists()


def test_an_index_without_the_list_says_how_it_is_made(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="phonotheque serve"):
        FileKeys(tmp_path / FOLDER)
