"""What can be said of an input without reading it."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from phonotheque.sources.streams import BROKEN, open_stream
from phonotheque.sources.watched import watched

_SAMPLE_BYTES = 8 << 20


def compression_ratio(path: Path) -> float | None:
    """Bytes of content for each byte of the file, by its beginning; None of a folder or what
    cannot be read."""
    if path.is_dir():
        return None
    read, watch = watched(path)
    content = 0
    try:
        with open_stream(read) as stream:
            while content < _SAMPLE_BYTES and (data := stream.read(1 << 16)):
                content += len(data)
    except BROKEN:
        pass
    return round(content / watch.bytes, 2) if watch.bytes else None


def known_rows(path: Path) -> int | None:
    """The number of rows where the file itself states it: Parquet; else None."""
    if path.suffix.lower() != ".parquet":
        return None
    try:
        return int(pq.read_metadata(path).num_rows)
    except (OSError, pa.ArrowException):
        return None
