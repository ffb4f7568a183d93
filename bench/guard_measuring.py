"""What the guard's bench measures, on people and harvesters given as symbols."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bench.guard_baselines import CROWDSEC_LEVEL, STATISTICS, Forest
from bench.guard_harvesters import MOST
from bench.guard_histories import requests_of, symbols
from bench.guard_people import History
from bench.guard_world import Floats, Ints, World
from phonotheque.guard import (
    BUDGETS,
    Event,
    Kind,
    Policy,
    State,
    Tables,
    decide,
    find_levels,
    follow_many,
    format_state,
    score,
)

ROW = BUDGETS.index(1e-3)
FOREST_ENDS = (50, 100, 200, 400, 800, 1600)


def false_positives(
    test: np.ndarray, strata: Sequence[str], weights: Floats, tables: Tables
) -> dict[str, Any]:
    """Shares of held-out people who ever stood above a level, over all and in the worst stratum."""
    when = follow_many(test, tables, np.array(tables.levels)).when > 0
    names = np.array(strata)
    figures: dict[str, Any] = {"people_tested": len(names)}
    for row, name in ((1, "fpr_observe"), (ROW, "fpr"), (3, "fpr_disable_grade")):
        figures[name] = float(weights @ when[:, row] / weights.sum())
    by = {s: float(when[names == s, ROW].mean()) for s in dict.fromkeys(strata)}
    worst = max(by, key=by.__getitem__)
    seen = float(weights.sum() ** 2 / (weights**2).sum())
    low, high = clopper_pearson(figures["fpr"] * seen, seen)
    few = {s: clopper_pearson(float(when[names == s, ROW].sum()), int((names == s).sum()))
           for s in by}  # fmt: skip
    figures |= {
        "fpr_alarms": int(when[:, ROW].sum()), "fpr_low95": low, "fpr_high95": high,
        "fpr_people_worth": seen,
        "fpr_worst_stratum": by[worst], "fpr_worst_stratum_is": worst,
        "fpr_worst_stratum_low95": few[worst][0], "fpr_worst_stratum_high95": few[worst][1],
    }  # fmt: skip
    figures |= {f"fpr_{name}": share for name, share in by.items()}
    return figures


def clopper_pearson(count: float, of: float) -> tuple[float, float]:
    """The 95 % interval of a share (Clopper and Pearson 1934). A weighted share has the count that
    as many people alike would have (Korn and Graubard 1998), whole or not."""
    if of <= 0:
        return 0.0, 1.0
    low = _beta_quantile(0.025, count, of - count + 1) if count > 0 else 0.0
    high = _beta_quantile(0.975, count + 1, of - count) if count < of else 1.0
    return low, high


def _beta_quantile(share: float, a: float, b: float) -> float:
    """Where a beta distribution has `share` below: by the sum of its density on a fine grid of
    logarithms of odds, which reaches from 10^-9 up."""
    odds = np.linspace(np.log(1e-9), np.log(1e9), 400_001)
    points = 1.0 / (1.0 + np.exp(-odds))
    logs = a * np.log(points) + b * np.log1p(-points)
    below = np.cumsum(np.exp(logs - logs.max()))
    return float(points[np.searchsorted(below, share * below[-1])])


def delays(when: Ints, begun: Ints) -> dict[str, Any]:
    """Median, 95th percentile and share caught within 2,000 requests; null: not reached."""
    taken = np.where((when > 0) & (when - begun <= MOST), when - begun, 10**9)
    found = {}
    for name, share in (("delay_median", 0.5), ("delay_p95", 0.95)):
        value = float(np.quantile(taken, share, method="higher"))
        found[name] = int(value) if value < 10**9 else None
    return found | {"caught_share": float((taken < 10**9).mean())}


def our_delays(
    world: World,
    harvesters: Mapping[str, Sequence[History]],
    found: Mapping[str, np.ndarray],
    tables: Tables,
) -> dict[str, Any]:
    """`delays` of each scenario by name."""
    figures: dict[str, Any] = {}
    for name, histories in harvesters.items():
        begun = np.array([h.first_harvest for h in histories])
        rows = follow_many(found[name], tables, np.array(tables.levels), begun).when
        when = rows[:, ROW]
        figures |= {f"{key}_{name}": value for key, value in delays(when, begun).items()}
        lost = [len(np.unique(h.items[b:w])) if w else len(np.unique(h.items[b:]))
                for h, w, b in zip(histories, when, begun, strict=True)]  # fmt: skip
        figures[f"items_lost_median_{name}"] = float(np.median(lost))
        figures |= {
            f"delay_median_{name}_at_{budget:g}": delays(rows[:, row], begun)["delay_median"]
            for row, budget in enumerate(BUDGETS)
        }
    return figures


def peer_figures(
    world: World,
    held: Sequence[History],
    test: Sequence[History],
    weights: tuple[Floats, Floats],
    harvesters: Mapping[str, Sequence[History]],
) -> dict[str, Any]:
    """The baselines with levels found as ours are, from the same people, at 1e-3."""
    figures: dict[str, Any] = {}
    for name, statistic in STATISTICS.items():
        most = np.array([[statistic(requests_of(world, h)).max()] for h in held])
        level = CROWDSEC_LEVEL
        if name != "crowdsec":
            level = find_levels(most, [h.stratum for h in held], weights[0], [1e-3])[0][0][0]
        above = np.array([statistic(requests_of(world, h)).max() > level for h in test])
        figures[f"{name}_fpr"] = float(weights[1] @ above / weights[1].sum())
        for scenario, histories in harvesters.items():
            hits = [statistic(requests_of(world, h)) > level for h in histories[::2]]
            begun = np.array([h.first_harvest for h in histories[::2]])
            hits = [
                np.where(np.arange(len(h)) >= b, h, False) for h, b in zip(hits, begun, strict=True)
            ]
            when = np.array([int(np.argmax(h)) + 1 if h.any() else 0 for h in hits])
            figures[f"{name}_delay_median_{scenario}"] = delays(when, begun)["delay_median"]
    return figures


def forest_figures(
    fit: np.ndarray, held: tuple[np.ndarray, Sequence[str], Floats],
    test: tuple[np.ndarray, Floats],
    harvesters: Mapping[str, np.ndarray], tables: Tables,
) -> dict[str, Any]:  # fmt: skip
    """The isolation forest; without scikit-learn a word that it was not run."""
    try:
        forest = Forest(fit, tables.slow.population, tables.slow.heaps, tables.learned.seed)
    except ImportError:
        return {"isolation_forest": "not run: scikit-learn is not installed"}
    most = forest.paths(held[0], FOREST_ENDS).max(axis=1, keepdims=True)
    level = find_levels(most, held[1], held[2], [1e-3])[0][0][0]
    above = forest.paths(test[0], FOREST_ENDS).max(axis=1) > level
    figures: dict[str, Any] = {"isolation_forest_fpr": float(test[1] @ above / test[1].sum())}
    for name, found in harvesters.items():
        hits = forest.paths(found, FOREST_ENDS) > level
        when = np.where(hits.any(axis=1), np.array(FOREST_ENDS)[np.argmax(hits, axis=1)], 0)
        figures[f"isolation_forest_delay_median_{name}"] = delays(when, 0 * when)["delay_median"]
    return figures


# ------------------------------------------------------------------------------ what it costs


def cost_figures(world: World, histories: Sequence[History], tables: Tables) -> dict[str, Any]:
    """Requests a second on one core, one by one and many at once; bytes of state; a decision."""
    events, largest, spent, decisions = 0, 0, 0.0, []
    policy = Policy()
    for number, history in enumerate(histories[:30]):
        one = requests_of(world, history)
        asked = [
            Event(t=t, account=str(number), kind=Kind.MEDIA, item=i, rank_bucket=b, artist=a,
                  release=r, duration_s=200.0)
            for t, i, b, a, r in zip(*(x.tolist() for x in (
                one.times, one.items, one.buckets, one.artists, one.releases)), strict=True)
        ]  # fmt: skip
        state, begun = State(), time.process_time()
        for event in asked:
            state, evidence = score(state, event, tables)
        spent += time.process_time() - begun
        events += len(asked)
        largest = max(largest, len(format_state(state)))
        for event in asked[:100]:
            begun = time.perf_counter()
            state, evidence = score(state, event, tables)
            decide(evidence, policy, event.t)
            decisions.append(time.perf_counter() - begun)
    begun = time.process_time()
    found = symbols(world, histories)
    follow_many(found, tables, np.array(tables.levels))
    batch = sum(len(h.items) for h in histories) / (time.process_time() - begun)
    return {
        "events_per_s_core": batch, "events_per_s_core_single": events / spent,
        "state_bytes": largest, "decision_p99_ms": float(np.quantile(decisions, 0.99)) * 1e3,
    }  # fmt: skip


def mimicry_tax(world: World) -> dict[str, Any]:
    """Requests for each item that who chooses as people do, by plays, pays for a share of the
    catalogue: draws n until the expected distinct items reach it."""
    chances = world.plays / world.plays.sum()
    sample = np.sort(chances)[:: max(1, world.size // 100_000)]
    figures = {}
    for share in (0.01, 0.05, 0.1, 0.3):
        low, high = 1.0, 1e15
        for _ in range(60):
            middle = (low * high) ** 0.5
            reached = float(-np.expm1(-middle * sample).mean())
            low, high = (middle, high) if reached < share else (low, middle)
        figures[f"mimic_requests_per_item_{share * 100:g}_percent"] = high / (share * world.size)
    return figures
