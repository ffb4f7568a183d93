"""One build of the catalogue: plan, then a new directory that appears whole or not at all.

rows, newest import of each key ─► identity ─► numbers ─► tables ─► shards ─┐
listens, newest of each source ─► recordings ─► ranks ─► tiers ─► standing ─┴► build.json
"""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ibis

from phonotheque.catalogue import findings, registry
from phonotheque.catalogue.builds import CurrentBuild, build_directory, current_build, current_json
from phonotheque.catalogue.inputs import ImportFiles, newest_listens, newest_rows
from phonotheque.catalogue.ports import DecideSummary, TableEngine
from phonotheque.catalogue.previous import TABLES, Previous
from phonotheque.catalogue.reader import NUMBERED
from phonotheque.catalogue.relations import Relations, relate
from phonotheque.catalogue.shards import ShardWriter
from phonotheque.catalogue.standing import matched_listens, standing
from phonotheque.model import tables
from phonotheque.model.edition import BuildManifest, ShardFile
from phonotheque.model.numbers import IdKey, Kind
from phonotheque.model.progress import Progress
from phonotheque.storage.documents import write_document
from phonotheque.storage.durable import commit_directory, ensure_directory
from phonotheque.storage.layout import Tree
from phonotheque.storage.tables import write_table

KEEP_BUILDS = 2


@dataclass(frozen=True, slots=True)
class BuildInputs:
    """All that decides what a build contains. `settings` names what `decide` rests on."""

    rows: Sequence[ImportFiles]
    listens: Sequence[ImportFiles]
    cuts_percent: Sequence[float]
    rows_per_shard: int
    withdrawn: Sequence[int] = ()
    id_key: IdKey | None = None
    settings: str = ""
    labels: list[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", sorted(i.label for i in [*self.rows, *self.listens]))


def is_up_to_date(manifest: BuildManifest | None, inputs: BuildInputs) -> bool:
    """Whether `manifest` was made from just these inputs, so that a build would change nothing."""
    return manifest is not None and (
        manifest.inputs == inputs.labels
        and manifest.rows_per_shard == inputs.rows_per_shard
        and manifest.tier_cuts_percent == list(inputs.cuts_percent)
        and manifest.withdrawn == sorted(inputs.withdrawn)
        and manifest.settings == inputs.settings
    )


def work_directory(tree: Tree) -> Path:
    """Where an engine of a build keeps what it needs meanwhile; garbage when no build runs."""
    return tree.catalogue / "work"


def discard_unfinished(tree: Tree) -> None:
    """Remove what builds that were cut short left behind."""
    shutil.rmtree(work_directory(tree), ignore_errors=True)
    current = current_build(tree)
    newest = current[0].build if current else 0
    for path in sorted((tree.catalogue / "builds").glob("*")):
        if not (path.name.isdigit() and int(path.name) <= newest):
            shutil.rmtree(path)


def build_catalogue(
    tree: Tree,
    inputs: BuildInputs,
    engine: TableEngine,
    decide: DecideSummary,
    progress: Progress,
) -> BuildManifest:
    """Make the next build in `tree` and let it count; the caller holds the writer's lock.

    Killed at any moment, the build before still counts, and the next run starts this one anew.

    Raises:
        InputError, FormatError: an import that cannot be used; nothing was changed.
    """
    current = current_build(tree)
    manifest, directory = current if current else (None, None)
    number = manifest.build + 1 if manifest else 1
    temporary = build_directory(tree, number).with_name(f".{number:04d}.partial")
    shutil.rmtree(temporary, ignore_errors=True)
    ensure_directory(temporary)
    made = _fill(
        temporary,
        number,
        inputs,
        engine=engine,
        decide=decide,
        previous=Previous(engine, manifest, directory),
        progress=progress,
    )
    write_document(temporary / "build.json", made)
    commit_directory(temporary, build_directory(tree, number))
    write_document(current_json(tree), CurrentBuild(format=tables.FORMAT_VERSION, build=number))
    _drop_old_builds(tree, number)
    return made


def _fill(
    root: Path,
    number: int,
    inputs: BuildInputs,
    *,
    engine: TableEngine,
    decide: DecideSummary,
    previous: Previous,
    progress: Progress,
) -> BuildManifest:
    progress.start("identify", None, "rows")
    related = relate(
        engine, previous, newest_rows(engine, inputs.rows), sorted(inputs.withdrawn), decide
    )
    progress.start("count listens", None, "rows")
    recordings = related.content[Kind.RECORDING]
    matched = matched_listens(
        engine,
        newest_listens(engine, inputs.listens),
        recordings,
        row_numbers=related.row_numbers,
        redirects=related.redirects[Kind.RECORDING],
        id_key=inputs.id_key,
    )
    progress.start("write", None, "tables")
    writer = ShardWriter(engine, previous, root, inputs.rows_per_shard)
    shards = _write_tables(writer, previous, related, progress)
    shards += writer.write_plain(
        "standing", tables.STANDING, standing(engine, recordings, matched, inputs.cuts_percent)
    )
    files = writer.write_plain("recording_files", tables.RECORDING_FILES, related.recording_files)
    doubts = findings.conflicts(related.codes).union(findings.unmatched(matched), distinct=False)
    batches = engine.stream(doubts, ["code", "where", "message"])
    write_table(root / "findings.parquet", tables.FINDINGS, batches)
    return _manifest(
        number, inputs, shards=shards, files=files, engine=engine, related=related, matched=matched
    )


def _write_tables(
    writer: ShardWriter, previous: Previous, related: Relations, progress: Progress
) -> list[ShardFile]:
    shards: list[ShardFile] = []
    for kind, content in related.content.items():
        table = TABLES[kind]
        shards += writer.write_layered(table, NUMBERED[table][0], content)
        if previous.exists:
            retired = registry.retired_keys(
                previous, kind, related.content.__getitem__, related.redirects[kind]
            )
            name = f"registry-{table}"
            shards += writer.write_plain(name, tables.REGISTRY, retired, order_by=["key"])
        progress.advance()
    every = [
        table.select(kind=ibis.literal(kind.value), old="old", new="new")
        for kind, table in related.redirects.items()
    ]
    return shards + writer.write_single(
        "redirects", tables.REDIRECTS, ibis.union(*every, distinct=False), ["kind", "old"]
    )


def _manifest(
    number: int,
    inputs: BuildInputs,
    *,
    shards: list[ShardFile],
    files: list[ShardFile],
    engine: TableEngine,
    related: Relations,
    matched: Any,
) -> BuildManifest:
    counts = {kind: _count(engine, table) for kind, table in related.content.items()}
    return BuildManifest(
        format=tables.FORMAT_VERSION,
        build=number,
        inputs=inputs.labels,
        rows_per_shard=inputs.rows_per_shard,
        shards=shards,
        recording_files=files,
        recordings=counts[Kind.RECORDING],
        tracks=counts[Kind.TRACK],
        releases=counts[Kind.RELEASE],
        artists=counts[Kind.ARTIST],
        conflicts=_count(engine, related.codes.filter(~related.codes.agrees)),
        unmatched_listens=_count(engine, matched.filter(matched.number.isnull())),
        tier_cuts_percent=list(inputs.cuts_percent),
        withdrawn=sorted(inputs.withdrawn),
        settings=inputs.settings,
    )


def _count(engine: TableEngine, table: Any) -> int:
    ((rows,),) = engine.rows(table.agg(rows=table.count()))
    return int(rows)


def _drop_old_builds(tree: Tree, number: int) -> None:
    for path in _numbered(tree.catalogue / "builds"):
        if int(path.name) <= number - KEEP_BUILDS:
            shutil.rmtree(path)


def _numbered(folder: Path) -> Iterable[Path]:
    return (path for path in sorted(folder.glob("*")) if path.name.isdigit())
