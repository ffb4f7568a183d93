"""The index finds what a sound is and which files hold it; a killed writer leaves only garbage."""

from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.model.errors import FormatError
from phonotheque.vault.acoustic import index as index_module
from phonotheque.vault.acoustic.codec import Items
from phonotheque.vault.acoustic.comparing import Likeness, align, judge
from phonotheque.vault.acoustic.index import AcousticIndex
from phonotheque.vault.acoustic.sampling import key_limit, mixed, probe, sample
from phonotheque.vault.acoustic.segments import Document, Segment
from tests.vault.acoustic.fingerprints import damaged, drifting, without_part

PIECES = [drifting(600 + 40 * n, seed=n) for n in range(30)]


def document(number: int) -> Document:
    return Document(digest(number), PIECES[number])


def digest(number: int) -> bytes:
    return sha256(bytes([number])).digest()


@pytest.fixture
def index(tmp_path: Path) -> AcousticIndex:
    made = AcousticIndex(tmp_path / "acoustic")
    assert made.add(document(number) for number in range(30)) == 30
    return made


def best(index: AcousticIndex, items: Items) -> str | None:
    hits = index.look_up(items)
    if not hits or judge(hits[0].alignment, len(items), hits[0].length) is not Likeness.PART:
        return None
    return hits[0].sha256


def test_a_clip_from_anywhere_names_its_file_and_its_place(index: AcousticIndex) -> None:
    for number, piece in enumerate(PIECES):
        start = 50 + 13 * number
        clip = damaged(piece[start : start + 90], 0.05, seed=number)
        hits = index.look_up(clip)
        assert hits[0].sha256 == digest(number).hex()
        assert hits[0].alignment.offset == start
        assert judge(hits[0].alignment, len(clip), hits[0].length) is Likeness.PART


def test_a_whole_file_with_some_bits_wrong_is_the_same(index: AcousticIndex) -> None:
    copy = damaged(PIECES[3][40:-100], 0.08)
    (hit, *_) = index.look_up(copy)
    assert hit.sha256 == digest(3).hex()
    assert judge(hit.alignment, len(copy), hit.length) is Likeness.SAME


def test_music_that_is_not_held_is_not_found(index: AcousticIndex) -> None:
    assert best(index, drifting(600, seed=99)) is None
    assert best(index, drifting(90, seed=98)) is None
    assert index.look_up(np.zeros(0, np.uint32)) == []


def test_another_arrangement_is_not_the_same(index: AcousticIndex) -> None:
    other = without_part(PIECES[5], 0.2, seed=7)
    (hit, *_) = index.look_up(other)
    assert hit.sha256 == digest(5).hex()
    assert hit.alignment.error_rate < 0.13
    assert judge(hit.alignment, len(other), hit.length) is Likeness.MAYBE


def test_a_part_of_a_file_is_not_the_file(index: AcousticIndex) -> None:
    part = PIECES[20][100:400]
    (hit, *_) = index.look_up(part)
    assert judge(hit.alignment, len(part), hit.length) is Likeness.PART


def test_a_file_that_is_a_part_of_the_sound_is_told_so(tmp_path: Path) -> None:
    index = AcousticIndex(tmp_path)
    index.add([Document(digest(0), PIECES[20][100:400])])
    (hit, *_) = index.look_up(PIECES[20])
    assert hit.alignment.offset == -100
    assert judge(hit.alignment, len(PIECES[20]), hit.length) is Likeness.WHOLE


def test_silence_upon_silence_says_nothing(tmp_path: Path) -> None:
    silence = np.full(4_000, 627964279, np.uint32)
    hidden = [np.concatenate([silence, drifting(80, seed=n)]) for n in range(2)]
    alignment = align(hidden[0], hidden[1][::4], len(hidden[1]), 0)
    assert alignment.error_rate > 0.3
    assert align(silence, silence[::4], len(silence), 0).error_rate == 1
    index = AcousticIndex(tmp_path)
    index.add([Document(digest(1), hidden[1]), Document(digest(2), silence)])
    assert best(index, hidden[0]) is None
    assert best(index, silence) is None
    assert index.look_up(hidden[1])[0].alignment.error_rate == 0


def test_the_index_is_what_was_written_when_it_is_opened_again(
    index: AcousticIndex, tmp_path: Path
) -> None:
    again = AcousticIndex(tmp_path / "acoustic")
    assert again.documents == 30
    assert again.is_first(digest(4).hex())
    assert not again.is_first(digest(31).hex())
    clip = PIECES[4][200:300]
    assert again.look_up(clip) == index.look_up(clip)


def test_segments_merge_and_nothing_is_found_otherwise(
    index: AcousticIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "ITEMS_A_SEGMENT", 1_000)
    pieces = AcousticIndex(tmp_path / "pieces")
    assert pieces.add(document(number) for number in range(30)) == 30
    assert len(list((tmp_path / "pieces").iterdir())) < 12
    for number in range(0, 30, 3):
        clip = damaged(PIECES[number][100:200], 0.05)
        assert best(pieces, clip) == best(index, clip) == digest(number).hex()


def test_one_segment_or_many_merged_are_the_same_bytes(
    index: AcousticIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "MERGE_AT", 2)
    monkeypatch.setattr(index_module, "ITEMS_A_SEGMENT", 1)
    pieces = AcousticIndex(tmp_path / "pieces")
    for number in range(16):
        pieces.add([document(number)])
    monkeypatch.setattr(index_module, "ITEMS_A_SEGMENT", 1 << 30)
    whole = AcousticIndex(tmp_path / "whole")
    whole.add(document(number) for number in range(16))
    (merged,) = (tmp_path / "pieces").glob("0*")
    (made,) = (tmp_path / "whole").glob("0*")
    arrays = sorted(path.name for path in made.iterdir())
    assert sorted(path.name for path in merged.iterdir()) == arrays
    for name in set(arrays) - {"docs.npy", "places.npy"}:  # in no order within one key
        assert (merged / name).read_bytes() == (made / name).read_bytes(), name


def test_a_file_is_taken_in_once(index: AcousticIndex) -> None:
    assert index.add([document(1), document(2), document(2)]) == 0
    assert index.documents == 30


def test_what_a_killed_writer_left_is_garbage(index: AcousticIndex, tmp_path: Path) -> None:
    folder = tmp_path / "acoustic"
    (folder / ".00000002.partial").mkdir()
    (folder / "00000002").mkdir()
    (folder / "00000002" / "docs.npy").write_bytes(b"half")
    (folder / "00000009").mkdir()  # merged into another
    AcousticIndex(folder).add([Document(digest(99), drifting(300, 99))])
    assert AcousticIndex(folder).documents == 31
    assert sorted(p.name for p in folder.iterdir()) == ["00000001", "00000002", "index.json"]


def test_a_damaged_index_says_so(index: AcousticIndex, tmp_path: Path) -> None:
    (tmp_path / "acoustic" / "00000001" / "docs.npy").unlink()
    with pytest.raises(FormatError, match=r"docs\.npy.*delete this folder"):
        AcousticIndex(tmp_path / "acoustic")


@given(st.lists(st.integers(0, 2**32 - 1), max_size=80), st.sampled_from([1, 4, 16]))
def test_what_is_sampled_is_asked_for(values: list[int], every: int) -> None:
    items = np.array(values, np.uint32)
    kept = sample(items, np.array([len(items)]), every)
    assert (kept.keys < key_limit(every)).all()
    asked = probe(items, every, 0, 1000)
    assert set(kept.keys.tolist()) == set(asked.keys.tolist())
    assert set(mixed(items).tolist()) >= set(kept.keys.tolist())


def test_look_up_in_a_segment_gives_what_a_scan_gives(tmp_path: Path) -> None:
    index = AcousticIndex(tmp_path)
    index.add(document(number) for number in range(10))
    segment = Segment(tmp_path / "00000001", index_module.EVERY)
    every = segment.slice(0, 1 << segment.directory_bits)
    assert len(every.keys) == segment.postings
    assert (np.diff(every.keys.astype(np.int64)) >= 0).all()
    wanted = np.unique(every.keys)[::3]
    which, found = segment.look_up(wanted)
    scan = np.flatnonzero(np.isin(every.keys, wanted))
    np.testing.assert_array_equal(np.sort(found.docs), np.sort(every.docs[scan]))
    np.testing.assert_array_equal(wanted[which], found.keys)
