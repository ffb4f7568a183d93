"""Imports of claims: what the operator records on one recording, each an import of its own
(docs/formats/import.md)."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from phonotheque.model.tables import CLAIM_ROWS, FINDINGS
from phonotheque.sources.imports import (
    ImportReport,
    InputRecord,
    PartRecord,
    discard_incomplete,
    iter_imports,
    next_import,
)
from phonotheque.storage.digests import digest_file
from phonotheque.storage.documents import write_document
from phonotheque.storage.durable import ensure_directory
from phonotheque.storage.layout import Tree
from phonotheque.storage.tables import check_schema, write_table

CLAIMS = "claims"
"""The source that claims are imports of, and their kind."""


def write_claim(tree: Tree, row: dict[str, Any], document: InputRecord, now: datetime) -> str:
    """Write one row of `tables.CLAIM_ROWS`, less its `claim`, as the next import; returns that id.

    Killed at any moment, the import is there whole or does not count. The caller has the lock.
    """
    name = next_import(tree, CLAIMS)
    discard_incomplete(tree, CLAIMS)
    place = tree.sources / CLAIMS / name
    ensure_directory(place)
    path = place / "claims-00000.parquet"
    table = pa.Table.from_pylist([row | {"claim": name}], schema=CLAIM_ROWS)
    write_table(path, CLAIM_ROWS, [table])
    write_table(place / "findings.parquet", FINDINGS, [])
    digests = digest_file(path)
    report = ImportReport(
        format=1,
        source=CLAIMS,
        name=name,
        kind=CLAIMS,
        read_at=now,
        inputs=[document],
        parts=[
            PartRecord(
                path=path.name, rows=1, bytes=digests.size_bytes, sha256=digests.sha256.hex()
            )
        ],
        rows_read=1,
        rows_kept=1,
        rows_unchanged=0,
        rows_refused=0,
        files_seen=0,
        files_held=0,
        files_refused=0,
        files_ignored=0,
        findings={},
    )
    write_document(place / "report.json", report)
    return name


def iter_claims(tree: Tree) -> Iterator[dict[str, Any]]:
    """Every row of `tables.CLAIM_ROWS` of the archive, oldest first.

    Raises:
        FormatError: a file that this program does not read.
    """
    for ref in iter_imports(tree):
        if ref.kind == CLAIMS:
            for path in ref.paths:
                check_schema(path, CLAIM_ROWS)
                yield from pq.read_table(path).to_pylist()
