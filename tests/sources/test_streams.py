"""Streams: every compression, archives, and what is kept of damaged files."""

import gzip
import io
import lzma
import tarfile
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.model.findings import Finding, FindingCode
from phonotheque.sources.streams import (
    BROKEN,
    FileDigest,
    is_tar,
    iter_lines,
    iter_members,
    open_stream,
    read_head,
    until_broken,
)
from tests.sources.dumps import COMPRESSIONS, tar_of, zstd

SKIPPABLE = b"\x53\x2a\x4d\x18\x04\0\0\0abcd"
LINES = b"".join(
    b"line %d %s\n" % (i, sha256(b"%d" % i).digest().hex().encode()) for i in range(99)
)


def all_of(stream: Any) -> tuple[bytes, bool]:
    """What can be read, and whether it ended well."""
    found = bytearray()
    try:
        while data := stream.read1(7_000):
            found += data
    except BROKEN:
        return bytes(found), False
    return bytes(found), True


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "name-that-says-nothing"


@pytest.mark.parametrize("how", COMPRESSIONS)
def test_content_decides_how_a_file_is_decompressed(file: Path, how: str) -> None:
    file.write_bytes(COMPRESSIONS[how](LINES))
    with open_stream(file) as stream:
        assert stream.read() == LINES
    assert read_head(file, 100) == LINES[:100]


@pytest.mark.parametrize("how", ["gz", "bz2", "xz", "zst"])
def test_compressed_parts_that_follow_one_another_are_read_as_one(file: Path, how: str) -> None:
    compress = COMPRESSIONS[how]
    file.write_bytes(compress(LINES) + compress(b"") + compress(b"end"))
    with open_stream(file) as stream:
        assert stream.read() == LINES + b"end"


def test_skippable_frames_are_skipped(file: Path) -> None:
    file.write_bytes(SKIPPABLE + zstd(LINES) + SKIPPABLE + zstd(b"end"))
    with open_stream(file) as stream:
        assert stream.read() == LINES + b"end"


@pytest.mark.parametrize("how", ["gz", "bz2", "xz"])
def test_zeros_behind_the_last_member_are_padding(file: Path, how: str) -> None:
    file.write_bytes(COMPRESSIONS[how](LINES) + bytes(70_000))
    with open_stream(file) as stream:
        assert stream.read() == LINES


@pytest.mark.parametrize("how", ["gz", "bz2", "xz", "zst"])
def test_a_cut_file_gives_all_that_could_be_decompressed_and_then_an_error(
    file: Path, how: str
) -> None:
    whole = COMPRESSIONS[how](LINES)
    longest = 0
    for cut in range(6, len(whole), 100):
        file.write_bytes(whole[:cut])
        with open_stream(file) as stream:
            found, well = all_of(stream)
        assert not well
        assert LINES.startswith(found)
        assert len(found) >= longest
        longest = len(found)


def test_what_comes_before_a_damage_in_zstd_is_kept_to_the_last_byte(file: Path) -> None:
    first = bytes(range(256)) * 1_000 + b"the last bytes"
    file.write_bytes(zstd(first) + zstd(LINES)[:-40])
    with open_stream(file) as stream:
        found, well = all_of(stream)
    assert not well
    assert found.startswith(first)


@pytest.mark.parametrize("how", ["gz", "bz2", "xz"])
def test_a_flipped_bit_is_noticed(file: Path, how: str) -> None:
    whole = bytearray(COMPRESSIONS[how](LINES * 20))
    whole[len(whole) // 2] ^= 0x10
    file.write_bytes(whole)
    with open_stream(file) as stream:
        assert not all_of(stream)[1]


@pytest.mark.parametrize("how", ["gz", "bz2", "xz", "zst"])
def test_what_is_no_member_behind_the_last_one_is_damage(file: Path, how: str) -> None:
    file.write_bytes(COMPRESSIONS[how](LINES) + b"garbage")
    with open_stream(file) as stream:
        assert all_of(stream) == (LINES, False)


def test_an_xz_file_that_wants_too_much_memory_is_refused(file: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("phonotheque.sources.decompress.XZ_MEMORY_BYTES", 1 << 16)
    file.write_bytes(lzma.compress(LINES))
    with open_stream(file) as stream:
        assert all_of(stream) == (b"", False)


@pytest.mark.parametrize("how", COMPRESSIONS)
def test_members_of_an_archive_come_in_its_order(file: Path, how: str) -> None:
    long_name = "mbdump/" + "x" * 150
    files = {"README": b"", "mbdump/recording": LINES, long_name: b"end"}
    file.write_bytes(COMPRESSIONS[how](tar_of(files)))
    assert {name: stream.read() for name, stream in iter_members(file)} == files


def test_a_member_that_is_not_read_is_passed_over(file: Path) -> None:
    file.write_bytes(gzip.compress(tar_of({"a": LINES * 100, "b": LINES})))
    found = {name: stream.read() if name == "b" else b"" for name, stream in iter_members(file)}
    assert found == {"a": b"", "b": LINES}


def test_links_and_folders_are_no_members(file: Path) -> None:
    with tarfile.open(file, "w") as tar:
        for name, kind in (("d", tarfile.DIRTYPE), ("l", tarfile.SYMTYPE), ("f", tarfile.REGTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "../../etc/passwd" if name == "l" else ""
            tar.addfile(info)
    assert [name for name, _ in iter_members(file)] == ["f"]


@pytest.mark.parametrize("content", [b"", b"{}\n", LINES, bytes(100)])
def test_a_file_that_is_no_archive_is_its_own_only_member(file: Path, content: bytes) -> None:
    assert not is_tar(content)
    file.write_bytes(content)
    assert [(name, stream.read()) for name, stream in iter_members(file)] == [(file.name, content)]


def read_lines(path: Path) -> Iterator[bytes | None]:
    for _, stream in iter_members(path):
        for lines in iter_lines(stream, 1 << 20):
            yield from lines


@pytest.mark.parametrize("how", COMPRESSIONS)
def test_a_cut_archive_gives_every_line_before_the_cut_and_a_finding(file: Path, how: str) -> None:
    whole = COMPRESSIONS[how](tar_of({"a": LINES[:3_000], "b": LINES[3_000:]}))
    expected = LINES[:3_000].split(b"\n") + LINES[3_000:].split(b"\n")
    for cut in range(600, len(whole) - 1024, 100):
        file.write_bytes(whole[:cut])
        *found, last = until_broken(read_lines(file), "a.tar")
        assert isinstance(last, Finding)
        assert last.code is FindingCode.FILE_UNREADABLE
        assert found == expected[: len(found)]
        if how == "plain":
            assert sum(len(line) for line in found if isinstance(line, bytes)) > cut - 6 * 512 - 80


def test_a_damaged_header_is_no_end_of_an_archive(file: Path) -> None:
    whole = bytearray(tar_of({"a": LINES, "b": LINES}))
    second = 512 + (len(LINES) + 511) // 512 * 512
    whole[second + 150] ^= 1
    file.write_bytes(whole)
    *found, last = until_broken(read_lines(file), "a.tar")
    assert b"\n".join(line for line in found if isinstance(line, bytes)) + b"\n" == LINES
    assert isinstance(last, Finding)
    assert "bad header" in last.message


def test_an_archive_without_its_end_mark_was_cut(file: Path) -> None:
    file.write_bytes(tar_of({"a": LINES})[: 512 + (len(LINES) + 511) // 512 * 512])
    assert isinstance(list(until_broken(read_lines(file), "a.tar"))[-1], Finding)


def test_damage_behind_the_last_member_is_noticed(file: Path) -> None:
    file.write_bytes(gzip.compress(tar_of({"a": LINES}))[:-4])
    *found, last = until_broken(read_lines(file), "a.tar")
    assert len(found) == LINES.count(b"\n")
    assert isinstance(last, Finding)


@given(
    st.lists(st.binary(max_size=40).map(lambda b: b.replace(b"\n", b"")), max_size=30),
    st.integers(1, 20),
)
def test_lines_are_those_of_split_whatever_the_blocks(lines: list[bytes], block: int) -> None:
    class Small(io.BytesIO):
        def read1(self, size: int | None = -1) -> bytes:
            return super().read(block)

    whole = b"\n".join(lines)
    found = [line for batch in iter_lines(Small(whole), 20) for line in batch]
    expected = whole.split(b"\n")
    if not expected[-1]:
        expected.pop()
    assert found == [line if len(line) <= 20 else None for line in expected]


@pytest.mark.parametrize("how", COMPRESSIONS)
@pytest.mark.parametrize("read", [0, 10, -1])
def test_the_digest_is_that_of_the_file_however_much_was_read(
    file: Path, how: str, read: int
) -> None:
    file.write_bytes(COMPRESSIONS[how](LINES * 50))
    digest = FileDigest()
    with open_stream(file, digest) as stream:
        stream.read(read)
    assert digest.finish(file) == sha256(file.read_bytes()).hexdigest()
    assert digest.size_bytes == file.stat().st_size


# --------------------------------------------------------------------------------- reading ahead

BIG = LINES * 2_000  # 14 MB, so that a thread is at work


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "decompress"]


@pytest.mark.parametrize("how", ["gz", "xz", "zst"])
def test_long_streams_are_decompressed_ahead_and_nothing_changes(
    file: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr("phonotheque.sources.decompress.PIECE_BYTES", 100_000)
    file.write_bytes(COMPRESSIONS[how](BIG))
    digest = FileDigest()
    with open_stream(file, digest) as stream:
        assert stream.read(3_000_000) == BIG[:3_000_000]
        assert threads()
        assert stream.read() == BIG[3_000_000:]
    assert not threads()
    assert digest.finish(file) == sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize("how", ["gz", "xz", "zst"])
def test_what_stands_before_a_damage_far_behind_is_kept(
    file: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr("phonotheque.sources.decompress.PIECE_BYTES", 100_000)
    file.write_bytes(COMPRESSIONS[how](BIG) + COMPRESSIONS[how](LINES)[:-9])
    with open_stream(file) as stream:
        found, well = all_of(stream)
    assert not well
    assert found[: len(BIG)] == BIG
    assert not threads()


@pytest.mark.parametrize("leave", ["close", "forget"])
def test_whoever_goes_away_early_leaves_no_thread_behind(
    file: Path, monkeypatch: pytest.MonkeyPatch, leave: str
) -> None:
    monkeypatch.setattr("phonotheque.sources.decompress.PIECE_BYTES", 10_000)
    file.write_bytes(gzip.compress(BIG, 1))
    stream = open_stream(file)
    stream.read(2_000_000)
    assert threads()
    if leave == "close":
        stream.close()
    del stream
    assert not threads()
