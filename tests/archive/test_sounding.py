"""What the vault describes is listened to: files of the same sound are found, told to the next
build, and named to whoever asks."""

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from phonotheque.archive import (
    execute_init,
    identify_file,
    identify_fingerprint,
    identifying,
    plan_init,
)
from phonotheque.archive.sounding import Sounds, take_in_sounds
from phonotheque.model.errors import InputError, NotFoundError, UsageError
from phonotheque.model.progress import Silent
from phonotheque.sources import iter_imports
from phonotheque.storage.layout import Tree
from phonotheque.vault import AcousticIndex, Vault
from phonotheque.vault.acoustic.codec import format_fingerprint
from tests.support.clock import NOW
from tests.support.sounds import admit_sound, examined
from tests.vault.acoustic.fingerprints import damaged, drifting, without_part

PIECE, OTHER = drifting(1_500, seed=1), drifting(1_200, seed=2)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    made = Tree(tmp_path / "archive")
    plan = plan_init(made.root, name="Test", publisher="Test", seat="DE")
    execute_init(plan, None, NOW, Silent())
    return made


def listen(tree: Tree) -> Sounds:
    return take_in_sounds(tree, NOW, Silent())


def told(tree: Tree) -> list[tuple[str, str, str]]:
    """The pairs of all imports of sounds."""
    paths = [path for each in iter_imports(tree) if each.kind == "sounds" for path in each.paths]
    rows = [row for path in paths for row in pq.read_table(path).to_pylist()]
    return [(row["sha256"], row["other"], row["verdict"]) for row in rows]


def test_files_of_the_same_sound_are_told_to_the_next_build_and_found(tree: Tree) -> None:
    first = admit_sound(tree, "first", PIECE, "Song")
    copy = admit_sound(tree, "copy", damaged(PIECE, 0.06), "A Song under another name")
    admit_sound(tree, "other", OTHER, "Other")
    admit_sound(tree, "noise", None)
    sounds = listen(tree)
    assert sounds.counts == {"audio.same-sound": 1}
    (finding,) = sounds.first
    assert finding.where == copy
    assert f"“The Testers – Song”, {first}" in finding.message
    assert told(tree) == [(*sorted((first, copy)), "same")]


def test_listening_again_finds_nothing_new(tree: Tree) -> None:
    admit_sound(tree, "first", PIECE)
    listen(tree)
    assert listen(tree).counts == {}
    assert told(tree) == []
    copy = admit_sound(tree, "copy", damaged(PIECE, 0.06))
    assert [finding.where for finding in listen(tree).first] == [copy]
    assert len(told(tree)) == 1


def test_an_index_that_was_lost_is_made_again(tree: Tree) -> None:
    for name, items in (("first", PIECE), ("copy", damaged(PIECE, 0.06)), ("other", OTHER)):
        admit_sound(tree, name, items)
        listen(tree)
    taken = AcousticIndex(tree.acoustic).taken
    shutil.rmtree(tree.acoustic)
    before = set(told(tree))
    listen(tree)
    index = AcousticIndex(tree.acoustic)
    assert (index.documents, index.taken) == (2, taken)
    assert set(told(tree)) == before


def test_another_arrangement_is_told_as_perhaps_and_joins_nothing(tree: Tree) -> None:
    admit_sound(tree, "first", PIECE)
    admit_sound(tree, "arranged", without_part(PIECE, 0.3))
    assert listen(tree).counts == {}
    ((_, _, verdict),) = told(tree)
    assert verdict == "maybe"


def test_an_archive_without_audio_has_nothing_to_listen_to(tree: Tree) -> None:
    assert listen(tree).counts == {}
    assert not tree.acoustic.exists()


# --------------------------------------------------------------------------------- identify


def test_a_fingerprint_names_the_file_it_is_of_and_those_of_the_same_sound(tree: Tree) -> None:
    first = admit_sound(tree, "first", PIECE, "Song")
    copy = admit_sound(tree, "copy", damaged(PIECE, 0.06))
    listen(tree)
    clip = damaged(PIECE[400:500], 0.04)
    found = identify_fingerprint(tree, f"DURATION=12\nFINGERPRINT={format_fingerprint(clip)}\n")
    (answer,) = found.answers
    assert found.held
    assert (answer.by, answer.sha256, answer.same_sound) == ("part", first, (copy,))
    assert answer.offset_seconds == pytest.approx(400 * 1365 / 11025, abs=0.1)
    assert answer.recording is not None
    assert (answer.recording.artist, answer.recording.title) == ("The Testers", "Song")


def test_a_sound_whose_files_are_gone_is_known_and_not_held(tree: Tree) -> None:
    first = admit_sound(tree, "first", PIECE, "Song")
    listen(tree)
    with Vault.open(tree.vault) as vault:
        vault.purge(first, NOW, "a test")
    found = identify_fingerprint(tree, format_fingerprint(PIECE[100:300]))
    assert [(a.by, a.held) for a in found.answers] == [("part", False)]
    assert not found.held


def test_music_that_nobody_brought_is_not_known(tree: Tree) -> None:
    admit_sound(tree, "first", PIECE)
    listen(tree)
    found = identify_fingerprint(tree, format_fingerprint(OTHER[:200]))
    assert found.answers == ()
    assert not found.held


def test_a_file_is_known_by_its_bytes_and_by_ear(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = admit_sound(tree, "first", PIECE, "Song")
    listen(tree)
    path = tmp_path / "again.flac"
    path.write_bytes(b"first" * 1000)
    monkeypatch.setattr(identifying, "examine", lambda file: examined(file, PIECE))
    found = identify_file(tree, path)
    assert [(a.by, a.sha256, a.held) for a in found.answers] == [("bytes", first, True)]
    path.write_bytes(b"other bytes")
    monkeypatch.setattr(identifying, "examine", lambda file: examined(file, damaged(PIECE, 0.05)))
    (answer,) = identify_file(tree, path).answers
    assert (answer.by, answer.sha256) == ("same", first)


def test_what_cannot_be_asked_is_refused(tree: Tree, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        identify_file(tree, tmp_path / "nowhere.ogg")
    with pytest.raises(InputError, match="not a Chromaprint fingerprint"):
        identify_fingerprint(tree, "words")
    with pytest.raises(UsageError, match="longer than 3 s"):
        identify_fingerprint(tree, format_fingerprint(PIECE[:0]))
    with pytest.raises(NotFoundError, match="no archive"):
        identify_fingerprint(Tree(tmp_path), "AQAAAA")
