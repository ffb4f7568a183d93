"""Files on their way: carried on with after a kill, and never written through a link."""

import os
from pathlib import Path

import pytest

from phonotheque.mirror import partials
from phonotheque.mirror.partials import Partial, open_own, sweep_links
from phonotheque.storage.digests import BLOCK, Digests, digest_file
from tests.mirror.conftest import Follower
from tests.support.origin import noise

SONG = "volumes/tiny-tier1-00001/data/artist 1/song-1.ogg"
CONTENT = noise(5, 10 * BLOCK + 77)


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partials, "JOURNAL_BYTES", 2 * BLOCK)


@pytest.fixture
def known(tmp_path: Path) -> Digests:
    (tmp_path / "whole").write_bytes(CONTENT)
    return digest_file(tmp_path / "whole")


def begin(path: Path, known: Digests | None, size: int) -> None:
    """What a killed run leaves: `size` bytes, written 10,000 at a time."""
    with Partial(path, len(CONTENT), known) as out:
        while out.position < size:
            out.write(CONTENT[out.position : min(out.position + 10_000, size)])


def read_again(path: Path, known: Digests | None, monkeypatch: pytest.MonkeyPatch) -> int:
    """Carry on to the end; how much of what was there was read for it."""
    read: list[int] = []
    real = os.read

    def counting(handle: int, size: int) -> bytes:
        content = real(handle, size)
        read.append(len(content))
        return content

    monkeypatch.setattr(os, "read", counting)
    with Partial(path, len(CONTENT), known) as out:
        monkeypatch.undo()
        out.write(CONTENT[out.position :])
        assert out.finish() == digest_file(path.with_name("whole"))
        out.seal()
    assert path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o777 == 0o444
    return sum(read)


def test_after_a_kill_only_the_last_stretch_is_read_again(
    tmp_path: Path, known: Digests, small_steps: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(tmp_path / "part", known, 9 * BLOCK)
    assert read_again(tmp_path / "part", known, monkeypatch) <= 2 * BLOCK
    assert {p.name for p in tmp_path.iterdir()} == {"part", "whole"}, "the journal is gone"


def test_without_a_known_root_all_is_read_again(
    tmp_path: Path, known: Digests, small_steps: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(tmp_path / "part", None, 9 * BLOCK)
    assert read_again(tmp_path / "part", None, monkeypatch) == 9 * BLOCK


@pytest.mark.parametrize("harm", [b"", b"leaves1\n", b"noise" * 50])
def test_a_journal_that_is_torn_costs_reading_and_nothing_else(
    tmp_path: Path, known: Digests, small_steps: None, monkeypatch: pytest.MonkeyPatch, harm: bytes
) -> None:
    begin(tmp_path / "part", known, 9 * BLOCK)
    journal = tmp_path / ".part.leaves.partial"
    journal.write_bytes(harm or journal.read_bytes()[:-101])  # the note, and a part of a record
    assert read_again(tmp_path / "part", known, monkeypatch) >= 2 * BLOCK


def test_a_journal_that_promises_more_than_there_is_is_not_believed(
    tmp_path: Path, known: Digests, small_steps: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(tmp_path / "part", known, 9 * BLOCK)
    drop_note(tmp_path / ".part.leaves.partial")
    os.truncate(tmp_path / "part", BLOCK + 5)
    assert read_again(tmp_path / "part", known, monkeypatch) == 5


@pytest.mark.parametrize("killed", [False, True])
def test_what_was_changed_below_a_journal_is_noticed_before_anything_is_fetched(
    tmp_path: Path, known: Digests, small_steps: None, killed: bool
) -> None:
    begin(tmp_path / "part", known, 9 * BLOCK)
    if killed:  # there is no note then
        drop_note(tmp_path / ".part.leaves.partial")
    with (tmp_path / "part").open("r+b") as stream:
        stream.seek(2 * BLOCK + 3)
        stream.write(b"?")
    with Partial(tmp_path / "part", len(CONTENT), known) as out:
        assert not (tmp_path / ".part.leaves.partial").exists()
        out.write(CONTENT[out.position :])
        assert out.finish().pieces_root != known.pieces_root


def test_a_kill_leaves_no_note_and_costs_some_blocks_more(
    tmp_path: Path, known: Digests, small_steps: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(tmp_path / "part", known, 7 * BLOCK)
    begin(tmp_path / "part", known, 9 * BLOCK)  # carried on: the first note is gone
    drop_note(tmp_path / ".part.leaves.partial")
    spots: list[int] = []
    real = os.pread

    def counting(handle: int, size: int, at: int) -> bytes:
        spots.append(at)
        return real(handle, size, at)

    monkeypatch.setattr(os, "pread", counting)
    assert read_again(tmp_path / "part", known, monkeypatch) <= 2 * BLOCK
    assert 0 < len(spots) <= 2 * partials._SPOTS


def drop_note(journal: Path) -> None:
    """As a kill would leave it."""
    content = journal.read_bytes()
    assert content[-96:-88] == b"\xff" * 8
    journal.write_bytes(content[:-96])


@pytest.mark.parametrize("plant", ["link", "hard link", "fifo", "dangling"])
def test_nothing_is_written_through_what_is_planted(tmp_path: Path, plant: str) -> None:
    elsewhere, part = tmp_path / "elsewhere", tmp_path / "part"
    elsewhere.write_bytes(b"not ours")
    if plant == "link":
        part.symlink_to(elsewhere)
    elif plant == "dangling":
        part.symlink_to(tmp_path / "new")
    elif plant == "hard link":
        os.link(elsewhere, part)
    else:
        os.mkfifo(part)
    handle = open_own(part)
    os.write(handle, b"ours")
    os.close(handle)
    assert elsewhere.read_bytes() == b"not ours" and not (tmp_path / "new").exists()
    assert part.read_bytes() == b"ours" and not part.is_symlink()


def test_a_folder_planted_as_a_link_leads_nowhere(follower: Follower) -> None:
    outside = follower.tree.root.parent / "outside"
    outside.mkdir()
    follower.plan()
    for kind in ("http", "swarm"):
        folder = follower.tree.root / "incoming" / kind
        folder.mkdir(parents=True)
        (folder / "tiny-tier1-00001").symlink_to(outside)
    assert follower.sync().findings == []
    assert list(outside.iterdir()) == []
    assert sum("removed" in line for line in follower.notes.lines) == 2


def test_incoming_itself_may_not_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "incoming").symlink_to(tmp_path / "outside")
    assert sweep_links(tmp_path / "incoming") == [str(tmp_path / "incoming")]
    assert not (tmp_path / "incoming").is_symlink()
