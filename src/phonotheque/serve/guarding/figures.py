"""The guard's figures for Prometheus: a row of numbers of each process, and what is said of all."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from phonotheque.guard import GuardStore
from phonotheque.serve.guarding.counts import BOUNDS_S, REFUSED, Counts
from phonotheque.serve.guarding.gate import Gate
from phonotheque.serve.guarding.keeper import FAULTS, Keeper
from phonotheque.serve.guarding.watch_figures import watch_lines

_COUNTERS: Final = (
    ("admitted", "Requests that the guard let pass."),
    ("canary_requests", "Requests for ids that nothing shows."),
    ("scored", "Requests that were scored."),
    ("alarms", "Lines that the guard itself wrote in its audit log."),
    ("record_failures", "Times that the guard's records could not be used; nobody was refused."),
    ("limit_failures", "Times that a budget could not be counted; nobody was refused."),
    ("states_lost", "States that left memory before they could be written."),
    ("messages_lost", "Requests of which the keeper was not told for want of room."),
    ("faults", "Requests at which the guard itself failed; they were answered."),
)
_GAUGES: Final = (
    ("actors", "Accounts and networks in memory."),
    ("records_lost", "1: the records cannot be used at the moment."),
    ("groups", "Groups of accounts in memory."),
    ("groups_told", "Groups of accounts that are told to share out the catalogue."),
    ("people_known", "Accounts and networks that groups are measured by; below 200: not yet."),
)
_REFUSED_AT: Final = len(_COUNTERS) + len(_GAUGES)
_DECISIONS_AT: Final = _REFUSED_AT + len(REFUSED)
_SECONDS_AT: Final = _DECISIONS_AT + len(BOUNDS_S) + 1
WIDTH: Final = _SECONDS_AT + 1


def gate_figures(gate: Gate, messages_lost: int) -> list[float]:
    """The row of a process that answers."""
    counts = gate.counts
    row = [0.0] * WIDTH
    row[0], row[1] = counts.admitted, counts.canaries
    row[4] = gate.standings.failures
    row[5] = gate.means.windows.failures
    row[7], row[8] = messages_lost, counts.faults
    _copy(row, counts)
    return row


def keeper_figures(keeper: Keeper) -> list[float]:
    """The row of the process that keeps the records; to be added to that of the same process."""
    row = [0.0] * WIDTH
    row[2], row[3], row[4] = keeper.told, keeper.alarms, keeper.failures
    row[6] = keeper.lost_states
    row[len(_COUNTERS)] = keeper.actors
    row[len(_COUNTERS) + 1] = float(keeper.is_lost)
    groups = keeper.groups
    row[len(_COUNTERS) + 2 : _REFUSED_AT] = [len(groups), groups.told, groups.people]
    return row


def _copy(row: list[float], counts: Counts) -> None:
    row[_REFUSED_AT:_DECISIONS_AT] = [counts.refused[name] for name in REFUSED]
    row[_DECISIONS_AT:_SECONDS_AT] = list(counts.decisions)
    row[_SECONDS_AT] = counts.decision_seconds


def guard_lines(total: Sequence[float]) -> Iterator[str]:
    """The rows of all processes, added up, in Prometheus' text format; nothing where there is no
    guard."""
    if not any(total):
        return
    for at, (name, about) in enumerate(_COUNTERS):
        yield from _head(f"{name}_total", "counter", about)
        yield f"phonotheque_guard_{name}_total {int(total[at])}"
    for at, (name, about) in enumerate(_GAUGES, len(_COUNTERS)):
        yield from _head(name, "gauge", about)
        yield f"phonotheque_guard_{name} {int(total[at])}"
    yield from _head("refused_total", "counter", "Requests that the guard refused, by measure.")
    for at, name in enumerate(REFUSED, _REFUSED_AT):
        yield f'phonotheque_guard_refused_total{{measure="{name}"}} {int(total[at])}'
    yield from _head("decision_seconds", "histogram", "What the guard takes with one request.")
    count = 0
    for bound, value in zip(
        (*map(str, BOUNDS_S), "+Inf"), total[_DECISIONS_AT:_SECONDS_AT], strict=True
    ):
        count += int(value)
        yield f'phonotheque_guard_decision_seconds_bucket{{le="{bound}"}} {count}'
    yield f"phonotheque_guard_decision_seconds_sum {total[_SECONDS_AT]:.6f}"
    yield f"phonotheque_guard_decision_seconds_count {count}"


def record_lines(store: Path, now: datetime) -> list[str]:
    """What stands in the guard's records: actors under each measure, what waits for people."""
    try:
        with GuardStore(store) as opened:
            counts, watched = opened.counts(now), [*watch_lines(opened, now)]
    except FAULTS:
        return []
    lines = [*_head("actors_under", "gauge", "Accounts and networks under a measure.")]
    lines += [
        f'phonotheque_guard_actors_under{{measure="{name}"}} {counts.get(name, 0)}'
        for name in ("redirect", "slow", "degrade", "suspend", "disable")
    ]
    for name, about in (("proposals", "Proposals to disable an account that nobody has decided."),
                        ("appeals", "Appeals that nobody has answered.")):  # fmt: skip
        lines += [*_head(f"open_{name}", "gauge", about)]
        lines.append(f"phonotheque_guard_open_{name} {counts[name]}")
    return lines + watched


def _head(name: str, kind: str, about: str) -> tuple[str, str]:
    return f"# HELP phonotheque_guard_{name} {about}", f"# TYPE phonotheque_guard_{name} {kind}"
