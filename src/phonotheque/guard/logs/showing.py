"""The requests that speak against an account: its highest stretch once more, one by one."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np

from phonotheque.guard.deciding import Action, Policy, decide
from phonotheque.guard.events import Event, Kind
from phonotheque.guard.logs.following import DAYS_SECONDS, STRETCH, parts_joined
from phonotheque.guard.logs.found import Shown
from phonotheque.guard.scoring import score
from phonotheque.guard.state import State
from phonotheque.guard.symbols import describe_symbol
from phonotheque.guard.tables import Tables

MOST_SHOWN: Final = 8


@dataclass(frozen=True)
class Told:
    """The action at its highest, and the requests it rests on."""

    action: Action
    alarm_after: int | None
    alarm_items: int | None
    alarm_at: datetime | None
    shown: tuple[Shown, ...]


@dataclass
class _Step:
    row: tuple[Any, ...]
    symbol: int
    sums: tuple[float, ...]


def tell(
    connection: duckdb.DuckDBPyConnection, path: Path, account: int, since: float, tables: Tables
) -> Told:
    """Follow the stretch of `account` that begins at `since` in the file of `lay_in_order`."""
    rows = connection.execute(
        f"""SELECT t, number, artist, release, bucket, file, line
        FROM read_parquet('{str(path).replace("'", "''")}')
        WHERE account = $account AND t >= $since AND t < $until
        ORDER BY t, file, line LIMIT {8 * STRETCH}""",
        {"account": account, "since": since, "until": since + DAYS_SECONDS},
    ).fetchall()
    numbers = np.array([row[1] for row in rows], np.int64)
    kept = parts_joined(numbers, np.array([row[0] for row in rows]))
    rows = [row for row, begins in zip(rows, kept, strict=True) if begins][:STRETCH]
    return _follow(rows, str(account), tables)


def _follow(rows: list[tuple[Any, ...]], account: str, tables: Tables) -> Told:
    state, policy, steps = State(), Policy(), []
    best: Action | None = None
    leading, alarm = "", None
    distinct: set[int] = set()
    for row in rows:
        t, number, artist, release, bucket = row[:5]
        event = Event(
            t=t, account=account, kind=Kind.MEDIA, item=number, rank_bucket=bucket, artist=artist,
            release=release,
        )  # fmt: skip
        state, evidence = score(state, event, tables)
        if evidence.symbol is None:
            continue
        distinct.add(number)
        steps.append(_Step(row, evidence.symbol, evidence.sums))
        action = decide(evidence, policy, t)
        if best is None or action.odds > best.odds:
            best, leading = action, evidence.leading or leading
        if alarm is None and evidence.since_alarm == 0 and state.alarmed_at >= 0:
            alarm = (evidence.media, len(distinct), t)
    assert best is not None  # it was followed, so it has requests
    shown = _shown(steps, tables.alternatives.index(leading), alarm) if leading else ()
    if alarm is None:
        return Told(best, None, None, None, shown)
    return Told(best, alarm[0], alarm[1], datetime.fromtimestamp(alarm[2], UTC), shown)


def _shown(
    steps: list[_Step], column: int, alarm: tuple[int, int, float] | None
) -> tuple[Shown, ...]:
    """Those that added most to the sum on its way to the alarm (or to its highest), in order."""
    sums = np.array([0.0, *(step.sums[column] for step in steps)])
    end = alarm[0] if alarm else int(np.argmax(sums))
    begin = int(np.flatnonzero(sums[: end + 1] == 0)[-1])
    gains = np.diff(sums[begin : end + 1])
    strongest = np.sort(np.argsort(-gains, kind="stable")[:MOST_SHOWN])
    return tuple(
        Shown(
            str(step.row[5]), step.row[6], datetime.fromtimestamp(step.row[0], UTC),
            str(step.row[1]), describe_symbol(step.symbol), round(float(gains[place]), 2),
        )
        for place in strongest.tolist()
        if gains[place] > 0
        for step in (steps[begin + place],)
    )  # fmt: skip
