"""Calls that keep what is a listener's own: stars, ratings, plays, playlists, the queue."""

from collections.abc import Sequence
from datetime import timedelta

from phonotheque.accounts import Item, Playlist, PlayQueue
from phonotheque.model.errors import NotFoundError
from phonotheque.model.numbers import Kind
from phonotheque.serve.subsonic.calls import Call
from phonotheque.serve.subsonic.envelope import Document, ok
from phonotheque.serve.subsonic.items import LOOSE, format_time
from phonotheque.serve.subsonic.parameters import missing, nothing, wrong

_HEARING = timedelta(minutes=60)
_ANY = (Kind.RECORDING, Kind.RELEASE, Kind.ARTIST)


def star(call: Call) -> Document:
    """Star songs, albums, artists."""
    call.marks.star(call.owner, _marked(call), call.now)
    return ok()


def unstar(call: Call) -> Document:
    """Take stars away."""
    call.marks.unstar(call.owner, _marked(call))
    return ok()


def _marked(call: Call) -> list[Item]:
    names = call.parameters.all("id", "albumId", "artistId")
    if not names:
        raise missing("id")
    return [call.items.parse(name, *_ANY) for name in names if not name.startswith(LOOSE)]


def set_rating(call: Call) -> Document:
    """Rate a song, an album or an artist."""
    rating = call.text("rating")
    if rating not in ("0", "1", "2", "3", "4", "5"):
        raise wrong("rating", rating, "0 to 5")
    call.marks.rate(call.owner, call.items.parse(call.text("id"), *_ANY), int(rating))
    return ok()


def scrobble(call: Call) -> Document:
    """Songs were heard; or, with submission=false, one is being heard."""
    owner = call.owner
    names = call.parameters.all("id")
    if not names:
        raise missing("id")
    numbers = call.items.song_numbers(names)
    if not call.parameters.flag("submission", default=True):
        call.marks.now_playing(owner, numbers[-1], call.get("c") or "", call.now)
        return ok()
    times = call.parameters.times("time", len(numbers), call.now)
    rows = {row.number: row for row in call.publication.index.rows(sorted(set(numbers)))}
    heard = []
    for number, at in zip(numbers, times, strict=True):
        row = rows[number]
        items: list[Item] = [(Kind.RECORDING, number)]
        items += [(Kind.RELEASE, t.release) for t in row.tracks[:1] if t.release is not None]
        items += [(Kind.ARTIST, artist) for artist in row.artist_numbers]
        heard += [(item, at) for item in items]
    call.marks.played(owner, heard)
    return ok()


def now_playing(call: Call) -> Document:
    """What the caller hears now; what others hear is theirs to know."""
    entries: list[Document] = []
    if call.account is not None:
        for playing in call.marks.playing(call.owner, call.now, _HEARING):
            minutes = (call.now - playing.at) // timedelta(minutes=1)
            entries += [
                {**song, "username": playing.account, "minutesAgo": minutes, "playerId": 1,
                 "playerName": playing.client}
                for song in call.items.songs(call.items.rows([playing.recording]))
            ]  # fmt: skip
    return ok("nowPlaying", {"entry": entries})


# ------------------------------------------------------------------------------- playlists


def playlists(call: Call) -> Document:
    """The caller's playlists, then those that others made public."""
    if call.accounts is None:
        return ok("playlists", {"playlist": []})
    found = call.playlists.visible(call.account.number if call.account else None)
    return ok(
        "playlists", {"playlist": [_playlist(call, one, _lengths(call, one)) for one in found]}
    )


def playlist(call: Call) -> Document:
    """A playlist with its songs."""
    return _with_songs(call, _read(call, call.text("id")))


def create_playlist(call: Call) -> Document:
    """Make a playlist; or, with a playlistId, give one other songs."""
    songs = call.items.song_numbers(call.parameters.all("songId"))
    existing = call.get("playlistId")
    if existing is None:
        made = call.playlists.create(call.owner, call.text("name"), songs, call.now)
    else:
        made = call.playlists.change(
            existing, call.owner, call.now, name=call.get("name"), recordings=songs
        )
    return _with_songs(call, made)


def update_playlist(call: Call) -> Document:
    """Change a playlist: its texts, songs to take out by place, songs to add at the end."""
    shown = call.get("public")
    call.playlists.change(
        call.text("playlistId"),
        call.owner,
        call.now,
        name=call.get("name"),
        comment=call.get("comment"),
        public=None if shown is None else call.parameters.flag("public", default=False),
        remove=set(call.parameters.numbers("songIndexToRemove")),
        add=call.items.song_numbers(call.parameters.all("songIdToAdd")),
    )
    return ok()


def delete_playlist(call: Call) -> Document:
    """Delete a playlist."""
    call.playlists.delete(call.text("id"), call.owner)
    return ok()


def _read(call: Call, name: str) -> Playlist:
    if call.accounts is None:
        raise nothing(name)
    try:
        return call.playlists.read(name, call.account.number if call.account else None)
    except NotFoundError:
        raise nothing(name) from None


def _with_songs(call: Call, found: Playlist) -> Document:
    rows = call.items.rows(found.recordings)
    songs = call.items.songs(rows)
    shown = _playlist(call, found, (len(songs), sum(song["duration"] for song in songs)))
    return ok("playlist", {**shown, "entry": songs})


def _lengths(call: Call, found: Playlist) -> tuple[int, int]:
    """(songs that are here, seconds)."""
    rows = call.items.rows(found.recordings)
    return len(rows), round(sum(row.file.duration_ms for row in rows if row.file) / 1000)


def _playlist(call: Call, found: Playlist, lengths: tuple[int, int]) -> Document:
    first = next(iter(found.recordings), None)
    return {
        "id": found.id, "name": found.name, "comment": found.comment, "owner": found.owner,
        "public": found.public, "songCount": lengths[0], "duration": lengths[1],
        "created": format_time(found.created_at), "changed": format_time(found.changed_at),
        "coverArt": None if first is None else call.items.public_id(Kind.RECORDING, first),
    }  # fmt: skip


# ------------------------------------------------------------------------------- the queue


def save_queue(call: Call) -> Document:
    """Keep what the caller is about to hear; `current` is the id of a song."""
    names = call.parameters.all("id")
    current = call.get("current")
    place = None
    if current is not None and names:
        if current not in names:
            raise wrong("current", current, "among the ids")
        place = names.index(current)
    return _save(call, names, place)


def save_queue_by_index(call: Call) -> Document:
    """The same; `currentIndex` is a place."""
    names = call.parameters.all("id")
    places = call.parameters.numbers("currentIndex")
    if names and not places:
        raise missing("currentIndex")
    if places and not places[0] < len(names):
        raise wrong("currentIndex", str(places[0]), "a place in the queue")
    return _save(call, names, places[0] if places and names else None)


def _save(call: Call, names: Sequence[str], place: int | None) -> Document:
    queue = PlayQueue(
        recordings=tuple(call.items.song_numbers(names)),
        current=place,
        position_ms=call.number("position", 0, most=2**40),
        changed_at=call.now,
        client=call.get("c") or "",
    )
    call.playlists.save_queue(call.owner, queue)
    return ok()


def queue(call: Call) -> Document:
    """What was kept; `current` is the id of a song."""
    kept = call.playlists.queue(call.owner) if call.account else None
    if kept is None:
        return ok()
    shown, entries, place = _queue(call, kept)
    current = entries[place]["id"] if place is not None and place < len(entries) else None
    return ok("playQueue", {**shown, "current": current, "entry": entries})


def queue_by_index(call: Call) -> Document:
    """The same; `currentIndex` is a place."""
    kept = call.playlists.queue(call.owner) if call.account else None
    if kept is None:
        return ok()
    shown, entries, place = _queue(call, kept)
    return ok("playQueueByIndex", {**shown, "currentIndex": place, "entry": entries})


def _queue(call: Call, kept: PlayQueue) -> tuple[Document, list[Document], int | None]:
    """Without songs that are not here any more; the place counts those that are."""
    place = kept.current
    if place is not None:
        place = sum(call.shelf.has_song(number) for number in kept.recordings[:place])
    entries = call.items.songs(call.items.rows(kept.recordings))
    shown: Document = {
        "position": kept.position_ms, "username": call.account.name if call.account else "",
        "changed": format_time(kept.changed_at), "changedBy": kept.client,
    }  # fmt: skip
    return shown, entries, place
