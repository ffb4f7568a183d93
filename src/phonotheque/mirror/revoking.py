"""Obeying the revocation list: withdrawn files are deleted, and the deletion is logged."""

from phonotheque.mirror.expected import Revoked
from phonotheque.mirror.state import Placing
from phonotheque.model.edition import RevokedFile
from phonotheque.model.progress import Progress
from phonotheque.storage.durable import fsync_directory

STAGING = ("http", "swarm")


def delete_revoked(place: Placing, revoked: Revoked, progress: Progress) -> list[str]:
    """Delete every withdrawn file that is held or staged; paths relative to the mirror."""
    deleted = []
    for volume, files in sorted(revoked.by_volume.items()):
        for path, file in sorted(files.items()):
            if _delete(place, volume, path, file):
                deleted.append(f"volumes/{volume}/{path}")
                progress.note(
                    f"deleted volumes/{volume}/{path}: {file.recording} was withdrawn "
                    f"({file.reason})"
                )
    return deleted


def _delete(place: Placing, volume: str, path: str, file: RevokedFile) -> bool:
    tree = place.tree
    held = tree.volume(volume) / path
    if ".." in f"{volume}/{path}".split("/") or not held.is_relative_to(tree.volumes):
        return False
    for kind in STAGING:
        (tree.root / "incoming" / kind / volume / path).unlink(missing_ok=True)
    if not held.is_file():
        return False
    size = held.stat().st_size
    held.unlink()
    fsync_directory(held.parent)
    if place.state is not None:
        place.state.note_deletion(f"volumes/{volume}/{path}", file, place.now, size)
    return True
