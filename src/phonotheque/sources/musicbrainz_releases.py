"""Releases of MusicBrainz as rows, one per track (docs/formats/dumps-musicbrainz.md)."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.sources.musicbrainz_documents import (
    BLOCK_ROWS,
    Credit,
    Document,
    Genre,
    Recording,
    artists_column,
    credit_text,
    is_video,
    iter_documents,
    unreadable,
    year_of,
)
from phonotheque.sources.records import Block
from phonotheque.sources.stated import published_by, recorded_by

WITNESS = "discography:musicbrainz"
_NO_RECORDING = Recording()


class Track(Document):
    """A track; `position` counts from 1 on its medium and is 0 in the pregap."""

    id: str | None = None
    number: str | int | None = None
    position: int | None = None
    title: str | None = None
    length: int | float | None = None
    artist_credit: list[Credit] | None = None
    recording: Recording | None = None


class Medium(Document):
    """A disc, a side, a folder of files."""

    position: int | None = None
    track_offset: int | None = None
    pregap: Track | None = None
    tracks: list[Track] | None = None
    data_tracks: list[Track] | None = None


class Label(Document):
    """Who published it."""

    name: str | None = None


class LabelInfo(Document):
    """One label of a release."""

    label: Label | None = None


class ReleaseGroup(Document):
    """What releases are of."""

    id: str | None = None
    genres: list[Genre] | None = None


class Release(Document):
    """A release with everything on it."""

    id: str | None = None
    title: str | None = None
    barcode: str | None = None
    date: str | None = None
    status: str | None = None
    country: str | None = None
    artist_credit: list[Credit] | None = None
    release_group: ReleaseGroup | None = None
    label_info: list[LabelInfo] | None = None
    genres: list[Genre] | None = None
    media: list[Medium] | None = None


def iter_release_rows(path: Path, after: int) -> Iterator[Block | Finding]:
    """Blocks of kind rows: the tracks of each release, in the order of its media; findings for
    documents that are none, releases without tracks, and videos."""
    block = _Tracks()
    for item in iter_documents(path, "release", Release, after):
        if isinstance(item, Finding):
            yield item
            continue
        number, release = item
        placed = list(_iter_tracks(release))
        heard = [(disc, track) for disc, track in placed if not _is_video(track)]
        if len(heard) < len(placed):
            yield is_video(path, number, f"{len(placed) - len(heard)} of {len(placed)} tracks")
        elif not placed:
            yield _without_tracks(path, number, release)
        if block.rows and len(block.rows) + len(heard) > BLOCK_ROWS:
            yield block.finish()
            block = _Tracks()
        if heard:
            block.add(number, release, heard)
    if block.rows:
        yield block.finish()


def _without_tracks(path: Path, number: int, release: Release) -> Finding:
    if not release.id:
        return unreadable(path, number, "has neither id nor tracks")
    message = f"release {release.id} lists no tracks; nothing to do until its source does"
    return Finding(FindingCode.ROW_NO_TRACKS, Severity.INFO, path.name, message, number)


def _iter_tracks(release: Release) -> Iterator[tuple[int, Track]]:
    """(disc, track), with the positions that old dumps leave out."""
    for place, medium in enumerate(release.media or (), 1):
        disc = medium.position or place
        if medium.pregap is not None:
            yield disc, medium.pregap
        tracks = [*(medium.tracks or ()), *(medium.data_tracks or ())]
        for position, track in enumerate(tracks, 1 + (medium.track_offset or 0)):
            if track.position is None:
                track.position = position
            yield disc, track


def _is_video(track: Track) -> bool:
    return track.recording is not None and bool(track.recording.video)


def _position_text(track: Track) -> str | None:
    """What is printed beside the track, where it is more than the position says."""
    text = None if track.number is None else str(track.number).strip()
    return None if not text or (track.position and text == str(track.position)) else text


def _genres(release: Release) -> list[str] | None:
    group = release.release_group
    found = release.genres or (group.genres if group else None) or []
    named = [(-(genre.count or 0), genre.name) for genre in found if genre.name]
    return [name for _, name in sorted(named)] or None


def _labels(release: Release) -> str | None:
    names = [info.label.name for info in release.label_info or () if info.label and info.label.name]
    return "; ".join(dict.fromkeys(names)) or None


class _Tracks:
    """Columns of a block under construction."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self._columns: dict[str, list[Any]] = {}
        self._credits: list[Sequence[Credit] | None] = []

    def add(self, number: int, release: Release, placed: list[tuple[int, Track]]) -> None:
        """Take the tracks of the document `number`."""
        self.rows += [number] * len(placed)
        for name, value in _of_release(release).items():
            self._column(name).extend([value] * len(placed))
        tracks = [track for _, track in placed]
        self._column("disc").extend([disc for disc, _ in placed])
        recordings = [track.recording or _NO_RECORDING for track in tracks]
        self._of_tracks(tracks, recordings)
        self._of_recordings(recordings)
        credits = [
            track.artist_credit or recording.artist_credit or release.artist_credit
            for track, recording in zip(tracks, recordings, strict=True)
        ]
        self._credits += credits
        self._column("artist_credit").extend([credit_text(credit) for credit in credits])

    def _column(self, name: str) -> list[Any]:
        return self._columns.setdefault(name, [])

    def _of_tracks(self, tracks: list[Track], recordings: list[Recording]) -> None:
        pairs = list(zip(tracks, recordings, strict=True))
        self._column("source_key").extend([track.id for track in tracks])
        self._column("title").extend([track.title or rec.title for track, rec in pairs])
        self._column("duration_ms").extend([track.length or rec.length for track, rec in pairs])
        self._column("position").extend([track.position or None for track in tracks])
        self._column("position_text").extend([_position_text(track) for track in tracks])

    def _of_recordings(self, recordings: list[Recording]) -> None:
        self._column("recording_mbid").extend([recording.id for recording in recordings])
        self._column("isrcs").extend([recording.isrcs or None for recording in recordings])
        dates = [year_of(recording.first_release_date) for recording in recordings]
        self._column("year").extend(dates)

    def finish(self) -> Block:
        """The block."""
        artists = artists_column(self._credits)
        return Block(self.rows, {**self._columns, "artists": artists})


def _of_release(release: Release) -> dict[str, Any]:
    """What all rows of a release have in common."""
    return {
        "release_title": release.title,
        "release_artist": credit_text(release.artist_credit),
        "release_key": release.id,
        "release_mbid": release.id,
        "release_group": release.release_group.id if release.release_group else None,
        "release_year": year_of(release.date),
        "release_country": release.country,
        "label": _labels(release),
        "barcode": release.barcode or None,
        "genres": _genres(release),
        "claims": _claims(release) or None,
    }


def _claims(release: Release) -> list[dict[str, Any]]:
    """An official release says that its recordings were published by its date; any other, such as
    a bootleg, that they were made by then. None says when they were first published."""
    stated = published_by if release.status == "Official" else recorded_by
    return stated(year_of(release.date), release.date or "", WITNESS)
