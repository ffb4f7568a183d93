"""Learning the tables: people from some, levels from others, harvesters from made-up ones.

Pure: the same symbols and seed give the same tables. Levels are quantiles of what held-out people
reached at any time, never values from a book.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from phonotheque.guard.batch import NO_SCORE, NOTHING, follow_many
from phonotheque.guard.features import NAMES, bucket_counts, slow_features
from phonotheque.guard.kinds import above_floor, fit_kinds
from phonotheque.guard.levels import find_levels
from phonotheque.guard.symbols import REPEAT, STAGE_ENDS, STAGES, SYMBOLS
from phonotheque.guard.tables import BUDGETS, MOST_STEP, TABLES_FORMAT, Learned, Slow, Tables

Floats = NDArray[np.float64]
Symbols = NDArray[np.int8]

LATE: Final = 300
"""Media requests after which a way of harvesting counts as told late by sums ..."""
LATE_COUNTS: Final = 8.0
"""... and counts so much more when slow features are fitted: those are for what sums miss. What
they mostly never tell is so like people that fitting it would only cast suspicion on people."""
WITNESSES: Final = 2


@dataclass(frozen=True)
class People:
    """Symbols of accounts (accounts x requests), the stratum of each and what it weighs."""

    symbols: Symbols
    strata: Sequence[str]
    weights: Floats


def learn_tables(
    fit: People,
    held: People,
    harvesters: Mapping[str, Symbols],
    *,
    data: str,
    seed: int,
    items: int,
) -> Tables:
    """Tables from `fit`, with levels from `held`; `harvesters` by the name of the alternative."""
    base = _shares(
        _counts(fit.symbols, fit.weights).sum(axis=0), np.full(SYMBOLS, 1 / SYMBOLS), 5.0
    )
    chain = fit_kinds(fit.symbols, base, seed)
    by_name = [_alternative(symbols, base) for symbols in harvesters.values()]
    per_stage = tuple(tuple(tuple(map(float, one[s])) for one in by_name) for s in range(STAGES))
    learned = Learned(
        data=data, seed=seed, catalogue_items=items,
        digest=hashlib.sha256(fit.symbols.tobytes() + held.symbols.tobytes()).hexdigest(),
        accounts_fitted=len(fit.strata), accounts_for_levels=len(held.strata),
        requests=int((fit.symbols != NOTHING).sum() + (held.symbols != NOTHING).sum()),
        strata={s: list(held.strata).count(s) for s in dict.fromkeys(held.strata)},
    )  # fmt: skip
    everything = (1e9,) * (len(by_name) + 1)
    tables = Tables(
        version="", learned=learned, alternatives=tuple(harvesters),
        people=_rows(chain.kinds), weights=tuple(map(float, chain.weights)),
        moves=_rows(chain.moves), harvesters=per_stage, levels=(everything,) * len(BUDGETS),
        slow=_fit_slow(fit, harvesters, [1.0] * len(harvesters)),
    )  # fmt: skip
    slow = _fit_slow(fit, harvesters, _lateness(fit, harvesters, tables))
    tables = msgspec.structs.replace(tables, slow=slow)
    most = follow_many(held.symbols, tables).most
    levels, extrapolated = find_levels(most, held.strata, held.weights, BUDGETS)
    levels = _enough_witnesses(levels)
    learned = msgspec.structs.replace(learned, extrapolated=extrapolated)
    version = f"{TABLES_FORMAT}-{learned.digest[:12]}"
    return msgspec.structs.replace(tables, levels=levels, learned=learned, version=version)


def _lateness(fit: People, harvesters: Mapping[str, Symbols], tables: Tables) -> list[float]:
    """What each way of harvesting counts for slow features: more if the sums tell it late, judged
    by levels of those learned from, in which nobody is reported on."""
    most = follow_many(fit.symbols, tables).most
    levels = np.array(find_levels(most, fit.strata, fit.weights, [1e-3])[0])
    levels[:, -1] = np.inf
    found = []
    for symbols in harvesters.values():
        when = follow_many(symbols, tables, levels).when[:, 0]
        told = (when > 0).mean()
        late = np.median(when[when > 0]) > LATE if told else False
        found.append(0.0 if told < 0.5 else LATE_COUNTS if late else 1.0)
    return found


def _enough_witnesses(levels: tuple[tuple[float, ...], ...]) -> tuple[tuple[float, ...], ...]:
    """`levels`, those of 1e-3 and less high enough that no two requests alone pass one."""
    least = [WITNESSES * MOST_STEP + 0.5 if budget <= 1e-3 else 0.0 for budget in BUDGETS]
    return tuple(
        (*(max(level, low) for level in row[:-1]), row[-1])
        for row, low in zip(levels, least, strict=True)
    )


def _rows(array: Floats) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(map(float, row)) for row in array)


def _counts(symbols: Symbols, weights: Floats | None = None) -> Floats:
    """Counts by stage and symbol; retries do not age an account."""
    ages = np.cumsum(symbols != NOTHING, axis=1) - 1
    stages = (ages >= STAGE_ENDS[0]).astype(np.int64) + (ages >= STAGE_ENDS[1])
    met = symbols != NOTHING
    places = (stages * SYMBOLS + symbols)[met]
    each = None if weights is None else np.broadcast_to(weights[:, None], symbols.shape)[met]
    found = np.bincount(places, weights=each, minlength=STAGES * SYMBOLS)
    return np.asarray(found, np.float64).reshape(STAGES, SYMBOLS)


def counts_by_account(symbols: Symbols) -> Floats:
    """Counts by account and symbol."""
    rows, columns = np.nonzero(symbols != NOTHING)
    places = rows * SYMBOLS + symbols[rows, columns]
    found = np.bincount(places, minlength=len(symbols) * SYMBOLS)
    return found.reshape(len(symbols), SYMBOLS).astype(np.float64)


def _shares(counts: Floats, prior: Floats, strength: float) -> Floats:
    """Counts as chances, smoothed towards `prior`; sums are 1."""
    smoothed = counts + strength * prior
    return np.asarray(smoothed / smoothed.sum(axis=-1, keepdims=True))


def _alternative(symbols: Symbols, base: Floats) -> Floats:
    """Chances by stage and symbol of one way of harvesting; a stage nobody reached is like the
    one before."""
    counts = _counts(symbols)
    for one in range(1, STAGES):
        if counts[one].sum() < 100:
            counts[one] = counts[one - 1]
    return above_floor(_shares(counts, base, 2.0))


def _fit_slow(fit: People, harvesters: Mapping[str, Symbols], counting: Sequence[float]) -> Slow:
    """The regression of harvesters against people, both at all ages: counts after a quarter, half
    and all of the requests. `counting` is what each way of harvesting weighs."""
    ends = (0.25, 0.5, 1.0)
    people = np.concatenate([_counts_until(fit.symbols, end) for end in ends])
    ways = [_counts_until(s, end) for s in harvesters.values() for end in ends]
    each = np.repeat(counting, len(ends)) / np.sum(counting) / len(ends)
    others = np.concatenate(ways)
    population = _shares(bucket_counts(people).sum(axis=0), np.full(8, 1 / 8), 1.0)
    sizes = people.sum(axis=1)
    usable = sizes >= 20
    new = np.maximum(sizes - people[:, REPEAT], 1)[usable]
    slope, start = np.polyfit(np.log(sizes[usable]), np.log(new), 1)
    usual = tuple(map(float, population))
    heaps = (float(start), float(slope))
    inputs = slow_features(np.concatenate([people, others]), usual, heaps)
    truth = np.r_[np.zeros(len(people)), np.ones(len(others))]
    weights = np.r_[np.tile(fit.weights / fit.weights.sum(), len(ends)) / len(ends),
                    np.concatenate([np.full(len(w), e / len(w))
                                for w, e in zip(ways, each, strict=True)])]  # fmt: skip
    means, scales = inputs[: len(people)].mean(axis=0), inputs.std(axis=0) + 1e-6
    fitted = _logistic((inputs - means) / scales, truth, weights)
    return Slow(
        names=NAMES, weights=tuple(map(float, fitted[1:])), bias=float(fitted[0]),
        means=tuple(map(float, means)), scales=tuple(map(float, scales)), population=usual,
        heaps=heaps,
    )  # fmt: skip


def _counts_until(symbols: Symbols, share: float) -> Floats:
    lengths = (symbols != NOTHING).sum(axis=1)
    places = np.arange(symbols.shape[1])
    kept = np.where(places[None, :] < np.ceil(lengths * share)[:, None], symbols, NOTHING)
    return counts_by_account(kept.astype(np.int8))


def _logistic(inputs: Floats, truth: Floats, weights: Floats, ridge: float = 1e-3) -> Floats:
    """Bias and weights by Newton's method."""
    design = np.c_[np.ones(len(inputs)), inputs]
    found = np.zeros(design.shape[1])
    for _ in range(25):
        chances = 1 / (1 + np.exp(-np.clip(design @ found, -30, 30)))
        slope = design.T @ (weights * (truth - chances)) - ridge * found
        bend = (design * (weights * chances * (1 - chances))[:, None]).T @ design
        found += np.linalg.solve(bend + ridge * np.eye(len(found)), slope)
    return found


__all__ = ["NO_SCORE", "People", "counts_by_account", "learn_tables"]
