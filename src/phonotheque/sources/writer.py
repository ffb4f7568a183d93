"""Writing one import, so that its report is the last thing that appears.

Rows that the source already holds, unchanged, are not written again: an import holds what is new or
different, and a source's rows are the newest of each key (docs/formats/import.md).
"""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.model.tables import LISTENS, ROWS
from phonotheque.sources.findings_log import FindingsLog
from phonotheque.sources.imports import (
    ImportReport,
    PartRecord,
    discard_incomplete,
    imports_of,
    next_import,
)
from phonotheque.sources.parts import PART_ROWS, iter_tables, write_part
from phonotheque.storage.digests import digest_file
from phonotheque.storage.documents import write_document
from phonotheque.storage.durable import ensure_directory
from phonotheque.storage.layout import Tree

ROWS_AT_ONCE = 122_880
SPILL = ".spill"
_NO_CONTENT = ("source_key", "origin", "origin_row", "evidence", "place")
_IDENTITY = [f.name for f in ROWS if f.name not in _NO_CONTENT]
_CONTENT = (
    "hash(" + ", ".join(f'"{name}"' for name in _IDENTITY) + ", list_transform(evidence, "
    "lambda e: hash(e.claim, e.value, e.raw, e.kind, e.source, e.sha256)))"
)
"""What makes a row different: everything but where it was read, and when its evidence was seen."""


class ImportWriter:
    """One import of `source` in the making. The caller holds the archive's lock."""

    def __init__(self, tree: Tree, source: str, kind: str) -> None:
        discard_incomplete(tree, source)
        self.source = source
        self.kind = kind
        self.held = [ref for ref in imports_of(tree, source) if ref.kind == kind]
        self.name = next_import(tree, source)
        self.place = tree.sources / source / self.name
        self.findings = FindingsLog(self.place)
        self._schema = ROWS if kind == "rows" else LISTENS
        self._parts: list[Path] = []
        self.rows_read = self.rows_kept = self.rows_unchanged = self.rows_refused = 0

    def write_rows(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Write the rows, keep the first of equal keys, leave out those the source holds."""
        staged = self._write_parts(batches, ".staged")
        self.rows_read = staged_rows = sum(rows for _, rows in staged)
        paths = [path for path, _ in staged]
        if self.kind == "rows" and staged:
            with self._engine() as engine:
                duplicates = self._find_duplicates(engine, paths)
                changes = duplicates or self.held
                if changes:
                    staged = self._write_parts(self._changed(engine, paths), self.kind)
        elif self.held and self._same_as_held(paths):
            staged = []
        self.rows_kept = sum(rows for _, rows in staged)
        self.rows_unchanged = staged_rows - self.rows_kept - self.rows_refused
        self._parts = [self._named(path) for path, _ in staged]
        for path in paths:
            path.unlink(missing_ok=True)
        shutil.rmtree(self.place / SPILL, ignore_errors=True)

    def commit(self, report: ImportReport) -> ImportReport | None:
        """Make the import complete, or remove it when it holds nothing new (None)."""
        if not self._parts:
            self.findings.close()
            shutil.rmtree(self.place)
            return None
        self.findings.write(self.place / "findings.parquet")
        write_document(self.place / "report.json", report)
        return report

    def part_records(self) -> list[PartRecord]:
        """The files written, with their digests."""
        return [_record(path) for path in self._parts]

    def _write_parts(
        self, batches: Iterable[pa.RecordBatch], prefix: str
    ) -> list[tuple[Path, int]]:
        ensure_directory(self.place)
        parts: list[tuple[Path, int]] = []
        place = 0
        for table in iter_tables(batches, PART_ROWS):
            path = self.place / f"{prefix}-{len(parts):05d}.parquet"
            write_part(path, self._schema, table, place)
            parts.append((path, table.num_rows))
            place += table.num_rows
        return parts

    def _named(self, path: Path) -> Path:
        target = path.with_name(path.name.replace(".staged-", f"{self.kind}-"))
        return path if target == path else path.rename(target)

    def _engine(self) -> duckdb.DuckDBPyConnection:
        spill = self.place / SPILL
        return duckdb.connect(config={"temp_directory": str(spill), "memory_limit": "2GB"})

    def _find_duplicates(self, engine: duckdb.DuckDBPyConnection, paths: Sequence[Path]) -> bool:
        """Report rows whose key an earlier row has; remember them as table `refused`."""
        self._create_staged(engine, paths)
        engine.execute(
            "CREATE TABLE refused AS SELECT ordinal, source_key, origin, origin_row FROM staged "
            "SEMI JOIN (SELECT source_key FROM staged GROUP BY ALL HAVING count(*) > 1) "
            "USING (source_key) "
            "QUALIFY row_number() OVER (PARTITION BY source_key ORDER BY ordinal) > 1"
        )
        cursor = engine.execute(
            "SELECT origin, origin_row, source_key FROM refused ORDER BY ordinal"
        )
        while rows := cursor.fetchmany(10_000):
            for origin, row, key in rows:
                message = f"the key {key!r} stands on an earlier row, which counts; change one"
                self.findings.add(
                    Finding(FindingCode.ROW_DUPLICATE_KEY, Severity.ERROR, origin, message, row)
                )
            self.rows_refused += len(rows)
        return self.rows_refused > 0

    def _create_staged(self, engine: duckdb.DuckDBPyConnection, paths: Sequence[Path]) -> None:
        """A view of the rows in the order they came; ordinals rise with the file order."""
        selects = [
            f"SELECT *, {index}::BIGINT << 40 | file_row_number AS ordinal FROM "
            f"read_parquet({_literal(path)}, file_row_number = true)"
            for index, path in enumerate(paths)
        ]
        engine.execute(f"CREATE VIEW staged AS {' UNION ALL BY NAME '.join(selects)}")

    def _changed(
        self, engine: duckdb.DuckDBPyConnection, paths: Sequence[Path]
    ) -> Iterator[pa.RecordBatch]:
        """The staged rows that are not refused and not held already, in order."""
        held = [
            f"SELECT source_key, {ref.ordinal} AS import, {_CONTENT} AS content "
            f"FROM read_parquet({_literal(path)})"
            for ref in self.held
            for path in ref.paths
        ] or ["SELECT '' AS source_key, 0 AS import, 0::UBIGINT AS content WHERE false"]
        names = ", ".join(f'"{name}"' for name in ROWS.names)
        changed = engine.sql(
            f"WITH held AS (SELECT source_key, arg_max(content, import) AS content "
            f"FROM ({' UNION ALL '.join(held)}) GROUP BY source_key), "
            f"fresh AS (SELECT *, {_CONTENT} AS content FROM staged "
            f"ANTI JOIN refused USING (ordinal)) "
            f"SELECT {names} FROM fresh ANTI JOIN held USING (source_key, content) ORDER BY ordinal"
        )
        yield from changed.to_arrow_reader(ROWS_AT_ONCE)

    def _same_as_held(self, paths: Sequence[Path]) -> bool:
        newest = self.held[-1].paths
        return [digest_file(p).sha256 for p in newest] == [digest_file(p).sha256 for p in paths]


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _record(path: Path) -> PartRecord:
    digests = digest_file(path)
    rows = pq.read_metadata(path).num_rows
    return PartRecord(
        path=path.name, rows=rows, bytes=digests.size_bytes, sha256=digests.sha256.hex()
    )
