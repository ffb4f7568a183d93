"""Imports of sounds: which files of the vault are the same sound (docs/formats/sounds.md).

What the vault hears is a source for the next build like any other. Each writing is an import of its
own; nothing that was written is changed, a later word on a pair of files counts instead.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path

import msgspec
import pyarrow as pa

from phonotheque.model.sounds import SOUNDS, SoundMatch
from phonotheque.model.tables import FINDINGS
from phonotheque.sources.imports import (
    ImportReport,
    PartRecord,
    discard_incomplete,
    next_import,
)
from phonotheque.storage.digests import digest_file
from phonotheque.storage.documents import write_document
from phonotheque.storage.durable import ensure_directory
from phonotheque.storage.layout import Tree
from phonotheque.storage.tables import write_table

SOUND_SOURCE = "same-sound"
"""The source that sounds are imports of."""
KIND = "sounds"
BATCH_ROWS = 65_536


def write_sounds(tree: Tree, matches: Iterable[SoundMatch], now: datetime) -> str | None:
    """Write matches as the next import of sounds; returns its name, None where there were none.

    Memory: one batch. Killed at any moment, the import is there whole or does not count. The
    caller has the lock.
    """
    waiting = iter(matches)
    first = next(waiting, None)
    if first is None:
        return None
    name = next_import(tree, SOUND_SOURCE)
    discard_incomplete(tree, SOUND_SOURCE)
    place = tree.sources / SOUND_SOURCE / name
    ensure_directory(place)
    path = place / f"{KIND}-00000.parquet"
    counted = [0]
    write_table(path, SOUNDS, _batches(first, waiting, counted))
    write_table(place / "findings.parquet", FINDINGS, [])
    write_document(place / "report.json", _report(name, path, counted[0], now))
    return name


def _batches(
    first: SoundMatch, others: Iterator[SoundMatch], counted: list[int]
) -> Iterator[pa.RecordBatch]:
    rows = [first]
    while rows:
        counted[0] += len(rows)
        listed = [msgspec.to_builtins(match.in_order()) for match in rows]
        yield pa.RecordBatch.from_pylist(listed, schema=SOUNDS)
        rows = list(islice(others, BATCH_ROWS))


def _report(name: str, path: Path, rows: int, now: datetime) -> ImportReport:
    digests = digest_file(path)
    part = PartRecord(
        path=path.name, rows=rows, bytes=digests.size_bytes, sha256=digests.sha256.hex()
    )
    return ImportReport(
        format=1, source=SOUND_SOURCE, name=name, kind=KIND, read_at=now, inputs=[], parts=[part],
        rows_read=rows, rows_kept=rows, rows_unchanged=0, rows_refused=0,
        files_seen=0, files_held=0, files_refused=0, files_ignored=0, findings={},
    )  # fmt: skip
