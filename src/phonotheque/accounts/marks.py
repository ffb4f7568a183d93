"""What a listener marks: stars, ratings, and how often something was played.

An item is (kind, number): `Kind` of model.numbers, and a permanent number. Of plays only a count
and the last time are kept, not each of them: nobody's days can be read from it.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

import msgspec

from phonotheque.accounts.database import Database, from_us, to_us
from phonotheque.model.errors import UsageError
from phonotheque.model.numbers import Kind

MOST_STARS = 100_000
_AT_ONCE = 500
Item: TypeAlias = tuple[Kind, int]


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """What one account did with one item."""

    starred_at: datetime | None = None
    rating: int = 0  # 1 to 5; 0: none
    plays: int = 0
    played_at: datetime | None = None


class Playing(msgspec.Struct, frozen=True, kw_only=True):
    """Who hears what."""

    account: str
    recording: int
    client: str
    at: datetime


class Marks:
    """The marks in a file of accounts; accounts are meant by number."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def star(self, account: int, items: Iterable[Item], now: datetime) -> None:
        """Star items; one that is starred stays so since when it was.

        Raises:
            UsageError: that would be more than 100,000 stars.
        """
        with self._database.transaction() as writer:
            writer.executemany(
                "INSERT OR IGNORE INTO stars VALUES (?,?,?,?)",
                [(account, kind.value, number, to_us(now)) for kind, number in items],
            )
            counted = writer.execute("SELECT count(*) FROM stars WHERE account = ?", [account])
            if counted.fetchone()[0] > MOST_STARS:
                raise UsageError(f"more than {MOST_STARS} stars; take some away first")

    def unstar(self, account: int, items: Iterable[Item]) -> None:
        """Take stars away."""
        with self._database.transaction() as writer:
            writer.executemany(
                "DELETE FROM stars WHERE account = ? AND kind = ? AND number = ?",
                [(account, kind.value, number) for kind, number in items],
            )

    def starred(self, account: int, kind: Kind, first: int = 0, count: int = -1) -> list[int]:
        """What is starred of one kind, the newest first."""
        rows = self._database.rows(
            "SELECT number FROM stars WHERE account = ? AND kind = ? "
            "ORDER BY at_us DESC, number LIMIT ? OFFSET ?",
            [account, kind.value, count, first],
        )
        return [number for (number,) in rows]

    def rate(self, account: int, item: Item, rating: int) -> None:
        """Give an item 1 to 5, or 0 for no rating.

        Raises:
            UsageError: it is none of these.
        """
        if not 0 <= rating <= 5:
            raise UsageError(f"a rating is 1 to 5, or 0 for none, not {rating}")
        values = [account, item[0].value, item[1]]
        with self._database.transaction() as writer:
            if rating:
                writer.execute("INSERT OR REPLACE INTO ratings VALUES (?,?,?,?)", [*values, rating])
            else:
                writer.execute(
                    "DELETE FROM ratings WHERE account = ? AND kind = ? AND number = ?", values
                )

    def best_rated(self, account: int, kind: Kind, first: int, count: int) -> list[int]:
        """What has a rating, the best first."""
        return self._listed("ratings", "rating DESC, number", account, kind, (count, first))

    def most_played(self, account: int, kind: Kind, first: int, count: int) -> list[int]:
        """What was played, the most often first."""
        return self._listed("plays", "count DESC, number", account, kind, (count, first))

    def last_played(self, account: int, kind: Kind, first: int, count: int) -> list[int]:
        """What was played, the last first."""
        return self._listed("plays", "last_us DESC, number", account, kind, (count, first))

    def played(self, account: int, items: Iterable[tuple[Item, datetime]]) -> None:
        """Count one play of each item, at its time."""
        with self._database.transaction() as writer:
            writer.executemany(
                "INSERT INTO plays VALUES (?,?,?,1,?) ON CONFLICT DO UPDATE "
                "SET count = count + 1, last_us = max(last_us, excluded.last_us)",
                [(account, kind.value, number, to_us(at)) for (kind, number), at in items],
            )

    def marks_of(self, account: int, items: Sequence[Item]) -> dict[Item, Mark]:
        """The marks of items; those without any are left out."""
        found: dict[Item, Mark] = {}
        for kind in {kind for kind, _ in items}:
            numbers = sorted({number for of, number in items if of is kind})
            for first in range(0, len(numbers), _AT_ONCE):
                found |= self._some_marks(account, kind, numbers[first : first + _AT_ONCE])
        return found

    def now_playing(self, account: int, recording: int, client: str, now: datetime) -> None:
        """An account begins to hear a recording."""
        with self._database.transaction() as writer:
            writer.execute(
                "INSERT OR REPLACE INTO playing VALUES (?,?,?,?)",
                [account, recording, client[:80], to_us(now)],
            )

    def playing(self, account: int, now: datetime, within: timedelta) -> list[Playing]:
        """What the account began to hear within that time."""
        rows = self._database.rows(
            "SELECT name, recording, client, at_us FROM playing JOIN accounts USING (account) "
            "WHERE account = ? AND at_us > ?",
            [account, to_us(now - within)],
        )
        return [Playing(account=n, recording=r, client=c, at=from_us(a)) for n, r, c, a in rows]

    def _listed(
        self, table: str, order: str, account: int, kind: Kind, page: tuple[int, int]
    ) -> list[int]:
        rows = self._database.rows(
            f"SELECT number FROM {table} WHERE account = ? AND kind = ? "
            f"ORDER BY {order} LIMIT ? OFFSET ?",
            [account, kind.value, *page],
        )
        return [number for (number,) in rows]

    def _some_marks(self, account: int, kind: Kind, numbers: list[int]) -> dict[Item, Mark]:
        marks = ",".join("?" * len(numbers))
        where = f"WHERE account = ? AND kind = ? AND number IN ({marks})"
        values = [account, kind.value, *numbers]
        found = dict.fromkeys(numbers, Mark())
        for number, at in self._database.rows(f"SELECT number, at_us FROM stars {where}", values):
            found[number] = msgspec.structs.replace(found[number], starred_at=from_us(at))
        for number, rating in self._database.rows(
            f"SELECT number, rating FROM ratings {where}", values
        ):
            found[number] = msgspec.structs.replace(found[number], rating=rating)
        for number, count, last in self._database.rows(
            f"SELECT number, count, last_us FROM plays {where}", values
        ):
            found[number] = msgspec.structs.replace(
                found[number], plays=count, played_at=from_us(last)
            )
        return {(kind, number): mark for number, mark in found.items() if mark != Mark()}
