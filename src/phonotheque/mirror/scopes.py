"""What of each volume ought to be here: all of it in an archive, what the plan says in a mirror."""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from phonotheque.mirror.expected import (
    ExpectedVolume,
    Revoked,
    planned_by_name,
    read_expected,
    read_revoked,
)
from phonotheque.mirror.formats import PlannedVolume
from phonotheque.mirror.part import kept_volumes
from phonotheque.mirror.planning import plan_path, read_plan
from phonotheque.mirror.rows import cut_down
from phonotheque.mirror.state import State, open_state
from phonotheque.model.edition import EditionManifest
from phonotheque.model.errors import FormatError, NotFoundError
from phonotheque.storage.layout import Tree
from phonotheque.storage.part_tables import volumes_lacking


@dataclass(frozen=True, slots=True)
class Scope:
    """What of a volume ought to be here, and which of its files are withdrawn."""

    volume: ExpectedVolume
    withdrawn: frozenset[str]
    keeps_withdrawn: bool  # an origin keeps the bytes (volumes never change); a mirror deletes them


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A volume that cannot be looked at, and why."""

    name: str
    reason: str


@contextmanager
def mirror_state(tree: Tree) -> Iterator[State | None]:
    """The state of a mirror; None for an archive, which has none, and where none may be written."""
    if not tree.mirror_toml.is_file() or not os.access(tree.root, os.W_OK):
        yield None
        return
    with open_state(tree) as state:
        yield state


def iter_scopes(
    tree: Tree, manifest: EditionManifest, state: State | None, names: Collection[str] | None
) -> Iterator[Scope | Unreadable]:
    """The volumes to look at, one at a time: those of `names`, else all that ought to be here.

    Raises:
        NotFoundError: the edition has no volume of a name in `names`, or this mirror keeps no
            table of it.
    """
    revoked = read_revoked(tree)
    planned = _planned(tree)
    known = _volumes_of(manifest)
    if unknown := sorted(set(names or ()) - known):
        raise NotFoundError(f"edition {manifest.name} has no volume {', '.join(unknown)}")
    _check_kept(tree, manifest, names or ())
    for name in sorted(names) if names is not None else _all_names(tree, known, planned):
        try:
            volume = read_expected(tree.edition(manifest.name), name)
        except (NotFoundError, FormatError) as error:
            yield Unreadable(name, str(error))
            continue
        if planned is not None:
            volume = _held_part(volume, planned.get(name), state)
        yield _scope(tree, volume, revoked)


def _check_kept(tree: Tree, manifest: EditionManifest, names: Collection[str]) -> None:
    lacking = volumes_lacking(tree.edition(manifest.name), manifest) & set(names)
    kept = kept_volumes(tree, manifest)
    if kept is not None and (left := sorted(lacking - kept)):
        raise NotFoundError(
            f"{tree.root}: does not hold {', '.join(left)}, nor the tables of it; the plan leaves "
            "it out"
        )


def _scope(tree: Tree, volume: ExpectedVolume, revoked: Revoked) -> Scope:
    withdrawn = frozenset(revoked.paths(volume.name))
    return Scope(volume, withdrawn, keeps_withdrawn=not tree.mirror_toml.is_file())


def _planned(tree: Tree) -> dict[str, PlannedVolume] | None:
    if not tree.mirror_toml.is_file():
        return None
    return planned_by_name(read_plan(tree).volumes) if plan_path(tree).is_file() else {}


def _volumes_of(manifest: EditionManifest) -> set[str]:
    return {Path(e.path).stem for e in manifest.contents if e.path.startswith("files/")}


def _all_names(tree: Tree, known: set[str], planned: dict[str, PlannedVolume] | None) -> list[str]:
    if planned is None:
        return sorted(known)
    held = {p.name for p in tree.volumes.glob("*") if p.is_dir()}
    return sorted(set(planned) | held)


def _held_part(
    volume: ExpectedVolume, planned: PlannedVolume | None, state: State | None
) -> ExpectedVolume:
    """What a mirror ought to hold of a volume; of one no longer planned, what it had."""
    if planned is not None:
        return cut_down(volume, planned)
    folder = f"volumes/{volume.name}"
    had = {p.removeprefix(f"{folder}/") for p in (state.proved_below(folder) if state else ())}
    return volume.without(volume.files.keys() - had)
