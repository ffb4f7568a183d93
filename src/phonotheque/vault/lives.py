"""What befell one object of a vault, read without opening the vault for writing."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pyarrow.compute as pc
import pyarrow.parquet as pq

from phonotheque.model.errors import FormatError
from phonotheque.vault.events import EventType, batch_path
from phonotheque.vault.fixity_state import FixityState, Outcome
from phonotheque.vault.state import State

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS = ["type", "at", "outcome", "sha256"]


class LifeEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was done with an object; `type` is a code of `EventType`."""

    at: datetime
    type: str
    outcome: str  # success | failure; of fixity checks: sound | damaged | missing | not checked


class ObjectLife(msgspec.Struct, frozen=True, kw_only=True):
    """An object the vault holds: what was done at its admission and how it was found last, oldest
    first. `checked_at`: when its bytes were read last."""

    sha256: str
    bytes: int
    checked_at: datetime | None
    events: list[LifeEvent]


def read_life(root: Path, sha256: str) -> ObjectLife | None:
    """The life of the object `sha256` (hex) in the vault at `root`; None where it holds none, or
    its state cannot be read now. Reads one batch of events at most."""
    path = root / "state.sqlite"
    if not path.is_file():
        return None
    try:
        state = State.reading(path)
    except (OSError, sqlite3.Error, FormatError):
        return None
    try:
        return _read(root, state, sha256)
    except sqlite3.Error:
        return None
    finally:
        state.close()


def _read(root: Path, state: State, sha256: str) -> ObjectLife | None:
    item = state.object(sha256)
    if item is None:
        return None
    fixity = FixityState(state)
    fault = fixity.fault(bytes.fromhex(sha256))
    checked = fixity.looked_at(bytes.fromhex(sha256))
    # a bad find is an event too; the state knows how the last look ended
    events = [
        event
        for event in _events(root, state, sha256)
        if event.type != EventType.FIXITY_CHECK or checked is None or event.at < checked
    ]
    admitted = max((e.at for e in events), default=None)
    if checked is not None and (admitted is None or checked > admitted):
        found = fault.outcome if fault else Outcome.SOUND
        events.append(LifeEvent(at=checked, type=EventType.FIXITY_CHECK, outcome=found))
    return ObjectLife(
        sha256=sha256,
        bytes=item.bytes,
        checked_at=max((e.at for e in events), default=None),
        events=events,
    )


def _events(root: Path, state: State, sha256: str) -> list[LifeEvent]:
    """The events of its admission, from the batch that has them or from those that wait."""
    event = state.event_of(sha256)
    sequence = state.batch_of(event) if event else None
    if sequence is None:
        rows = state.execute(
            "SELECT type, at_us, outcome FROM pending_events WHERE sha256 = ? ORDER BY event",
            [bytes.fromhex(sha256)],
        ).fetchall()
        return [
            LifeEvent(at=_EPOCH + timedelta(microseconds=at), type=kind, outcome=outcome)
            for kind, at, outcome in rows
        ]
    try:
        table = pq.read_table(batch_path(root, sequence), columns=_COLUMNS)
    except (OSError, ValueError):  # `verify --vault` says what is wrong with it
        return []
    chosen = table.filter(pc.equal(table["sha256"], sha256)).to_pylist()
    return [LifeEvent(at=r["at"], type=r["type"], outcome=r["outcome"]) for r in chosen]
