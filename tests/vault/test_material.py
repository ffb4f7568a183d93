"""A file is read once, and what was hashed stays what it was."""

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from phonotheque.model.errors import InputError, NoSpaceError
from phonotheque.storage.digests import digest_file
from phonotheque.vault import Link, material, take_material

SIZES = [0, 1, 16_383, 16_384, 16_385, (1 << 20) + 1, 3 << 20]


@pytest.fixture
def incoming(tmp_path: Path) -> Path:
    return tmp_path / "incoming"


def written(path: Path, size: int) -> Path:
    path.write_bytes(os.urandom(size))
    return path


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("limit", [1 << 20, material.MEMORY_BYTES])
def test_the_digests_are_those_of_the_file_wherever_its_bytes_go(
    tmp_path: Path, incoming: Path, monkeypatch: pytest.MonkeyPatch, size: int, limit: int
) -> None:
    monkeypatch.setattr(material, "MEMORY_BYTES", limit)
    path = written(tmp_path / "a", size)
    digests = digest_file(path)
    with take_material(path, incoming) as taken:
        assert taken.sha256 == digests.sha256.hex()
        assert taken.pieces_root == digests.pieces_root.hex()
        assert taken.size_bytes == size
        assert taken.mtime_ns == path.stat().st_mtime_ns
        assert taken.content.read_bytes() == path.read_bytes()
        assert os.pread(taken.descriptor, size + 1, 0) == path.read_bytes()
        assert (taken.staging is not None) == (size > limit)
    assert not incoming.exists() or list(incoming.iterdir()) == []


def test_nobody_can_change_bytes_in_memory(tmp_path: Path, incoming: Path) -> None:
    with take_material(written(tmp_path / "a", 1000), incoming) as taken:
        for change in (
            lambda: os.pwrite(taken.descriptor, b"x", 0),
            lambda: os.ftruncate(taken.descriptor, 1),
            lambda: taken.content.write_bytes(b"y"),
        ):
            with pytest.raises(PermissionError):
                change()
        assert taken.size_bytes == len(taken.content.read_bytes())


@pytest.mark.parametrize("size", [1000, 3 << 20])
def test_a_hard_link_is_the_source_itself(tmp_path: Path, incoming: Path, size: int) -> None:
    path = written(tmp_path / "a", size)
    with take_material(path, incoming, Link.HARD) as taken:
        assert taken.link is Link.HARD
        assert taken.staging is not None and taken.staging.samefile(path)
        assert taken.sha256 == digest_file(path).sha256.hex()
    assert path.stat().st_nlink == 1


def test_a_symbolic_link_is_followed(tmp_path: Path, incoming: Path) -> None:
    path = written(tmp_path / "a", 1000)
    (tmp_path / "b").symlink_to(path)
    with take_material(tmp_path / "b", incoming, Link.HARD) as taken:
        assert taken.staging is not None and not taken.staging.is_symlink()
        assert taken.staging.samefile(path)


@pytest.mark.parametrize("link", [Link.REFLINK, Link.HARD])
def test_what_cannot_be_linked_is_copied_and_says_so(
    tmp_path: Path, incoming: Path, monkeypatch: pytest.MonkeyPatch, link: Link
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "another device")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(material.fcntl, "ioctl", refuse)
    path = written(tmp_path / "a", 1000)
    with take_material(path, incoming, link) as taken:
        assert taken.link is Link.COPY
        assert taken.content.read_bytes() == path.read_bytes()
    assert list(incoming.iterdir()) == []


def test_a_reflink_is_a_file_of_its_own(
    tmp_path: Path, incoming: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def clone(target: int, _: int, source: int) -> None:
        os.sendfile(target, source, 0, 1 << 30)

    monkeypatch.setattr(material.fcntl, "ioctl", clone)
    path = written(tmp_path / "a", 1000)
    with take_material(path, incoming, Link.REFLINK) as taken:
        assert taken.link is Link.REFLINK
        assert taken.staging is not None and not taken.staging.samefile(path)
        assert taken.sha256 == digest_file(path).sha256.hex()


def grown(path: Path) -> None:
    with path.open("ab") as stream:
        stream.write(b"more")


def shortened(path: Path) -> None:
    os.truncate(path, 1 << 20)


def replaced(path: Path) -> None:
    path.unlink()
    path.write_bytes(b"another")


def gone(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("link", list(Link))
@pytest.mark.parametrize("change", [grown, shortened, replaced, gone])
def test_a_file_that_changes_while_it_is_read_is_not_taken(
    tmp_path: Path,
    incoming: Path,
    monkeypatch: pytest.MonkeyPatch,
    link: Link,
    change: Callable[[Path], None],
) -> None:
    path = written(tmp_path / "a", 3 << 20)
    read = os.read
    begun = threading.Event()

    def read_and_change(descriptor: int, count: int) -> bytes:
        if not begun.is_set():
            begun.set()
            change(path)
        return read(descriptor, count)

    monkeypatch.setattr(os, "read", read_and_change)
    with pytest.raises(InputError, match=r"run this again|cannot be read"):
        take_material(path, incoming, link)
    assert not incoming.exists() or list(incoming.iterdir()) == []


def test_what_cannot_be_read_names_the_file_and_the_reason(
    tmp_path: Path, incoming: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match=r"gone: cannot be read \(No such file"):
        take_material(tmp_path / "gone", incoming)
    with pytest.raises(InputError, match="is no file"):
        take_material(tmp_path, incoming)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="is no file"):
        take_material(tmp_path / "pipe", incoming)
    path = written(tmp_path / "a", 10)

    def fail(*_: object) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "read", fail)
    with pytest.raises(InputError, match=r"a: cannot be read \(Input/output error\)"):
        take_material(path, incoming)


def test_a_full_disk_leaves_nothing_in_staging(
    tmp_path: Path, incoming: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(material, "MEMORY_BYTES", 5)
    monkeypatch.setattr(os, "write", fail)
    with pytest.raises(NoSpaceError, match="incoming"):
        take_material(written(tmp_path / "a", 10), incoming)
    assert list(incoming.iterdir()) == []
