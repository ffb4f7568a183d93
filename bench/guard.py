"""The guard against fixed rates, distinct counts, long tails, novelty, CrowdSec and a forest.

People are made up (bench/guard_people.py) or read: `--set histories=PATH`, a file or folder in the
form of ListenBrainz or Last.fm (bench/guard_histories.py), split by user into those learned from,
those that set the levels and those reported on. `--set tables=FILE` writes the tables learned,
`--set use=FILE` judges with tables of before instead of new ones (`shipped`: the program's);
`--set items=N` is the size of the made-up catalogue, `--set seed=N` another draw, `--set also=N,M`
the sizes of further catalogues, people of which set the levels, too.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.guard_adaptive import adaptive_figures, random_way, walk
from bench.guard_campaigns import campaign_figures
from bench.guard_harvesters import SCENARIOS, SPEEDS_S, make_harvester
from bench.guard_histories import Split, made_up, read_split, symbols
from bench.guard_measuring import (
    cost_figures,
    false_positives,
    forest_figures,
    mimicry_tax,
    our_delays,
    peer_figures,
)
from bench.guard_people import History
from bench.guard_world import World
from phonotheque.guard import (
    NOTHING,
    People,
    Tables,
    format_tables,
    learn_tables,
    read_shipped_tables,
    read_tables,
)

LEARNED = (*SCENARIOS[:9], "s3x")
SIZES = {"small": (50, 100, 100, 4, 100, 60), "large": (140, 800, 800, 20, 10_000, 100)}
"""People fitted, held and tested in each stratum (ordinary ones thrice); harvesters of each speed;
groups of people; trials."""
PEERS_SEE = 5000
"""People that the baselines and the rival's levels are from, at the most."""
LIMITS = {
    "fpr": 1e-3, "fpr_worst_stratum": 5e-3, "delay_median_s1": 60, "delay_median_s2": 30,
    "delay_median_s3": 30, "delay_p95_s3": 150, "delay_median_s4": 180, "delay_median_s5": 80,
    "caught_share": 0.99, "campaign_loss": 0.002, "events_per_s_core": 50_000,
    "state_bytes": 2048, "decision_p99_ms": 2.0,
}  # fmt: skip


def run(
    scale: str, *, histories: str = "", tables: str = "", use: str = "", items: str = "1000000",
    seed: str = "1", also: str = "",
) -> dict[str, Any]:  # fmt: skip
    """All figures."""
    begun = time.process_time()
    rng = np.random.default_rng(int(seed))
    fit, held, test, each, groups, trials = SIZES[scale]
    split = (
        read_split(Path(histories), rng)
        if histories
        else made_up(rng, int(items), (fit, held, test))
    )
    world = split.world
    more = [made_up(rng, int(n), (1, held // 2, 1)) for n in also.split(",") if n]
    learned = learn(split, rng, each, int(seed), more)
    if tables:
        Path(tables).write_bytes(format_tables(learned))
    judged = (
        learned
        if not use
        else read_shipped_tables()
        if use == "shipped"
        else read_tables(Path(use))
    )
    harvesters = {name: _harvesters(rng, world, name, each, split.test) for name in SCENARIOS}
    by_name = {name: symbols(world, some) for name, some in harvesters.items()}
    found = split.symbols(split.test)
    strata = [h.stratum for h in split.test]
    ours = false_positives(found, strata, split.weights_of(split.test), judged)
    ours |= our_delays(world, harvesters, by_name, judged)
    ours |= campaign_figures(
        rng, world, split.held, split.test,
        (split.weights_of(split.held), split.weights_of(split.test)), groups, judged,
    )  # fmt: skip
    rival = learn(split.turned(PEERS_SEE), rng, max(2, each // 2), int(seed) + 1)
    ours |= adaptive_figures(rng, world, rival, judged, trials)
    ours |= cost_figures(world, split.test[:: max(1, len(split.test) // 300)], judged)
    ours |= mimicry_tax(world) | {
        "people": split.source,
        "rows_read": split.rows_read,
        "rows_left_out": split.rows_left_out,
        "cpu_seconds": time.process_time() - begun,
    }
    peers = _peers(split, harvesters, by_name, judged)
    ratios = {
        f"delay_{s}_of_limit": ours[f"delay_median_{s}"] / LIMITS[f"delay_median_{s}"]
        for s in ("s1", "s2", "s3", "s4", "s5") if ours[f"delay_median_{s}"]
    }  # fmt: skip
    return {"ours": ours, "peers": peers, "limits": LIMITS, "ratios": ratios}


def learn(
    split: Split, rng: np.random.Generator, each: int, seed: int, more: Sequence[Split] = ()
) -> Tables:
    """Tables from those fitted, levels from those held, here and in `more` catalogues: levels that
    hold in one draw of a catalogue only are too low for others."""
    train = {
        name: symbols(
            split.world, _harvesters(rng, split.world, name, max(2, each // 2), split.fit)
        )
        for name in LEARNED
    }
    some = [random_way(rng, most_repeats=0.3) for _ in range(10 * max(2, each // 2))]
    train["kin"] = symbols(split.world, [walk(rng, split.world, way, 1200) for way in some])
    fit = People(
        split.symbols(split.fit), [h.stratum for h in split.fit], split.weights_of(split.fit)
    )
    return learn_tables(
        fit, _held([split, *more]), train, data=split.source, seed=seed, items=split.world.size
    )


def _held(splits: Sequence[Split]) -> People:
    """Those who set the levels, of all."""
    symbols = [split.symbols(split.held) for split in splits]
    longest = max(some.shape[1] for some in symbols)
    return People(
        np.concatenate([
            np.pad(some, ((0, 0), (0, longest - some.shape[1])), constant_values=NOTHING)
            for some in symbols
        ]),
        [h.stratum for split in splits for h in split.held],
        np.concatenate([split.weights_of(split.held) for split in splits]),
    )  # fmt: skip


def _harvesters(
    rng: np.random.Generator, world: World, name: str, each: int, people: list[History]
) -> list[History]:
    """`each` at every speed."""
    long = [h for h in people if len(h.items) >= 300] or people
    return [
        make_harvester(rng, world, name, speed, long[int(rng.integers(0, len(long)))])
        for speed in SPEEDS_S for _ in range(each)
    ]  # fmt: skip


def _peers(
    split: Split,
    harvesters: dict[str, list[History]],
    by_name: dict[str, np.ndarray],
    tables: Tables,
) -> dict[str, Any]:
    few = split.thinned(PEERS_SEE)
    weights = few.weights_of(few.held), few.weights_of(few.test)
    figures = peer_figures(few.world, few.held, few.test, weights, harvesters)
    return figures | forest_figures(
        few.symbols(few.fit), (few.symbols(few.held), [h.stratum for h in few.held], weights[0]),
        (few.symbols(few.test), weights[1]), by_name, tables,
    )  # fmt: skip
