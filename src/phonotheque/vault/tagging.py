"""Make a tagged copy in this process: all bytes of a master, other tags, and proof of the audio.

`tag_here` is what an encoding worker runs; it is a pure function of the master's bytes and the
request. The proof is twofold, and reads both files from their beginning: the coded frames, as the
demuxer hands them out, are the same bytes in the same order; and so are the samples that they
decode to.
"""

import os
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import av

from phonotheque.vault.embedding import EmbeddingError, embed_tags, writer_name
from phonotheque.vault.encoding import EncodingError
from phonotheque.vault.encoding_frames import Encoded, EncodingWants

_READ_BYTES = 1 << 20
_OPTIONS = {"protocol_whitelist": "file", "err_detect": "crccheck+bitstream+buffer"}


class Space(Protocol):
    """Where the copy is written: a file of which any part may be written."""

    def put(self, position: int, content: bytes) -> None: ...


class AudioDigests(NamedTuple):
    """SHA-256 of all coded frames and of all samples; `length` is in samples of a channel."""

    frames: str
    samples: str
    length: int


class SpaceFile:
    """A `Space` of which `descriptor` is read, as the file that mutagen takes."""

    def __init__(self, space: Space, descriptor: int) -> None:
        self._space, self._descriptor = space, descriptor
        self._at = 0
        self.length = 0

    def read(self, size: int = -1) -> bytes:
        left = max(self.length - self._at, 0)
        content = os.pread(self._descriptor, left if size < 0 else min(size, left), self._at)
        self._at += len(content)
        return content

    def write(self, content: bytes) -> int:
        if self._at > self.length:  # what lies between may be left from before
            self._space.put(self.length, bytes(self._at - self.length))
        if content:
            self._space.put(self._at, bytes(content))
            self._at += len(content)
            self.length = max(self.length, self._at)
        return len(content)

    def seek(self, offset: int, whence: int = 0) -> int:
        begin = (0, self._at, self.length)[whence]
        if begin + offset < 0:
            raise ValueError("before the beginning")
        self._at = begin + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def truncate(self, size: int | None = None) -> int:
        self.length = self._at if size is None else size
        return self.length

    def flush(self) -> None:
        return None


def tag_here(master: int, wants: EncodingWants, space: Space, room: int) -> Encoded:
    """Copy the open file `master` to `space`, whose bytes `room` reads, with the tags of `wants`.

    Raises:
        EncodingError: its tags cannot be set, or its audio would not be the same.
        MemoryError: more is needed than there is.
    """
    copy, position = SpaceFile(space, room), 0
    while content := os.pread(master, _READ_BYTES, position):
        copy.write(content)
        position += len(content)
    copy.seek(0)
    try:
        embed_tags(copy, wants.puid, wants.comments)
    except EmbeddingError as error:
        raise EncodingError(str(error)) from None
    before = digest_audio(Path(f"/proc/self/fd/{master}"), wants.demuxer)
    os.ftruncate(room, copy.length)
    after = digest_audio(Path(f"/proc/self/fd/{room}"), wants.demuxer)
    if before.frames != after.frames:
        raise EncodingError("its coded frames would not be the same bytes with other tags")
    if before != after:
        raise EncodingError("its samples would not be the same with other tags")
    return Encoded(
        bytes=copy.length,
        source_samples=before.length,
        encoder=writer_name(),
        frames_sha256=before.frames,
        samples_sha256=before.samples,
    )


def digest_audio(path: Path, demuxer: str) -> AudioDigests:
    """What the first audio stream of a file holds. Memory: a packet and its samples.

    Raises:
        EncodingError: it does not decode without errors.
    """
    frames, samples, count = sha256(), sha256(), 0
    try:
        with av.open(
            f"file:{path}", format=demuxer, options=_OPTIONS, metadata_errors="replace"
        ) as container:
            if not container.streams.audio:
                raise EncodingError("holds no audio stream")
            stream = container.streams.audio[0]
            stream.codec_context.thread_count = 1
            for packet in container.demux(stream):
                content = memoryview(packet)
                frames.update(len(content).to_bytes(8, "big"))
                frames.update(content)
                for decoded in packet.decode():
                    count += decoded.samples
                    _take(samples, decoded)
    except (av.error.FFmpegError, ValueError) as error:
        if isinstance(error, MemoryError):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise EncodingError(f"{reason} (libav)") from None
    return AudioDigests(frames.hexdigest(), samples.hexdigest(), count)


def _take(digest: Any, frame: Any) -> None:
    if frame.is_corrupt:
        raise EncodingError("a frame is marked as corrupt")
    head = f"{frame.format.name} {frame.sample_rate} {frame.layout.name} {frame.samples};"
    digest.update(head.encode())
    digest.update(memoryview(frame.to_ndarray()).cast("B"))
