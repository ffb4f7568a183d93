"""What the vault heard is written as imports, and read as version 1 wrote it for ever.

`python -m tests.sources.test_sounds` writes the golden file anew; only a new format version may.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from phonotheque.model.sounds import SOUNDS, SoundMatch, SoundVerdict
from phonotheque.sources import SOUND_SOURCE, iter_imports, sounds, write_sounds
from phonotheque.storage.layout import Tree
from phonotheque.storage.tables import write_table
from tests.support.clock import NOW

GOLDEN = Path(__file__).parents[1] / "golden" / "sounds" / "v1" / "sounds-00000.parquet"


def match(one: str, other: str, verdict: SoundVerdict = SoundVerdict.SAME) -> SoundMatch:
    return SoundMatch(
        sha256=one * 64, other=other * 64, verdict=verdict, score=0.75, overlap_ms=90_000,
        offset_ms=1_500, found_by="test 1",
    )  # fmt: skip


MATCHES = [match("a", "b"), match("d", "c", SoundVerdict.MAYBE), match("e", "e")]
WRITTEN = [
    ("a", "b", "same", 1_500), ("c", "d", "maybe", -1_500), ("e", "e", "same", 1_500),
]  # fmt: skip


def told(path: Path) -> list[tuple[str, str, str, int]]:
    rows = pq.read_table(path).to_pylist()
    return [(r["sha256"][0], r["other"][0], r["verdict"], r["offset_ms"]) for r in rows]


@pytest.mark.parametrize("batch", [1, 65_536])
def test_each_writing_is_an_import_with_the_smaller_digest_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(sounds, "BATCH_ROWS", batch)
    tree = Tree(tmp_path)
    assert write_sounds(tree, iter(MATCHES), NOW) == "0001"
    assert write_sounds(tree, [match("b", "a", SoundVerdict.NONE)], NOW) == "0002"
    first, second = iter_imports(tree)
    assert [(i.source, i.kind, i.label) for i in (first, second)] == [
        (SOUND_SOURCE, "sounds", "same-sound/0001"), (SOUND_SOURCE, "sounds", "same-sound/0002"),
    ]  # fmt: skip
    assert told(first.paths[0]) == WRITTEN
    assert told(second.paths[0]) == [("a", "b", "none", -1_500)]


def test_nothing_heard_is_no_import(tmp_path: Path) -> None:
    assert write_sounds(Tree(tmp_path), [], NOW) is None
    assert list(iter_imports(Tree(tmp_path))) == []


def test_what_breaks_off_does_not_count_and_is_removed_by_the_next(tmp_path: Path) -> None:
    def broken() -> Iterator[SoundMatch]:
        yield MATCHES[0]
        raise OSError("no more fingerprints")

    tree = Tree(tmp_path)
    with pytest.raises(OSError, match="no more"):
        write_sounds(tree, broken(), NOW)
    assert list(iter_imports(tree)) == []
    assert write_sounds(tree, MATCHES, NOW) == "0001"
    assert [told(i.paths[0]) for i in iter_imports(tree)] == [WRITTEN]


def test_version_1_is_written_and_read_as_it_was(tmp_path: Path) -> None:
    write_sounds(Tree(tmp_path), MATCHES, NOW)
    (made,) = iter_imports(Tree(tmp_path))
    schema = pq.read_schema(GOLDEN)
    assert schema.equals(SOUNDS, check_metadata=True)
    assert pq.read_schema(made.paths[0]).equals(schema, check_metadata=True)
    assert pq.read_table(made.paths[0]).equals(pq.read_table(GOLDEN))


if __name__ == "__main__":
    GOLDEN.parent.mkdir(parents=True, exist_ok=True)
    write_table(GOLDEN, SOUNDS, sounds._batches(MATCHES[0], iter(MATCHES[1:]), [0]))
    sys.stdout.write(f"{GOLDEN}\n")
