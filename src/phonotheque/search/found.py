"""All that identifiers lead to: recordings with their tracks and files, releases, artists."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import msgspec

from phonotheque.model.numbers import Kind
from phonotheque.search.values import ArtistRow, DisplayRow, LookupResult, ReleaseRow

MOST_RECORDINGS = 1_000
_QUERIES_AT_ONCE = 1_000
_ROWS_AT_ONCE = 10_000


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What one identifier leads to. `recognised` and `kind` are those of `LookupResult`.

    A release or artist brings its recordings, in order, but no more than asked for;
    `recordings_in_all` counts them all.
    """

    query: str
    recognised: str
    kind: str | None
    releases: tuple[ReleaseRow, ...]
    artists: tuple[ArtistRow, ...]
    recordings_in_all: int
    recordings: tuple[DisplayRow, ...]


class Index(Protocol):
    """What is needed of `phonotheque.search.SearchIndex`."""

    def lookup_many(self, texts: Sequence[str]) -> list[LookupResult]:
        """What each text names."""

    def rows(self, numbers: Sequence[int]) -> list[DisplayRow]:
        """Rows of recordings."""

    def release(self, number: int) -> ReleaseRow | None:
        """One release."""

    def artist(self, number: int) -> ArtistRow | None:
        """One artist."""

    def release_recordings(self, number: int) -> list[int]:
        """The recordings of a release."""

    def artist_recordings(self, number: int) -> list[int]:
        """The recordings of an artist."""


def iter_found(index: Index, texts: Iterable[str], most: int = MOST_RECORDINGS) -> Iterator[Found]:
    """What each of `texts` leads to, in order, with at most `most` recordings each.

    Some thousand queries are answered at a time, so any number of them is bounded in memory.
    """
    waiting: list[str] = []
    for text in texts:
        waiting.append(text)
        if len(waiting) == _QUERIES_AT_ONCE:
            yield from _found(index, waiting, most)
            waiting = []
    yield from _found(index, waiting, most)


def _found(index: Index, texts: Sequence[str], most: int) -> Iterator[Found]:
    gathered: list[tuple[LookupResult, list[int]]] = []
    rows = 0
    for result in index.lookup_many(texts):
        numbers = _recordings(index, result)
        gathered.append((result, numbers))
        rows += min(len(numbers), most)
        if rows >= _ROWS_AT_ONCE:
            yield from _with_rows(index, gathered, most)
            gathered, rows = [], 0
    yield from _with_rows(index, gathered, most)


def _with_rows(
    index: Index, gathered: Sequence[tuple[LookupResult, list[int]]], most: int
) -> Iterator[Found]:
    wanted = sorted({number for _, numbers in gathered for number in numbers[:most]})
    rows = {row.number: row for row in index.rows(wanted)}
    for result, numbers in gathered:
        releases = result.numbers if result.kind is Kind.RELEASE else ()
        artists = result.numbers if result.kind is Kind.ARTIST else ()
        yield Found(
            query=result.query,
            recognised=result.recognised,
            kind=None if result.kind is None else result.kind.value,
            releases=tuple(filter(None, map(index.release, releases))),
            artists=tuple(filter(None, map(index.artist, artists))),
            recordings_in_all=len(numbers),
            recordings=tuple(rows[n] for n in numbers[:most] if n in rows),
        )


def _recordings(index: Index, result: LookupResult) -> list[int]:
    """The recordings a result leads to, each once."""
    if result.kind is Kind.RELEASE:
        owned = [number for n in result.numbers for number in index.release_recordings(n)]
    elif result.kind is Kind.ARTIST:
        owned = [number for n in result.numbers for number in index.artist_recordings(n)]
    elif result.kind is Kind.RECORDING:
        owned = list(result.numbers)
    else:
        owned = []
    return list(dict.fromkeys(owned))
