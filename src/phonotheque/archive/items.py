"""What an event of the ledger touches: recordings, with every file and every place of them."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import duckdb

from phonotheque.archive.ledger import LIFTING, LedgerEvent, LedgerFile, LedgerItem, add_events
from phonotheque.archive.ledger_index import current_index, renew_index
from phonotheque.archive.withdrawals import Withdrawal, iter_lines
from phonotheque.archive.workspace import last_edition
from phonotheque.catalogue import open_edition
from phonotheque.storage.layout import Tree

_PLACES = """
    SELECT DISTINCT f.sha256, f.pieces_root, f.volume, f.path, v.info_hash_v2
    FROM all_files f JOIN wanted USING (sha256) LEFT JOIN read_parquet($volumes) v USING (volume)
    ORDER BY f.sha256, f.volume, f.path"""


def read_items(tree: Tree, numbers: Sequence[int], case: str | None) -> list[LedgerItem]:
    """Withdrawn recordings, by number, with their files and the places of the last edition."""
    asked = set(numbers)
    lines = [
        line
        for line in iter_lines(tree)
        if isinstance(line, Withdrawal) and line.recording in asked and line.case == case
    ]
    newest = {line.recording: line for line in lines}
    places = _read_places(tree, sorted({d for line in lines for d in line.files}))
    return [
        LedgerItem(
            recording=number,
            public_id=line.public_id,
            files=[f for d in line.files for f in places.get(d, [LedgerFile(sha256=d)])],
        )
        for number, line in sorted(newest.items())
    ]


def record_touched(
    tree: Tree,
    numbers: Sequence[int],
    *,
    type: str,
    at: datetime,
    case: str | None = None,
    detail: Mapping[str, str] | None = None,
    documents: Sequence[str] = (),
) -> list[LedgerItem]:
    """Write the event `type` of those recordings for which it does not stand already.

    A later restoration makes room for a new withdrawal, and the other way about.
    """
    lifts = type in LIFTING
    with current_index(tree) as index:
        done = index.lifted(case, numbers)
    new = [number for number in numbers if done.get(number, not lifts) is not lifts]
    if not new:
        return []
    items = read_items(tree, new, case)
    event = LedgerEvent(type=type, at=at, actor="operator", case=case, items=items,
                        documents=list(documents), detail=dict(detail or {}))  # fmt: skip
    add_events(tree, [event])
    renew_index(tree)
    return items


def _read_places(tree: Tree, digests: Sequence[str]) -> dict[str, list[LedgerFile]]:
    edition = last_edition(tree)
    if edition is None or not digests:
        return {}
    reader = open_edition(tree.edition(edition.name), edition)
    try:
        cursor = reader.cursor()
        rows = _places(cursor, digests, str(tree.edition(edition.name) / "volumes.parquet"))
    finally:
        reader.close()
    found: dict[str, list[LedgerFile]] = {}
    for digest, root, volume, path, torrent in rows:
        file = LedgerFile(
            sha256=digest, pieces_root=root, volume=volume, path=path, torrent=torrent
        )
        found.setdefault(digest, []).append(file)
    return found


def _places(
    cursor: duckdb.DuckDBPyConnection, digests: Sequence[str], volumes: str
) -> list[tuple[str, str, str, str, str]]:
    cursor.execute("CREATE TEMP TABLE wanted (sha256 VARCHAR)")
    cursor.execute("INSERT INTO wanted SELECT unnest($1::VARCHAR[])", [list(digests)])
    rows: list[tuple[str, str, str, str, str]] = cursor.execute(
        _PLACES, {"volumes": volumes}
    ).fetchall()
    return rows
