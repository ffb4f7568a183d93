"""Accounts of a log followed many at once, in stretches; what they reached at most.

A stretch is thirty days or `STRETCH` media requests, whichever ends first, and begins with
nothing, as the levels do. Memory: a few hundred MB of rectangles, and about 60 bytes for each
account that has enough requests to say anything.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from phonotheque.guard.batch import Requests, follow_many, symbols_of
from phonotheque.guard.logs.counting import PARTS_SECONDS
from phonotheque.guard.tables import MOST_STEP, Tables

STRETCH: Final = 5_000
DAYS_SECONDS: Final = 30 * 86_400.0
_CELLS: Final = 1 << 20
_ROWS: Final = 4096
_CLASSES: Final = (64, 256, 1024, STRETCH)
_BATCH: Final = 1 << 17
NO_SLOW: Final = -50.0
"""Slow features were not looked at: below any score there is."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Reached:
    """By account that was followed (rows): its number, its highest sums and slow score (columns as
    in levels), and when its highest stretch began. `requests` are media requests, parts of one
    counted once."""

    accounts: NDArray[np.int64]
    most: Floats
    since: Floats
    requests: int


@dataclass
class _Waiting:
    """Stretches of about one length."""

    accounts: list[int] = field(default_factory=list)
    stretches: list[Requests] = field(default_factory=list)
    longest: int = 0

    def full(self) -> bool:
        return len(self.stretches) >= _ROWS or len(self.stretches) * self.longest >= _CELLS


def least_requests(tables: Tables) -> int:
    """With fewer media requests no sum gets to its lowest level: none says more than 4 nats."""
    return max(2, int(min(tables.levels[0][:-1]) // MOST_STEP) + 1)


def follow_log(path: Path, tables: Tables) -> Reached:
    """Follow the accounts in the file that `lay_in_order` wrote."""
    columns = len(tables.alternatives) + 1
    found = _Heights(columns)
    waiting = {longest: _Waiting() for longest in _CLASSES}
    requests = 0
    for account, whole in iter_accounts(path):
        for stretch in iter_stretches(whole):
            requests += len(stretch.items)
            place = next(c for c in _CLASSES if len(stretch.items) <= c)
            one = waiting[place]
            one.accounts.append(account)
            one.stretches.append(stretch)
            one.longest = max(one.longest, len(stretch.items))
            if one.full():
                found.add(one, tables)
                waiting[place] = _Waiting()
    for one in waiting.values():
        found.add(one, tables)
    return found.finish(requests)


class _Heights:
    """What stretches reached, gathered in columns."""

    def __init__(self, columns: int) -> None:
        self._accounts: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
        self._most: list[NDArray[np.float32]] = [np.empty((0, columns), np.float32)]
        self._since: list[Floats] = [np.empty(0)]

    def add(self, waiting: _Waiting, tables: Tables) -> None:
        if not waiting.stretches:
            return
        most = follow_many(symbols_of(waiting.stretches), tables).most
        most[:, -1] = np.maximum(most[:, -1], NO_SLOW)
        self._accounts.append(np.array(waiting.accounts, np.int64))
        self._most.append(most.astype(np.float32))
        self._since.append(np.array([one.times[0] for one in waiting.stretches]))

    def finish(self, requests: int) -> Reached:
        """The most of all stretches, by account; `since` is that of the stretch that got
        furthest against the spread of its column."""
        accounts, since = np.concatenate(self._accounts), np.concatenate(self._since)
        most = np.concatenate(self._most).astype(np.float64)
        spread = np.maximum(np.abs(most[:, :-1]).mean(axis=0), 1.0) if len(most) else 1.0
        furthest = (most[:, :-1] / spread).max(axis=1, initial=0.0)
        order = np.lexsort((since, -furthest, accounts))
        kept, first = np.unique(accounts[order], return_index=True)
        highest = np.maximum.reduceat(most[order], first, axis=0) if len(first) else most
        return Reached(kept, highest, since[order][first], requests)


def iter_accounts(path: Path) -> Iterator[tuple[int, Requests]]:
    """The accounts of the file with their media requests, one after the other."""
    names = ["account", "t", "number", "artist", "release", "bucket"]
    held: list[dict[str, NDArray[np.float64]]] = []
    for batch in pq.ParquetFile(path).iter_batches(_BATCH, columns=names):
        columns = {name: batch[name].to_numpy() for name in names}
        account = columns["account"]
        cuts = np.flatnonzero(np.diff(account)) + 1
        for begin, end in zip([0, *cuts], [*cuts, len(account)], strict=True):
            piece = {name: values[begin:end] for name, values in columns.items()}
            if held and held[0]["account"][0] != piece["account"][0]:
                yield _joined(held)
                held = []
            held.append(piece)
    if held:
        yield _joined(held)


def _joined(pieces: list[dict[str, NDArray[np.float64]]]) -> tuple[int, Requests]:
    columns = {name: np.concatenate([p[name] for p in pieces]) for name in pieces[0]}
    items, times = columns["number"].astype(np.int64), columns["t"]
    kept = parts_joined(items, times)
    whole = Requests(
        items[kept], times[kept], columns["artist"][kept].astype(np.int64),
        columns["release"][kept].astype(np.int64), columns["bucket"][kept].astype(np.int64),
    )  # fmt: skip
    return int(columns["account"][0]), whole


def parts_joined(items: NDArray[np.int64], times: Floats) -> NDArray[np.bool_]:
    """Which requests begin something: those for the item asked for just before are parts of it."""
    same = (np.diff(items) == 0) & (np.diff(times) < PARTS_SECONDS)
    return np.concatenate([np.ones(min(1, len(items)), np.bool_), ~same])


def iter_stretches(whole: Requests) -> Iterator[Requests]:
    """The stretches of an account."""
    days = ((whole.times - whole.times[0]) // DAYS_SECONDS).astype(np.int64)
    begin = 0
    while begin < len(days):
        end = min(int(np.searchsorted(days, days[begin], side="right")), begin + STRETCH)
        yield Requests(
            whole.items[begin:end], whole.times[begin:end], whole.artists[begin:end],
            whole.releases[begin:end], whole.buckets[begin:end],
        )  # fmt: skip
        begin = end
