"""Everything a file says about itself, read by the form it was found to have: tags as found and
mended beside that, pictures, gains.

Runs in a worker: mutagen bounds neither time nor memory.
"""

import binascii
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, BinaryIO

import mutagen
from mutagen.aiff import AIFFInfo
from mutagen.apev2 import APENoHeaderError, APEv2
from mutagen.asf import ASF
from mutagen.flac import FLAC
from mutagen.flac import Picture as FlacPicture
from mutagen.id3 import ID3, ParseID3v1
from mutagen.mp3 import MPEGInfo
from mutagen.mp4 import MP4
from mutagen.oggflac import OggFLAC
from mutagen.oggopus import OggOpus
from mutagen.oggspeex import OggSpeex
from mutagen.oggvorbis import OggVorbis
from mutagen.wave import WaveStreamInfo
from mutagen.wavpack import WavPack

from phonotheque.vault import formats
from phonotheque.vault.chunk_texts import iter_chunk_texts
from phonotheque.vault.examination import Description
from phonotheque.vault.formats import AudioFormat, Identified
from phonotheque.vault.id3_places import read_every_id3
from phonotheque.vault.pictures import MAX_BYTES, Found, sort_pictures
from phonotheque.vault.replaygain import parse_replaygain
from phonotheque.vault.tag_encodings import repair_tags
from phonotheque.vault.tag_values import collect, iter_items, iter_pairs

FRONT_COVER = 3
_READERS: dict[AudioFormat, Callable[[BinaryIO], Any]] = {
    formats.FLAC: FLAC,
    formats.OGG_VORBIS: OggVorbis,
    formats.OGG_OPUS: OggOpus,
    formats.OGG_FLAC: OggFLAC,
    formats.OGG_SPEEX: OggSpeex,
    formats.M4A: MP4,
    formats.M4A_ALAC: MP4,
    formats.WAVPACK: WavPack,
    formats.ASF: ASF,
}
_MAX_BASE64 = MAX_BYTES // 3 * 4 + 8
_APE_PICTURES = {"cover art (front)": FRONT_COVER, "cover art (back)": 4}


@dataclass(slots=True)
class TagsRead:
    """What was read. `problem` says in words why some or all of it could not be."""

    description: Description
    problem: str | None = None
    pictures_left_out: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Said:
    """All that is there, by reader: mutagen's tag objects and further pairs, in order of weight;
    `oldest` are the frames of ID3v1."""

    tags: list[Any] = field(default_factory=list)
    further: list[tuple[str, str]] = field(default_factory=list)
    pictures: list[Found] = field(default_factory=list)
    oldest: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


def read_tags(
    stream: BinaryIO, size_bytes: int, found: Identified | None, *, pictures: bool = True
) -> TagsRead:
    """What the file of `size_bytes` open in `stream` says; never raises for what is in it.

    Where the form is not known, mutagen guesses it by the content. A file without tags has an empty
    description.
    """
    said, problem = _Said(), None
    try:
        _read(stream, size_bytes, found, said)
    except MemoryError:
        problem = "they need more memory than one file may take"
    except Exception as error:  # mutagen meets hostile files with any exception there is
        problem = f"{type(error).__name__}: {error}"[:200]
    try:
        return _describe(said, problem, pictures)
    except Exception as error:
        return TagsRead(Description(), problem or f"{type(error).__name__}: {error}"[:200])


def _describe(said: _Said, problem: str | None, pictures: bool) -> TagsRead:
    tags = collect(_distinct(chain(*map(iter_pairs, said.tags), said.further)))
    tags = _oldest(said) | tags
    kept, left_out = sort_pictures(_iter_pictures(said) if pictures else iter(()))
    return TagsRead(
        Description(
            tags=tags,
            tags_repaired=repair_tags(tags),
            tag_duration_ms=min(max(round(said.seconds * 1000), 0), 2**31 - 1),
            pictures=kept,
            replaygain=parse_replaygain(tags),
        ),
        problem,
        left_out,
    )


def _oldest(said: _Said) -> dict[str, list[str]]:
    """What ID3v1 says, which cuts texts off: only for names that nothing else has."""
    old = ID3()
    for frame in said.oldest.values():
        old.add(frame)
    return collect(iter_pairs(old))


def _distinct(pairs: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Each pair once: the same tag may stand in two places."""
    said = set()
    for pair in pairs:
        if pair not in said:
            said.add(pair)
            yield pair


def _read(stream: BinaryIO, size_bytes: int, found: Identified | None, said: _Said) -> None:
    form = found.format if found else None
    reader = _READERS.get(form) if form else mutagen.File
    if reader is not None:
        stream.seek(0)
        audio = reader(stream)
        if audio is None:
            raise ValueError("no form of tags known here")
        said.tags.append(getattr(audio, "tags", None))
        said.pictures += (Found(p.data, p.type) for p in getattr(audio, "pictures", ()))
        said.seconds = _seconds(getattr(audio, "info", None))
    said.tags += read_every_id3(stream, size_bytes)
    if found is not None and form is formats.MP3:
        _read_mp3(stream, size_bytes, found, said)
    elif form is not None and form.demuxer in ("wav", "aiff"):
        said.further += iter_chunk_texts(stream, size_bytes)
        stream.seek(0)
        with suppress(Exception):  # the length alone: mutagen knows no RF64
            info = WaveStreamInfo if form.demuxer == "wav" else AIFFInfo
            said.seconds = _seconds(info(stream))


def _seconds(info: Any) -> float:
    return float(getattr(info, "length", 0) or 0)


def _read_mp3(stream: BinaryIO, size_bytes: int, found: Identified, said: _Said) -> None:
    """What stands at the end of an MP3, and its length by the headers."""
    with suppress(APENoHeaderError):
        stream.seek(0)
        said.tags.append(APEv2(stream))
    if size_bytes >= 128:
        stream.seek(size_bytes - 128)
        said.oldest = ParseID3v1(stream.read(128)) or {}
    with suppress(mutagen.MutagenError):
        said.seconds = _seconds(MPEGInfo(stream, found.offset_bytes))


def _iter_pictures(said: _Said) -> Iterator[Found]:
    yield from said.pictures
    for tags in said.tags:
        if isinstance(tags, ID3):
            yield from (Found(f.data, int(f.type)) for f in tags.values() if f.FrameID == "APIC")
        elif isinstance(tags, APEv2):
            yield from _ape_pictures(tags)
        elif tags is not None:
            yield from _other_pictures(tags)


def _ape_pictures(tags: APEv2) -> Iterator[Found]:
    for name, value in tags.items():
        kind = _APE_PICTURES.get(name.lower())
        content = getattr(value, "value", b"")
        if kind is not None and isinstance(content, bytes):
            yield Found(content.partition(b"\0")[2], kind)


def _other_pictures(tags: Any) -> Iterator[Found]:
    """Of MPEG-4 (``covr``) and Vorbis comments."""
    for name, values in iter_items(tags):
        if name == "covr":
            yield from (Found(bytes(value), FRONT_COVER) for value in values)
        elif name.lower() in ("metadata_block_picture", "coverart"):
            yield from (_from_base64(name.lower(), str(value)) for value in values)


def _from_base64(name: str, value: str) -> Found:
    """A picture in a comment; one that cannot be read, or is too large, becomes an empty one."""
    if len(value) > _MAX_BASE64 + (1 << 20):
        return Found(b"", FRONT_COVER)
    try:
        content = b64decode(value)
        if name == "coverart":
            return Found(content, FRONT_COVER)
        block = FlacPicture(content)
    except (binascii.Error, ValueError, mutagen.MutagenError):
        return Found(b"", FRONT_COVER)
    return Found(block.data, block.type)
