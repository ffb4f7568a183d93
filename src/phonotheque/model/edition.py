"""The small JSON documents of an archive, as frozen msgspec structs (docs/formats/edition.md)."""

from datetime import datetime
from enum import IntFlag, StrEnum

import msgspec


class RecordingFlag(IntFlag):
    """Bits of `recordings.flags`."""

    CONFLICT = 1  # rows with one code disagree, and were kept apart
    WITHDRAWN = 2  # a tombstone stands for it; metadata stays, audio is gone


class Met(StrEnum):
    """`tracks.met`: what made a row meet the others of its recording; null where it is alone."""

    MBID = "mbid"  # the same MusicBrainz recording id
    ISRC = "isrc"  # the same code, title and duration agreeing
    TEXT = "text"  # the same artist, title and version, duration agreeing
    LINK = "link"  # its group has the code or id that the other lacks; text and duration agree
    SOUND = "sound"  # its file, or one of its group, is the same sound as another's


class WithdrawalReason(StrEnum):
    """Why a recording was withdrawn; what mirrors and pages may say."""

    RIGHTS = "rights"
    TAKE_DOWN = "take-down"
    DONOR = "donor"
    PRIVACY = "privacy"
    ERROR = "error"


class ShardFile(msgspec.Struct, frozen=True, kw_only=True):
    """One Parquet file of a sharded table; `path` is relative to the edition or build."""

    table: str  # recordings | tracks | releases | artists | registry-<kind> | redirects | standing
    shard: int
    layer: str  # base | overlay
    path: str
    rows: int
    bytes: int
    sha256: str


class Counts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Totals of an edition."""

    recordings: int
    tracks: int
    releases: int
    artists: int
    files: int
    audio_bytes: int
    volumes: int
    tiers: int
    withdrawn: int
    listens: int
    waiting: int = 0  # files that may go out and are kept back until they fill a volume
    superseded: int = 0  # volumes whose files stand in later ones


class BuildManifest(msgspec.Struct, frozen=True, kw_only=True):
    """`build.json`: what one build of the catalogue made, and from what."""

    format: int
    build: int  # counted from 1
    inputs: list[str]  # "<source>/<import>", sorted
    rows_per_shard: int
    shards: list[ShardFile]
    recording_files: list[ShardFile]
    recordings: int
    tracks: int
    releases: int
    artists: int
    conflicts: int
    unmatched_listens: int
    tier_cuts_percent: list[float]
    withdrawn: list[int] = []  # recording numbers the build was told of, sorted
    settings: str = ""  # what else the build rests on; equal inputs and settings: nothing new


class EditionFile(msgspec.Struct, frozen=True, kw_only=True):
    """Any file of the edition; `path` is relative to ``editions/<name>/``."""

    path: str
    bytes: int
    sha256: str


class ArchiveIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Who publishes."""

    id: str  # UUID
    name: str
    publisher: str
    seat: str  # ISO 3166 country


class SourceInput(msgspec.Struct, frozen=True, kw_only=True):
    """One input of an import; `sha256` only of a file, not of a folder."""

    name: str
    bytes: int
    sha256: str | None = None


class SourceRecord(msgspec.Struct, frozen=True, kw_only=True, rename={"import_": "import"}):
    """One import the catalogue was made from; null is what nothing is known of."""

    import_: str  # "<source>/<import>"
    source: str
    reader: str | None = None
    licence: str | None = None  # SPDX id: of the data, as its publisher gives it
    read_at: datetime | None = None
    inputs: list[SourceInput] = []


class BuiltBy(msgspec.Struct, frozen=True, kw_only=True):
    """What made the edition: with these and the same inputs it comes out the same."""

    program: str
    version: str
    arrow: str
    duckdb: str
    python: str
    settings_sha256: str  # of archive.toml's settings as a JSON document


class SchemaNote(msgspec.Struct, frozen=True, kw_only=True):
    """Version of the formats, and where the steps between versions are told."""

    version: int
    notes: str


class CatalogueTorrent(msgspec.Struct, frozen=True, kw_only=True):
    """The torrent of an edition's own files; `path` is relative to ``editions/<name>/``."""

    path: str
    info_hash_v1: str  # 40 hex digits
    info_hash_v2: str  # 64 hex digits
    bytes: int  # of the torrent file


class SqliteFile(msgspec.Struct, frozen=True, kw_only=True):
    """The catalogue as one SQLite file; `path` is relative to ``editions/<name>/``."""

    path: str
    bytes: int
    sha256: str
    rows: dict[str, int]  # by table
    made_by: str  # "SQLite 3.40.1": another version may write other bytes


class EditionManifest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`edition.json`: the root of an edition; signed through TUF, it vouches for every file.

    What has a default is missing in editions made before there was such a key.
    """

    format: int
    name: str
    sequence: int  # counted from 1
    previous: str | None
    published_at: datetime
    archive: ArchiveIdentity
    id_key: str  # 32 hex digits
    tier_cuts_percent: list[float]
    territories: list[str]
    rows_per_shard: int
    counts: Counts
    shards: list[ShardFile]  # catalogue and standing
    contents: list[EditionFile]  # every file but edition.json and metadata/, sorted by path
    webseeds: list[str]
    trackers: list[str]
    sources: list[SourceRecord] = []
    licences: dict[str, int] = {}  # files that can be had, by licence
    built_by: BuiltBy | None = None
    schema: SchemaNote | None = None
    catalogue_torrent: CatalogueTorrent | None = None
    sqlite: SqliteFile | None = None  # only where it was asked for; in no other list


class RevokedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `revocations.json`."""

    recording: str  # public id
    reason: str
    since: datetime
    sha256: str
    pieces_root: str
    volume: str
    path: str


class Revocations(msgspec.Struct, frozen=True, kw_only=True):
    """`revocations.json`: files that no mirror may serve any more."""

    format: int
    sequence: int
    files: list[RevokedFile]


class Latest(msgspec.Struct, frozen=True, kw_only=True):
    """`latest.json`: the newest edition."""

    format: int
    edition: str
    sequence: int
    edition_sha256: str
