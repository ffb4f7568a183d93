"""An edition at rest: `phonotheque verify PATH --edition NAME` (docs/checking.md).

Its tables are hashed, its volumes compared with bag manifest, torrent and file lengths; audio is
not read, which a plain `verify` does. A check that could not be made is "not-checked".
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pyarrow as pa

from phonotheque.catalogue import (
    Bounds,
    CheckResult,
    check_catalogue,
    find_before,
    find_edition,
    open_edition,
)
from phonotheque.mirror.bag_checks import check_bag
from phonotheque.mirror.checking import Always, Reading, Tally, check_edition, check_volume
from phonotheque.mirror.disks import disk_below
from phonotheque.mirror.expected import ExpectedVolume, entry
from phonotheque.mirror.formats import EntryReport
from phonotheque.mirror.journal import Due
from phonotheque.mirror.planning_checks import check_places, check_planning
from phonotheque.mirror.release_checks import (
    check_release,
    check_revocations,
    check_statements,
)
from phonotheque.mirror.scopes import Scope, Unreadable, iter_scopes, mirror_state
from phonotheque.mirror.seeding import newest_edition
from phonotheque.mirror.signature_checks import check_signatures
from phonotheque.model.edition import EditionManifest
from phonotheque.model.errors import FormatError, NotFoundError
from phonotheque.model.findings import FindingCode, Severity
from phonotheque.model.progress import Progress
from phonotheque.storage.documents import read_document
from phonotheque.storage.layout import Tree
from phonotheque.storage.part_tables import volumes_lacking
from phonotheque.storage.volume_rows import read_superseded, read_volumes

_BESIDE = ("edition.json", "metadata/", "sqlite/")
_SAME = ("piece_length", "padding_bytes", "info_hash_v1", "info_hash_v2")
_REFERENCES = {
    "files name recordings that are no rows": """
        SELECT DISTINCT f.recording FROM files f ANTI JOIN recordings r ON r.number = f.recording
        ANTI JOIN redirects d ON d.kind = 'r' AND d.old = f.recording""",
    "tombstones name recordings that are no rows": """
        SELECT DISTINCT t.recording FROM tombstones t
        ANTI JOIN recordings r ON r.number = t.recording
        ANTI JOIN redirects d ON d.kind = 'r' AND d.old = t.recording""",
    "tombstones name files that no volume has": """
        SELECT volume || '/' || path FROM (FROM tombstones ANTI JOIN lacking USING (volume)) t
        WHERE sha256 IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM all_files f WHERE f.volume = t.volume AND f.path = t.path
        AND f.sha256 = t.sha256) AND volume NOT IN (
        SELECT volume FROM all_volumes WHERE superseded_by IS NOT NULL
        AND volume NOT IN (SELECT volume FROM all_files))""",
    "files of superseded volumes stand in no other": """
        SELECT f.volume || '/' || f.path FROM all_files f
        SEMI JOIN (FROM all_volumes WHERE superseded_by IS NOT NULL
        AND NOT coalesce(list_has_any(superseded_by, (SELECT list(volume) FROM lacking)), false)
        ) v USING (volume)
        ANTI JOIN tombstones t ON t.volume = f.volume AND t.path = f.path
        ANTI JOIN files s ON s.sha256 = f.sha256""",
    "volumes name others that there are not": """
        SELECT other FROM (
        SELECT unnest(supersedes) AS other FROM all_volumes UNION ALL
        SELECT unnest(superseded_by) FROM all_volumes
        ) ANTI JOIN all_volumes v ON v.volume = other""",
    "files of withdrawn recordings have no tombstone": """
        SELECT f.volume || '/' || f.path FROM files f
        SEMI JOIN tombstones w ON w.recording = f.recording
        ANTI JOIN tombstones t ON t.volume = f.volume AND t.path = f.path""",
    "volumes have another number of files than they say": """
        SELECT v.volume FROM volumes v LEFT JOIN (
        SELECT volume, count(*) AS files, sum(bytes) AS bytes FROM files GROUP BY volume) f
        USING (volume) WHERE (f.files IS DISTINCT FROM v.files
        OR f.bytes IS DISTINCT FROM v.audio_bytes) AND v.volume NOT IN (SELECT volume FROM lacking)
        """,
}


class EditionVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What was found. `clean`: no finding is an error; `complete`: every check could be made."""

    edition: str
    clean: bool
    complete: bool
    checks: list[CheckResult]
    findings: list[EntryReport]


def verify_edition(tree: Tree, name: str, progress: Progress, *, year: int) -> EditionVerdict:
    """Check the edition `name` of an archive or mirror, without reading audio.

    Memory: the file lists of one volume, and 2 GB for DuckDB. Damage is a finding.

    Raises:
        NotFoundError: there is no such edition here.
        FormatError: its manifest cannot be read.
    """
    path = tree.edition(name) / "edition.json"
    if not path.is_file():
        raise NotFoundError(f"{path}: there is no such edition here")
    manifest = read_document(path, EditionManifest)
    made = _Making()
    made.run("signatures", lambda: check_signatures(tree, name))
    tables = check_edition(tree, manifest, Always(Due.READ), progress, None)
    sound = made.run("tables", lambda: [*tables.findings, *_strangers(tree, manifest)])
    if not sound:
        skipped = (
            "volumes", "references", "planning", "places", "statements", "revocations", "release",
            "catalogue",
        )  # fmt: skip
        made.skip(skipped, "tables are damaged")
        return made.verdict(name)
    made.run("volumes", lambda: _check_volumes(tree, manifest, progress))
    progress.start("references", None, "rows")
    made.run("references", lambda: _check_references(tree, manifest))
    made.run("planning", lambda: check_planning(tree, manifest))
    made.run("places", lambda: check_places(tree, manifest))
    made.run("statements", lambda: check_statements(tree, manifest))
    made.run("revocations", lambda: check_revocations(tree, manifest))
    made.run("release", lambda: check_release(tree, manifest))
    made.run("catalogue", lambda: _check_catalogue(tree, name, progress, year))
    return made.verdict(name)


def _strangers(tree: Tree, manifest: EditionManifest) -> Iterator[EntryReport]:
    listed = {e.path for e in manifest.contents}
    folder = tree.edition(manifest.name)
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        inside = path.relative_to(folder).as_posix()
        if inside not in listed and not inside.startswith(_BESIDE):
            where = f"editions/{manifest.name}/{inside}"
            text = "belongs to no list of files; look at it, and move it elsewhere"
            yield entry(FindingCode.COPY_EXTRA, where, text, Severity.WARNING)


def _check_volumes(
    tree: Tree, manifest: EditionManifest, progress: Progress
) -> Iterator[EntryReport]:
    edition = tree.edition(manifest.name)
    rows = {r["volume"]: r for r in read_volumes(edition / "volumes.parquet").to_pylist()}
    listed = {e.path for e in manifest.contents}
    gone = {v for v in read_superseded(edition) if f"files/{v}.parquet" not in listed}
    rows = {name: row for name, row in rows.items() if name not in gone}
    for folder, ending in (("files/", ".parquet"), ("torrents/", ".torrent")):
        there = {
            e.path.removeprefix(folder).removesuffix(ending)
            for e in manifest.contents
            if e.path.startswith(folder)
        } - {"catalogue"}
        for odd in sorted(there ^ rows.keys()):
            where = f"editions/{manifest.name}/{folder}{odd}{ending}"
            text = "volumes.parquet and this folder do not name the same volumes; run sync"
            yield entry(FindingCode.EDITION_REFERENCE, where, text)
    left = (
        rows if tree.mirror_toml.is_file() else read_superseded(tree.edition(newest_edition(tree)))
    )
    held = [name for name in sorted(rows) if name not in left or tree.volume(name).is_dir()]
    with mirror_state(tree) as state, ThreadPoolExecutor(1) as pool:
        reading = Reading(Always(Due.LEFT), pool, disk_below(tree.root))
        for scope in iter_scopes(tree, manifest, state, held):
            if isinstance(scope, Unreadable):
                where = f"editions/{manifest.name}/torrents/{scope.name}.torrent"
                yield entry(FindingCode.EDITION_TORRENT, where, f"{scope.reason}; run repair")
                continue
            yield from _check_one(tree, scope, rows[scope.volume.name], reading, progress)


def _check_one(
    tree: Tree, scope: Scope, row: dict[str, Any], reading: Reading, progress: Progress
) -> Iterator[EntryReport]:
    yield from _check_torrent(scope.volume, row)
    tally: Tally = check_volume(tree, scope, reading, progress)
    yield from tally.findings
    yield from check_bag(tree.volume(scope.volume.name), scope.volume, row["manifest_sha256"])


def _check_torrent(volume: ExpectedVolume, row: dict[str, Any]) -> Iterator[EntryReport]:
    """The row of `volumes` against the torrent; table and torrent were compared in reading."""
    torrent = volume.torrent
    differing = [name for name in _SAME if getattr(torrent, name) != row[name]]
    if torrent.size_bytes != row["total_bytes"]:
        differing.append("total_bytes")
    if volume.torrent_path.stat().st_size != row["torrent_bytes"]:
        differing.append("torrent_bytes")
    if differing:
        where = f"torrents/{volume.name}.torrent"
        text = f"{', '.join(differing)} differ from volumes.parquet; publish or sync again"
        yield entry(FindingCode.EDITION_TORRENT, where, text)


def _check_references(tree: Tree, manifest: EditionManifest) -> Iterator[EntryReport]:
    with (
        TemporaryDirectory(prefix="phonotheque-") as work,
        closing(open_edition(tree.edition(manifest.name), manifest)) as reader,
    ):
        cursor = reader.cursor()
        cursor.execute("SET memory_limit = '2GB'")
        cursor.execute("SET temp_directory = ?", [work])
        lacking = volumes_lacking(tree.edition(manifest.name), manifest)
        rows = pa.table({"volume": pa.array(sorted(lacking), pa.string())})
        cursor.register("lacking", rows)
        if lacking:
            yield note_lacking(manifest, lacking)
        for said, sql in _REFERENCES.items():
            found = cursor.execute(f"SELECT count(*), min(x) FROM ({sql}) t(x)").fetchall()[0]
            if found[0]:
                text = f"{said}: {found[0]:,}, for example {found[1]}; publish or sync again"
                yield entry(FindingCode.EDITION_REFERENCE, f"editions/{manifest.name}", text)


def note_lacking(manifest: EditionManifest, lacking: frozenset[str]) -> EntryReport:
    """That tables of these volumes are not here, so that nothing of them was compared."""
    text = f"this mirror of a part does without the tables of {len(lacking):,} volumes"
    where, code = f"editions/{manifest.name}", FindingCode.COPY_NOT_CHECKED
    return entry(code, where, f"{text}; nothing of them was compared", Severity.INFO)


def _check_catalogue(tree: Tree, name: str, progress: Progress, year: int) -> Iterator[EntryReport]:
    catalogue = find_edition(tree, name)
    with TemporaryDirectory(prefix="phonotheque-") as work:
        report = check_catalogue(
            catalogue, find_before(tree, catalogue), progress, year=year, bounds=Bounds(Path(work))
        )
    for found in report.findings:
        yield entry(found.code, f"editions/{name}: {found.where}", found.message, found.severity)


class _Making:
    """Gathers the results of checks as they are made."""

    def __init__(self) -> None:
        self._checks: list[CheckResult] = []
        self._findings: list[EntryReport] = []

    def run(
        self, name: str, check: Callable[[], Iterator[EntryReport] | list[EntryReport]]
    ) -> bool:
        """Make one check; whether it passed."""
        try:
            found = list(check())
        except (NotFoundError, FormatError, pa.ArrowInvalid) as error:
            self.skip((name,), str(error))
            return False
        failed = any(f.severity == Severity.ERROR for f in found)
        outcome = "failed" if failed else "passed"
        self._checks.append(CheckResult(name=name, outcome=outcome, findings=len(found)))
        self._findings += found
        return not failed

    def skip(self, names: tuple[str, ...], why: str) -> None:
        """These checks cannot be made."""
        self._checks += [
            CheckResult(name=name, outcome="not-checked", findings=0, why=why) for name in names
        ]

    def verdict(self, name: str) -> EditionVerdict:
        """All of it."""
        return EditionVerdict(
            edition=name,
            clean=all(f.severity != Severity.ERROR for f in self._findings),
            complete=all(c.outcome != "not-checked" for c in self._checks),
            checks=self._checks,
            findings=self._findings,
        )
