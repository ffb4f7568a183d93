"""Calls that search: by words in the index; without words, all there is, page by page.

Without words a page is a slice of sorted numbers, so any page costs the same and pages neither
repeat nor leave out anything, as long as the shelf is the same.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from phonotheque.model.text import normalise
from phonotheque.search import DisplayRow
from phonotheque.serve.subsonic.calls import Call
from phonotheque.serve.subsonic.envelope import Document, ok
from phonotheque.serve.subsonic.items import as_directory

MOST = 500
_HITS_AT_ONCE = 200
_DEEPEST = 2_000  # hits that are looked through for one answer


class _Page(NamedTuple):
    size: int
    offset: int

    @property
    def end(self) -> int:
        return self.offset + self.size


def search(name: str) -> Callable[[Call], Document]:
    """Artists, albums and songs with all the words; `name` is searchResult2 or searchResult3."""

    def answer(call: Call) -> Document:
        query = call.text("query").strip()
        query = "" if query in ('""', "''", "*") else query
        found = _all(call) if not query else _with_words(call, query)
        if name == "searchResult2":
            found["album"] = [as_directory(album) for album in found["album"]]
        return ok(name, found)

    return answer


def _page(call: Call, of: str) -> _Page:
    size = call.number(f"{of}Count", 20, most=MOST)
    return _Page(size, call.number(f"{of}Offset", 0, most=2**40))


def _all(call: Call) -> Document:
    shelf = call.shelf

    def part(of: str) -> list[int]:
        page = _page(call, of)
        numbers = {"artist": shelf.artists, "album": shelf.albums, "song": shelf.songs}[of]
        found: list[int] = numbers[page.offset : page.end].tolist()
        return found

    return {
        "artist": call.items.artists(part("artist")),
        "album": call.items.albums(part("album")),
        "song": call.items.songs(call.items.rows(part("song"))),
    }


def _with_words(call: Call, query: str) -> Document:
    words = normalise(query).split()
    artists, albums, songs = (_page(call, of) for of in ("artist", "album", "song"))
    fields = {name: " ".join(f"{name}:{word}" for word in words) for name in ("artist", "release")}
    return {
        "artist": call.items.artists(
            _gather(_hits(call, fields["artist"]), lambda row: _artists(call, row, words), artists)
        ),
        "album": call.items.albums(
            _gather(_hits(call, fields["release"]), lambda row: _albums(call, row, words), albums)
        ),
        "song": call.items.songs(_songs(call, query, songs)),
    }


def _songs(call: Call, query: str, page: _Page) -> list[DisplayRow]:
    found = _gather(
        _hits(call, query),
        lambda row: [row.number] if call.shelf.has_song(row.number) else [],
        page,
    )
    return call.items.rows(found)


def _gather(
    rows: Iterator[DisplayRow], numbers_of: Callable[[DisplayRow], list[int]], page: _Page
) -> list[int]:
    """One page of the different numbers that rows give, in order; nothing where nothing is
    wanted."""
    found: dict[int, None] = {}
    if page.size and page.end <= _DEEPEST:
        for row in rows:
            found |= dict.fromkeys(numbers_of(row))
            if len(found) >= page.end:
                break
    return list(found)[page.offset : page.end]


def _hits(call: Call, query: str) -> Iterator[DisplayRow]:
    """The rows found, the best first; no more than are worth looking through."""
    cursor, seen = None, 0
    while seen < _DEEPEST:
        page = call.publication.search(query, _HITS_AT_ONCE, cursor)
        yield from (hit.row for hit in page.hits)
        cursor, seen = page.next_cursor, seen + len(page.hits)
        if cursor is None or page.partial:
            return


def _artists(call: Call, row: DisplayRow, words: list[str]) -> list[int]:
    """Its artists on the shelf in whose names all the words stand."""
    kept = []
    for number in row.artist_numbers:
        artist = call.items.artist_row(number)
        if artist is None or call.shelf.artist_counts(number) == (0, 0):
            continue
        if any(
            _has(text, words) for text in (artist.name, artist.sort_name or "", *artist.aliases)
        ):
            kept.append(number)
    return kept


def _albums(call: Call, row: DisplayRow, words: list[str]) -> list[int]:
    """Its albums on the shelf in whose titles all the words stand."""
    return [
        track.release
        for track in row.tracks
        if track.release is not None
        and _has(track.release_title or "", words)
        and call.shelf.album(track.release) is not None
    ]


def _has(text: str, words: list[str]) -> bool:
    """Whether every word is the beginning of a word of the text."""
    there = normalise(text).split()
    return all(any(word.startswith(wanted) for word in there) for wanted in words)
