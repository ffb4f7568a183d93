"""Whether published files may train models: a table for each volume, made anew for each edition.

What was published may be reserved later, so these verdicts rest on the newest word in the build,
and on what the files table kept only where no source speaks of a file any more.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from phonotheque.archive.policy import archive_policy
from phonotheque.archive.verdicts import parse_evidence
from phonotheque.model import tables
from phonotheque.model.archive import ArchiveSettings
from phonotheque.model.rights import LEAST_CONFIDENCE, Claim, Use
from phonotheque.rights import Policy, decide, facts_of
from phonotheque.storage.tables import write_table

FOLDER = "ai-training"
_BATCH_ROWS = 20_000
_MEMORY = "4GB"
_WEB = "web"  # as a value of `Claim.PROVENANCE`: where the file stood
_JUDGED = ("ai_train", "conditions", "rule_ids", "reasons")
_VERDICTS = pa.schema(
    [pa.field("signature", pa.string()), *(tables.AI_TRAINING.field(n) for n in _JUDGED)]
)
_SIGNATURE = (
    "sha256(to_json(list_sort(list_distinct(list_transform("
    f"list_filter(evidence, lambda e: e.claim <> '{Claim.CHECKED}' "
    f"AND NOT (e.claim = '{Claim.PROVENANCE}' AND e.value = '{_WEB}')), "
    "lambda e: {'c': e.claim, 'v': e.value, 'k': e.kind, 'w': e.witness, "
    f"'d': coalesce(e.confidence < {LEAST_CONFIDENCE}, false)}}))))::VARCHAR)"
)
"""Equal for files of which the same is said, whatever the words and the addresses."""
_SIGNALS = (
    "list_transform(list_filter(evidence, lambda e: e.claim IN "
    f"('{Claim.RESERVATION}', '{Claim.CHECKED}')), lambda e: {{'claim': e.claim, "
    "'value': e.value, 'source': e.source, 'captured_at': e.captured_at, 'sha256': e.sha256})"
)
_SOURCE_URL = (
    f"list_filter(evidence, lambda e: e.claim = '{Claim.PROVENANCE}' AND e.value = '{_WEB}')[1].raw"
)
_SAID = f"{_SIGNATURE} AS signature, {_SIGNALS} AS signals, {_SOURCE_URL} AS source_url"


def write_ai_training(
    cursor: duckdb.DuckDBPyConnection,
    volumes: Sequence[str],
    settings: ArchiveSettings,
    on: date,
    directory: Path,
) -> None:
    """Write ``ai-training/<volume>.parquet`` (`tables.AI_TRAINING`) for every volume.

    `cursor` has the views `files` (with `volume`) and `tombstones` of the edition, `redirects` and
    `recording_files` of its build. Memory: a batch, and DuckDB's own, which spills.
    """
    cursor.execute(f"SET memory_limit = '{_MEMORY}'")
    cursor.execute("SET preserve_insertion_order = false")
    _gather(cursor)
    _decide(cursor, archive_policy(settings), on)
    columns = ", ".join(tables.AI_TRAINING.names)
    rows = _stream(
        cursor,
        f"SELECT volume, {columns} FROM said JOIN verdicts USING (signature) ORDER BY volume, path",
    )
    written = set()
    for volume, parts in _by_volume(rows):
        write_table(_place(directory, volume), tables.AI_TRAINING, parts)
        written.add(volume)
    for volume in sorted(set(volumes) - written):  # nothing of it can be had any more
        write_table(_place(directory, volume), tables.AI_TRAINING, [])


def _place(directory: Path, volume: str) -> Path:
    return directory / FOLDER / f"{volume}.parquet"


def _gather(cursor: duckdb.DuckDBPyConnection) -> None:
    """The tables `said`, a row for each file that can be had, and `evidences`, by signature."""
    cursor.execute(
        f"CREATE TABLE newest AS SELECT sha256, any_value(signature) AS signature, "
        "any_value(signals) AS signals, any_value(source_url) AS source_url "
        f"FROM (SELECT sha256, {_SAID} FROM recording_files) GROUP BY sha256"
    )
    cursor.execute(
        "CREATE TABLE said AS SELECT f.volume, f.path, "
        "coalesce(nullif(r.new, 0), f.recording) AS recording, f.sha256, f.licence, "
        "f.licence_url, f.attribution, coalesce(n.signature, f.signature) AS signature, "
        "CASE WHEN n.sha256 IS NULL THEN f.signals ELSE n.signals END AS signals, "
        "CASE WHEN n.sha256 IS NULL THEN f.source_url ELSE n.source_url END AS source_url "
        "FROM (SELECT volume, path, recording, sha256, coalesce(derived_from, sha256) AS master, "
        f"licence, licence_url, attribution, {_SAID} FROM files) f "
        "LEFT JOIN newest n ON n.sha256 = f.master "
        "LEFT JOIN redirects r ON r.kind = 'r' AND r.old = f.recording "
        "WHERE f.sha256 NOT IN (SELECT sha256 FROM tombstones WHERE sha256 IS NOT NULL)"
    )
    cursor.execute(
        "CREATE TABLE evidences AS SELECT signature, arg_min(evidence, sha256) AS evidence "
        f"FROM (SELECT sha256, evidence, {_SIGNATURE} AS signature FROM recording_files UNION ALL "
        f"SELECT sha256, evidence, {_SIGNATURE} AS signature FROM files) "
        "SEMI JOIN said USING (signature) GROUP BY signature"
    )


def _decide(cursor: duckdb.DuckDBPyConnection, policy: Policy, on: date) -> None:
    """The table `verdicts`: one row for each distinct set of claims."""
    cursor.register("incoming", _VERDICTS.empty_table())
    cursor.execute("CREATE TABLE verdicts AS SELECT * FROM incoming")
    for batch in _stream(cursor, "SELECT signature, evidence FROM evidences ORDER BY signature"):
        decided = [_decided(row, policy, on) for row in batch.to_pylist()]
        cursor.register("incoming", pa.Table.from_pylist(decided, schema=_VERDICTS))
        cursor.execute("INSERT INTO verdicts SELECT * FROM incoming")
    cursor.unregister("incoming")


def _decided(row: dict[str, Any], policy: Policy, on: date) -> dict[str, object]:
    facts = facts_of(parse_evidence(row["evidence"]))
    verdict = decide(facts, policy.territories, on, Use.AI_TRAIN, policy)
    return {
        "signature": row["signature"],
        "ai_train": verdict.level.name,
        "conditions": list(verdict.conditions),
        "rule_ids": list(verdict.rule_ids),
        "reasons": list(verdict.reasons),
    }


def _by_volume(rows: Iterator[pa.RecordBatch]) -> Iterator[tuple[str, list[pa.Table]]]:
    """The sorted rows of each volume; memory: one volume."""
    held: list[pa.Table] = []
    current: str | None = None
    for batch in rows:
        table = pa.Table.from_batches([batch])
        names = table.column("volume").to_pylist()
        start = 0
        while start < len(names):
            if current is not None and names[start] != current:
                yield current, held
                held = []
            current = names[start]
            stop = start + sum(1 for name in names[start:] if name == current)
            held.append(table.slice(start, stop - start).drop_columns(["volume"]))
            start = stop
    if current is not None:
        yield current, held


def _stream(cursor: duckdb.DuckDBPyConnection, sql: str) -> Iterator[pa.RecordBatch]:
    yield from cursor.cursor().sql(sql).to_arrow_reader(_BATCH_ROWS)
