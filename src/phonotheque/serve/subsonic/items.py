"""Songs, albums and artists as the protocol shows them, with the caller's marks."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from phonotheque.accounts import Account, Item, Mark, Marks
from phonotheque.model.errors import InputError
from phonotheque.model.numbers import Kind, format_public_id, parse_public_id
from phonotheque.search import ArtistRow, DisplayRow, ReleaseRow, TrackRow
from phonotheque.serve.publication import Publication
from phonotheque.serve.subsonic.envelope import Document
from phonotheque.serve.subsonic.parameters import nothing
from phonotheque.serve.subsonic.shelf import Shelf

NO_RELEASE = "No release"
LOOSE = "l-"
MOST_LOOSE = 1_000
_SCANNED = 5_000
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_NOTHING = Mark()


def format_time(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC, seconds."""
    return None if moment is None else f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


class Items:
    """What one call shows, over one publication and shelf, for one account or nobody.

    Rows of artists and releases are read once a call.
    """

    def __init__(
        self,
        publication: Publication,
        shelf: Shelf,
        account: Account | None = None,
        marks: Marks | None = None,
    ) -> None:
        self.publication, self.shelf = publication, shelf
        self._account, self._marks = account, marks
        self._artists: dict[int, ArtistRow | None] = {}
        self._releases: dict[int, ReleaseRow | None] = {}

    # ------------------------------------------------------------------------ ids

    def public_id(self, kind: Kind, number: int) -> str:
        """The id of a thing in the protocol: its public id."""
        return format_public_id(number, self.publication.id_key, kind)

    def parse(self, text: str, *kinds: Kind) -> tuple[Kind, int]:
        """Kind and number of an id; what was merged leads to its successor.

        Raises:
            CallError: 70, it is no id of one of `kinds`.
        """
        try:
            kind, number = parse_public_id(text, self.publication.id_key)
        except InputError:
            raise nothing(text) from None
        if kind not in kinds:
            raise nothing(text)
        found = self.publication.index.lookup(text)
        return kind, found.numbers[0] if found.numbers else number

    def song_numbers(self, texts: Iterable[str]) -> list[int]:
        """The recordings of ids.

        Raises:
            CallError: 70, one is none, or none that this edition knows.
        """
        given = list(texts)
        numbers = [self.parse(text, Kind.RECORDING)[1] for text in given]
        known = {row.number for row in self.publication.index.rows(sorted(set(numbers)))}
        for text, number in zip(given, numbers, strict=True):
            if number not in known:
                raise nothing(text)
        return numbers

    # ------------------------------------------------------------------------ rows

    def rows(self, numbers: Sequence[int]) -> list[DisplayRow]:
        """The rows of those recordings that are on the shelf, in order."""
        kept = [number for number in numbers if self.shelf.has_song(number)]
        return [row for row in self.publication.index.rows(kept) if row.file is not None]

    def artist_row(self, number: int) -> ArtistRow | None:
        """An artist."""
        if number not in self._artists:
            self._artists[number] = self.publication.index.artist(number) if number else None
        return self._artists[number]

    def release_row(self, number: int) -> ReleaseRow | None:
        """A release."""
        if number not in self._releases:
            self._releases[number] = self.publication.index.release(number)
        return self._releases[number]

    def album_rows(self, release: int) -> list[DisplayRow]:
        """The songs of a release, by disc and position, each once."""
        return self.rows(list(dict.fromkeys(self.publication.index.release_recordings(release))))

    def loose_rows(self, artist: int) -> list[DisplayRow]:
        """The songs of an artist that are on no release, the most listened first; of those, as
        many as 1,000."""
        numbers = self.publication.index.artist_recordings(artist)[:_SCANNED]
        rows = self.rows(numbers)
        return [row for row in rows if _album_track(row, None) is None][:MOST_LOOSE]

    # ------------------------------------------------------------------------ shown

    def songs(self, rows: Sequence[DisplayRow], release: int | None = None) -> list[Document]:
        """Songs; where it is known of which release is spoken, as they stand on that one."""
        placed = [(row, _album_track(row, release)) for row in rows]
        items: list[Item] = [(Kind.RECORDING, row.number) for row in rows]
        marks = self._marks_of(items)
        return [
            self._song(row, track, marks.get(item, _NOTHING))
            for (row, track), item in zip(placed, items, strict=True)
        ]

    def albums(self, numbers: Sequence[int]) -> list[Document]:
        """Albums; what is none of this shelf is left out."""
        marks = self._marks_of([(Kind.RELEASE, number) for number in numbers])
        shown = (self._album(n, marks.get((Kind.RELEASE, n), _NOTHING)) for n in numbers)
        return [album for album in shown if album is not None]

    def artists(self, numbers: Sequence[int]) -> list[Document]:
        """Artists; unknown ones are left out."""
        marks = self._marks_of([(Kind.ARTIST, number) for number in numbers])
        rows = [row for number in numbers if (row := self.artist_row(number)) is not None]
        return [self._artist(row, marks.get((Kind.ARTIST, row.number), _NOTHING)) for row in rows]

    def loose_album(self, artist: ArtistRow, rows: Sequence[DisplayRow]) -> Document:
        """The songs of an artist that are on no release, as if they were an album."""
        name = LOOSE + artist.public_id
        return {
            "id": name, "name": NO_RELEASE, "artist": artist.name, "artistId": artist.public_id,
            "displayArtist": artist.name, "coverArt": artist.public_id, "songCount": len(rows),
            "duration": sum(_seconds(row) for row in rows),
            "created": format_time(self._published), "genres": [],
            "artists": [_reference(artist)], "mediaType": "album",
        }  # fmt: skip

    def _song(self, row: DisplayRow, track: TrackRow | None, mark: Mark) -> Document:
        file = row.file
        assert file is not None
        release = track.release if track is not None else None
        album = self.release_row(release) if release is not None else None
        artists = [a for n in row.artist_numbers if (a := self.artist_row(n)) is not None]
        volume = self.shelf.volume_of(row.number)
        folder = album.public_id if album else LOOSE + artists[0].public_id if artists else None
        return {
            "id": row.public_id, "parent": folder, "isDir": False,
            "title": (track.title if track else None) or row.title,
            "album": album.title if album else NO_RELEASE,
            "artist": row.artist, "track": track.position if track else None, "year": row.year,
            "genre": album.genres[0] if album and album.genres else None,
            "coverArt": row.public_id, "size": file.bytes, "contentType": file.media_type,
            "suffix": PurePosixPath(file.path).suffix.lstrip(".").lower(),
            "duration": _seconds(row), "bitRate": bit_rate(row),
            "path": f"{file.volume}/{file.path}", "isVideo": False,
            "playCount": mark.plays or None, "played": format_time(mark.played_at),
            "discNumber": track.disc if track else None,
            "created": format_time(self._time_of(volume)),
            "starred": format_time(mark.starred_at), "userRating": mark.rating or None,
            "albumId": folder, "artistId": artists[0].public_id if artists else None,
            "type": "music", "mediaType": "song", "sortName": "", "musicBrainzId": row.mbid or "",
            "comment": f"{file.attribution} ({file.licence})", "isrc": list(row.isrcs),
            "genres": [{"name": name} for name in (album.genres if album else ())],
            "artists": [_reference(artist) for artist in artists], "displayArtist": row.artist,
            "albumArtists": self._album_artists(release),
            "displayAlbumArtist": album.artist if album else row.artist,
        }  # fmt: skip

    def _album(self, number: int, mark: Mark) -> Document | None:
        facts, row = self.shelf.album(number), self.release_row(number)
        if facts is None or row is None:
            return None
        artist = self.artist_row(facts.artist)
        return {
            "id": row.public_id, "name": row.title, "artist": row.artist,
            "artistId": artist.public_id if artist else None, "coverArt": row.public_id,
            "songCount": facts.songs, "duration": facts.seconds,
            "created": format_time(self._time_of(facts.volume)), "year": row.year,
            "genre": row.genres[0] if row.genres else None,
            "starred": format_time(mark.starred_at), "userRating": mark.rating or None,
            "playCount": mark.plays or None, "played": format_time(mark.played_at),
            "mediaType": "album", "musicBrainzId": row.mbid or "", "sortName": "",
            "recordLabels": [{"name": row.label}] if row.label else [],
            "genres": [{"name": name} for name in row.genres],
            "artists": [_reference(artist)] if artist else [], "displayArtist": row.artist,
        }  # fmt: skip

    def _artist(self, row: ArtistRow, mark: Mark) -> Document:
        albums, loose = self.shelf.artist_counts(row.number)
        return {
            "id": row.public_id, "name": row.name, "coverArt": row.public_id,
            "albumCount": albums + bool(loose), "starred": format_time(mark.starred_at),
            "userRating": mark.rating or None, "mediaType": "artist",
            "musicBrainzId": row.mbid or "", "sortName": row.sort_name or "",
        }  # fmt: skip

    def _album_artists(self, release: int | None) -> list[Document]:
        facts = self.shelf.album(release) if release is not None else None
        artist = self.artist_row(facts.artist) if facts is not None else None
        return [_reference(artist)] if artist is not None else []

    def _marks_of(self, items: Sequence[Item]) -> dict[Item, Mark]:
        if self._account is None or self._marks is None or not items:
            return {}
        return self._marks.marks_of(self._account.number, items)

    @cached_property
    def _published(self) -> datetime:
        return self.publication.manifest.published_at

    def _time_of(self, volume: int | None) -> datetime:
        """When a volume came out: the day that its edition is named after, else this edition's."""
        name = self.shelf.edition_of(volume) if volume is not None else ""
        day = _DAY.match(name)
        try:
            return (
                datetime.fromisoformat(day.group()).replace(tzinfo=UTC)
                if day
                else (self._published)
            )
        except ValueError:
            return self._published


def as_directory(album: Document) -> Document:
    """An album as the older calls show it: a folder with songs in it."""
    return {**album, "title": album["name"], "isDir": True, "parent": album["artistId"],
            "album": album["name"]}  # fmt: skip


def bit_rate(row: DisplayRow) -> int | None:
    """kbit/s of a song's file, rounded."""
    if row.file is None or not row.file.duration_ms:
        return None
    return max(1, round(row.file.bytes * 8 / row.file.duration_ms))


def _seconds(row: DisplayRow) -> int:
    milliseconds: Any = row.file.duration_ms if row.file else row.duration_ms
    return round((milliseconds or 0) / 1000)


def _reference(artist: ArtistRow) -> Document:
    return {"id": artist.public_id, "name": artist.name}


def _album_track(row: DisplayRow, release: int | None) -> TrackRow | None:
    """Where a song stands: on `release`, else on the first that it stands on."""
    placed = [track for track in row.tracks if track.release is not None]
    return next((t for t in placed if t.release == release), placed[0] if placed else None)
