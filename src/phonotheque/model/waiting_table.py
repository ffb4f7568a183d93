"""The columns of `waiting.parquet` (docs/formats/edition.md): files that are
kept back until they fill a volume, or for long enough."""

import pyarrow as pa

from phonotheque.model.tables import FORMAT_VERSION

WAITING = pa.schema(
    [
        pa.field("recording", pa.int64(), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),  # of the file that would go out
        pa.field("bytes", pa.int64(), nullable=False),
        pa.field("tier", pa.int8(), nullable=False),  # in this edition
        pa.field("since", pa.string(), nullable=False),  # the first edition that kept it back
        pa.field("sequence", pa.int32(), nullable=False),  # of that edition
    ],
    metadata={"phonotheque.table": "waiting", "phonotheque.format": str(FORMAT_VERSION)},
)
