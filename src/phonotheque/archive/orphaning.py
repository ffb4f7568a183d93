"""Orphans of the vault: what it has that nobody knows; listed, adopted, removed."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from phonotheque.archive.vaults import open_vault
from phonotheque.model.errors import InputError, UsageError
from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.model.progress import Progress
from phonotheque.sources import iter_imports
from phonotheque.storage.documents import read_settings
from phonotheque.storage.layout import Tree
from phonotheque.storage.lock import writing
from phonotheque.vault import EventType, Examiner, Orphan, Vault, iter_unknown, iter_unnamed

MOST_NAMED = 1_000
REMOVABLE = ("unknown", "unnamed")
_COLUMN = "file_sha256"


class OrphanReport(msgspec.Struct, frozen=True, kw_only=True):
    """How many orphans of each kind there are and their bytes; the first ones in `orphans`.
    `adopted` became objects, `removed` are gone (in a dry run: would)."""

    dry_run: bool
    unknown: int
    unknown_bytes: int
    strays: int
    unnamed: int
    unnamed_bytes: int
    adopted: int
    removed: int
    orphans: list[Orphan]
    findings: list[Finding]


def keep_orphans(
    tree: Tree,
    now: datetime,
    progress: Progress,
    *,
    adopt: bool = False,
    remove: str | None = None,
    dry_run: bool = False,
) -> OrphanReport:
    """List the orphans of the vault; `adopt` the unknown ones that are sound audio, and `remove`
    those of a kind (``unknown`` or ``unnamed``) for good.

    Memory: a page of the state and a directory of the store; the digests that imports name are
    sorted on disk where they do not fit in 1 GB.

    Raises:
        NotFoundError: no archive there.
        UsageError: `remove` is no such kind, or both are asked for unknown ones.
        ArchiveBusyError: another process writes; what it has not finished would be an orphan.
    """
    read_settings(tree)
    if remove is not None and remove not in REMOVABLE:
        raise UsageError(f"{remove!r} cannot be removed; write one of {', '.join(REMOVABLE)}")
    if adopt and remove == "unknown":
        raise UsageError("adopt what is sound first, look at what is left, then remove it")
    with writing(tree.root), open_vault(tree) as vault:
        keeper = _Keeper(vault, now, dry_run)
        progress.start("bytes without a row", None, "objects")
        for orphan in iter_unknown(vault):
            keeper.count(orphan)
            progress.advance()
        if adopt:
            keeper.adopt(progress)
        progress.start("objects that no import names", None, "objects")
        for orphan in iter_unnamed(vault, iter_named(tree)):
            keeper.count(orphan)
            progress.advance()
            if remove == "unnamed":
                keeper.purge(orphan)
        if remove == "unknown":
            keeper.remove_unknown()
        return keeper.report()


def iter_named(tree: Tree) -> Iterator[str]:
    """The digests (64 hex digits) that rows of any import name, rising, each once."""
    with ExitStack() as stack:
        scratch = stack.enter_context(TemporaryDirectory(prefix="phonotheque-"))
        database = stack.enter_context(duckdb.connect(str(Path(scratch) / "named.duckdb")))
        database.execute("SET memory_limit = '1GB'")
        database.execute(f"SET temp_directory = '{scratch}'")
        database.execute("CREATE TABLE named (sha256 BLOB)")
        for ref in iter_imports(tree):
            for path in ref.paths if ref.kind == "rows" else ():
                _take_named(database, path)
        query = database.execute("SELECT DISTINCT sha256 FROM named ORDER BY sha256")
        while rows := query.fetchmany(10_000):
            yield from (row[0].hex() for row in rows)


def _take_named(database: duckdb.DuckDBPyConnection, path: Path) -> None:
    with pq.ParquetFile(path) as file:
        if _COLUMN not in file.schema_arrow.names:
            return
        for batch in file.iter_batches(columns=[_COLUMN]):
            named = pa.Table.from_batches([batch])
            database.register("batch", named)
            database.execute(
                f"INSERT INTO named SELECT unhex({_COLUMN}) FROM batch WHERE {_COLUMN} IS NOT NULL"
            )
            database.unregister("batch")


class _Keeper:
    def __init__(self, vault: Vault, now: datetime, dry_run: bool) -> None:
        self._vault, self._now, self._dry_run = vault, now, dry_run
        self._counts = {"unknown": 0, "stray": 0, "unnamed": 0}
        self._bytes = dict(self._counts)
        self._orphans: list[Orphan] = []
        self._findings: list[Finding] = []
        self._adopted = self._removed = 0

    def count(self, orphan: Orphan) -> None:
        """One more."""
        self._counts[orphan.kind] += 1
        self._bytes[orphan.kind] += orphan.bytes
        if len(self._orphans) < MOST_NAMED:
            self._orphans.append(orphan)
        if orphan.kind != "unnamed" and len(self._findings) < MOST_NAMED:
            words = "not an object of this vault; a crash left it, or somebody put it there"
            self._findings.append(
                Finding(FindingCode.COPY_EXTRA, Severity.WARNING, orphan.where, words)
            )

    def adopt(self, progress: Progress) -> None:
        """Examine unknown bytes as an ingest would, and make objects of what is sound."""
        progress.start("adopting", self._counts["unknown"], "objects")
        with Examiner() as examiner, TemporaryDirectory(dir=self._vault.root) as scratch:
            for orphan in iter_unknown(self._vault):
                if orphan.kind != "unknown" or self._dry_run:
                    continue
                progress.advance()
                self._adopt_one(examiner, orphan, Path(scratch) / orphan.sha256)

    def _adopt_one(self, examiner: Examiner, orphan: Orphan, scratch: Path) -> None:
        path = self._vault.store.local_path(orphan.sha256)
        if path is None:
            self._vault.store.fetch(orphan.sha256, scratch)
            path = scratch
        try:
            material = self._vault.take(path)
        except InputError as error:
            self._leave(orphan, str(error))
            return
        examination = examiner.examine(material)
        if material.sha256 != orphan.sha256:
            material.close()
            self._leave(orphan, f"its bytes are not those of its name but {material.sha256}")
        elif not examination.admissible:
            material.close()
            self._leave(orphan, "; ".join(f.message for f in examination.findings))
        else:
            self._vault.admit(material, examination, self._now)
            self._adopted += 1
        scratch.unlink(missing_ok=True)

    def _leave(self, orphan: Orphan, why: str) -> None:
        self._findings.append(
            Finding(FindingCode.COPY_EXTRA, Severity.WARNING, orphan.where, f"not adopted: {why}")
        )

    def remove_unknown(self) -> None:
        """Delete bytes without a row; the history says so first."""
        for orphan in iter_unknown(self._vault):
            if orphan.kind != "unknown":
                continue
            self._removed += 1
            if not self._dry_run:
                self._vault.record_event(
                    EventType.DELETION, self._now, detail="an orphan: no row of the state",
                    sha256_hex=orphan.sha256,
                )  # fmt: skip
                self._vault.store.remove(orphan.sha256)

    def purge(self, orphan: Orphan) -> None:
        """Delete an object that nobody names, with its access copies."""
        self._removed += 1
        if not self._dry_run:
            self._vault.purge(orphan.sha256, self._now, "an orphan: no import names it")

    def report(self) -> OrphanReport:
        """What there is, and what became of it."""
        return OrphanReport(
            dry_run=self._dry_run,
            unknown=self._counts["unknown"],
            unknown_bytes=self._bytes["unknown"],
            strays=self._counts["stray"],
            unnamed=self._counts["unnamed"],
            unnamed_bytes=self._bytes["unnamed"],
            adopted=self._adopted,
            removed=self._removed,
            orphans=self._orphans,
            findings=self._findings,
        )
