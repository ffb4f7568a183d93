"""Setting tags in a file in the way of its form; what it says of other things stays.

Names are those of Vorbis comments in capitals; ID3, MP4 and APE get the frame or atom that their
users read, or a free one of the same name. Padding is none, always, and no program names itself:
equal files and tags give equal bytes.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import mutagen
from mutagen import id3
from mutagen.aiff import AIFF
from mutagen.apev2 import APENoHeaderError, APEv2
from mutagen.flac import FLAC
from mutagen.mp4 import MP4, MP4FreeForm
from mutagen.oggflac import OggFLAC
from mutagen.oggopus import OggOpus
from mutagen.oggspeex import OggSpeex
from mutagen.oggvorbis import OggVorbis

from phonotheque.vault import formats
from phonotheque.vault.formats import AudioFormat

Tags = Sequence[tuple[str, str]]
VENDOR = "phonotheque"  # of comments where there were none
_EXACTER = frozenset(["TRACKNUMBER", "DISCNUMBER", "DATE"])
_ID3 = {
    "TITLE": "TIT2", "ARTIST": "TPE1", "ALBUM": "TALB", "TRACKNUMBER": "TRCK",
    "DISCNUMBER": "TPOS", "DATE": "TDRC", "ISRC": "TSRC",
}  # fmt: skip
_MP4 = {"TITLE": "\xa9nam", "ARTIST": "\xa9ART", "ALBUM": "\xa9alb", "DATE": "\xa9day"}
_MP4_PAIRS = {"TRACKNUMBER": "trkn", "DISCNUMBER": "disk"}
_FREE = "----:com.apple.iTunes:"
_APE = {
    "TITLE": "Title", "ARTIST": "Artist", "ALBUM": "Album", "TRACKNUMBER": "Track",
    "DISCNUMBER": "Disc", "DATE": "Year",
}  # fmt: skip
_URL = re.compile(r"https?://\S+")


class EmbeddingError(Exception):
    """The tags of this file cannot be set without a loss; the message says why."""


def embed_tags(stream: Any, puid: str, tags: Tags) -> None:
    """Set `tags` in the file of the form `puid` that is open in `stream`.

    Raises:
        EmbeddingError: what is there cannot be read or kept, or the form has no tags.
        MemoryError: they need more than there is.
    """
    form = next((form for form in _WRITERS if form.puid == puid), None)
    if form is None:
        raise EmbeddingError(f"{puid} has no place for tags that programs agree on")
    try:
        _WRITERS[form](stream, tags)
    except (MemoryError, EmbeddingError):
        raise
    except Exception as error:  # mutagen meets hostile files with any exception there is
        text = f"its tags cannot be read or written ({type(error).__name__}: {error})"
        raise EmbeddingError(text[:200]) from None


def takes_tags(puid: str) -> bool:
    """Whether files of this form have a place for tags that is known here."""
    return any(form.puid == puid for form in _WRITERS)


def writer_name() -> str:
    """What writes tags, with its version."""
    return f"mutagen {mutagen.version_string}"


def _unpadded(_: Any) -> int:
    return 0


def _exacter(name: str, value: str, before: str) -> bool:
    """Whether `before` says the same and more: ``3/12`` of 3, ``2004-05-01`` of 2004."""
    return name in _EXACTER and before.startswith((f"{value}/", f"{value}-"))


def _comments(reader: Any) -> Callable[[Any, Tags], None]:
    def write(stream: Any, tags: Tags) -> None:
        audio: Any = reader(stream)
        if audio.tags is None:
            audio.add_tags()
            added: Any = audio.tags
            added.vendor = VENDOR
        for name, value in tags:
            if not _exacter(name, value, next(iter(audio.tags.get(name) or [""]), "")):
                audio.tags[name] = [value]
        stream.seek(0)
        audio.save(stream, padding=_unpadded)

    return write


def _write_mp3(stream: Any, tags: Tags) -> None:
    try:
        found = id3.ID3(stream)
    except id3.ID3NoHeaderError:
        found = id3.ID3()
    _set_id3(found, tags)
    stream.seek(0)
    found.save(stream, v1=id3.ID3v1SaveOptions.UPDATE, v2_version=4, padding=_unpadded)


def _write_aiff(stream: Any, tags: Tags) -> None:
    audio = AIFF(stream)
    if audio.tags is None:
        audio.add_tags()
    _set_id3(audio.tags, tags)
    stream.seek(0)
    audio.tags.save(stream, v2_version=4, padding=_unpadded)


def _set_id3(found: id3.ID3, tags: Tags) -> None:
    if found.unknown_frames:
        raise EmbeddingError("its ID3 tag has frames that nobody knows, which would be lost")
    for name, value in tags:
        key = _ID3.get(name, "")
        if key:
            before = found.get(key)
            if not _exacter(name, value, str(before.text[0]) if before and before.text else ""):
                found.setall(key, [getattr(id3, key)(encoding=3, text=[value])])
            continue
        found.setall(f"TXXX:{name}", [id3.TXXX(encoding=3, desc=name, text=[value])])
        if name == "LICENSE" and _URL.fullmatch(value):
            found.setall("WCOP", [id3.WCOP(url=value)])


def _write_mp4(stream: Any, tags: Tags) -> None:
    audio = MP4(stream)
    if audio.tags is None:
        audio.add_tags()
    for name, value in tags:
        if pair := _MP4_PAIRS.get(name):
            number, before = int(value), (audio.tags.get(pair) or [(0, 0)])[0]
            if not 0 < number < 1 << 16:
                continue
            audio.tags[pair] = [(number, before[1] if before[0] == number else 0)]
        elif atom := _MP4.get(name):
            if not _exacter(name, value, str((audio.tags.get(atom) or [""])[0])):
                audio.tags[atom] = [value]
        else:
            free = next((k for k in audio.tags if k.upper() == (_FREE + name).upper()), "")
            audio.tags[free or _FREE + name] = [MP4FreeForm(value.encode())]
    stream.seek(0)
    audio.save(stream, padding=_unpadded)


def _write_ape(stream: Any, tags: Tags) -> None:
    try:
        found = APEv2(stream)
    except APENoHeaderError:
        found = APEv2()
    for name, value in tags:
        key = _APE.get(name, name)
        if not _exacter(name, value, str(found.get(key, ""))):
            found[key] = value
    stream.seek(0)
    found.save(stream)


_WRITERS: dict[AudioFormat, Callable[[Any, Tags], None]] = {
    formats.FLAC: _comments(FLAC),
    formats.OGG_VORBIS: _comments(OggVorbis),
    formats.OGG_OPUS: _comments(OggOpus),
    formats.OGG_FLAC: _comments(OggFLAC),
    formats.OGG_SPEEX: _comments(OggSpeex),
    formats.MP3: _write_mp3,
    formats.AIFF: _write_aiff,
    formats.AIFC: _write_aiff,
    formats.M4A: _write_mp4,
    formats.M4A_ALAC: _write_mp4,
    formats.WAVPACK: _write_ape,
}
