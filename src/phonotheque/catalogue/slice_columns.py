"""The columns that an export can have, each as SQL over a row and what it is joined with.

Aliases: `r` recordings, `s` standing, `t` tracks, `d` releases, `a` artists, `f` files.
"""

from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

from phonotheque.model import tables
from phonotheque.model.errors import UsageError
from phonotheque.model.numbers import Kind

PUBLIC_ID = "public_id"


class Of(StrEnum):
    """What the rows of an export are."""

    RECORDINGS = "recordings"
    TRACKS = "tracks"
    RELEASES = "releases"
    ARTISTS = "artists"
    FILES = "files"  # published ones, with what an edition says of training with them


CATALOGUED = (Of.RECORDINGS, Of.TRACKS, Of.RELEASES, Of.ARTISTS)
ALIASES = {Of.RECORDINGS: "r", Of.TRACKS: "t", Of.RELEASES: "d", Of.ARTISTS: "a", Of.FILES: "f"}
KINDS = {
    Of.RECORDINGS: Kind.RECORDING,
    Of.TRACKS: Kind.TRACK,
    Of.RELEASES: Kind.RELEASE,
    Of.ARTISTS: Kind.ARTIST,
    Of.FILES: Kind.RECORDING,  # numbered by what they hold
}


@dataclass(frozen=True, slots=True)
class Column:
    """`sql` gives a value of `type`; `alias` is the table that it needs joined."""

    name: str
    sql: str
    type: pa.DataType
    alias: str


def _own(schema: pa.Schema, alias: str, *names: str) -> list[Column]:
    fields = [schema.field(name) for name in names] if names else list(schema)
    return [Column(f.name, f'{alias}."{f.name}"', f.type, alias) for f in fields]


def _renamed(schema: pa.Schema, alias: str, **names: str) -> list[Column]:
    return [
        Column(shown, f'{alias}."{name}"', schema.field(name).type, alias)
        for shown, name in names.items()
    ]


def _public_id(alias: str) -> Column:
    return Column(PUBLIC_ID, f"{alias}.number", pa.string(), alias)


_STANDS = [
    Column("listens", "coalesce(s.listens, 0)", pa.int64(), "s"),
    *_own(tables.STANDING, "s", "listeners", "rank", "tier"),
]
_OF_RECORDING = _own(
    tables.RECORDINGS, "r", "isrcs", "recording_mbid", "artist_numbers", "first_release_year",
    "collections", "licence", "stream", "distribute", "flags",
)  # fmt: skip
_OF_RELEASE = [
    *_renamed(
        tables.RELEASES, "d", release_title="title", release_artist="artist_credit",
        release_year="year", release_country="country",
    ),
    *_own(tables.RELEASES, "d", "label", "barcode", "release_mbid", "genres"),
]  # fmt: skip
_SAID_BY_BOTH = ("title", "artist_credit", "duration_ms")


def _track_columns() -> list[Column]:
    """As reported: what a track does not say itself is its recording's."""
    return [
        Column(c.name, f"coalesce(t.{c.name}, r.{c.name})", c.type, "r")
        if c.name in _SAID_BY_BOTH
        else c
        for c in _own(tables.TRACKS, "t")
    ]


_SIGNALS = (
    "list_transform(f.signals, lambda s: concat_ws(' ', s.claim, s.value, s.source, "
    "strftime(s.captured_at AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ'), 'sha256:' || s.sha256))"
)


def _file_columns() -> list[Column]:
    own = _own(tables.AI_TRAINING, "f")
    return [
        Column("recording", "f.number", pa.int64(), "f"),
        Column("volume", "f.volume", pa.string(), "f"),
        *(c for c in own if c.name not in ("recording", "signals")),
        Column("signals", _SIGNALS, pa.list_(pa.string()), "f"),
        *_own(tables.RECORDINGS, "r", "title", "artist_credit", "recording_mbid", "isrcs"),
    ]


COLUMNS: dict[Of, list[Column]] = {
    Of.RECORDINGS: [_public_id("r"), *_own(tables.RECORDINGS, "r"), *_STANDS],
    Of.TRACKS: [_public_id("t"), *_track_columns(), *_OF_RECORDING, *_OF_RELEASE, *_STANDS],
    Of.RELEASES: [_public_id("d"), *_own(tables.RELEASES, "d")],
    Of.ARTISTS: [_public_id("a"), *_own(tables.ARTISTS, "a")],
    Of.FILES: [_public_id("f"), *_file_columns(), *_STANDS],
}
_DEFAULTS = {
    Of.RECORDINGS: [*tables.RECORDINGS.names, *(c.name for c in _STANDS)],
    Of.TRACKS: [
        *tables.TRACKS.names, "release_title", "release_year", "isrcs", "licence", "listens",
    ],
    Of.RELEASES: tables.RELEASES.names,
    Of.ARTISTS: tables.ARTISTS.names,
    Of.FILES: [c.name for c in _file_columns() if c.alias == "f"],
}  # fmt: skip


def choose_columns(of: Of, names: list[str]) -> list[Column]:
    """The columns named, in that order; those of the default when none is named.

    Raises:
        UsageError: a name that such rows do not have, or one that stands twice.
    """
    known = {column.name: column for column in COLUMNS[of]}
    wanted = names or _DEFAULTS[of]
    for name in wanted:
        if name not in known:
            raise UsageError(f"{of} have no column {name!r}; they have {', '.join(known)}")
    if len(set(wanted)) < len(wanted):
        raise UsageError("a column is named twice; name each once")
    return [known[name] for name in wanted]
