"""The encoding worker: room through memory alone, and replaced when it dies."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from phonotheque.vault.encoder import Encoder
from phonotheque.vault.encoding import EncodingError
from phonotheque.vault.encoding_frames import Made
from phonotheque.vault.encoding_worker import WINDOW_BYTES, Room
from phonotheque.vault.examination import Limits
from tests.support.audio import make_audio
from tests.vault.test_encoding import encode, wants

FLAC = wants(44_100, demuxer="flac")
FAULTY = """
import sys
from phonotheque.vault import encoding_worker
def answer(request, master, room):
    {}
encoding_worker.answer = answer
encoding_worker.main()
"""


@pytest.fixture
def room() -> Iterator[int]:
    descriptor = os.memfd_create("room")
    yield descriptor
    os.close(descriptor)


def make(encoder: Encoder, master: Path, room: int, limits: Limits | None = None) -> Made:
    with master.open("rb") as stream:
        return encoder.encode(stream.fileno(), FLAC, room, 1 << 20, limits or Limits())


def test_a_worker_makes_the_same_copy_and_examines_it(tmp_path: Path, room: int) -> None:
    master = make_audio(tmp_path / "a.flac")
    with Encoder() as encoder:
        made = make(encoder, master, room)
        again = make(encoder, master, room)
    assert made.encoded == again.encoded and made.encoded.error == ""
    assert os.pread(room, 1 << 20, 0) == encode(master, FLAC)[1]
    assert os.fstat(room).st_size == made.encoded.bytes
    seen = made.examination
    assert seen is not None and seen.admissible and (seen.codec, seen.duration_ms) == ("opus", 1000)


def test_what_is_no_audio_is_told_and_the_worker_goes_on(tmp_path: Path, room: int) -> None:
    (tmp_path / "b.flac").write_bytes(b"fLaC" + bytes(1000))
    with Encoder() as encoder:
        made = make(encoder, tmp_path / "b.flac", room)
        assert made.encoded.error and made.examination is None
        assert make(encoder, make_audio(tmp_path / "a.flac"), room).encoded.error == ""


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("import os; os.kill(os.getpid(), 11)", "crashed"),
        ("import time; time.sleep(60)", "longer than 1 s"),
        ("open('written', 'w').write('x')", "crashed"),
        ("import os; os.write(room, b'x')", "crashed"),
    ],
)
def test_a_worker_that_fails_is_replaced(
    tmp_path: Path, room: int, fault: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "faulty.py"
    script.write_text(FAULTY.format(fault))
    master = make_audio(tmp_path / "a.flac")
    limits = Limits(seconds=1 if "sleep" in fault else 60)
    with Encoder(command=[sys.executable, str(script)]) as encoder:
        assert said in make(encoder, master, room, limits).encoded.error
        assert said in make(encoder, master, room, limits).encoded.error
    assert not (tmp_path / "written").exists() or not (tmp_path / "written").read_bytes()


def test_room_is_written_window_by_window_and_cut_to_what_was_written(room: int) -> None:
    size = 2 * WINDOW_BYTES + 5000
    os.ftruncate(room, size)
    written = Room(room, size)
    pieces = [bytes([n % 251]) * 999_983 for n in range(33)]
    for piece in pieces:
        written.write(piece)
    written.close()
    content = b"".join(pieces)
    assert os.fstat(room).st_size == len(content) and os.pread(room, size, 0) == content


def test_a_copy_that_is_longer_than_its_room_is_none(room: int) -> None:
    os.ftruncate(room, 100)
    written = Room(room, 100)
    written.write(bytes(60))
    with pytest.raises(EncodingError, match="more than 100 bytes"):
        written.write(bytes(60))
