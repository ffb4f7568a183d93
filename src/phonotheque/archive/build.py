"""`build`: the catalogue anew from all imports, under the archive's settings.

sources (imports) + withdrawals.jsonl + rights ─► catalogue.build_catalogue ─► catalogue/builds/
"""

import shutil
from collections import Counter
from collections.abc import Sequence
from datetime import date
from hashlib import sha256
from pathlib import Path

import msgspec
import pyarrow.parquet as pq

from phonotheque.archive.policy import archive_policy
from phonotheque.archive.withdrawals import read_withdrawals
from phonotheque.catalogue import (
    BuildInputs,
    DecideSummary,
    ImportFiles,
    Summary,
    build_catalogue,
    build_directory,
    current_build,
    discard_unfinished,
    is_up_to_date,
    work_directory,
)
from phonotheque.engine import ENGINES, open_engine
from phonotheque.model.archive import ArchiveSettings
from phonotheque.model.edition import BuildManifest
from phonotheque.model.numbers import IdKey
from phonotheque.model.progress import Progress
from phonotheque.model.rights import Evidence, Use
from phonotheque.rights import (
    agreed_licences,
    decide,
    facts_of,
    licence_text,
    rule_book,
    term_rules,
)
from phonotheque.sources import ImportRef, iter_imports
from phonotheque.storage.documents import read_settings
from phonotheque.storage.layout import Tree
from phonotheque.storage.lock import writing

DEFAULT_MEMORY = "4GB"
DEFAULT_THREADS = 2
DEFAULT_ENGINE = ENGINES[0]


class BuildPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What `execute_build` would do. `nothing_new`: the current build has just these inputs."""

    build: int
    nothing_new: bool
    inputs: list[str]
    new_inputs: list[str]  # those the current build was not made from
    rows: int  # in all imports, replaced ones included
    listens_rows: int
    withdrawn: list[int]
    on: date  # verdict summaries are those of this day
    anew: bool  # everything, not only what new imports touch


class BuildReport(msgspec.Struct, frozen=True, kw_only=True):
    """What came out. With `nothing_new` no build was made, and the figures are the current ones."""

    build: int
    nothing_new: bool
    path: str
    recordings: int
    tracks: int
    releases: int
    artists: int
    conflicts: int
    unmatched_listens: int
    findings: dict[str, int]  # by code; the findings themselves stand in findings.parquet
    files_new: int
    files_kept: int
    bytes_new: int
    bytes_kept: int


def plan_build(tree: Tree, today: date, *, anew: bool = False) -> BuildPlan:
    """What a build of the archive at `tree` would be made from. Reads only.

    With `anew` everything is made anew, though the numbers stay.

    Raises:
        NotFoundError: no archive there.
        FormatError: a document of it that this program does not read.
    """
    settings = read_settings(tree)
    inputs = _inputs(tree, settings, today)
    current = current_build(tree)
    manifest = current[0] if current else None
    known = set(manifest.inputs) if manifest else set()
    nothing_new = is_up_to_date(manifest, inputs) and not anew
    number = manifest.build if manifest else 0
    return BuildPlan(
        build=number if nothing_new else number + 1,
        nothing_new=nothing_new,
        inputs=inputs.labels,
        new_inputs=[label for label in inputs.labels if label not in known],
        rows=_count_rows(inputs.rows),
        listens_rows=_count_rows(inputs.listens),
        withdrawn=list(inputs.withdrawn),
        on=today,
        anew=anew,
    )


def execute_build(
    tree: Tree,
    plan: BuildPlan,
    progress: Progress,
    *,
    memory: str = DEFAULT_MEMORY,
    threads: int = DEFAULT_THREADS,
    engine: str = DEFAULT_ENGINE,
    master: str | None = None,
) -> BuildReport:
    """Make the build, or say that nothing is new. Imports made since the plan are taken too.

    Memory: `memory` for the engine, and about half a gigabyte beside it. `engine` is one of
    `engine.ENGINES`, `master` the address of a Spark cluster.

    Raises:
        ArchiveBusyError: somebody else writes.
        InputError, FormatError: an import that cannot be used; the build before still counts.
    """
    settings = read_settings(tree)
    with writing(tree.root):
        discard_unfinished(tree)
        before = current_build(tree)
        inputs = _inputs(tree, settings, plan.on, anew=plan.anew)
        if before is not None and not plan.anew and is_up_to_date(before[0], inputs):
            return _report(tree, before[0], before[0], nothing_new=True)
        opened = open_engine(
            engine, work_directory(tree), memory=memory, threads=threads, master=master
        )
        try:
            decide_summary = summarise(settings, plan.on)
            made = build_catalogue(tree, inputs, opened, decide_summary, progress)
        finally:
            opened.close()
            shutil.rmtree(work_directory(tree), ignore_errors=True)
        return _report(tree, made, before[0] if before else None, nothing_new=False)


def summarise(settings: ArchiveSettings, on: date) -> DecideSummary:
    """The rights' answer to one signature, under the archive's territories and profile."""
    policy = archive_policy(settings)

    def decided(evidence: tuple[Evidence, ...]) -> Summary:
        facts = facts_of(evidence)
        licence = licence_text(agreed_licences(evidence, policy))
        stream = decide(facts, policy.territories, on, Use.STREAM, policy)
        distribute = decide(facts, policy.territories, on, Use.DISTRIBUTE, policy)
        return Summary(licence, stream.level.name, distribute.level.name)

    return decided


def _inputs(tree: Tree, settings: ArchiveSettings, on: date, *, anew: bool = False) -> BuildInputs:
    imports = list(iter_imports(tree))
    return BuildInputs(
        rows=[_files(i) for i in imports if i.kind == "rows"],
        listens=[_files(i) for i in imports if i.kind == "listens"],
        artists=[_files(i) for i in imports if i.kind == "artists"],
        groups=[_files(i) for i in imports if i.kind == "groups"],
        redirects=[_files(i) for i in imports if i.kind == "redirects"],
        claims=[_files(i) for i in imports if i.kind == "claims"],
        sounds=[_files(i) for i in imports if i.kind == "sounds"],
        cuts_percent=settings.tiers.cuts_percent,
        rows_per_shard=settings.catalogue.rows_per_shard,
        withdrawn=sorted({w.recording for w in read_withdrawals(tree)}),
        id_key=IdKey(bytes.fromhex(settings.id_key)),
        settings=_rests_on(settings, on),
        anew=anew,
    )


def build_inputs(tree: Tree, settings: ArchiveSettings, manifest: BuildManifest) -> BuildInputs:
    """The inputs that a build was made from, as far as they concern its rows."""
    known = set(manifest.inputs)
    imports = [i for i in iter_imports(tree) if i.label in known]
    return BuildInputs(
        rows=[_files(i) for i in imports if i.kind == "rows"],
        listens=[],
        cuts_percent=settings.tiers.cuts_percent,
        rows_per_shard=manifest.rows_per_shard,
        redirects=[_files(i) for i in imports if i.kind == "redirects"],
        claims=[_files(i) for i in imports if i.kind == "claims"],
        sounds=[_files(i) for i in imports if i.kind == "sounds"],
    )


def _rests_on(settings: ArchiveSettings, on: date) -> str:
    """What verdict summaries depend on beside the evidence; terms end with a year."""
    terms = [one.rule for _, one in sorted(term_rules().items())]
    rests_on = [settings.rights, sorted(rule_book().items()), terms]
    digest = sha256(msgspec.json.encode(rests_on, order="sorted"))
    return f"year {on.year}, rights {digest.hexdigest()}"


def _files(ref: ImportRef) -> ImportFiles:
    return ImportFiles(ref.source, ref.name, ref.ordinal, ref.paths, ref.gone)


def _count_rows(imports: Sequence[ImportFiles]) -> int:
    return sum(int(pq.read_metadata(path).num_rows) for i in imports for path in i.paths)


def _report(
    tree: Tree, made: BuildManifest, before: BuildManifest | None, *, nothing_new: bool
) -> BuildReport:
    directory = build_directory(tree, made.build)
    known = {s.path for s in [*before.shards, *before.recording_files]} if before else set()
    files = [*made.shards, *made.recording_files]
    new = [s for s in files if s.path not in known]
    kept = [s for s in files if s.path in known]
    return BuildReport(
        build=made.build,
        nothing_new=nothing_new,
        path=str(directory),
        recordings=made.recordings,
        tracks=made.tracks,
        releases=made.releases,
        artists=made.artists,
        conflicts=made.conflicts,
        unmatched_listens=made.unmatched_listens,
        findings=_findings_by_code(directory / "findings.parquet"),
        files_new=len(new),
        files_kept=len(kept),
        bytes_new=sum(s.bytes for s in new),
        bytes_kept=sum(s.bytes for s in kept),
    )


def _findings_by_code(path: Path) -> dict[str, int]:
    counts: Counter[str] = Counter()
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=["code"]):
            for entry in batch.column(0).value_counts().to_pylist():
                counts[entry["values"]] += entry["counts"]
    return dict(sorted(counts.items()))
