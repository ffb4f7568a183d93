"""One target for each parser: a function of bytes that returns, or raises what its parser says that
it raises of content. Anything else it raises is a defect."""

import math
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from io import BytesIO

import msgspec
import numpy as np
from mutagen import MutagenError

from phonotheque.model.errors import InputError
from phonotheque.vault import claims, formats
from phonotheque.vault.acoustic import codec
from phonotheque.vault.asf import find_asf_encryption
from phonotheque.vault.bounded import BoundedStream, UnparseableError
from phonotheque.vault.boxes import walk_boxes
from phonotheque.vault.chunk_claims import check_chunks
from phonotheque.vault.chunks import iter_id3_chunks
from phonotheque.vault.drm import inspect_container
from phonotheque.vault.ebml import find_matroska_encryption
from phonotheque.vault.examination import Description, Examination
from phonotheque.vault.formats import ALL_FORMATS, Identified, identify
from phonotheque.vault.frames import Request, receive_answer, receive_request
from phonotheque.vault.id3_marks import find_chunk_encryption, find_id3_encryption
from phonotheque.vault.id3_places import read_every_id3
from phonotheque.vault.mpeg_walk import walk_mpeg
from phonotheque.vault.ogg import checksum, walk_ogg
from phonotheque.vault.pictures import MAX_PIXELS, read_size
from phonotheque.vault.playlists import find_dash_protection, find_hls_key
from phonotheque.vault.tag_encodings import repair
from phonotheque.vault.tags import read_tags

Target = Callable[[bytes], None]


def identification(content: bytes) -> None:
    """Which form the content is of."""
    found = identify(BytesIO(content))
    assert found is None or (found.format in ALL_FORMATS and found.offset_bytes <= len(content))


def protection(content: bytes) -> None:
    """The marks of protection, after what the content was taken for."""
    found = identify(BytesIO(content))
    if found is not None:
        with suppress(UnparseableError):
            inspect_container(BytesIO(content), len(content), found)


def openmg(content: bytes) -> None:
    """The header of OpenMG, wherever it stands."""
    with suppress(UnparseableError):
        inspect_container(BytesIO(content), len(content), Identified(formats.OPENMG))


def _walked(walk: Callable[[BoundedStream, int], object], content: bytes) -> None:
    with suppress(UnparseableError):
        walk(BoundedStream(BytesIO(content)), len(content))


def _chunks(stream: BoundedStream, size_bytes: int) -> None:
    for start, end in iter_id3_chunks(stream, size_bytes):
        assert 0 <= start <= end <= size_bytes


def ogg(content: bytes) -> None:
    """The pages of Ogg, as they are and with all checksums put right."""
    walk_ogg(BytesIO(content), len(content))
    sound = _with_checksums(content)
    walk_ogg(BytesIO(sound), len(sound))


def _with_checksums(content: bytes) -> bytes:
    pages, at = [], 0
    while content[at : at + 4] == b"OggS" and len(content) >= at + 27:
        lacing = content[at + 27 : at + 27 + content[at + 26]]
        page = content[at : at + 27 + len(lacing) + sum(lacing)]
        pages.append(page[:22] + checksum(page).to_bytes(4, "little") + page[26:])
        at += len(page)
    return b"".join(pages) + content[at:]


def fingerprints(content: bytes) -> None:
    """Foreign fingerprints: what is read is written as the same bytes again."""
    with suppress(InputError):
        items = codec.decode_fingerprint(content)
        again = codec.decode_fingerprint(codec.compress_fingerprint(items))
        assert np.array_equal(items, again)
    with suppress(InputError, UnicodeDecodeError):
        codec.parse_fingerprint(content.decode())
    with suppress(InputError):
        codec.raw_fingerprint(content)


def worker_frames(content: bytes) -> None:
    """What parent and worker say to each other: an answer, and a request without a descriptor."""
    for receive, kind in ((receive_answer, Examination), (receive_request, Request)):
        near, far = socket.socketpair()
        with near, far, suppress(msgspec.MsgspecError, UnicodeDecodeError):
            near.sendall(content)
            near.shutdown(socket.SHUT_WR)
            frame = receive(far)
            if isinstance(frame, bytes):
                msgspec.msgpack.decode(frame, type=kind)


def container_claims(content: bytes) -> None:
    """What containers say of their own length."""
    found = identify(BytesIO(content)) or Identified(formats.MP3)
    stream = BytesIO(content)
    for read in (claims.read_streaminfo, claims.claimed_mpeg):
        read(stream, found)
        read(stream, Identified(found.format, len(content) // 2))
    claims.wavpack_is_hybrid(stream)
    claims.find_wavpack_loss(stream, 0)
    check_chunks(stream, len(content), formats.AIFF if content[:4] == b"FORM" else formats.RF64)
    check_chunks(stream, len(content), formats.WAVE_GENERIC)
    walk_mpeg(stream, len(content), found)


def tags(content: bytes) -> None:
    """All that a file says about itself, by the form it was taken for and by mutagen's guess: text
    that can be written down, gains that are numbers."""
    for found in (identify(BytesIO(content)), None):
        read = read_tags(BytesIO(content), len(content), found)
        again = msgspec.msgpack.decode(msgspec.msgpack.encode(read.description), type=Description)
        assert again == read.description
        assert all(math.isfinite(gain) for gain in again.replaygain.values())
        assert all(picture.width * picture.height <= MAX_PIXELS for picture in again.pictures)


def every_id3(content: bytes) -> None:
    """ID3 tags wherever they may stand."""
    with suppress(ValueError, MutagenError):
        read_every_id3(BytesIO(content), len(content))


def picture_headers(content: bytes) -> None:
    """What a picture is, and how large."""
    size = read_size(content)
    assert size is None or (size.width >= 0 and size.height >= 0)


def tag_encodings(content: bytes) -> None:
    """Text in a wrong encoding; what is mended can be written down and is mended once."""
    for encoding in ("latin-1", "cp1252", "utf-8"):
        mended = repair(content.decode(encoding, "replace"))
        if mended is not None:
            mended.encode()


TARGETS: dict[str, Target] = {
    "identification": identification,
    "protection": protection,
    "openmg": openmg,
    "boxes": partial(_walked, walk_boxes),
    "asf": partial(_walked, find_asf_encryption),
    "matroska": partial(_walked, find_matroska_encryption),
    "id3": partial(_walked, find_id3_encryption),
    "chunks": partial(_walked, _chunks),
    "chunk-tags": partial(_walked, find_chunk_encryption),
    "hls": partial(_walked, find_hls_key),
    "dash": partial(_walked, find_dash_protection),
    "ogg": ogg,
    "claims": container_claims,
    "tags": tags,
    "every-id3": every_id3,
    "pictures": picture_headers,
    "tag-encodings": tag_encodings,
    "fingerprints": fingerprints,
    "worker-frames": worker_frames,
}
