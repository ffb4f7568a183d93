"""What mutagen read of a file, as pairs of canonical name and text (phonotheque.model.audio_tags).

A value is cut at 4,000 characters; a name has at most 500 values, a file 2,000. Pictures are for
`vault.pictures`.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from mutagen.id3 import ID3
from mutagen.mp4 import MP4Tags

MAX_TAG_CHARS = 4_000
MAX_TAG_VALUES = 2_000
MAX_OF_NAME = 500  # so that no tag crowds out the others
MAX_PAIRS = 100_000
MAX_XMP_BYTES = 1 << 20
_XMP_OVERLAP = 200  # so that no word is lost between two pieces
_NOT_WORD = re.compile(r"[^a-z0-9]")
_ID3 = {
    "TIT2": "title", "TPE1": "artist", "TALB": "album", "TPE2": "albumartist", "TDRC": "date",
    "TYER": "date", "TDRL": "date", "TDOR": "originaldate", "TRCK": "tracknumber",
    "TPOS": "discnumber", "TSRC": "isrc", "TCOP": "copyright", "TPUB": "label",
    "WCOP": "license", "TOWN": "copyright", "WOAS": "woas", "WOAF": "woaf", "COMM": "comment",
    "USER": "termsofuse", "TCOM": "composer", "TEXT": "lyricist", "TCON": "genre",
    "TIT1": "grouping", "TIT3": "subtitle", "TPE3": "conductor", "TPE4": "remixer",
    "TMED": "media", "TENC": "encodedby", "TSSE": "encodersettings", "TBPM": "bpm",
    "TKEY": "key", "TLAN": "language", "TMOO": "mood", "TSOT": "titlesort", "TSOP": "artistsort",
    "TSOA": "albumsort", "TSO2": "albumartistsort", "TOAL": "originalalbum",
    "TOPE": "originalartist", "USLT": "lyrics", "WOAR": "artistwebpage", "WPUB": "labelwebpage",
    "WCOM": "commercialwebpage", "TCMP": "compilation", "MVNM": "movementname",
    "WPAY": "paymentwebpage", "TRSN": "radiostation", "TPRO": "productionnotice",
}  # fmt: skip
_MP4 = {
    "\xa9nam": "title", "\xa9ART": "artist", "\xa9alb": "album", "aART": "albumartist",
    "\xa9day": "date", "cprt": "copyright", "\xa9cpy": "copyright", "trkn": "tracknumber",
    "disk": "discnumber", "\xa9cmt": "comment", "desc": "description", "\xa9wrt": "composer",
    "\xa9gen": "genre", "\xa9grp": "grouping", "\xa9lyr": "lyrics", "\xa9too": "encodedby",
    "tmpo": "bpm", "sonm": "titlesort", "soar": "artistsort", "soal": "albumsort",
    "soaa": "albumartistsort", "ldes": "synopsis", "\xa9wrk": "work", "\xa9mvn": "movementname",
    "cpil": "compilation", "purl": "purl",
}  # fmt: skip
_PICTURES = frozenset(
    {"metadatablockpicture", "coverart", "coverartmime", "coverartfront", "coverartback"}
)


def canonical(name: str) -> str:
    """A tag's name by its letters and digits alone."""
    return _NOT_WORD.sub("", str(name).lower())


def collect(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Values by name, in the order they came; empty ones and pictures are left alone."""
    values: dict[str, list[str]] = {}
    count = 0
    for name, value in islice(pairs, MAX_PAIRS):
        if not value or not name or name in _PICTURES or len(values.get(name, ())) >= MAX_OF_NAME:
            continue
        values.setdefault(name, []).append(value[:MAX_TAG_CHARS])
        count += 1
        if count >= MAX_TAG_VALUES:
            break
    return values


def iter_pairs(tags: Any) -> Iterator[tuple[str, str]]:
    """Every (canonical name, text) of a mutagen tag object, None included."""
    if tags is None:
        return
    if isinstance(tags, ID3):
        yield from _id3_pairs(tags)
    elif isinstance(tags, MP4Tags):
        yield from _mp4_pairs(tags)
    else:
        for name, values in iter_items(tags):
            if canonical(name) not in _PICTURES:
                yield from ((canonical(name), text) for text in _texts(values))


def iter_items(tags: Any) -> Iterator[tuple[str, Any]]:
    """(name, values) of a mutagen tag object. In Vorbis comments and ASF, which are lists to
    mutagen, a look-up by name walks the whole list, so of these the first `MAX_PAIRS` are walked
    once."""
    if not isinstance(tags, list):
        yield from tags.items()
        return
    values: dict[str, list[Any]] = {}
    for name, value in islice(tags, MAX_PAIRS):
        values.setdefault(name.lower(), []).append(value)
    yield from values.items()


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
            yield from ((canonical(frame.desc), text) for text in _texts(frame.text))
        elif frame.FrameID == "WXXX":
            yield from ((canonical(frame.desc) or "url", text) for text in _texts(frame.url))
        elif frame.FrameID == "UFID":
            yield from _unique_ids(frame)
        elif frame.FrameID == "PRIV" and frame.owner.strip("\x00").upper() == "XMP":
            yield from (("xmp", piece) for piece in _xmp_pieces(frame.data))
        elif frame.FrameID in ("TIPL", "TMCL"):
            yield from ((canonical(role), str(who)) for role, who in frame.people)
        elif frame.FrameID == "RVA2":
            yield from _relative_volume(frame)
        elif frame.FrameID in _ID3:
            value = frame.url if frame.FrameID.startswith("W") else getattr(frame, "text", "")
            yield from ((_ID3[frame.FrameID], text) for text in _texts(value))


def _unique_ids(frame: Any) -> Iterator[tuple[str, str]]:
    if frame.owner == "http://musicbrainz.org":
        yield "musicbrainztrackid", frame.data.decode("ascii", "replace")


def _relative_volume(frame: Any) -> Iterator[tuple[str, str]]:
    """ID3's own frame for what ReplayGain says of track or album."""
    if frame.channel == 1 and canonical(frame.desc) in ("track", "album"):
        name = f"replaygain{canonical(frame.desc)}"
        yield f"{name}gain", f"{frame.gain:.2f} dB"
        if frame.peak:
            yield f"{name}peak", f"{frame.peak:.6f}"


def _xmp_pieces(data: bytes) -> Iterator[str]:
    """An XMP packet (ISO 16684-1) as texts that are short enough for a value."""
    text = " ".join(data[:MAX_XMP_BYTES].decode("utf-8", "replace").split())
    for start in range(0, len(text), MAX_TAG_CHARS - _XMP_OVERLAP):
        yield text[start : start + MAX_TAG_CHARS]


def _mp4_pairs(tags: MP4Tags) -> Iterator[tuple[str, str]]:
    for atom, values in tags.items():
        free = atom[:4] == "----"
        name = _MP4.get(atom) or (canonical(atom.split(":")[-1]) if free else "")
        if not name:
            continue
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, tuple):  # (number, of how many)
                yield name, f"{value[0]}/{value[1]}" if value[1] else str(value[0])
            elif isinstance(value, bool):
                yield name, str(int(value))
            else:
                yield from ((name, text) for text in _texts(bytes(value) if free else value))
