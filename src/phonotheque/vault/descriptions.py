"""Descriptions in Parquet: what objects say about themselves and what was heard in them, one file
beside each batch of events that has any (docs/formats/vault.md)."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from phonotheque.model.tables import FORMAT_VERSION
from phonotheque.storage.tables import check_schema, write_table
from phonotheque.vault.acoustic.codec import compress_fingerprint, decode_fingerprint
from phonotheque.vault.examination import Description, Picture

ROW_GROUP_ROWS = 1_000  # some megabytes: one is read to find one row
_TEXTS = pa.list_(
    pa.struct(
        [
            pa.field("name", pa.string(), nullable=False),
            pa.field("values", pa.list_(pa.string()), nullable=False),
        ]
    )
)
_NUMBERS = pa.list_(
    pa.struct(
        [
            pa.field("name", pa.string(), nullable=False),
            pa.field("value", pa.float64(), nullable=False),
        ]
    )
)
_PICTURES = pa.list_(
    pa.struct(
        [
            pa.field("sha256", pa.string(), nullable=False),
            pa.field("media_type", pa.string(), nullable=False),
            pa.field("bytes", pa.int64(), nullable=False),
            pa.field("width", pa.int32(), nullable=False),
            pa.field("height", pa.int32(), nullable=False),
            pa.field("kind", pa.int32(), nullable=False),
        ]
    )
)
DESCRIPTIONS = pa.schema(
    [
        pa.field("event", pa.int64(), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("duration_ms", pa.int64(), nullable=False),
        pa.field("tags", _TEXTS, nullable=False),
        pa.field("tags_repaired", _TEXTS, nullable=False),
        pa.field("tag_duration_ms", pa.int64(), nullable=False),
        pa.field("pictures", _PICTURES, nullable=False),
        pa.field("integrated_lufs", pa.float64()),
        pa.field("range_lu", pa.float64()),
        pa.field("true_peak_dbtp", pa.float64()),
        pa.field("silent_share", pa.float64(), nullable=False),
        pa.field("clipped_runs", pa.int64(), nullable=False),
        pa.field("replaygain", _NUMBERS, nullable=False),
        pa.field("fingerprint", pa.binary(), nullable=False),
        pa.field("fingerprint_by", pa.string(), nullable=False),
    ]
)


class Described(NamedTuple):
    """A description and what it is of; `event` is the number of the object's ingestion."""

    event: int
    sha256: str
    duration_ms: int
    description: Description


def descriptions_path(root: Path, sequence: int) -> Path:
    """Where the descriptions of batch `sequence` of the vault at `root` stand."""
    return root / "descriptions" / f"{sequence:08d}.parquet"


def write_descriptions(path: Path, rows: Iterable[Sequence[Described]]) -> int:
    """Write pages of `rows`, in the order of their events, durably; returns how many.

    Memory: one page and one row group.
    """
    schema = DESCRIPTIONS.with_metadata(
        {"phonotheque.table": "descriptions", "phonotheque.format": str(FORMAT_VERSION)}
    )
    tables = (pa.Table.from_pylist([_row(one) for one in page], schema=schema) for page in rows)
    return write_table(path, schema, tables, row_group_rows=ROW_GROUP_ROWS)


def read_descriptions(path: Path) -> Iterator[pa.RecordBatch]:
    """All rows of one file, 1,000 at a time.

    Raises:
        FormatError: it cannot be read, or is no table of descriptions.
    """
    check_schema(path, DESCRIPTIONS)
    with pq.ParquetFile(path) as table:
        yield from table.iter_batches(batch_size=ROW_GROUP_ROWS)


def find_description(path: Path, event: int) -> Description | None:
    """The description of the object that `event` brought in; reads one row group."""
    check_schema(path, DESCRIPTIONS)
    rows = pq.read_table(path, filters=pc.field("event") == event).to_pylist()
    return _description(rows[0]) if rows else None


def encode_description(described: Description) -> bytes:
    """As it stands in the state: MessagePack, without the contents of pictures."""
    return msgspec.msgpack.encode(described)


def without_contents(description: Description) -> Description:
    """The same with pictures by name only."""
    pictures = tuple(msgspec.structs.replace(p, content=b"") for p in description.pictures)
    return msgspec.structs.replace(description, pictures=pictures)


def _row(one: Described) -> dict[str, Any]:
    said = one.description
    items = np.frombuffer(said.fingerprint, dtype="<u4")
    return {
        "event": one.event,
        "sha256": one.sha256,
        "duration_ms": one.duration_ms,
        "tags": _listed(said.tags, "values"),
        "tags_repaired": _listed(said.tags_repaired, "values"),
        "tag_duration_ms": said.tag_duration_ms,
        "pictures": [
            {name: getattr(p, name) for name in p.__struct_fields__ if name != "content"}
            for p in said.pictures
        ],
        "integrated_lufs": said.integrated_lufs,
        "range_lu": said.range_lu,
        "true_peak_dbtp": said.true_peak_dbtp,
        "silent_share": said.silent_share,
        "clipped_runs": said.clipped_runs,
        "replaygain": _listed(said.replaygain, "value"),
        "fingerprint": compress_fingerprint(items) if len(items) else b"",
        "fingerprint_by": said.fingerprint_by,
    }


def _listed(values: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [{"name": key, name: value} for key, value in values.items()]


def _description(row: dict[str, Any]) -> Description:
    given = {name: row[name] for name in Description.__struct_fields__}
    packed = row["fingerprint"]
    return Description(
        **given
        | {
            "tags": {pair["name"]: pair["values"] for pair in row["tags"]},
            "tags_repaired": {pair["name"]: pair["values"] for pair in row["tags_repaired"]},
            "replaygain": {pair["name"]: pair["value"] for pair in row["replaygain"]},
            "pictures": tuple(Picture(**picture) for picture in row["pictures"]),
            "fingerprint": decode_fingerprint(packed).astype("<u4").tobytes() if packed else b"",
        }
    )
