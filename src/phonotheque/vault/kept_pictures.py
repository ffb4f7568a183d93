"""Pictures out of audio files, kept once each: ``pictures/ab/cd/<sha256>``, mode 0444."""

from hashlib import sha256
from pathlib import Path

from phonotheque.model.errors import TrustError
from phonotheque.storage.durable import fsync_directory, write_then_name
from phonotheque.vault import pending
from phonotheque.vault.examination import Picture
from phonotheque.vault.state import State


def picture_path(root: Path, digest: str) -> Path:
    """Where a picture of the vault at `root` stands."""
    return root / "pictures" / digest[:2] / digest[2:4] / digest


def write_picture(root: Path, picture: Picture) -> None:
    """Keep a picture, durable on return; one that is there already is left.

    Raises:
        TrustError: its content is not what its digest says.
        NoSpaceError: no room.
    """
    path = picture_path(root, picture.sha256)
    try:
        if path.stat().st_size == picture.bytes:
            return
    except FileNotFoundError:
        pass
    if sha256(picture.content).hexdigest() != picture.sha256:
        raise TrustError(f"{path}: its content has another digest; run this again")
    # two files with the same picture may come at once: each writes a staging file of its own
    write_then_name(root / "incoming", [picture.content], lambda: path, read_only=True)


def remove_unused(root: Path, state: State) -> None:
    """Delete the pictures of which the last object is gone; idempotent."""
    for digest in pending.unused_pictures(state):
        path = picture_path(root, digest)
        if path.exists():
            path.unlink()
            fsync_directory(path.parent)
        pending.forget_picture(state, digest)
