"""Files that enter the index are laid upon those before them: stars of one sound, no chains."""

from pathlib import Path

import pytest

from phonotheque.model.sounds import SoundMatch
from phonotheque.vault.acoustic import taking_in
from phonotheque.vault.acoustic.codec import ITEM_SECONDS
from phonotheque.vault.acoustic.index import AcousticIndex
from phonotheque.vault.acoustic.segments import Document
from phonotheque.vault.acoustic.taking_in import take_in
from tests.vault.acoustic.fingerprints import damaged, drifting, without_part

PIECE = drifting(1_500, seed=1)
OTHER = drifting(1_200, seed=2)
FIRST = Document(b"\x50" * 32, PIECE)
COPY = Document(b"\x10" * 32, damaged(PIECE, 0.06))
TRIMMED = Document(b"\x20" * 32, damaged(PIECE[40:-160], 0.05))
STRANGER = Document(b"\x30" * 32, OTHER)
ARRANGED = Document(b"\x40" * 32, without_part(PIECE, 0.3))
SHORT = Document(b"\x60" * 32, PIECE[:50])


def taken(folder: Path, *documents: Document) -> list[SoundMatch]:
    return list(take_in(AcousticIndex(folder), documents))


def pairs(matches: list[SoundMatch]) -> list[tuple[str, str, str]]:
    return [(m.sha256[:2], m.other[:2], m.verdict.value) for m in matches]


@pytest.mark.parametrize("at_once", [1, 2, 1_000])
def test_each_file_is_told_of_the_first_of_its_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(taking_in, "_AT_ONCE", at_once)
    matches = taken(tmp_path, FIRST, STRANGER, COPY, TRIMMED, ARRANGED, SHORT)
    assert pairs(matches) == [
        ("10", "50", "same"),
        ("20", "50", "same"),
        ("40", "50", "maybe"),
    ]
    assert AcousticIndex(tmp_path).documents == 3
    copy, trimmed, _ = matches
    assert copy.score == pytest.approx(0.88, abs=0.02)
    assert copy.offset_ms == 0
    assert trimmed.offset_ms == round(40 * ITEM_SECONDS * 1000)
    assert trimmed.overlap_ms == round(1_300 * ITEM_SECONDS * 1000)


def test_a_longer_copy_enters_for_clips_from_its_end_and_is_no_first(tmp_path: Path) -> None:
    whole = Document(b"\x70" * 32, damaged(PIECE, 0.03))
    assert pairs(taken(tmp_path, TRIMMED, whole)) == [("70", "20", "same")]
    index = AcousticIndex(tmp_path)
    assert index.documents == 2
    assert not index.is_first(whole.sha256.hex())
    (hit, *_) = index.look_up(PIECE[-100:])
    assert hit.sha256 == whole.sha256.hex()
    assert hit.copy
    assert pairs(taken(tmp_path, COPY)) == [("10", "20", "same")]


def test_a_run_after_a_killed_one_tells_the_same(tmp_path: Path) -> None:
    documents = FIRST, STRANGER, COPY, TRIMMED, ARRANGED
    matches = taken(tmp_path, *documents)
    assert taken(tmp_path, *documents) == matches
    assert AcousticIndex(tmp_path).documents == 3


def test_a_killed_run_over_longer_copies_tells_the_same(tmp_path: Path) -> None:
    whole = Document(b"\x70" * 32, damaged(PIECE, 0.03))
    matches = taken(tmp_path, TRIMMED, whole)
    assert taken(tmp_path, TRIMMED, whole) == matches


def test_one_file_twice_is_no_match_of_itself(tmp_path: Path) -> None:
    assert taken(tmp_path, FIRST, FIRST) == []
    assert taken(tmp_path, FIRST) == []
