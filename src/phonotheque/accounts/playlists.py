"""Playlists and play queues of listeners: rows of recordings, by permanent number."""

import secrets
import sqlite3
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec

from phonotheque.accounts.database import Database, from_us, to_us
from phonotheque.model.errors import NotFoundError, UsageError

MOST_ENTRIES, MOST_IN_ALL, MOST_PLAYLISTS = 20_000, 200_000, 1_000
_TEXT = {"name": 200, "comment": 2_000}
_COLUMNS = (
    "playlist, accounts.account, accounts.name, playlists.name, comment, public, "
    "playlists.created_us, changed_us, entries"
)


class Playlist(msgspec.Struct, frozen=True, kw_only=True):
    """A playlist; `recordings` by number, in order, repetitions kept."""

    id: str
    account: int
    owner: str
    name: str
    comment: str
    public: bool
    created_at: datetime
    changed_at: datetime
    recordings: tuple[int, ...]


class PlayQueue(msgspec.Struct, frozen=True, kw_only=True):
    """What an account was about to hear; `current` is a place in it, or null."""

    recordings: tuple[int, ...]
    current: int | None
    position_ms: int
    changed_at: datetime
    client: str


class Playlists:
    """The playlists and queues in a file of accounts; accounts are meant by number."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def visible(self, account: int | None) -> list[Playlist]:
        """An account's own, then what others made public; of nobody: what is public."""
        rows = self._database.rows(
            f"SELECT {_COLUMNS} FROM playlists JOIN accounts USING (account) "
            "WHERE account = ? OR (public AND disabled_us IS NULL) "
            "ORDER BY account <> ?, lower(playlists.name), playlist",
            [account or 0, account or 0],
        )
        return [_playlist(row) for row in rows]

    def read(self, playlist: str, account: int | None) -> Playlist:
        """One playlist.

        Raises:
            NotFoundError: there is none, or it is somebody else's alone.
        """
        row = self._database.row(
            f"SELECT {_COLUMNS} FROM playlists JOIN accounts USING (account) WHERE playlist = ? "
            "AND (account = ? OR (public AND disabled_us IS NULL))",
            [playlist, account or 0],
        )
        if row is None:
            raise NotFoundError(f"{playlist}: there is no such playlist")
        return _playlist(row)

    def create(self, account: int, name: str, recordings: Sequence[int], now: datetime) -> Playlist:
        """A new playlist that only its owner sees.

        Raises:
            UsageError: the name is empty or too long, or there are too many playlists or entries.
        """
        at = to_us(now)
        made = secrets.token_hex(8)
        with self._database.transaction() as writer:
            counted = writer.execute("SELECT count(*) FROM playlists WHERE account = ?", [account])
            if counted.fetchone()[0] >= MOST_PLAYLISTS:
                raise UsageError(f"more than {MOST_PLAYLISTS} playlists; delete some first")
            writer.execute(
                "INSERT INTO playlists VALUES (?,?,?,'',0,?,?,?)",
                [made, account, _text("name", name), at, at, _packed(recordings)],
            )
            _check_room(writer, account)
        return self.read(made, account)

    def change(
        self,
        playlist: str,
        account: int,
        now: datetime,
        *,
        name: str | None = None,
        comment: str | None = None,
        public: bool | None = None,
        recordings: Sequence[int] | None = None,
        remove: Collection[int] = (),
        add: Sequence[int] = (),
    ) -> Playlist:
        """Change one's own playlist; what is None stays. `remove` are places, counted from 0 before
        anything is added; `add` are recordings that go to the end.

        Raises:
            NotFoundError: there is none, or it is somebody else's.
            UsageError: a text is too long, or there are too many entries.
        """
        with self._database.transaction() as writer:
            found = self._own(playlist, account)  # nobody else writes now
            before = found.recordings if recordings is None else recordings
            kept = [number for at, number in enumerate(before) if at not in remove]
            writer.execute(
                "UPDATE playlists SET name = ?, comment = ?, public = ?, changed_us = ?, "
                "entries = ? WHERE playlist = ? AND account = ?",
                [
                    found.name if name is None else _text("name", name),
                    found.comment if comment is None else _text("comment", comment),
                    int(found.public if public is None else public),
                    to_us(now),
                    _packed([*kept, *add]),
                    playlist,
                    account,
                ],
            )
            _check_room(writer, account)
        return self.read(playlist, account)

    def delete(self, playlist: str, account: int) -> None:
        """Delete one's own playlist.

        Raises:
            NotFoundError: there is none, or it is somebody else's.
        """
        self._own(playlist, account)
        with self._database.transaction() as writer:
            writer.execute(
                "DELETE FROM playlists WHERE playlist = ? AND account = ?", [playlist, account]
            )

    def queue(self, account: int) -> PlayQueue | None:
        """The queue that was saved last."""
        row = self._database.row(
            "SELECT entries, current, position_ms, changed_us, client FROM play_queues "
            "WHERE account = ?",
            [account],
        )
        if row is None:
            return None
        return PlayQueue(
            recordings=_unpacked(row[0]), current=row[1], position_ms=row[2],
            changed_at=from_us(row[3]), client=row[4],
        )  # fmt: skip

    def save_queue(self, account: int, queue: PlayQueue) -> None:
        """Take the place of the queue saved before; an empty one deletes it.

        Raises:
            UsageError: there are too many entries, or `current` is no place in it.
        """
        if queue.current is not None and not 0 <= queue.current < len(queue.recordings):
            raise UsageError("the current entry is not in the queue")
        with self._database.transaction() as writer:
            writer.execute("DELETE FROM play_queues WHERE account = ?", [account])
            if queue.recordings:
                writer.execute(
                    "INSERT INTO play_queues VALUES (?,?,?,?,?,?)",
                    [account, _packed(queue.recordings), queue.current, queue.position_ms,
                     to_us(queue.changed_at), queue.client[:80]],
                )  # fmt: skip

    def _own(self, playlist: str, account: int) -> Playlist:
        found = self.read(playlist, account)
        if found.account != account:
            raise NotFoundError(f"{playlist}: this playlist is somebody else's")
        return found


def _check_room(writer: sqlite3.Connection, account: int) -> None:
    held = writer.execute(
        "SELECT sum(length(entries)) / 8 FROM playlists WHERE account = ?", [account]
    ).fetchone()[0]
    if held > MOST_IN_ALL:
        raise UsageError(f"more than {MOST_IN_ALL} entries in all; delete some first")


def _text(field: str, value: str) -> str:
    if len(value) > _TEXT[field] or (field == "name" and not value.strip()):
        raise UsageError(f"the {field} of a playlist has 1 to {_TEXT[field]} characters")
    return value


def _packed(recordings: Sequence[int]) -> bytes:
    if len(recordings) > MOST_ENTRIES:
        raise UsageError(f"{len(recordings)} entries; at most {MOST_ENTRIES}")
    return b"".join(number.to_bytes(8, "little") for number in recordings)


def _unpacked(content: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(content[at : at + 8], "little") for at in range(0, len(content), 8))


def _playlist(row: Any) -> Playlist:
    return Playlist(
        id=row[0], account=row[1], owner=row[2], name=row[3], comment=row[4], public=bool(row[5]),
        created_at=from_us(row[6]), changed_at=from_us(row[7]), recordings=_unpacked(row[8]),
    )  # fmt: skip
