"""What an access copy says of itself: the tags of its master that name it, no pictures. Pure."""

from collections.abc import Iterator, Mapping

from phonotheque.vault.examination import Description
from phonotheque.vault.objects import VaultObject

MAX_VALUES = 32  # of one name
REFERENCE_LUFS = -23.0
_NAMES = {
    "title": "TITLE", "artist": "ARTIST", "album": "ALBUM", "albumartist": "ALBUMARTIST",
    "tracknumber": "TRACKNUMBER", "discnumber": "DISCNUMBER", "date": "DATE", "genre": "GENRE",
    "composer": "COMPOSER", "lyricist": "LYRICIST", "isrc": "ISRC", "copyright": "COPYRIGHT",
    "license": "LICENSE", "organization": "ORGANIZATION", "label": "LABEL",
    "musicbrainztrackid": "MUSICBRAINZ_TRACKID", "musicbrainzalbumid": "MUSICBRAINZ_ALBUMID",
    "musicbrainzartistid": "MUSICBRAINZ_ARTISTID",
    "musicbrainzalbumartistid": "MUSICBRAINZ_ALBUMARTISTID",
    "musicbrainzreleasetrackid": "MUSICBRAINZ_RELEASETRACKID",
    "musicbrainzreleasegroupid": "MUSICBRAINZ_RELEASEGROUPID",
    "musicbrainzworkid": "MUSICBRAINZ_WORKID",
}  # fmt: skip


def copy_comments(
    master: VaultObject, said: Description | None, known: Mapping[str, str | None]
) -> list[tuple[str, str]]:
    """(NAME, value) in the order they are written: tags as mended, else as found, else `known`
    (title, artist, album) of the catalogue; then loudness and the digest of the master.

    Loudness is R128_TRACK_GAIN (RFC 7845 §5.2.1): what a player adds to reach -23 LUFS, in 1/256
    dB. No gain is applied to the audio.
    """
    comments = list(_tags(said, known))
    if said is not None and said.integrated_lufs is not None:
        gain = round((REFERENCE_LUFS - said.integrated_lufs) * 256)
        comments.append(("R128_TRACK_GAIN", str(min(max(gain, -32_768), 32_767))))
    comments.append(("MASTER", f"sha256:{master.sha256}"))
    if not master.lossless:
        comments.append(("MASTER_LOSSY", master.codec))
    return comments


def _tags(said: Description | None, known: Mapping[str, str | None]) -> Iterator[tuple[str, str]]:
    found = said.tags | said.tags_repaired if said else {}
    for name, written in _NAMES.items():
        values = found.get(name) or [known.get(name) or ""]
        for value in values[:MAX_VALUES]:
            if clean := value.replace("\0", " ").strip():
                yield written, clean.encode("utf-8", "replace").decode()
