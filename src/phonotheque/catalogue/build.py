"""One build of the catalogue: plan, then a new directory that appears whole or not at all.

rows, newest word on each key ─► units ─► descriptions ─► numbers ─► tables ─► shards ─┐
listens, newest of each source ─► recordings ─► ranks ─► tiers ─► standing ────────────┴► build.json

Everything goes part by part (inputs.Rows), so memory does not grow with the catalogue.
"""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ibis

from phonotheque.catalogue import contents, findings
from phonotheque.catalogue.builds import CurrentBuild, build_directory, current_build, current_json
from phonotheque.catalogue.claimed import (
    evidence_table,
    living_claims,
    living_numbers,
    lost_claims,
    read_claims,
)
from phonotheque.catalogue.extras import Extras
from phonotheque.catalogue.first import FirstBuild
from phonotheque.catalogue.inputs import (
    ROWS_PER_PART,
    ImportFiles,
    Rows,
    newest_listens,
    newest_table,
)
from phonotheque.catalogue.later import LaterBuild
from phonotheque.catalogue.ports import DecideSummary, TableEngine
from phonotheque.catalogue.previous import GONE, Previous
from phonotheque.catalogue.scope import Scope, find_scope, whole
from phonotheque.catalogue.shards import ShardWriter
from phonotheque.catalogue.sounds import Sounds, read_sounds
from phonotheque.catalogue.standing import MatchedListens, matched_listens, standing
from phonotheque.catalogue.stars import join_by_sound
from phonotheque.catalogue.units import Units, find_units
from phonotheque.model import tables
from phonotheque.model.edition import BuildManifest, ShardFile
from phonotheque.model.errors import InputError
from phonotheque.model.findings import FindingCode
from phonotheque.model.numbers import IdKey, Kind
from phonotheque.model.progress import Progress
from phonotheque.storage.documents import write_document
from phonotheque.storage.durable import commit_directory, ensure_directory
from phonotheque.storage.layout import Tree
from phonotheque.storage.tables import write_table

KEEP_BUILDS = 2
NARROW_ABOVE = 100_000
"""Up to so many rows everything is made anew each time: finding out what an update touches would
take longer. What comes out is the same."""


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
    artists: Sequence[ImportFiles] = ()
    groups: Sequence[ImportFiles] = ()
    redirects: Sequence[ImportFiles] = ()
    claims: Sequence[ImportFiles] = ()
    sounds: Sequence[ImportFiles] = ()
    rows_per_part: int = ROWS_PER_PART
    anew: bool = False  # make everything anew, not only what new imports touch
    narrow_above: int = NARROW_ABOVE
    labels: list[str] = field(init=False)

    def __post_init__(self) -> None:
        every = [*self.rows, *self.listens, *self.artists, *self.groups, *self.redirects]
        every += [*self.claims, *self.sounds]
        object.__setattr__(self, "labels", sorted(i.label for i in every))


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
    progress.start("look at the imports", None, "rows")
    rows = Rows(
        engine,
        inputs.rows,
        newest_table(engine, inputs.redirects, tables.MBID_REDIRECTS),
        rows_per_part=inputs.rows_per_part,
    )
    writer = ShardWriter(engine, previous, root, inputs.rows_per_shard)
    extras = _extras(engine, inputs)
    build, doubts = _write_numbered(
        engine, rows, inputs,
        extras=extras, decide=decide, previous=previous, writer=writer, progress=progress,
    )  # fmt: skip
    doubts = engine.keep(doubts)
    progress.start("count listens", None, "rows")
    live = Previous(engine, _so_far(build.shards), root)
    matched = _matched(engine, inputs, rows, live)
    ranked = standing(engine, live.content(Kind.RECORDING), matched, inputs.cuts_percent)
    shards = build.shards + writer.write_stream("standing", tables.STANDING, ranked)
    files = _write_files(engine, writer, rows, live, extras)
    if rows.merged_ids is not None:
        order = ["entity", "old"]
        shards += writer.write_single("merged_ids", tables.MERGED_IDS, rows.merged_ids, order)
    every = doubts.union(findings.of_listens(matched.unmatched), distinct=False)
    if extras.claims.standing:
        redirects = live.redirects(Kind.RECORDING)
        lost = lost_claims(engine, extras.claims, live.content(Kind.RECORDING), redirects)
        every = every.union(findings.of_claims(lost), distinct=False)
    batches = engine.stream(every, ["code", "where", "message"])
    write_table(root / "findings.parquet", tables.FINDINGS, batches)
    conflicts = doubts.filter(doubts.code == FindingCode.ISRC_CONFLICT.value)
    return BuildManifest(
        format=tables.FORMAT_VERSION,
        build=number,
        inputs=inputs.labels,
        rows_per_shard=inputs.rows_per_shard,
        shards=shards,
        recording_files=files,
        recordings=build.counts["recordings"],
        tracks=build.counts["tracks"],
        releases=build.counts["releases"],
        artists=build.counts["artists"],
        conflicts=_count(engine, conflicts),
        unmatched_listens=_count(engine, matched.unmatched),
        tier_cuts_percent=list(inputs.cuts_percent),
        withdrawn=sorted(inputs.withdrawn),
        settings=inputs.settings,
    )


def _write_numbered(
    engine: TableEngine,
    rows: Rows,
    inputs: BuildInputs,
    *,
    extras: Extras,
    decide: DecideSummary,
    previous: Previous,
    writer: ShardWriter,
    progress: Progress,
) -> tuple[FirstBuild | LaterBuild, Any]:
    """Write recordings, tracks, releases and artists: all, or what the new imports touch; with
    what is doubtful in their units."""
    withdrawn = list(inputs.withdrawn)
    known = set(previous.manifest.inputs) if previous.manifest else set()
    sounds = read_sounds(engine, inputs.sounds, known)
    if previous.manifest is None:
        _check_no_claims(extras)
        units = find_units(engine, rows, progress)
        units, apart = join_by_sound(engine, rows, units, sounds, progress)
        first = FirstBuild(engine, rows, writer, progress)
        first.write(units, extras, decide, withdrawn)
        return first, _doubts(units, apart)
    progress.start("find what changed", None, "rows")
    scope = _scope(engine, rows, previous, inputs, extras=extras, sounds=sounds)
    units = find_units(engine, scope.context, progress).within(engine, scope)
    units, apart = join_by_sound(engine, scope.target, units, sounds, progress)
    doubts = findings.carried_over(engine, previous, scope, _doubts(units, apart))
    later = LaterBuild(engine, scope, previous, writer, progress)
    later.write(units, extras, decide, withdrawn)
    return later, doubts


def _doubts(units: Units, apart: Any) -> Any:
    """What identity doubts; `apart` is what `join_by_sound` told of."""
    doubts = findings.of_units(units)
    return doubts if apart is None else doubts.union(findings.of_sounds(apart), distinct=False)


def _check_no_claims(extras: Extras) -> None:
    """Raise `InputError` where claims name recordings by numbers that nobody knows any more."""
    if extras.claims.named:
        raise InputError(
            f"{min(extras.claims.named)}: claims name recordings by number, and there is no build "
            "in which these numbers mean anything; restore catalogue/ from a backup or an edition, "
            "or move these imports out of sources/ and record the claims again"
        )


def _scope(
    engine: TableEngine,
    rows: Rows,
    previous: Previous,
    inputs: BuildInputs,
    *,
    extras: Extras,
    sounds: Sounds | None,
) -> Scope:
    """What must be made anew: what new imports touch, or everything where they are not all that
    changed."""
    manifest = previous.manifest
    assert manifest is not None
    beside = [i.label for i in [*inputs.artists, *inputs.groups, *inputs.redirects]]
    known = set(manifest.inputs)
    same = (
        known <= set(inputs.labels)
        and known.issuperset(beside)
        and manifest.settings == inputs.settings
        and manifest.rows_per_shard == inputs.rows_per_shard
        and not inputs.anew
        and rows.total > inputs.narrow_above
    )
    if not same:
        return whole(rows)
    marked = set(manifest.withdrawn) ^ set(inputs.withdrawn)
    claimed = extras.claims.numbers_beside(known)
    moved = living_numbers(engine, claimed, previous.redirects(Kind.RECORDING))
    marked |= set(moved.values()) - {GONE}
    return find_scope(engine, rows, previous, sorted(marked), sounds)


def _so_far(shards: list[ShardFile]) -> BuildManifest:
    """A manifest of what is written so far, to read it by."""
    return BuildManifest(
        format=tables.FORMAT_VERSION, build=0, inputs=[], rows_per_shard=1, shards=shards,
        recording_files=[], recordings=0, tracks=0, releases=0, artists=0, conflicts=0,
        unmatched_listens=0, tier_cuts_percent=[],
    )  # fmt: skip


def _write_files(
    engine: TableEngine, writer: ShardWriter, rows: Rows, live: Previous, extras: Extras
) -> list[ShardFile]:
    if not rows.has("file_sha256"):
        return []
    claims = living_claims(engine, extras.claims, live.redirects(Kind.RECORDING))
    claimed = evidence_table(engine, claims) if claims else None
    table = contents.recording_files(engine, rows, live.content(Kind.TRACK), claimed)
    return writer.write_plain("recording_files", tables.RECORDING_FILES, table)


def _matched(
    engine: TableEngine, inputs: BuildInputs, rows: Rows, live: Previous
) -> MatchedListens:
    """The listens of the recordings as they stand now."""
    return matched_listens(
        engine,
        _following(newest_listens(engine, inputs.listens), rows.merged_ids),
        live.content(Kind.RECORDING),
        tracks=live.content(Kind.TRACK),
        redirects=live.redirects(Kind.RECORDING),
        id_key=inputs.id_key,
        parts=rows.parts,
    )


def _following(listens: Any, merged: Any) -> Any:
    """Listens of MusicBrainz ids that were merged away, given to those they became."""
    if merged is None:
        return listens
    moved = merged.filter(merged.entity == "recording")
    moved = moved.select(key_kind=ibis.literal("mbid"), key="old", became="new")
    met = listens.left_join(moved, ["key_kind", "key"], rname="{name}_m")
    return met.select(
        "source", "key_kind", "listens", "listeners", key=ibis.coalesce(met.became, met.key)
    ).view()


def _extras(engine: TableEngine, inputs: BuildInputs) -> Extras:
    groups = newest_table(engine, inputs.groups, tables.GROUP_ROWS)
    if groups is not None:
        groups = engine.keep(
            groups.group_by(group_key="source_key").agg(group_year=groups.year.min())
        )
    artists = newest_table(engine, inputs.artists, tables.ARTIST_ROWS)
    return Extras(artists, groups, read_claims(inputs.claims))


def _count(engine: TableEngine, table: Any) -> int:
    ((rows,),) = engine.rows(table.agg(rows=table.count()))
    return int(rows)


def _drop_old_builds(tree: Tree, number: int) -> None:
    for path in _numbered(tree.catalogue / "builds"):
        if int(path.name) <= number - KEEP_BUILDS:
            shutil.rmtree(path)


def _numbered(folder: Path) -> Iterable[Path]:
    return (path for path in sorted(folder.glob("*")) if path.name.isdigit())
