"""What an edition says besides its catalogue (docs/formats/edition.md, volume.md)."""

import pyarrow as pa

from phonotheque.model.tables.forms import EVIDENCE, table

VOLUMES = table(
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
        pa.field("info_hash_v1", pa.string(), nullable=False),  # 40 hex digits; "": v2 alone
        pa.field("info_hash_v2", pa.string(), nullable=False),  # 64 hex digits
        pa.field("manifest_sha256", pa.string(), nullable=False),  # of manifest-sha256.txt
        pa.field("supersedes", pa.list_(pa.string())),  # volumes whose files it took over
        pa.field("superseded_by", pa.list_(pa.string())),  # volumes that took its files over
        pa.field("superseded_since", pa.int32()),  # sequence of the edition that made these
    ],
)

FILES = table(
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

AI_TRAINING = table(
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

PLANNING = table(
    "planning",  # what a mirror chooses files by: row k is of row k of files/<volume>.parquet
    [
        pa.field("place", pa.int32(), nullable=False),  # of the file there, from 0
        pa.field("file_bytes", pa.int64(), nullable=False),
        pa.field("licence", pa.string(), nullable=False),  # as there
        pa.field("barred", pa.list_(pa.string()), nullable=False),  # jurisdictions
        pa.field("artist_numbers", pa.list_(pa.int64()), nullable=False),  # of its recording
        pa.field("genres", pa.list_(pa.string()), nullable=False),  # of its releases
    ],
)

PLANNING_LISTENS = table(
    "planning_listens",  # of all these files, in this edition
    [
        pa.field("volume", pa.string(), nullable=False),
        pa.field("place", pa.int32(), nullable=False),
        pa.field("listens", pa.int64()),  # null: the file is withdrawn
    ],
)

CHANGES = table(
    "changes",
    [
        pa.field("kind", pa.string(), nullable=False),  # letter of model.numbers.Kind
        pa.field("number", pa.int64(), nullable=False),
        pa.field("change", pa.string(), nullable=False),  # docs/formats/edition.md
    ],
)

TOMBSTONES = table(
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

WAITING = table(
    "waiting",  # files that are kept back until they fill a volume, or for long enough
    [
        pa.field("recording", pa.int64(), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),  # of the file that would go out
        pa.field("bytes", pa.int64(), nullable=False),
        pa.field("tier", pa.int8(), nullable=False),  # in this edition
        pa.field("since", pa.string(), nullable=False),  # the first edition that kept it back
        pa.field("sequence", pa.int32(), nullable=False),  # of that edition
    ],
)
