"""What the guard looks at: one request of one account. Values only; names are pseudonyms."""

from enum import StrEnum

import msgspec


class Kind(StrEnum):
    """What was asked for. Media and metadata are judged apart: reading all metadata is lawful
    traffic of clients that sync; `BULK` came with a bulk token and is under budgets alone."""

    MEDIA = "media"
    METADATA = "metadata"
    BULK = "bulk"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One request. `t` is in seconds since 1970.

    `item` is the number of a recording in the catalogue, neighbours having neighbouring numbers;
    `rank` counts from 0, most played first, and `rank_bucket` comes from `rank_bucket(rank, size)`.
    Without `rank`, who goes down the ranks is not told from who plays the list of what was played
    most, and is told late.
    `artist` and `release` are numbers that need only be equal for equal ones; where they are
    unknown, runs of 16 items stand for them.
    `canary` says that the id is one that no list shows.
    """

    t: float
    account: str
    kind: Kind
    item: int | None = None
    rank_bucket: int | None = None
    rank: int | None = None
    artist: int | None = None
    release: int | None = None
    status: int = 200
    bytes: int = 0
    network: str = ""
    canary: bool = False
    duration_s: float | None = None
    authenticated: bool = False
