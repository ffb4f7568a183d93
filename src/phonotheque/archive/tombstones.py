"""What withdrawals say about published files: tombstones, and the list of revocations."""

from collections.abc import Sequence

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from phonotheque.archive.withdrawals import Withdrawal
from phonotheque.model import tables
from phonotheque.model.edition import EditionManifest, Revocations, RevokedFile
from phonotheque.model.tables import FORMAT_VERSION
from phonotheque.storage.documents import format_document, read_document
from phonotheque.storage.layout import Tree
from phonotheque.storage.volume_rows import read_superseded

_WITHDRAWN = pa.schema(
    [tables.TOMBSTONES.field(n) for n in ("recording", "public_id", "since", "reason")]
)
_ASKED = _WITHDRAWN.append(pa.field("files", pa.list_(pa.string())))
_TOMBSTONES = """
    WITH merged AS (SELECT old, new FROM redirects WHERE kind = 'r' AND new <> 0),
    live AS (
        SELECT coalesce(m.new, f.recording) AS number, f.sha256 FROM all_files f
        LEFT JOIN merged m ON m.old = f.recording),
    asked AS (
        SELECT w.recording, coalesce(m.new, w.recording) AS number, w.files FROM withdrawals w
        LEFT JOIN merged m ON m.old = w.recording),
    named AS (
        SELECT a.recording, l.sha256 FROM asked a JOIN live l USING (number)
        UNION SELECT recording, unnest(files) FROM asked),
    digests AS (
        FROM named UNION SELECT n.recording, f.sha256 FROM named n
        JOIN all_files f ON f.derived_from = n.sha256)
    SELECT w.* EXCLUDE (files), f.sha256, f.pieces_root, f.volume, f.path FROM withdrawals w
    LEFT JOIN (
        SELECT d.recording, f.sha256, f.pieces_root, f.volume, f.path
        FROM all_files f JOIN digests d USING (sha256)
        UNION ALL SELECT recording, sha256, pieces_root, volume, path FROM carried
    ) f USING (recording)
    ORDER BY w.recording, f.volume, f.path"""


def carried_tombstones(tree: Tree, edition: EditionManifest | None) -> pa.Table:
    """Tombstones of `edition` for files of superseded volumes that it no longer describes."""
    if edition is None:
        return tables.TOMBSTONES.empty_table()
    directory = tree.edition(edition.name)
    named = {entry.path for entry in edition.contents}
    gone = [v for v in read_superseded(directory) if f"files/{v}.parquet" not in named]
    stones = pq.read_table(directory / "tombstones.parquet").cast(tables.TOMBSTONES)
    return stones.filter(pc.is_in(stones.column("volume"), pa.array(gone, pa.string())))


def tombstones(
    cursor: duckdb.DuckDBPyConnection,
    withdrawals: Sequence[Withdrawal],
    carried: pa.Table | None = None,
) -> pa.Table:
    """Rows of `tables.TOMBSTONES`: one for each published file of each withdrawn recording, and
    for each published file with the same bytes or made from them, whatever recording it stands
    for.

    `cursor` has the views `all_files` (with `volume`) and `redirects`; `carried` are tombstones of
    files that stand in no table any more. A recording without any published file has one row
    without a file.
    """
    rows = [{n: getattr(w, n) for n in [*_WITHDRAWN.names, "files"]} for w in withdrawals]
    cursor.register("withdrawals", pa.Table.from_pylist(rows, schema=_ASKED))
    cursor.register("carried", tables.TOMBSTONES.empty_table() if carried is None else carried)
    try:
        return cursor.sql(_TOMBSTONES).to_arrow_table().cast(tables.TOMBSTONES)
    finally:
        cursor.unregister("withdrawals")
        cursor.unregister("carried")


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
