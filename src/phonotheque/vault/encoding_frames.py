"""What parent and encoding worker say: frames as in `vault.frames`, a request with two
open files."""

import socket
import struct
from collections.abc import Sequence

import msgspec

from phonotheque.vault.examination import Examination, Limits
from phonotheque.vault.frames import receive_exactly
from phonotheque.vault.recipes import OpusSettings


class EncodingWants(msgspec.Struct, frozen=True, kw_only=True):
    """What to make of one master. `demuxer` is the only one of libav that may open it; `comments`
    are (NAME, value), written in this order. Without `settings` the audio is left as it is, and
    the comments become tags of the form `puid`."""

    demuxer: str
    settings: OpusSettings | None = None
    comments: Sequence[tuple[str, str]] = ()
    puid: str = ""


class Encoded(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it: `bytes` written, `samples` at 48 kHz that will be played, `source_samples`
    decoded; of a tagged copy, the digests that it shares with its master; or the `error`, in
    words."""

    bytes: int = 0
    samples: int = 0
    source_samples: int = 0
    encoder: str = ""
    frames_sha256: str = ""
    samples_sha256: str = ""
    error: str = ""


class EncodingRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One master; its file and the room come beside it."""

    wants: EncodingWants
    room_bytes: int
    limits: Limits


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a request; `examination` is of the copy, None where there is none."""

    encoded: Encoded
    examination: Examination | None = None


def send_request(
    connection: socket.socket, request: EncodingRequest, master: int, room: int
) -> None:
    """Send a request with its two files.

    Raises:
        OSError: the worker is gone.
    """
    content = msgspec.msgpack.encode(request)
    frame = struct.pack(">I", len(content)) + content
    sent = socket.send_fds(connection, [frame], [master, room])
    connection.sendall(frame[sent:])


def receive_request(connection: socket.socket) -> tuple[EncodingRequest, tuple[int, int]] | None:
    """The next request with its files, which the caller closes; None when there are no more."""
    head, files, _, _ = socket.recv_fds(connection, 4, 2)
    if len(files) != 2:
        return None
    rest = receive_exactly(connection, 4 - len(head))
    content = None
    if rest is not None:
        content = receive_exactly(connection, struct.unpack(">I", head + rest)[0])
    if content is None:
        return None
    return msgspec.msgpack.decode(content, type=EncodingRequest), (files[0], files[1])
