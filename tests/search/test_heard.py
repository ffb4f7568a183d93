"""Which documents have a file, and how these stand among each other."""

from pathlib import Path

import numpy as np
import pytest

from phonotheque.model.progress import Silent
from phonotheque.search import SearchIndex
from phonotheque.search.build import build_index
from phonotheque.search.heard import Heard
from phonotheque.storage.arrays import write_array
from tests.support.editions import TinyRecording, write_tiny_edition


@pytest.mark.parametrize("documents", [1, 7, 4096, 4097, 20_001])
def test_ranks_are_counted_among_documents_with_a_file(tmp_path: Path, documents: int) -> None:
    has = np.random.default_rng(documents).random(documents) < 0.3
    write_array(tmp_path / "has_file.npy", np.packbits(has, bitorder="little"))
    heard = Heard(tmp_path)
    assert heard.count == has.sum()
    places = np.cumsum(has) - 1
    expected = [int(p) if h else None for p, h in zip(places, has, strict=True)]
    assert [heard.rank(d) for d in range(documents)] == expected
    assert heard.rank(documents + 8) is None


def test_an_index_knows_what_can_be_heard(tmp_path: Path) -> None:
    recordings = [
        TinyRecording(f"Song {n}", listens=1000 - n,
                      file=("tiny-1", f"data/{n}.flac", b"%d" % n) if n % 3 == 0 else None)
        for n in range(20)
    ]  # fmt: skip
    write_tiny_edition(tmp_path / "tree", recordings)
    build_index(tmp_path / "tree/editions/2026-11", tmp_path / "index", Silent())
    index = SearchIndex.open(tmp_path / "index")
    assert index.heard.count == 7
    ranks = [index.heard.rank(d) for d in range(20)]
    assert ranks == [d // 3 if d % 3 == 0 else None for d in range(20)]
    index.close()
