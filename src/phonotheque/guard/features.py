"""Slow features: what an account did in all, as a few readable numbers, and how unlike people's.

Only what was asked for counts, not when: times of made-up harvesters and of histories of what was
heard to the end differ by construction, and weights learned from that would promise too much.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from phonotheque.guard.symbols import (
    ACROSS,
    AWAY,
    BUCKETS,
    KNOWN,
    NEXT_SYMBOL,
    REPEAT,
    STEPPED,
    TAIL_BUCKET,
    UNKNOWN,
)
from phonotheque.guard.tables import Slow

Floats = NDArray[np.float64]
SLOW_EVERY: Final = 50
"""Slow features are looked at after each so many media requests."""
NAMES: Final = (
    "coverage", "divergence", "tail", "unknown", "across",
    "next", "repeats", "known", "next_aged", "repeats_root",
)  # fmt: skip
_AGED: Final = 300.0
_WORDS: Final = {
    "coverage": "distinct items over requests, against what people reach (Heaps, logarithm)",
    "divergence": "popularity of what is opened, against people's (KL, nats)",
    "tail": "share of requests that open something in the long tail",
    "unknown": "share of requests for artists not met before",
    "across": "share of requests that walk on across the end of a release",
    "next": "share of requests that go on along a release",
    "repeats": "share of requests for what was heard before",
    "known": "share of requests that open something by an artist met before",
    "next_aged": "share of requests that go on along a release, by 300 requests and more",
    "repeats_root": "root of the share of requests for what was heard before",
}


def bucket_counts(counts: Floats) -> Floats:
    """How often something in each bucket was opened (accounts x buckets), from counts by symbol:
    items that follow on a release or the list of what was played most are not counted."""
    opened = counts[:, STEPPED:].reshape(len(counts), -1, BUCKETS)
    return np.asarray(opened.sum(axis=1))


def slow_features(
    counts: Floats, population: tuple[float, ...], heaps: tuple[float, float]
) -> Floats:
    """The features (accounts x `NAMES`) of accounts with these counts by symbol."""
    requests = np.maximum(counts.sum(axis=1), 1)
    new = np.maximum(requests - counts[:, REPEAT], 1)
    usual = np.array(population)
    opened = bucket_counts(counts)
    shares = opened + 20.0 * usual  # Dirichlet: the account begins as people do
    shares /= shares.sum(axis=1, keepdims=True)
    by_step = counts[:, STEPPED:].reshape(len(counts), -1, BUCKETS).sum(axis=2)
    over = requests + 10.0
    following, repeats = ((counts[:, one] + 0.5) / over for one in (NEXT_SYMBOL, REPEAT))
    return np.stack(
        [
            np.log(new) - heaps[0] - heaps[1] * np.log(requests),
            (shares * np.log(shares / usual)).sum(axis=1),
            (opened[:, TAIL_BUCKET:].sum(axis=1) + 0.5) / over,
            (by_step[:, UNKNOWN - 1] + 0.5) / over,
            (by_step[:, ACROSS - 1 : AWAY].sum(axis=1) + 0.5) / over,
            following,
            repeats,
            (by_step[:, KNOWN - 1] + 0.5) / over,
            following * np.minimum(1.0, over / _AGED),
            np.sqrt(repeats),
        ],
        axis=1,
    )


def slow_parts(counts: Floats, slow: Slow) -> Floats:
    """What each feature adds to the logit (accounts x `NAMES`)."""
    features = slow_features(counts, slow.population, slow.heaps)
    scaled = (features - np.array(slow.means)) / np.array(slow.scales)
    return np.asarray(scaled * np.array(slow.weights))


def slow_scores(counts: Floats, slow: Slow) -> Floats:
    """The logits of the regression: above 0, more like harvesters than like people."""
    return np.asarray(slow_parts(counts, slow).sum(axis=1) + slow.bias)


def describe_slow(counts: tuple[int, ...], slow: Slow) -> str:
    """What speaks most against the account, in words."""
    row = np.array([counts], np.float64)
    first = int(np.argmax(slow_parts(row, slow)[0]))
    value = slow_features(row, slow.population, slow.heaps)[0, first]
    return f"{_WORDS[slow.names[first]]}: {value:.2f}, usual is {slow.means[first]:.2f}"
