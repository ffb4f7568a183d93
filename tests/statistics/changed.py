"""A tiny edition after changes: an overlay, a merged number, a tombstone, a superseded volume."""

import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from phonotheque.model import tables
from phonotheque.model.edition import EditionFile, ShardFile
from phonotheque.storage.documents import write_document
from phonotheque.storage.tables import write_table
from tests.support.editions import NOW, TinyRecording, write_tiny_edition

VOLUME, OLD = "v-tier1-00001", "v-old-00001"


def write_changed_edition(root: Path) -> Path:
    """Recordings 1 A, 3 C (withdrawn), 4 D, and 5 "B again", to which 2 was merged; A, B, C have
    files, which an older volume had as well. Returns the edition's folder."""
    manifest = write_tiny_edition(root, [
        TinyRecording("A", listens=9, file=(VOLUME, "data/a.ogg", b"a")),
        TinyRecording("B", listens=8, file=(VOLUME, "data/b.ogg", b"b")),
        TinyRecording("C", listens=7, file=(VOLUME, "data/c.ogg", b"c")),
        TinyRecording("D", listens=6),
    ])  # fmt: skip
    edition = root / "editions" / manifest.name
    shards = [s for s in manifest.shards if s.table != "standing"]

    def add(table: str, schema: pa.Schema, rows: list[dict[str, Any]], layer: str = "base") -> None:
        path = edition / f"{table}-{layer}.parquet"
        write_table(path, schema, [pa.Table.from_pylist(rows, schema=schema)])
        content = path.read_bytes()
        shards.append(ShardFile(
            table=table, shard=0, layer=layer, path=path.name, rows=len(rows),
            bytes=len(content), sha256=sha256(content).hexdigest(),
        ))  # fmt: skip

    base = next(s.path for s in manifest.shards if s.table == "recordings")
    changed = pq.read_table(edition / base).to_pylist()[1] | {"number": 5, "title": "B again"}
    add("recordings", tables.RECORDINGS, [changed], "overlay")
    add("redirects", tables.REDIRECTS, [{"kind": "r", "old": 2, "new": 5}])
    add("standing", tables.STANDING, [
        {"number": number, "listens": listens, "listeners": None, "rank": rank, "tier": 1}
        for rank, (number, listens) in enumerate(((1, 9), (5, 8), (3, 7), (4, 6)), 1)
    ])  # fmt: skip
    withdrawn = {"recording": 3, "public_id": "r3", "since": NOW, "reason": "take-down",
                 "sha256": "00" * 32, "pieces_root": "00" * 32, "volume": VOLUME,
                 "path": "data/c.ogg"}  # fmt: skip
    write_table(edition / "tombstones.parquet", tables.TOMBSTONES,
                [pa.Table.from_pylist([withdrawn], schema=tables.TOMBSTONES)])  # fmt: skip
    contents = [*manifest.contents, _supersede(edition)]
    write_document(
        edition / "edition.json",
        msgspec.structs.replace(manifest, shards=shards, contents=contents),
    )
    return edition


def _supersede(edition: Path) -> EditionFile:
    """Give the edition a volume whose files `VOLUME` took over; returns its table."""
    table = f"files/{OLD}.parquet"
    shutil.copy(edition / f"files/{VOLUME}.parquet", edition / table)
    (row,) = pq.read_table(edition / "volumes.parquet").to_pylist()
    old = row | {"volume": OLD, "superseded_by": [VOLUME], "superseded_since": 1}
    rows = pa.Table.from_pylist([old, row], schema=tables.VOLUMES)
    write_table(edition / "volumes.parquet", tables.VOLUMES, [rows])
    return EditionFile(path=table, bytes=0, sha256="00" * 32)
