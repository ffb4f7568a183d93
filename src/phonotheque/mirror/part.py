"""A mirror of part of an archive: of which volumes it keeps the edition's tables.

The tables of single volumes (`files/`, `torrents/`, `ai-training/`) are most of an edition. Who
holds a tenth of the volumes keeps a tenth of them; everything else of an edition is kept by all.
"""

from collections.abc import Collection, Iterable, Iterator

from phonotheque.mirror.formats import MirrorPlan, Tables
from phonotheque.mirror.planning import plan_path, read_mirror, read_plan
from phonotheque.model.edition import EditionFile, EditionManifest, Latest
from phonotheque.model.errors import FormatError
from phonotheque.storage.documents import read_document
from phonotheque.storage.layout import Tree
from phonotheque.storage.part_tables import volume_of, volumes_lacking
from phonotheque.storage.volume_rows import Superseded, heirs_of, read_superseded

VOLUMES = "volumes.parquet"


def kept_volumes(tree: Tree, manifest: EditionManifest) -> frozenset[str] | None:
    """The volumes whose tables the tree ought to have of this edition; None: of all.

    All of them in an archive, in a mirror whose plan leaves nothing out, and where `mirror.toml`
    says so. Else those of volumes that are planned or here, with those that superseded them or were
    superseded by them, of which files may be held; of an older edition none, but what is here.
    """
    if not tree.mirror_toml.is_file() or not plan_path(tree).is_file():
        return None
    plan = read_plan(tree)
    if read_mirror(tree).tables is Tables.ALL or not is_part(plan):
        return None
    if tree.latest_json.is_file():
        newest = read_document(tree.latest_json, Latest)
        if newest.sequence > manifest.sequence:
            return frozenset()
    here = {p.name for p in tree.volumes.iterdir() if p.is_dir()} if tree.volumes.is_dir() else ()
    names = {planned.volume for planned in plan.volumes}.union(here)
    return frozenset(_with_kin(names, _superseded(tree, manifest)))


def is_part(plan: MirrorPlan) -> bool:
    """Whether the plan leaves volumes out."""
    return bool(plan.left_out)


def kept_entries(
    manifest: EditionManifest, volumes: Collection[str] | None
) -> tuple[EditionFile, ...]:
    """The edition's files that are kept where the tables of `volumes` are (None: of all)."""
    if volumes is None:
        return tuple(manifest.contents)
    kept = frozenset([None, *volumes])
    return tuple(e for e in manifest.contents if volume_of(e.path) in kept)


def iter_due(tree: Tree, manifest: EditionManifest) -> Iterator[EditionFile]:
    """The edition's files that ought to be at `tree`, and those that are nevertheless."""
    kept = frozenset(e.path for e in kept_entries(manifest, kept_volumes(tree, manifest)))
    for entry in manifest.contents:
        if entry.path in kept or (tree.edition(manifest.name) / entry.path).is_file():
            yield entry


def tables_left_out(tree: Tree, manifest: EditionManifest, plan: MirrorPlan) -> frozenset[str]:
    """The volumes outside of the plan whose tables are not here."""
    planned = (volume.volume for volume in plan.volumes)
    return volumes_lacking(tree.edition(manifest.name), manifest).difference(planned)


def entries_of(manifest: EditionManifest, path: str) -> tuple[EditionFile, ...]:
    """The edition's file `path`, where it has one."""
    return tuple(e for e in manifest.contents if e.path == path)


def _with_kin(names: Iterable[str], superseded: Superseded) -> set[str]:
    kept = set(names)
    kept |= {heir for name in kept & superseded.keys() for heir in heirs_of(name, superseded)}
    return kept | {old for old in superseded if kept & set(heirs_of(old, superseded))}


def _superseded(tree: Tree, manifest: EditionManifest) -> Superseded:
    """What the edition says, where its table of volumes is here and can be read."""
    edition = tree.edition(manifest.name)
    try:
        return read_superseded(edition) if (edition / VOLUMES).is_file() else {}
    except FormatError:  # damage, which verify tells of
        return {}
