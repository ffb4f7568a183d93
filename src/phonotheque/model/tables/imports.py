"""What the sources said: rows as they were read (docs/formats/import.md)."""

import pyarrow as pa

from phonotheque.model.tables.forms import EVIDENCE, table

CREDITED = pa.struct(
    [
        pa.field("key", pa.string()),  # "mbid:<id>", "<source>:<its id>", or null: known by name
        pa.field("name", pa.string(), nullable=False),  # as credited here
        pa.field("join", pa.string(), nullable=False),  # what stands before the next name
    ]
)

ROWS = table(
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

GONE = table(
    "gone",  # keys that a later import says are no longer there
    [pa.field("source_key", pa.string(), nullable=False)],
)

ARTIST_ROWS = table(
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

GROUP_ROWS = table(
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

MBID_REDIRECTS = table(
    "mbid_redirects",
    [
        pa.field("entity", pa.string(), nullable=False),  # recording | release | artist
        pa.field("old", pa.string(), nullable=False),
        pa.field("new", pa.string(), nullable=False),
        pa.field("origin", pa.string(), nullable=False),
        pa.field("origin_row", pa.int64(), nullable=False),
    ],
)

CLAIM_ROWS = table(
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

LISTENS = table(
    "listens",
    [
        pa.field("key_kind", pa.string(), nullable=False),  # isrc | mbid | source | public_id
        pa.field("key", pa.string(), nullable=False),  # "source" keys are <source>:<source_key>
        pa.field("listens", pa.int64(), nullable=False),
        pa.field("listeners", pa.int64()),
    ],
)

FINDINGS = table(
    "findings",
    [
        pa.field("code", pa.string(), nullable=False),
        pa.field("severity", pa.string(), nullable=False),
        pa.field("where", pa.string(), nullable=False),
        pa.field("row", pa.int64()),
        pa.field("message", pa.string(), nullable=False),
    ],
)
