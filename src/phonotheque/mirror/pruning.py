"""Old editions on a mirror: as many are kept as `keep_editions` says; the others are deleted.

What editions share are links to the same bytes, which stay as long as one edition has them. An
older edition stays, too, while it alone has the table of a volume that is here.
"""

import shutil
from pathlib import Path

from phonotheque.mirror.planning import plan_path, read_plan
from phonotheque.mirror.state import State
from phonotheque.model.edition import EditionManifest
from phonotheque.model.errors import FormatError
from phonotheque.storage.documents import read_document
from phonotheque.storage.durable import fsync_directory
from phonotheque.storage.layout import Tree


def prune_editions(tree: Tree, state: State, keep: int | None) -> list[str]:
    """Delete all but the newest `keep` whole editions (None: none is deleted); their names, sorted.

    The manifest goes first: what a kill leaves behind is no edition any more, and the next sync
    clears it away.
    """
    if keep is None:
        return []
    whole = _by_age(tree)
    kept, old = whole[: max(keep, 1)], whole[max(keep, 1) :]
    wanted = _volumes(tree) - {v for name in kept for v in _tables(tree, name)}
    gone = []
    for name in old:
        only_here = wanted & _tables(tree, name)
        if only_here:
            wanted -= only_here
            continue
        _delete(tree, state, name)
        gone.append(name)
    return sorted(gone)


def _by_age(tree: Tree) -> list[str]:
    """Names of the whole editions, the newest first; one that cannot be read is left alone."""
    found = []
    for path in tree.editions.glob("*/edition.json"):
        try:
            manifest = read_document(path, EditionManifest)
        except FormatError:
            continue
        if manifest.name == path.parent.name:
            found.append((manifest.sequence, manifest.name))
    return [name for _, name in sorted(found, reverse=True)]


def _volumes(tree: Tree) -> set[str]:
    """Volumes that are planned or here."""
    planned = read_plan(tree).volumes if plan_path(tree).is_file() else []
    here = {p.name for p in tree.volumes.glob("*") if p.is_dir()}
    return {volume.volume for volume in planned} | here


def _tables(tree: Tree, name: str) -> set[str]:
    return {path.stem for path in (tree.edition(name) / "files").glob("*.parquet")}


def _delete(tree: Tree, state: State, name: str) -> None:
    folder: Path = tree.edition(name)
    state.forget_below(f"editions/{name}")
    (folder / "edition.json").unlink()
    fsync_directory(folder)
    shutil.rmtree(folder)
    fsync_directory(tree.editions)
    shutil.rmtree(tree.edition_index(name), ignore_errors=True)
