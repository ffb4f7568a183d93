"""Kinds of listening: a hidden Markov chain over symbols, learned from people (Baum and Welch).

A kind is a stretch of listening: favourites, a release, a chart, the whole of an artist, a client
that fills a telephone. Who is in one goes on in it for a while and then moves, diggers to other
kinds than children. So ten releases of one artist in a row are one rare choice and not ten.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from phonotheque.guard.symbols import SYMBOLS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Symbols = NDArray[np.int8]
KINDS: Final = 32
ROUNDS: Final = 20
LONGEST: Final = 1000
"""Requests of an account that are learned from, its first: who asks for more counts no more."""
MOST_ACCOUNTS: Final = 2000
BLOCK: Final = 500
WINDOW: Final = 20
STAYING: Final = 0.9
FLOOR: Final = 1e-3
"""Share of every distribution that is even, so that what was never seen is not impossible."""
_SMOOTHING: Final = 20.0


class Chain(NamedTuple):
    """Chances of symbols by kind, of the kind an account begins with, and of the next kind."""

    kinds: Floats
    weights: Floats
    moves: Floats


def above_floor(chances: Floats) -> Floats:
    """`chances` (rows sum to 1), none of them below `FLOOR` of an even share."""
    return np.asarray((1.0 - FLOOR) * chances + FLOOR / chances.shape[-1])


def fit_kinds(symbols: Symbols, base: Floats, seed: int) -> Chain:
    """The chain of accounts (accounts x requests, below 0 where there is none), smoothed towards
    `base`, the chances of symbols among all."""
    rng = np.random.default_rng(seed)
    rows, lengths = _packed(symbols, rng)
    chain = _first_guess(rows, lengths, base, rng)
    for _ in range(ROUNDS):
        blocks = [slice(start, start + BLOCK) for start in range(0, len(rows), BLOCK)]
        parts = zip(*(_expect(rows[b], lengths[b], chain) for b in blocks), strict=True)
        chain = _chain(Chain(*(np.sum(part, axis=0) for part in parts)), base)
    return chain


def _packed(symbols: Symbols, rng: np.random.Generator) -> tuple[Symbols, Ints]:
    """Accounts with requests, longest first, gaps closed; and how many requests each has."""
    met = symbols >= 0
    chosen = np.flatnonzero(met.any(axis=1))
    if len(chosen) > MOST_ACCOUNTS:
        chosen = np.sort(rng.choice(chosen, MOST_ACCOUNTS, replace=False))
    lengths = np.minimum(met[chosen].sum(axis=1), LONGEST)
    order = np.argsort(-lengths, kind="stable")
    chosen, lengths = chosen[order], lengths[order]
    rows = np.zeros((len(chosen), int(lengths[0])), np.int8)
    for row, (account, length) in enumerate(zip(chosen, lengths, strict=True)):
        rows[row, :length] = symbols[account][met[account]][:length]
    return rows, lengths.astype(np.int64)


def _first_guess(rows: Symbols, lengths: Ints, base: Floats, rng: np.random.Generator) -> Chain:
    """Kinds of stretches of `WINDOW` requests, by nearest centres."""
    width = -(-rows.shape[1] // WINDOW) * WINDOW
    padded = np.full((len(rows), width), SYMBOLS, np.int64)
    padded[:, : rows.shape[1]] = np.where(
        np.arange(rows.shape[1]) < lengths[:, None], rows, SYMBOLS
    )
    windows = padded.reshape(-1, WINDOW)
    places = np.arange(len(windows))[:, None] * (SYMBOLS + 1) + windows
    counts = np.bincount(places.ravel(), minlength=len(windows) * (SYMBOLS + 1))
    counts = counts.reshape(len(windows), SYMBOLS + 1)[:, :SYMBOLS].astype(np.float64)
    counts = counts[counts.sum(axis=1) > 0]
    counts = counts[rng.permutation(len(counts))[:20_000]]
    spread = np.sqrt(counts / counts.sum(axis=1, keepdims=True))
    centres = _apart(spread, rng)
    for _ in range(12):
        nearest = np.argmin(-2 * spread @ centres.T + (centres**2).sum(axis=1), axis=1)
        for kind in range(KINDS):
            if (nearest == kind).any():
                centres[kind] = spread[nearest == kind].mean(axis=0)
    weights: Floats = np.bincount(nearest, minlength=KINDS).astype(np.float64) + 1.0
    moves = STAYING * np.eye(KINDS) + (1 - STAYING) * weights / weights.sum()
    return _chain(Chain(np.eye(KINDS)[nearest].T @ counts, weights, moves * 1e4), base)


def _apart(points: Floats, rng: np.random.Generator) -> Floats:
    """`KINDS` of the points, each drawn by its squared distance to those before (k-means++)."""
    chosen = [int(rng.integers(0, len(points)))]
    far = np.full(len(points), np.inf)
    for _ in range(KINDS - 1):
        far = np.minimum(far, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
        chances = far + 1e-9
        chosen.append(int(rng.choice(len(points), p=chances / chances.sum())))
    return points[chosen]


def _chain(sums: Chain, base: Floats) -> Chain:
    """Expected counts as chances."""
    kinds = sums.kinds + _SMOOTHING * base
    weights, moves = sums.weights + 0.1, sums.moves + 0.05
    return Chain(
        above_floor(kinds / kinds.sum(axis=1, keepdims=True)),
        above_floor(weights / weights.sum()),
        above_floor(moves / moves.sum(axis=1, keepdims=True)),
    )


def _expect(rows: Symbols, lengths: Ints, chain: Chain) -> Chain:
    """Expected counts of symbols by kind, of first kinds and of moves (forward, backward)."""
    emitted = chain.kinds.T.copy()
    count, longest = len(rows), int(lengths[0])
    forward = np.zeros((longest, count, KINDS), np.float32)
    chances = np.ones((longest, count))
    active = np.searchsorted(-lengths, -np.arange(longest), side="left")
    now = np.broadcast_to(chain.weights, (count, KINDS))
    for t in range(longest):
        n = active[t]
        weighed = now[:n] * emitted[rows[:n, t]]
        chances[t, :n] = weighed.sum(axis=1)
        weighed /= chances[t, :n, None]
        forward[t, :n] = weighed
        now = weighed @ chain.moves
    kinds = np.zeros((SYMBOLS, KINDS))
    moved = np.zeros((KINDS, KINDS))
    backward = np.ones((count, KINDS))
    for t in range(longest - 1, -1, -1):
        n = active[t]
        if t + 1 < longest:
            m = active[t + 1]
            ahead = emitted[rows[:m, t + 1]] * backward[:m] / chances[t + 1, :m, None]
            moved += forward[t, :m].T @ ahead
            backward[:m] = ahead @ chain.moves.T
        belongs = forward[t, :n] * backward[:n]
        belongs /= belongs.sum(axis=1, keepdims=True)
        kinds += (np.arange(SYMBOLS)[:, None] == rows[:n, t]).astype(np.float64) @ belongs
    return Chain(kinds.T, belongs.sum(axis=0), moved * chain.moves)
