"""What was refused of a source, so that it need not be read again while it is unchanged (SQL)."""

import msgspec

from phonotheque.vault.examination import Examination
from phonotheque.vault.state import State


def remember_refusal(
    state: State, source: str, key: str, examination: Examination, examiner: str
) -> None:
    """Take the place of what was remembered of (source, key)."""
    said = msgspec.structs.replace(examination, description=None)
    state.execute(
        "INSERT OR REPLACE INTO refusals VALUES (?,?,?,?,?,?)",
        [
            source,
            key,
            examination.size_bytes,
            examination.mtime_ns,
            examiner,
            msgspec.msgpack.encode(said),
        ],
    )


def find_refusal(
    state: State, source: str, key: str, size_bytes: int, *, mtime_ns: int, examiner: str
) -> Examination | None:
    """What the same examiner found in this file, if it was refused and has not changed since."""
    row = state.execute(
        "SELECT examination FROM refusals WHERE source = ? AND path = ? AND bytes = ? "
        "AND mtime_ns = ? AND examiner = ?",
        [source, key, size_bytes, mtime_ns, examiner],
    ).fetchone()
    return None if row is None else msgspec.msgpack.decode(row[0], type=Examination)
