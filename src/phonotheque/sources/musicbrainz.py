"""The readers of MusicBrainz's dumps (docs/formats/dumps-musicbrainz.md)."""

from collections.abc import Callable
from pathlib import Path

from phonotheque.model.identifiers import parse_mbid
from phonotheque.sources.musicbrainz_entities import iter_artist_rows, iter_recording_rows
from phonotheque.sources.musicbrainz_redirects import iter_redirects
from phonotheque.sources.musicbrainz_releases import iter_release_rows
from phonotheque.sources.readers import Reader
from phonotheque.sources.streams import is_tar

_MARKS = {
    "recording": (b'"artist-credit"', b'"video"'),
    "release": (b'"artist-credit"', b'"media"'),
    "artist": (b'"sort-name"', b'"aliases"'),
}
"""Fields that tell an entity's documents from other JSON of the same file name."""


def _recognises(entity: str) -> Callable[[Path, bytes], bool]:
    def recognises(path: Path, head: bytes) -> bool:
        if is_tar(head):
            return f"mbdump/{entity}\0".encode() in head
        stem = path.name.lower().partition(".")[0]
        first, complete, _ = head.partition(b"\n")
        fits = all(mark in first for mark in _MARKS[entity]) or not complete
        return stem == entity and first[:1] == b"{" and fits

    return recognises


def _recognises_redirects(path: Path, head: bytes) -> bool:
    if not head or b"\0" in head:  # a folder, an archive, a table of another kind
        return False
    if "redirect" in path.name.lower():
        return True
    fields = head.partition(b"\n")[0].strip().replace(b"\t", b",").split(b",")
    return len(fields) == 2 and all(parse_mbid(f.decode("latin-1")) for f in fields)


MUSICBRAINZ_RELEASE = Reader(
    name="musicbrainz-release",
    kind="rows",
    about="MusicBrainz JSON dump of releases (release.tar.xz): one row per track",
    replaces=True,
    recognises=_recognises("release"),
    iter_blocks=iter_release_rows,
)
MUSICBRAINZ_RECORDING = Reader(
    name="musicbrainz-recording",
    kind="rows",
    about="MusicBrainz JSON dump of recordings that are on no release (recording.tar.xz)",
    replaces=True,
    recognises=_recognises("recording"),
    iter_blocks=iter_recording_rows,
)
MUSICBRAINZ_ARTIST = Reader(
    name="musicbrainz-artist",
    kind="artists",
    about="MusicBrainz JSON dump of artists (artist.tar.xz): names, sort names, aliases",
    replaces=True,
    recognises=_recognises("artist"),
    iter_blocks=iter_artist_rows,
)
MUSICBRAINZ_REDIRECTS = Reader(
    name="musicbrainz-redirects",
    kind="redirects",
    about="Table of merged MusicBrainz ids (CSV or TSV): old, new",
    replaces=True,
    recognises=_recognises_redirects,
    iter_blocks=iter_redirects,
)
