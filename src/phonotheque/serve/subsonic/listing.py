"""Calls that list: albums in orders, songs by chance or genre, what is starred or heard most."""

import random
from collections.abc import Callable, Sequence

import numpy as np

from phonotheque.model.numbers import Kind
from phonotheque.model.text import normalise
from phonotheque.search import DisplayRow
from phonotheque.serve.subsonic.calls import Call
from phonotheque.serve.subsonic.envelope import Document, ok
from phonotheque.serve.subsonic.items import as_directory
from phonotheque.serve.subsonic.parameters import missing, wrong
from phonotheque.storage.arrays import Array

MOST = 500
_ORDERS = {"newest": "by_age", "alphabeticalByName": "by_name", "alphabeticalByArtist": "by_artist"}
_TRIES = 4
_TOP_SCANNED = 2_000
_CHANCE = random.SystemRandom()


def album_list(call: Call) -> Document:
    """Albums of one order, as folders."""
    albums = [as_directory(album) for album in _albums(call)]
    return ok("albumList", {"album": albums})


def album_list_2(call: Call) -> Document:
    """Albums of one order."""
    return ok("albumList2", {"album": _albums(call)})


def _albums(call: Call) -> list[Document]:
    kind = call.text("type")
    size, offset = call.number("size", 10, most=MOST), call.number("offset", 0)
    return call.items.albums(_album_numbers(call, kind, offset, size))


def _album_numbers(call: Call, kind: str, offset: int, size: int) -> list[int]:
    shelf, page = call.shelf, slice(offset, offset + size)
    if kind in _ORDERS:
        return _listed(shelf.order(_ORDERS[kind])[page])
    if kind == "random":
        count = len(shelf.albums)
        return _listed(shelf.albums[_CHANCE.sample(range(count), min(size, count))])
    if kind == "byYear":
        return _by_year(call, offset, size)
    if kind == "byGenre":
        return _listed(shelf.genre(call.text("genre"))[page])
    if kind == "starred":
        return call.marks.starred(call.owner, Kind.RELEASE, offset, size)
    if kind in ("frequent", "highest", "recent"):
        return _marked(call, kind, offset, size)
    raise wrong("type", kind, "a list that is known here")


def _marked(call: Call, kind: str, offset: int, size: int) -> list[int]:
    """What the caller heard most or last, or rated best; of nobody: what everybody hears most."""
    if call.account is None:
        return _listed(call.shelf.order("by_listens")[offset : offset + size])
    marks = call.marks
    listed = {"frequent": marks.most_played, "highest": marks.best_rated,
              "recent": marks.last_played}  # fmt: skip
    return listed[kind](call.owner, Kind.RELEASE, offset, size)


def _by_year(call: Call, offset: int, size: int) -> list[int]:
    if call.get("fromYear") is None:
        raise missing("fromYear")
    if call.get("toYear") is None:
        raise missing("toYear")
    first, last = call.number("fromYear", 0, most=9999), call.number("toYear", 0, most=9999)
    begin, end = _years(call, min(first, last), max(first, last))
    if first <= last:
        return _listed(call.shelf.order("by_year")[begin:end][offset : offset + size])
    return _listed(call.shelf.order("by_year")[begin:end][::-1][offset : offset + size])


def _years(call: Call, first: int, last: int) -> tuple[int, int]:
    """Where in the order of years the albums of these years begin and end."""
    years = call.shelf.years
    return (int(np.searchsorted(years, np.int16(first), "left")),
            int(np.searchsorted(years, np.int16(last), "right")))  # fmt: skip


def _listed(numbers: Sequence[int] | Array) -> list[int]:
    return [int(number) for number in numbers]


def random_songs(call: Call) -> Document:
    """Songs by chance; of a genre, or of albums of some years, where that is asked for."""
    size = call.number("size", 10, most=MOST)
    genre, first, last = call.get("genre"), call.get("fromYear"), call.get("toYear")
    if genre is None and first is None and last is None:
        songs = call.shelf.songs
        picked = _CHANCE.sample(range(len(songs)), min(size, len(songs)))
        rows = call.items.rows(_listed(songs[picked]))
        return ok("randomSongs", {"song": call.items.songs(rows)})
    albums = call.shelf.genre(genre) if genre is not None else _albums_of_years(call)
    return ok("randomSongs", {"song": call.items.songs(_by_chance(call, albums, size))})


def _albums_of_years(call: Call) -> Sequence[int] | Array:
    first = call.number("fromYear", 0, most=9999)
    last = call.number("toYear", 9999, most=9999)
    begin, end = _years(call, first, last)
    return call.shelf.order("by_year")[begin:end]


def _by_chance(
    call: Call,
    albums: Sequence[int] | Array,
    size: int,
) -> list[DisplayRow]:
    """Songs of albums picked by chance, each once; few albums may give fewer."""
    found: dict[int, DisplayRow] = {}
    for _ in range(size * _TRIES if len(albums) else 0):
        if len(found) >= size:
            break
        rows = call.items.album_rows(int(albums[_CHANCE.randrange(len(albums))]))
        if rows:
            row = _CHANCE.choice(rows)
            found.setdefault(row.number, row)
    return list(found.values())


def songs_by_genre(call: Call) -> Document:
    """The songs of a genre, album after album, the most listened albums first."""
    genre = call.text("genre")
    count, offset = call.number("count", 10, most=MOST), call.number("offset", 0)
    albums, before = call.shelf.genre(genre), call.shelf.genre_songs_before(genre)
    at = max(int(np.searchsorted(before, offset, "right")) - 1, 0)
    found: list[Document] = []
    skip = offset - int(before[min(at, len(before) - 1)])
    while at < len(albums) and len(found) < count:
        release = int(albums[at])
        rows = call.items.album_rows(release)[skip : skip + count - len(found)]
        found += call.items.songs(rows, release)
        at, skip = at + 1, 0
    return ok("songsByGenre", {"song": found})


def top_songs(call: Call) -> Document:
    """The most listened songs of an artist, by id or by name."""
    count = call.number("count", 50, most=MOST)
    given = call.get("artistId")
    if given is not None:
        number: int | None = call.items.parse(given, Kind.ARTIST)[1]
    else:
        number = _artist_named(call, call.text("artist"))
    rows = _top(call, number, count) if number else []
    return ok("topSongs", {"song": call.items.songs(rows)})


def similar_songs(name: str) -> Callable[[Call], Document]:
    """Other songs of the artist that an id names, or of the artist of the song or album."""

    def answer(call: Call) -> Document:
        kind, number = call.items.parse(call.text("id"), Kind.ARTIST, Kind.RELEASE, Kind.RECORDING)
        count = call.number("count", 50, most=MOST)
        artist: int | None = number if kind is Kind.ARTIST else None
        if kind is Kind.RELEASE:
            facts = call.shelf.album(number)
            artist = facts.artist if facts else None
        elif kind is Kind.RECORDING:
            rows = call.items.rows([number])
            artist = rows[0].artist_numbers[0] if rows and rows[0].artist_numbers else None
        itself = number if kind is Kind.RECORDING else None
        found = [row for row in _top(call, artist, count + 1) if row.number != itself]
        return ok(name, {"song": call.items.songs(found[:count])})

    return answer


def _top(call: Call, artist: int | None, count: int) -> list[DisplayRow]:
    if artist is None:
        return []
    numbers = call.publication.index.artist_recordings(artist)[:_TOP_SCANNED]
    return call.items.rows([n for n in numbers if call.shelf.has_song(n)][:count])


def _artist_named(call: Call, name: str) -> int | None:
    """The artist of this name whose recordings are listened to most."""
    quoted = name.replace('"', " ")
    page = call.publication.search(f'artist:"{quoted}"', 50)
    wanted = normalise(name)
    for hit in page.hits:
        for number in hit.row.artist_numbers:
            row = call.items.artist_row(number)
            if row is not None and normalise(row.name) == wanted:
                return number
    return None


def starred(name: str) -> Callable[[Call], Document]:
    """What the caller starred."""

    def answer(call: Call) -> Document:
        if call.account is None:
            return ok(name, {"artist": [], "album": [], "song": []})
        marks, owner = call.marks, call.owner
        rows = call.items.rows(marks.starred(owner, Kind.RECORDING))
        albums = call.items.albums(marks.starred(owner, Kind.RELEASE))
        if name == "starred":
            albums = [as_directory(album) for album in albums]
        return ok(name, {
            "artist": call.items.artists(marks.starred(owner, Kind.ARTIST)),
            "album": albums, "song": call.items.songs(rows),
        })  # fmt: skip

    return answer
