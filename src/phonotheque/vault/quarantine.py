"""Files set aside: kept durably under their SHA-256 in ``quarantine/ab/cd/``, never objects, never
given out."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from phonotheque.model.errors import TrustError
from phonotheque.storage.digests import digest_file, read_chunks
from phonotheque.storage.durable import commit_file, ensure_directory, write_chunks
from phonotheque.vault.material import Material
from phonotheque.vault.state import State

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """One file that is set aside. `reason` is JSON, as in its `qua` event."""

    sha256: str
    bytes: int
    at: datetime
    reason: str


def quarantine_path(root: Path, digest: str) -> Path:
    """Where a file of this content stands, set aside, in the vault at `root`."""
    return root / "quarantine" / digest[:2] / digest[2:4] / digest


def keep_aside(root: Path, material: Material) -> None:
    """Set the bytes aside, durable on return; takes a staging file for its own.

    Raises:
        TrustError: what was written is not what was hashed.
        NoSpaceError: no room.
    """
    path = quarantine_path(root, material.sha256)
    if path.exists() and digest_file(path).sha256.hex() == material.sha256:
        return
    if material.staging is not None:
        material.staging.chmod(0o444)
        ensure_directory(path.parent)
        commit_file(material.staging, path)
        return
    with material.content.open("rb") as stream:
        write_chunks(path, read_chunks(stream), expected_bytes=material.size_bytes, read_only=True)
    if digest_file(path).sha256.hex() != material.sha256:
        path.unlink()
        raise TrustError(f"{path}: came out changed; look at the disk and run this again")


def add_quarantined(state: State, item: Quarantined) -> None:
    """Record it; one that is recorded keeps its first reason."""
    state.execute(
        "INSERT OR IGNORE INTO quarantined VALUES (?,?,?,?)",
        [
            bytes.fromhex(item.sha256),
            item.bytes,
            (item.at - _EPOCH) // timedelta(microseconds=1),
            item.reason,
        ],
    )


def is_quarantined(state: State, digest: str) -> bool:
    """Whether a file of this content is set aside."""
    row = state.execute("SELECT 1 FROM quarantined WHERE sha256 = ?", [bytes.fromhex(digest)])
    return row.fetchone() is not None


def iter_quarantined(state: State) -> Iterator[Quarantined]:
    """All that is set aside, by digest."""
    rows = state.execute("SELECT sha256, bytes, at_us, reason FROM quarantined ORDER BY sha256")
    for digest, size, at_us, reason in rows:
        at = _EPOCH + timedelta(microseconds=at_us)
        yield Quarantined(sha256=digest.hex(), bytes=size, at=at, reason=reason)


def forget_quarantined(state: State, digest: str) -> None:
    """Its file is gone."""
    state.execute("DELETE FROM quarantined WHERE sha256 = ?", [bytes.fromhex(digest)])
