"""Figures for Prometheus that are read from the records: lines of the audit log, alerts, scores."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from phonotheque.guard import GuardStore, What
from phonotheque.guard import day_of as day_number
from phonotheque.serve.guarding.alerts import SENT

_BOUNDS: Final = (2.0, 3.0, 4.0, 5.0)


def watch_lines(store: GuardStore, now: datetime) -> Iterator[str]:
    """In Prometheus' text format."""
    counted = dict(store.database.rows("SELECT what, count(*) FROM audit GROUP BY what"))
    yield from _head("audit_lines_total", "counter", "Lines of the audit log, by what they tell.")
    for what in What:
        yield f'phonotheque_guard_audit_lines_total{{what="{what}"}} {counted.get(what.value, 0)}'
    rows = store.database.rows(
        "SELECT score FROM seen_day WHERE day = ? AND score >= ?", [day_number(now), _BOUNDS[0]]
    )
    yield from _head("actors_today", "gauge", "Accounts and networks whose evidence of today is "
                     "at least so high.")  # fmt: skip
    for bound in _BOUNDS:
        count = sum(1 for (score,) in rows if score >= bound)
        yield f'phonotheque_guard_actors_today{{evidence="{bound:g}"}} {count}'
    sent = store.database.row("SELECT value FROM setting WHERE name = ?", [SENT])
    if sent is not None:
        yield from _head("alerts_behind", "gauge", "Lines of the audit log that alerts have not "
                         "seen to yet.")  # fmt: skip
        yield f"phonotheque_guard_alerts_behind {max(0, store.last_line() - int(sent[0]))}"


def _head(name: str, kind: str, about: str) -> tuple[str, str]:
    return f"# HELP phonotheque_guard_{name} {about}", f"# TYPE phonotheque_guard_{name} {kind}"
