"""The columns of every Parquet table of the archive. docs/formats/ says what each one means.

These schemas are the contract between rooms. A column is never renamed or given another meaning;
a new one means a new format version of that table.
"""

import pyarrow as pa

FORMAT_VERSION = 1
"""Version of the archive's formats as a whole; each table also carries it in its file metadata."""

EVIDENCE = pa.struct(
    [
        pa.field("claim", pa.string(), nullable=False),
        pa.field("value", pa.string()),
        pa.field("raw", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("captured_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("sha256", pa.string()),
        pa.field("witness", pa.string()),  # who says it; null: nobody named, or written before
        pa.field("confidence", pa.float64()),  # 0 … 1; null: nobody said
    ]
)
EVIDENCE_BEFORE = pa.struct(list(EVIDENCE)[:-2])
"""Evidence as it was written before it named its witness; read with both fields null."""

_ADDED = frozenset(["derived_from", "derived_by"])
"""Columns that files of the same format version may lack; read as null where they are missing."""


def earlier(schema: pa.Schema) -> pa.Schema:
    """`schema` as files of the same format version had it at first."""
    fields = [
        pa.field(f.name, pa.list_(EVIDENCE_BEFORE), f.nullable) if f.name == "evidence" else f
        for f in _first_fields(schema)
    ]
    return pa.schema(fields, metadata=schema.metadata)


def forms_of(schema: pa.Schema) -> tuple[pa.Schema, ...]:
    """`schema` in every form that files of this format version may have it in, newest first."""
    return schema, pa.schema(_first_fields(schema), metadata=schema.metadata), earlier(schema)


def _first_fields(schema: pa.Schema) -> list[pa.Field]:
    return [f for f in schema if f.name not in _ADDED]


def _table(name: str, fields: list[pa.Field]) -> pa.Schema:
    return pa.schema(
        fields,
        metadata={"phonotheque.table": name, "phonotheque.format": str(FORMAT_VERSION)},
    )


CREDITED = pa.struct(
    [
        pa.field("key", pa.string()),  # "mbid:<id>", "<source>:<its id>", or null: known by name
        pa.field("name", pa.string(), nullable=False),  # as credited here
        pa.field("join", pa.string(), nullable=False),  # what stands before the next name
    ]
)

ROWS = _table(
    "rows",
    [
        pa.field("source_key", pa.string(), nullable=False),  # unique within the source
        pa.field("title", pa.string(), nullable=False),
        pa.field("artist_credit", pa.string(), nullable=False),
        pa.field("artists", pa.list_(CREDITED)),  # null: one artist, the credit itself
        pa.field("release_title", pa.string()),
        pa.field("release_artist", pa.string()),
        pa.field("release_key", pa.string()),  # the source's own id of the release
        pa.field("release_group", pa.string()),  # the source's own id of what releases are of
        pa.field("release_year", pa.int16()),
        pa.field("release_country", pa.string()),  # as written
        pa.field("label", pa.string()),
        pa.field("barcode", pa.string()),  # as written; digits compared through model.identifiers
        pa.field("genres", pa.list_(pa.string())),  # of the release, as written
        pa.field("disc", pa.int16()),
        pa.field("position", pa.int32()),
        pa.field("position_text", pa.string()),  # as written, where it is more than the number
        pa.field("duration_ms", pa.int32()),
        pa.field("year", pa.int16()),
        pa.field("isrcs", pa.list_(pa.string()), nullable=False),  # well-formed ones, normalised
        pa.field("isrcs_raw", pa.list_(pa.string()), nullable=False),
        pa.field("isrc_class", pa.string()),  # model.identifiers.IsrcStatus; null: none written
        pa.field("recording_mbid", pa.string()),
        pa.field("release_mbid", pa.string()),
        pa.field("collection", pa.string()),  # what the source calls the set this belongs to
        pa.field("artist_norm", pa.string(), nullable=False),  # model.text.normalise(artist_credit)
        pa.field("release_norm", pa.string(), nullable=False),  # "" where there is no release
        pa.field("evidence", pa.list_(EVIDENCE), nullable=False),
        pa.field("file_sha256", pa.string()),  # the vault object, where audio came with the row
        pa.field("origin", pa.string(), nullable=False),  # file the row was read from
        pa.field("origin_row", pa.int64(), nullable=False),  # counted from 1; 1 for an audio file
        # from here on computed once, when the row is read (model.matching, docs/formats/import.md)
        pa.field("title_match", pa.int64(), nullable=False),  # title and version words
        pa.field("text_match", pa.int64()),  # artist, title, version words; null: too little said
        pa.field("release_match", pa.int64()),  # identity key of the release; null: none
        pa.field("wording", pa.int64(), nullable=False),  # title and artist_credit as written
        pa.field("bucket", pa.int16(), nullable=False),  # 0 … 255, of artist_norm
        pa.field("place", pa.int64(), nullable=False),  # 0 … in the import, in the order written
    ],
)

GONE = _table(
    "gone",  # keys that a later import says are no longer there
    [pa.field("source_key", pa.string(), nullable=False)],
)

ARTIST_ROWS = _table(
    "artist_rows",  # what a source says of artists
    [
        pa.field("source_key", pa.string(), nullable=False),  # as in CREDITED.key
        pa.field("name", pa.string(), nullable=False),
        pa.field("sort_name", pa.string()),
        pa.field("aliases", pa.list_(pa.string()), nullable=False),
        pa.field("origin", pa.string(), nullable=False),
        pa.field("origin_row", pa.int64(), nullable=False),
    ],
)

GROUP_ROWS = _table(
    "group_rows",  # what a source says of release groups ("masters")
    [
        pa.field("source_key", pa.string(), nullable=False),  # as in ROWS.release_group
        pa.field("title", pa.string(), nullable=False),
        pa.field("artist_credit", pa.string(), nullable=False),
        pa.field("year", pa.int16()),  # of the first release
        pa.field("origin", pa.string(), nullable=False),
        pa.field("origin_row", pa.int64(), nullable=False),
    ],
)

MBID_REDIRECTS = _table(
    "mbid_redirects",
    [
        pa.field("entity", pa.string(), nullable=False),  # recording | release | artist
        pa.field("old", pa.string(), nullable=False),
        pa.field("new", pa.string(), nullable=False),
        pa.field("origin", pa.string(), nullable=False),
        pa.field("origin_row", pa.int64(), nullable=False),
    ],
)

CLAIM_ROWS = _table(
    "claim_rows",  # what the operator recorded on recordings, by their numbers
    [
        pa.field("claim", pa.string(), nullable=False),  # id: the name of the import
        pa.field("recording", pa.int64(), nullable=False),  # its number when it was recorded
        pa.field("public_id", pa.string(), nullable=False),
        pa.field("title", pa.string(), nullable=False),  # as they were then, for people
        pa.field("artist_credit", pa.string(), nullable=False),
        pa.field("evidence", pa.list_(EVIDENCE), nullable=False),
        pa.field("recorded_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("takes_back", pa.string()),  # id of the claim that does not count any more
    ],
)

LISTENS = _table(
    "listens",
    [
        pa.field("key_kind", pa.string(), nullable=False),  # isrc | mbid | source | public_id
        pa.field("key", pa.string(), nullable=False),  # "source" keys are <source>:<source_key>
        pa.field("listens", pa.int64(), nullable=False),
        pa.field("listeners", pa.int64()),
    ],
)

FINDINGS = _table(
    "findings",
    [
        pa.field("code", pa.string(), nullable=False),
        pa.field("severity", pa.string(), nullable=False),
        pa.field("where", pa.string(), nullable=False),
        pa.field("row", pa.int64()),
        pa.field("message", pa.string(), nullable=False),
    ],
)

REGISTRY = _table(
    "registry",
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("number", pa.int64(), nullable=False),
    ],
)

REDIRECTS = _table(
    "redirects",
    [
        pa.field("kind", pa.string(), nullable=False),  # letter of model.numbers.Kind
        pa.field("old", pa.int64(), nullable=False),
        pa.field("new", pa.int64(), nullable=False),
    ],
)

MERGED_IDS = _table(
    "merged_ids",  # MusicBrainz ids that were merged away, and what they became
    [
        pa.field("entity", pa.string(), nullable=False),  # recording | release | artist
        pa.field("old", pa.string(), nullable=False),
        pa.field("new", pa.string(), nullable=False),
    ],
)

RECORDINGS = _table(
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

TRACKS = _table(
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

RELEASES = _table(
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

ARTISTS = _table(
    "artists",
    [
        pa.field("number", pa.int64(), nullable=False),
        pa.field("key", pa.string(), nullable=False),  # name:… | mbid:… | <source>:…
        pa.field("name", pa.string(), nullable=False),
        pa.field("sort_name", pa.string()),
        pa.field("aliases", pa.list_(pa.string()), nullable=False),
    ],
)

RECORDING_FILES = _table(
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

STANDING = _table(
    "standing",
    [
        pa.field("number", pa.int64(), nullable=False),  # of the recording
        pa.field("listens", pa.int64(), nullable=False),
        pa.field("listeners", pa.int64()),
        pa.field("rank", pa.int64(), nullable=False),  # 1 = most listened; ties by number
        pa.field("tier", pa.int8(), nullable=False),  # 1 = first cut
    ],
)

VOLUMES = _table(
    "volumes",
    [
        pa.field("volume", pa.string(), nullable=False),  # name of directory and torrent
        pa.field("tier", pa.int8(), nullable=False),  # at publication
        pa.field("first_edition", pa.string(), nullable=False),
        pa.field("files", pa.int32(), nullable=False),  # audio files
        pa.field("audio_bytes", pa.int64(), nullable=False),
        pa.field("total_bytes", pa.int64(), nullable=False),  # every file of the bag, no padding
        pa.field("listens", pa.int64(), nullable=False),  # in this edition
        pa.field("withdrawn_files", pa.int32(), nullable=False),
        pa.field("licences", pa.list_(pa.string()), nullable=False),
        pa.field("piece_length", pa.int32(), nullable=False),
        pa.field("padding_bytes", pa.int64(), nullable=False),
        pa.field("torrent_bytes", pa.int64(), nullable=False),
        pa.field("info_hash_v1", pa.string(), nullable=False),  # 40 hex digits
        pa.field("info_hash_v2", pa.string(), nullable=False),  # 64 hex digits
        pa.field("manifest_sha256", pa.string(), nullable=False),  # of manifest-sha256.txt
    ],
)

FILES = _table(
    "files",
    [
        pa.field("path", pa.string(), nullable=False),  # in the volume: data/…
        pa.field("recording", pa.int64(), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("bytes", pa.int64(), nullable=False),
        pa.field("pieces_root", pa.string(), nullable=False),  # BEP 52, 64 hex digits
        pa.field("puid", pa.string(), nullable=False),
        pa.field("media_type", pa.string(), nullable=False),
        pa.field("codec", pa.string(), nullable=False),
        pa.field("duration_ms", pa.int32(), nullable=False),
        pa.field("sample_rate_hz", pa.int32(), nullable=False),
        pa.field("channels", pa.int16(), nullable=False),
        pa.field("title", pa.string(), nullable=False),
        pa.field("artist_credit", pa.string(), nullable=False),
        pa.field("release_title", pa.string()),
        pa.field("licence", pa.string(), nullable=False),  # SPDX id or LicenseRef-…, or "A AND B"
        pa.field("licence_url", pa.string()),
        pa.field("attribution", pa.string(), nullable=False),
        pa.field("stream", pa.string(), nullable=False),
        pa.field("distribute", pa.string(), nullable=False),
        pa.field("conditions", pa.list_(pa.string()), nullable=False),
        pa.field("rule_ids", pa.list_(pa.string()), nullable=False),
        pa.field("reasons", pa.list_(pa.string()), nullable=False),
        pa.field("evidence", pa.list_(EVIDENCE), nullable=False),
        pa.field("derived_from", pa.string()),  # of an access copy: sha256 of its master
        pa.field("derived_by", pa.string()),  # and how it was made (docs/access-copies.md)
    ],
)

SIGNAL = pa.struct(
    [
        pa.field("claim", pa.string(), nullable=False),  # "reservation", or "checked" in vain
        pa.field("value", pa.string()),
        pa.field("source", pa.string(), nullable=False),  # parser with version, address or tag
        pa.field("captured_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("sha256", pa.string()),  # of the document, where there is one
    ]
)

AI_TRAINING = _table(
    "ai_training",
    [
        pa.field("path", pa.string(), nullable=False),  # in the volume: data/…
        pa.field("recording", pa.int64(), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("licence", pa.string(), nullable=False),
        pa.field("licence_url", pa.string()),
        pa.field("attribution", pa.string(), nullable=False),
        pa.field("source_url", pa.string()),  # where the file stood, if that was stated
        pa.field("ai_train", pa.string(), nullable=False),
        pa.field("conditions", pa.list_(pa.string()), nullable=False),
        pa.field("rule_ids", pa.list_(pa.string()), nullable=False),
        pa.field("reasons", pa.list_(pa.string()), nullable=False),
        pa.field("signals", pa.list_(SIGNAL), nullable=False),
    ],
)

CHANGES = _table(
    "changes",
    [
        pa.field("kind", pa.string(), nullable=False),  # letter of model.numbers.Kind
        pa.field("number", pa.int64(), nullable=False),
        pa.field("change", pa.string(), nullable=False),  # docs/formats/edition.md
    ],
)

TOMBSTONES = _table(
    "tombstones",
    [
        pa.field("recording", pa.int64(), nullable=False),
        pa.field("public_id", pa.string(), nullable=False),
        pa.field("since", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("reason", pa.string(), nullable=False),  # model.edition.WithdrawalReason
        pa.field("sha256", pa.string()),  # null: the recording had no published file
        pa.field("pieces_root", pa.string()),
        pa.field("volume", pa.string()),
        pa.field("path", pa.string()),
    ],
)
