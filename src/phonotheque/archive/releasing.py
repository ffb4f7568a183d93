"""The last steps of a publication: signatures, and what follows from them.

An edition is out when `latest.json` names it. Where several holders must sign, that is when
their signatures are committed; what follows is then done there (docs/operations/keys.md).
"""

import shutil
from datetime import datetime
from hashlib import sha256

from phonotheque.archive.heirs import drop_superseded
from phonotheque.archive.notices import note_tombstones
from phonotheque.archive.withdraw import renew_revocations
from phonotheque.archive.workspace import last_edition, work_directory
from phonotheque.edition import (
    OfflineKeys,
    Outcome,
    place_file,
    publish_targets,
    renew_online,
    renew_root,
    staged_paths,
)
from phonotheque.model.edition import EditionManifest, Latest
from phonotheque.model.tables import FORMAT_VERSION
from phonotheque.statistics import format_feed
from phonotheque.storage.documents import format_document, read_document, read_settings
from phonotheque.storage.durable import commit_directory, ensure_directory, write_bytes
from phonotheque.storage.layout import Tree


def release_edition(
    tree: Tree, manifest: EditionManifest, keys: OfflineKeys, now: datetime
) -> list[str]:
    """Make `manifest` the latest edition, signed, and do what follows. Returns the files that wait
    for further signatures; the edition is not out before they are there.

    Raises:
        NotFoundError, InputError: the keys are not at hand, or do not open.
    """
    path = f"editions/{manifest.name}/edition.json"
    content = (tree.root / path).read_bytes()
    latest = Latest(
        format=FORMAT_VERSION,
        edition=manifest.name,
        sequence=manifest.sequence,
        edition_sha256=sha256(content).hexdigest(),
    )
    renew_root(tree, keys, now)
    targets = {path: content, "latest.json": format_document(latest)}
    outcome = publish_targets(tree, targets, keys, now)
    if outcome is Outcome.STAGED:
        renew_online(tree, now)
        return [str(waiting) for waiting in staged_paths(tree)]
    if outcome is Outcome.NOTHING:
        renew_online(tree, now)
    _complete(tree, manifest.name, now)
    return []


def complete_release(tree: Tree, now: datetime) -> str | None:
    """Do what follows from the signatures of the latest edition, where it was not done; returns
    its name. Nothing in a mirror, nor while the last edition waits for signatures.
    """
    last = last_edition(tree) if tree.archive_toml.exists() else None
    if last is None or not tree.latest_json.exists():
        return None
    if read_document(tree.latest_json, Latest).edition != last.name:
        return None
    if (tree.edition(last.name) / "metadata").exists():
        return None
    _complete(tree, last.name, now)
    return last.name


def _complete(tree: Tree, name: str, now: datetime) -> None:
    drop_superseded(tree, read_document(tree.edition(name) / "edition.json", EditionManifest))
    _keep_metadata(tree, name)
    shutil.rmtree(work_directory(tree, name), ignore_errors=True)
    renew_revocations(tree, now)
    note_tombstones(tree, name, now)
    _renew_feed(tree)


def _renew_feed(tree: Tree) -> None:
    webseeds = read_settings(tree).publish.webseeds
    content = format_feed(tree, webseeds[0] if webseeds else "")
    if not tree.feed_atom.is_file() or tree.feed_atom.read_bytes() != content:
        write_bytes(tree.feed_atom, content)


def _keep_metadata(tree: Tree, name: str) -> None:
    """A copy of the TUF repository in the edition, so that the edition proves itself."""
    target = tree.edition(name) / "metadata"
    if target.exists():
        return
    building = tree.editions / f".metadata-{name}"
    shutil.rmtree(building, ignore_errors=True)
    ensure_directory(building)
    for path in sorted(tree.metadata.glob("*.json")):
        place_file(path, building / path.name)
    commit_directory(building, target)
