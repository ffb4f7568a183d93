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
from phonotheque.guard.levels import find_levels
from phonotheque.guard.symbols import REPEAT, STAGE_ENDS, STAGES, SYMBOLS
from phonotheque.guard.tables import BUDGETS, Learned, Slow, Tables

Floats = NDArray[np.float64]
Symbols = NDArray[np.int8]
KINDS: Final = 24
SWITCHING: Final = 0.01
ROUNDS: Final = 12
_SMOOTHING: Final = 20.0


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
    kinds, weights = _fit_kinds(fit, base, seed)
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
        people=tuple(tuple(map(float, row)) for row in kinds), weights=tuple(map(float, weights)),
        switching=SWITCHING, harvesters=per_stage, levels=(everything,) * len(BUDGETS),
        slow=_fit_slow(fit, harvesters),
    )  # fmt: skip
    most = follow_many(held.symbols, tables).most
    levels, extrapolated = find_levels(most, held.strata, held.weights, BUDGETS)
    learned = msgspec.structs.replace(learned, extrapolated=extrapolated)
    version = f"1-{learned.digest[:12]}"
    return msgspec.structs.replace(tables, levels=levels, learned=learned, version=version)


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


def _fit_kinds(fit: People, base: Floats, seed: int) -> tuple[Floats, Floats]:
    """Kinds of listening as a mixture of multinomials over accounts, by EM from the nearest of
    randomly drawn accounts. Every account counts alike: a rare stratum is to have a kind too."""
    counts = counts_by_account(fit.symbols)
    counts = counts[counts.sum(axis=1) > 0]
    rng = np.random.default_rng(seed)
    spread = np.sqrt(counts / counts.sum(axis=1, keepdims=True))
    centres = spread[rng.choice(len(spread), KINDS, replace=len(spread) < KINDS)]
    nearest = np.zeros(len(spread), np.int64)
    for _ in range(ROUNDS):
        nearest = np.argmin(-2 * spread @ centres.T + (centres**2).sum(axis=1), axis=1)
        for kind in range(KINDS):
            if (nearest == kind).any():
                centres[kind] = spread[nearest == kind].mean(axis=0)
    belongs = np.eye(KINDS)[nearest]
    kinds, weights = np.empty((0, 0)), np.empty(0)
    for _ in range(ROUNDS):
        kinds = _shares(belongs.T @ counts, base, _SMOOTHING)
        weights = (belongs.sum(axis=0) + 1.0) / (len(counts) + KINDS)
        likely = counts @ np.log(kinds).T + np.log(weights)
        belongs = np.exp(likely - likely.max(axis=1, keepdims=True))
        belongs /= belongs.sum(axis=1, keepdims=True)
    return kinds, weights


def _alternative(symbols: Symbols, base: Floats) -> Floats:
    """Chances by stage and symbol of one way of harvesting; a stage nobody reached is like the
    one before."""
    counts = _counts(symbols)
    for one in range(1, STAGES):
        if counts[one].sum() < 100:
            counts[one] = counts[one - 1]
    return _shares(counts, base, 2.0)


def _fit_slow(fit: People, harvesters: Mapping[str, Symbols]) -> Slow:
    """The regression of harvesters against people, both at all ages: counts after a quarter, half
    and all of the requests."""
    ends = (0.25, 0.5, 1.0)
    people = np.concatenate([_counts_until(fit.symbols, end) for end in ends])
    others = np.concatenate([_counts_until(s, end) for s in harvesters.values() for end in ends])
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
                    np.full(len(others), 1 / len(others))]  # fmt: skip
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
