"""From an address to what the guard wants to know of it: what kind, which recording.

Nothing here grows with the catalogue: an id is a number by arithmetic, and what is told of a number
is one row of the row store, which the answer has just read; the last ones are remembered.
"""

from bisect import bisect_right
from collections import OrderedDict
from enum import Enum
from threading import Lock
from typing import Final, NamedTuple

import numpy as np

from phonotheque.guard import bucket_edges
from phonotheque.model.errors import InputError
from phonotheque.model.numbers import IdKey, Kind, parse_public_id
from phonotheque.serve.assemble import allows
from phonotheque.serve.publication import Publication

_REMEMBERED: Final = 1 << 15
_LAST_BUCKET: Final = 7


class Way(Enum):
    """What is done with a request. `FREE` is what everybody may take as they like: the dumps, and
    what tells of them."""

    FREE = "free"
    MEDIA = "media"
    METADATA = "metadata"
    PLAYER = "player"  # OpenSubsonic: its handler knows who asks for what
    OURS = "ours"  # the guard's own addresses


_FIRST: Final = {
    **dict.fromkeys(
        ("volumes", "editions", "metadata", "torrents", "static", "health", "ready", "mirror",
         "about", "edition", "feed.atom", "latest.json", "revocations.json", "robots.txt",
         "sitemap.xml", "sitemap", ".well-known", "tdm-policy.json", "notices", "favicon.ico"),
        Way.FREE,
    ),
    "stream": Way.MEDIA, "rest": Way.PLAYER, "guard": Way.OURS,
}  # fmt: skip
_WITH_ID: Final = frozenset({"stream", "recording"})
DECOY: Final = "/stream"
OWN: Final = ("/guard/account", "/guard/appeal")


class Facts(NamedTuple):
    """What the guard wants to know of a recording. `open_to_all`: it may be copied by everybody.
    Ranks are among recordings that can be heard: people choose among these, whatever else the
    catalogue tells of."""

    bucket: int
    artist: int | None
    release: int | None
    duration_s: float | None
    open_to_all: bool
    rank: int | None = None  # from 0


def way_of(path: str) -> Way:
    """What is done with a request for `path`. Pure."""
    first = path.lstrip("/").partition("/")[0]
    way = _FIRST.get(first, Way.METADATA)
    if way is Way.OURS and path not in OWN:
        return Way.METADATA
    return way


def id_in(path: str) -> str | None:
    """The public id of a recording in an address, where it has one. Pure."""
    first, _, rest = path.lstrip("/").partition("/")
    if first == "api":
        _, _, rest = rest.partition("/")
        first, _, rest = rest.partition("/")
        return rest.partition("/")[0] or None if first == "recordings" else None
    return (rest.partition("/")[0] or None) if first in _WITH_ID else None


def number_in(text: str | None, key: IdKey) -> int | None:
    """The number of a recording's public id; None for what is none."""
    if text is None:
        return None
    try:
        kind, number = parse_public_id(text, key)
    except InputError:
        return None
    return number if kind is Kind.RECORDING else None


class Items:
    """Facts of recordings of the edition that is shown."""

    def __init__(self) -> None:
        self._edition = ""
        self._edges: list[int] = []
        self._lock = Lock()
        self._known: OrderedDict[int, Facts | None] = OrderedDict()

    def facts(self, publication: Publication, number: int) -> Facts | None:
        """Of one recording; None where the edition has none of this number."""
        if publication.edition_sha256 != self._edition:
            self._begin(publication)
        with self._lock:
            if number in self._known:
                self._known.move_to_end(number)
                return self._known[number]
        found = self._read(publication, number)
        with self._lock:
            self._known[number] = found
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return found

    def _begin(self, publication: Publication) -> None:
        edges = bucket_edges(max(1, publication.index.heard.count))
        with self._lock:
            self._edition = publication.edition_sha256
            self._edges = np.asarray(edges).tolist()
            self._known.clear()

    def _read(self, publication: Publication, number: int) -> Facts | None:
        rows = publication.index.rows([number])
        if not rows:
            return None
        row, file = rows[0], rows[0].file
        rank = publication.index.heard.rank(row.rank - 1) if row.rank else None
        return Facts(
            _LAST_BUCKET if rank is None else bisect_right(self._edges, rank),
            row.artist_numbers[0] if row.artist_numbers else None,
            next((track.release for track in row.tracks if track.release is not None), None),
            row.duration_ms / 1000 if row.duration_ms else None,
            file is not None and allows(row.distribute) and allows(file.distribute),
            rank,
        )
