"""Recordings and artists of MusicBrainz (docs/formats/dumps-musicbrainz.md)."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from phonotheque.model.findings import Finding
from phonotheque.sources.musicbrainz_documents import (
    BLOCK_ROWS,
    Document,
    Recording,
    artists_column,
    credit_text,
    is_video,
    iter_documents,
    year_of,
)
from phonotheque.sources.records import Block

Numbered = list[tuple[int, Recording]]


class Alias(Document):
    """Another name of an artist."""

    name: str | None = None


class NamedArtist(Document):
    """An artist with all its names."""

    id: str | None = None
    name: str | None = None
    sort_name: str | None = None
    aliases: list[Alias] | None = None


def iter_recording_rows(path: Path, after: int) -> Iterator[Block | Finding]:
    """Blocks of kind rows: one per recording, without a release; findings for documents that are
    none, and videos."""
    held: Numbered = []
    for item in iter_documents(path, "recording", Recording, after):
        if isinstance(item, Finding):
            yield item
        elif item[1].video:
            yield is_video(path, item[0], f"recording {item[1].id} is")
        else:
            held.append(item)
        if len(held) == BLOCK_ROWS:
            yield _recording_block(held)
            held = []
    if held:
        yield _recording_block(held)


def _recording_block(held: Numbered) -> Block:
    found = [recording for _, recording in held]
    ids = [recording.id for recording in found]
    credits = [recording.artist_credit for recording in found]
    return Block(
        [number for number, _ in held],
        {
            "source_key": ids,
            "recording_mbid": ids,
            "title": [recording.title for recording in found],
            "artist_credit": [credit_text(credit) for credit in credits],
            "artists": artists_column(credits),
            "duration_ms": [recording.length for recording in found],
            "year": [year_of(recording.first_release_date) for recording in found],
            "isrcs": [recording.isrcs or None for recording in found],
        },
    )


def iter_artist_rows(path: Path, after: int) -> Iterator[Block | Finding]:
    """Blocks of kind artists: key, name, sort name and other names; findings for documents that
    are none."""
    held: list[tuple[int, NamedArtist]] = []
    for item in chain(iter_documents(path, "artist", NamedArtist, after), [None]):
        if isinstance(item, Finding):
            yield item
        elif item is not None:
            held.append(item)
        if held and (item is None or len(held) == BLOCK_ROWS):
            yield _artist_block(held)
            held = []


def _artist_block(held: list[tuple[int, NamedArtist]]) -> Block:
    found = [artist for _, artist in held]
    return Block(
        [number for number, _ in held],
        {
            "source_key": [f"mbid:{artist.id}" if artist.id else None for artist in found],
            "name": [artist.name for artist in found],
            "sort_name": [artist.sort_name for artist in found],
            "aliases": [_other_names(artist) for artist in found],
        },
    )


def _other_names(artist: NamedArtist) -> list[str]:
    names = dict.fromkeys(alias.name for alias in artist.aliases or () if alias.name)
    return [name for name in names if name != artist.name]
