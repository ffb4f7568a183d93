"""What a durable write leaves when it is cut short at any line, and when the disk says no."""

import errno
import os
from pathlib import Path

import pytest

from phonotheque.model.errors import NoSpaceError, PhonothequeError
from phonotheque.storage import durable
from tests.support.crashing import killed_at_every_line

OLD, NEW = b"the old content", b"the new content, which is longer"


def partials(folder: Path) -> list[Path]:
    return [p for p in folder.rglob("*") if p.name.endswith(durable.TEMPORARY_SUFFIX)]


def test_a_write_killed_at_any_line_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file"

    def prepare() -> None:
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(OLD)

    seen = set()
    for _ in killed_at_every_line([durable], prepare, lambda: durable.write_bytes(target, NEW)):
        seen.add(target.read_bytes())
        assert {p.name for p in target.parent.iterdir()} - {"file"} <= {
            p.name for p in partials(tmp_path)
        }
        durable.write_bytes(target, NEW)
        assert target.read_bytes() == NEW
    assert seen == {OLD, NEW}


def test_content_named_last_is_whole_or_absent_whenever_the_writer_is_killed(
    tmp_path: Path,
) -> None:
    staging, target = tmp_path / "incoming", tmp_path / "objects" / "ab" / "name"

    def prepare() -> None:
        target.unlink(missing_ok=True)

    def write() -> None:
        durable.write_then_name(staging, [NEW], lambda: target, read_only=True)

    outcomes = set()
    for _ in killed_at_every_line([durable], prepare, write):
        outcomes.add(target.exists())
        if target.exists():
            assert target.read_bytes() == NEW
            assert target.stat().st_mode & 0o777 == 0o444
    assert outcomes == {True, False}


def test_content_that_gets_no_name_is_dropped(tmp_path: Path) -> None:
    assert durable.write_then_name(tmp_path / "in", [NEW], lambda: None) is None
    assert list((tmp_path / "in").iterdir()) == []


@pytest.mark.full
def test_a_directory_appears_at_once_or_not_at_all(tmp_path: Path) -> None:
    made, target = tmp_path / "made", tmp_path / "out" / "bag"

    def prepare() -> None:
        if target.exists():
            target.rename(made)
        (made / "data").mkdir(parents=True, exist_ok=True)
        (made / "data" / "a").write_bytes(NEW)

    for _ in killed_at_every_line(
        [durable], prepare, lambda: durable.commit_directory(made, target)
    ):
        assert made.exists() != target.exists()
        whole = target if target.exists() else made
        assert (whole / "data" / "a").read_bytes() == NEW


def test_a_link_killed_at_any_line_leaves_the_target_old_or_new(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(NEW)

    def prepare() -> None:
        target.unlink(missing_ok=True)
        target.write_bytes(OLD)

    for _ in killed_at_every_line([durable], prepare, lambda: durable.link_or_copy(source, target)):
        assert target.read_bytes() in (OLD, NEW)
        assert source.read_bytes() == NEW
    assert target.stat().st_ino == source.stat().st_ino


def test_linking_a_file_to_the_name_it_already_has_keeps_both(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(NEW)
    for _ in range(2):
        durable.link_or_copy(source, target)
    assert (source.read_bytes(), target.read_bytes()) == (NEW, NEW)
    assert partials(tmp_path) == []


def test_where_hard_links_do_not_work_the_bytes_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, "another file system")

    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(NEW)
    source.chmod(0o444)
    monkeypatch.setattr(os, "link", refuse)
    durable.link_or_copy(source, target)
    assert target.read_bytes() == NEW
    assert target.stat().st_ino != source.stat().st_ino
    assert target.stat().st_mode & 0o777 == 0o444


def test_an_exception_while_writing_keeps_the_old_file_and_no_garbage(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(OLD)

    with pytest.raises(RuntimeError), durable.partial_file(target) as temporary:
        temporary.write_bytes(NEW)
        raise RuntimeError
    assert target.read_bytes() == OLD
    assert partials(tmp_path) == []


def test_a_short_write_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(OLD)
    with pytest.raises(PhonothequeError, match="wrote 3 bytes where 9 were due"):
        durable.write_chunks(target, [b"abc"], expected_bytes=9)
    assert target.read_bytes() == OLD
    assert partials(tmp_path) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def full(_: int) -> None:
        raise OSError(number, "no room")

    target = tmp_path / "file"
    durable.write_bytes(target, OLD)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NoSpaceError, match="disk is full"):
        durable.write_bytes(target, NEW)
    with pytest.raises(NoSpaceError, match="disk is full"):
        durable.write_then_name(tmp_path, [NEW], lambda: target)
    assert target.read_bytes() == OLD
    assert partials(tmp_path) == []


def test_other_errors_of_the_disk_pass_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: int) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="broken"):
        durable.write_bytes(tmp_path / "file", NEW)


def test_free_space_of_a_path_that_is_not_there_yet_is_that_of_its_disk(tmp_path: Path) -> None:
    assert durable.free_bytes(tmp_path / "not" / "yet") > 0
