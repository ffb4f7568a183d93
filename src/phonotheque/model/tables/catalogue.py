"""The catalogue, its registry and the standing (docs/formats/catalogue.md, standing.md)."""

import pyarrow as pa

from phonotheque.model.tables.forms import EVIDENCE, table

REGISTRY = table(
    "registry",
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("number", pa.int64(), nullable=False),
    ],
)

REDIRECTS = table(
    "redirects",
    [
        pa.field("kind", pa.string(), nullable=False),  # letter of model.numbers.Kind
        pa.field("old", pa.int64(), nullable=False),
        pa.field("new", pa.int64(), nullable=False),
    ],
)

MERGED_IDS = table(
    "merged_ids",  # MusicBrainz ids that were merged away, and what they became
    [
        pa.field("entity", pa.string(), nullable=False),  # recording | release | artist
        pa.field("old", pa.string(), nullable=False),
        pa.field("new", pa.string(), nullable=False),
    ],
)

RECORDINGS = table(
    "recordings",
    [
        pa.field("number", pa.int64(), nullable=False),
        pa.field("isrcs", pa.list_(pa.string()), nullable=False),
        pa.field("recording_mbid", pa.string()),
        pa.field("title", pa.string(), nullable=False),
        pa.field("artist_credit", pa.string(), nullable=False),
        pa.field("artist_numbers", pa.list_(pa.int64()), nullable=False),
        pa.field("duration_ms", pa.int32()),
        pa.field("first_release_year", pa.int16()),
        pa.field("collections", pa.list_(pa.string()), nullable=False),
        pa.field("licence", pa.string()),  # SPDX id ("A AND B"), where the evidence agrees
        pa.field("stream", pa.string(), nullable=False),  # DENY | REVIEW | ALLOW_IF | ALLOW
        pa.field("distribute", pa.string(), nullable=False),
        pa.field("flags", pa.int32(), nullable=False),  # sum of the bits in RecordingFlag
    ],
)

TRACKS = table(
    "tracks",
    [
        pa.field("number", pa.int64(), nullable=False),
        pa.field("recording", pa.int64(), nullable=False),
        pa.field("release", pa.int64()),
        pa.field("disc", pa.int16()),
        pa.field("position", pa.int32()),
        pa.field("position_text", pa.string()),  # as written, where it is more than the number
        pa.field("title", pa.string()),  # with artist_credit null: both equal to the recording's
        pa.field("artist_credit", pa.string()),
        pa.field("duration_ms", pa.int32()),  # null: equal to the recording's, or unknown
        pa.field("met", pa.string()),  # model.edition.Met: why it is of that recording; null: alone
        pa.field("source", pa.string(), nullable=False),
        pa.field("source_key", pa.string(), nullable=False),
    ],
)

RELEASES = table(
    "releases",
    [
        pa.field("number", pa.int64(), nullable=False),
        pa.field("key", pa.string(), nullable=False),
        pa.field("title", pa.string(), nullable=False),
        pa.field("artist_credit", pa.string(), nullable=False),
        pa.field("year", pa.int16()),
        pa.field("country", pa.string()),
        pa.field("label", pa.string()),
        pa.field("barcode", pa.string()),
        pa.field("release_mbid", pa.string()),
        pa.field("genres", pa.list_(pa.string())),
    ],
)

ARTISTS = table(
    "artists",
    [
        pa.field("number", pa.int64(), nullable=False),
        pa.field("key", pa.string(), nullable=False),  # name:… | mbid:… | <source>:…
        pa.field("name", pa.string(), nullable=False),
        pa.field("sort_name", pa.string()),
        pa.field("aliases", pa.list_(pa.string()), nullable=False),
    ],
)

RECORDING_FILES = table(
    "recording_files",  # in a build only: the audio each recording has, with all its evidence
    [
        pa.field("recording", pa.int64(), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("title", pa.string(), nullable=False),
        pa.field("artist_credit", pa.string(), nullable=False),
        pa.field("release_title", pa.string()),
        pa.field("disc", pa.int16()),
        pa.field("position", pa.int32()),
        pa.field("evidence", pa.list_(EVIDENCE), nullable=False),
    ],
)

STANDING = table(
    "standing",
    [
        pa.field("number", pa.int64(), nullable=False),  # of the recording
        pa.field("listens", pa.int64(), nullable=False),
        pa.field("listeners", pa.int64()),
        pa.field("rank", pa.int64(), nullable=False),  # 1 = most listened; ties by number
        pa.field("tier", pa.int8(), nullable=False),  # 1 = first cut
    ],
)
