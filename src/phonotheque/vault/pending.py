"""What of the state waits to be written into batches, and the counts of pictures (SQL only)."""

from collections.abc import Iterable, Iterator

import msgspec

from phonotheque.vault.descriptions import Described, encode_description, without_contents
from phonotheque.vault.examination import Description
from phonotheque.vault.state import State


def add_description(state: State, event: int, sha256: str, description: Description) -> None:
    """Remember the description of the object that `event` brings in, until it is in a batch."""
    content = encode_description(without_contents(description))
    state.execute(
        "INSERT INTO pending_descriptions VALUES (?,?,?)", [event, bytes.fromhex(sha256), content]
    )


def pending_description(state: State, sha256: str) -> Description | None:
    """The description of an object that is in no batch yet."""
    row = state.execute(
        "SELECT content FROM pending_descriptions WHERE sha256 = ? ORDER BY event DESC LIMIT 1",
        [bytes.fromhex(sha256)],
    ).fetchone()
    return None if row is None else msgspec.msgpack.decode(row[0], type=Description)


def iter_pending_descriptions(
    state: State, first: int, last: int, page: int
) -> Iterator[list[Described]]:
    """Descriptions of ingestions `first` to `last`, in order, page by page."""
    position = first - 1
    while rows := state.execute(
        "SELECT p.event, p.sha256, coalesce(duration_ms, 0), content FROM pending_descriptions p "
        "LEFT JOIN objects o ON o.sha256 = p.sha256 WHERE p.event > ? AND p.event <= ? "
        "ORDER BY p.event LIMIT ?",
        [position, last, page],
    ).fetchall():
        yield [
            Described(event, digest.hex(), duration, _decoded(content))
            for event, digest, duration, content in rows
        ]
        position = rows[-1][0]


def _decoded(content: bytes) -> Description:
    return msgspec.msgpack.decode(content, type=Description)


def forget_descriptions(state: State, last: int) -> None:
    """Those of ingestions up to `last` are in batches."""
    state.execute("DELETE FROM pending_descriptions WHERE event <= ?", [last])


def use_pictures(state: State, pictures: Iterable[tuple[str, int]]) -> None:
    """One object more has these pictures (digest, bytes)."""
    for digest, size_bytes in dict(pictures).items():
        state.execute(
            "INSERT INTO pictures VALUES (?,?,1) ON CONFLICT DO UPDATE SET uses = uses + 1",
            [bytes.fromhex(digest), size_bytes],
        )


def release_pictures(state: State, digests: Iterable[str]) -> None:
    """One object less has these pictures."""
    for digest in set(digests):
        state.execute(
            "UPDATE pictures SET uses = max(uses - 1, 0) WHERE sha256 = ?", [bytes.fromhex(digest)]
        )


def unused_pictures(state: State) -> list[str]:
    """Pictures that no object has any more, to be deleted."""
    rows = state.execute("SELECT sha256 FROM pictures WHERE uses = 0 ORDER BY sha256")
    return [digest.hex() for (digest,) in rows]


def forget_picture(state: State, digest: str) -> None:
    """Its file is gone."""
    state.execute("DELETE FROM pictures WHERE sha256 = ? AND uses = 0", [bytes.fromhex(digest)])
