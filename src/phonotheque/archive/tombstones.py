"""What withdrawals say about published files: tombstones, and the list of revocations."""

from collections.abc import Sequence

import duckdb
import msgspec
import pyarrow as pa

from phonotheque.archive.withdrawals import Withdrawal
from phonotheque.model import tables
from phonotheque.model.edition import Revocations, RevokedFile
from phonotheque.model.tables import FORMAT_VERSION
from phonotheque.storage.documents import format_document, read_document
from phonotheque.storage.layout import Tree

_WITHDRAWN = pa.schema(
    [tables.TOMBSTONES.field(n) for n in ("recording", "public_id", "since", "reason")]
)


def tombstones(cursor: duckdb.DuckDBPyConnection, withdrawals: Sequence[Withdrawal]) -> pa.Table:
    """Rows of `tables.TOMBSTONES`: one for each published file of each withdrawn recording.

    `cursor` has the views `files` (with `volume`) and `redirects`. A recording without any
    published file has one row without a file.
    """
    rows = [{n: getattr(w, n) for n in _WITHDRAWN.names} for w in withdrawals]
    cursor.register("withdrawals", pa.Table.from_pylist(rows, schema=_WITHDRAWN))
    try:
        found = cursor.sql(
            "WITH merged AS (SELECT old, new FROM redirects WHERE kind = 'r') "
            "SELECT w.*, f.sha256, f.pieces_root, f.volume, f.path FROM withdrawals w "
            "LEFT JOIN merged a ON a.old = w.recording LEFT JOIN ("
            "SELECT coalesce(b.new, f.recording) AS live, f.sha256, f.pieces_root, f.volume, "
            "f.path FROM files f LEFT JOIN merged b ON b.old = f.recording) f "
            "ON f.live = coalesce(a.new, w.recording) ORDER BY w.recording, f.volume, f.path"
        ).to_arrow_table()
    finally:
        cursor.unregister("withdrawals")
    return found.cast(tables.TOMBSTONES)


def next_revocations(tree: Tree, stones: pa.Table) -> bytes:
    """``revocations.json`` for these tombstones; the bytes in force when they say the same."""
    files = [
        RevokedFile(
            recording=row["public_id"],
            reason=row["reason"],
            since=row["since"],
            sha256=row["sha256"],
            pieces_root=row["pieces_root"],
            volume=row["volume"],
            path=row["path"],
        )
        for row in stones.to_pylist()
        if row["sha256"] is not None
    ]
    current = read_document(tree.revocations_json, Revocations)
    if _plain(current.files) == _plain(files):
        return tree.revocations_json.read_bytes()
    return format_document(
        Revocations(format=FORMAT_VERSION, sequence=current.sequence + 1, files=files)
    )


def _plain(files: Sequence[RevokedFile]) -> bytes:
    return msgspec.json.encode(list(files))
