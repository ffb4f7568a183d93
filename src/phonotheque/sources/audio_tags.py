"""Tags of audio files in one form, whatever container they came in.

Tag names are compared by their letters and digits alone, so ``MusicBrainz Album Id`` (ID3, MP4)
and ``MUSICBRAINZ_ALBUMID`` (Vorbis comments) are one. Beware: what Picard writes as
``MUSICBRAINZ_TRACKID`` is the id of the *recording* (https://picard-docs.musicbrainz.org, tag
mapping), and ID3 has it in ``UFID:http://musicbrainz.org``.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import mutagen
from mutagen.id3 import ID3
from mutagen.mp4 import MP4Tags

from phonotheque.model.audio_tags import Tags
from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.sources.id3_tags import read_further_id3

MAX_TAG_CHARS = 4_000
MAX_TAG_VALUES = 2_000
MAX_XMP_BYTES = 1 << 20
_XMP_OVERLAP = 200  # so that no word is lost between two pieces
_NOT_WORD = re.compile(r"[^a-z0-9]")
_ID3 = {
    "TIT2": "title", "TPE1": "artist", "TALB": "album", "TPE2": "albumartist", "TDRC": "date",
    "TYER": "date", "TDRL": "date", "TRCK": "tracknumber", "TPOS": "discnumber", "TSRC": "isrc",
    "TCOP": "copyright", "TPUB": "label", "WCOP": "license", "TOWN": "copyright",
    "WOAS": "woas", "WOAF": "woaf", "COMM": "comment", "USER": "termsofuse",
    "TCOM": "composer", "TEXT": "lyricist",
}  # fmt: skip
_MP4 = {
    "\xa9nam": "title", "\xa9ART": "artist", "\xa9alb": "album", "aART": "albumartist",
    "\xa9day": "date", "cprt": "copyright", "\xa9cpy": "copyright", "trkn": "tracknumber",
    "disk": "discnumber", "\xa9cmt": "comment", "desc": "description",
    "\xa9wrt": "composer",
}  # fmt: skip
_PICTURES = frozenset({"metadatablockpicture", "coverart", "coverartmime"})


def read_tags(path: Path, where: str) -> Tags | Finding:
    """The tags of the file at `path`; a file without any has an empty set.

    Pictures are left alone; a value is cut at 4,000 characters, values after the first 2,000 are
    not taken. mutagen bounds neither time nor memory: for files of strangers use `TagReader`.
    """
    try:
        audio = _open(path)
        values: dict[str, list[str]] = {}
        for name, value in islice(_every_pair(path, audio), MAX_TAG_VALUES):
            if value and name not in _PICTURES:
                values.setdefault(name, []).append(value[:MAX_TAG_CHARS])
        length = float(getattr(getattr(audio, "info", None), "length", 0) or 0)
        return Tags(values, min(max(round(length * 1000), 0), 2**31 - 1))
    except Exception as error:  # mutagen meets hostile files with any exception there is
        what = f"{type(error).__name__}: {error}"[:200]
        message = f"the tags cannot be read ({what}); mend them with a tag editor"
        return Finding(FindingCode.TAGS_UNREADABLE, Severity.WARNING, where, message)


def _open(path: Path) -> Any:
    """The file as mutagen reads it; it knows no RF64, of which ID3 is read all the same."""
    with path.open("rb") as stream:
        return None if stream.read(4) == b"RF64" else mutagen.File(path)


def _every_pair(path: Path, audio: Any) -> Iterator[tuple[str, str]]:
    """What the container's own tags say, then what ID3 in other places says besides."""
    said = set()
    for pair in islice(_pairs(getattr(audio, "tags", None)), MAX_TAG_VALUES):
        said.add(pair)
        yield pair
    for tag in read_further_id3(path):
        yield from (pair for pair in _id3_pairs(tag) if pair not in said)


def _pairs(tags: Any) -> Iterator[tuple[str, str]]:
    if tags is None:
        return
    if isinstance(tags, ID3):
        yield from _id3_pairs(tags)
    elif isinstance(tags, MP4Tags):
        yield from _mp4_pairs(tags)
    else:
        for name, values in tags.items():
            yield from ((_canonical(name), text) for text in _texts(values))


def _canonical(name: str) -> str:
    return _NOT_WORD.sub("", str(name).lower())


def _texts(values: Any) -> Iterator[str]:
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        values = [values]
    for value in values:
        if isinstance(value, bytes):
            yield value.decode("utf-8", "replace").strip()
        else:
            yield str(value).replace("\x00", "; ").strip()


def _id3_pairs(tags: ID3) -> Iterator[tuple[str, str]]:
    for frame in tags.values():
        if frame.FrameID == "TXXX":
            yield from ((_canonical(frame.desc), text) for text in _texts(frame.text))
        elif frame.FrameID == "UFID" and frame.owner == "http://musicbrainz.org":
            yield "musicbrainztrackid", frame.data.decode("ascii", "replace")
        elif frame.FrameID == "PRIV" and frame.owner.strip("\x00").upper() == "XMP":
            yield from (("xmp", piece) for piece in _xmp_pieces(frame.data))
        elif frame.FrameID in _ID3:
            value = frame.url if frame.FrameID.startswith("W") else getattr(frame, "text", "")
            yield from ((_ID3[frame.FrameID], text) for text in _texts(value))


def _xmp_pieces(data: bytes) -> Iterator[str]:
    """An XMP packet (ISO 16684-1) as texts that are short enough for a value."""
    text = " ".join(data[:MAX_XMP_BYTES].decode("utf-8", "replace").split())
    for start in range(0, len(text), MAX_TAG_CHARS - _XMP_OVERLAP):
        yield text[start : start + MAX_TAG_CHARS]


def _mp4_pairs(tags: MP4Tags) -> Iterator[tuple[str, str]]:
    for atom, values in tags.items():
        name = _MP4.get(atom) or (_canonical(atom.split(":")[-1]) if atom[:4] == "----" else "")
        for value in values if name and isinstance(values, list) else []:
            if isinstance(value, tuple):  # (number, of how many)
                yield name, str(value[0])
            else:
                yield from ((name, text) for text in _texts(bytes(value) if name not in
                            _MP4.values() else value))  # fmt: skip
