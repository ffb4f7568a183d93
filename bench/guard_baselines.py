"""What others do, as statistics that grow with requests; each gets its level as ours do."""

from collections.abc import Callable, Sequence

import numpy as np

from bench.guard_world import Floats, Ints
from phonotheque.guard import Requests, counts_by_account, slow_features

TAIL = 6


def first_times(items: Ints) -> np.ndarray:
    """Whether each item is met for the first time."""
    first = np.zeros(len(items), np.bool_)
    first[np.unique(items, return_index=True)[1]] = True
    return first


def rate(one: Requests) -> Floats:
    """A fixed rate limit: requests in the last hour."""
    return np.arange(1, len(one.times) + 1) - np.searchsorted(one.times, one.times - 3600.0)


def distinct(one: Requests) -> Floats:
    """Distinct items in thirty days."""
    return np.cumsum(first_times(one.items)).astype(float)


def long_tail(one: Requests) -> Floats:
    """Items of the long tail touched (Ro, Han, Im 2018)."""
    return np.cumsum(first_times(one.items) & (one.buckets >= TAIL)).astype(float)


def novelty(one: Requests) -> Floats:
    """Share of what is new among the last 200 requests."""
    total = np.r_[0, np.cumsum(first_times(one.items))]
    shares = np.zeros(len(one.items))
    shares[199:] = (total[200:] - total[:-200]) / 200
    return shares


def crowdsec(one: Requests) -> Floats:
    """CrowdSec's http-crawl-non_statics: a bucket of distinct items that leaks one in 0.5 s; above
    40 it overflows."""
    leaked = np.cumsum(first_times(one.items) - np.r_[0.0, np.diff(one.times)] / 0.5)
    return leaked - np.minimum(np.minimum.accumulate(np.r_[0.0, leaked])[:-1], leaked)


STATISTICS: dict[str, Callable[[Requests], Floats]] = {
    "rate_limit": rate, "distinct_count": distinct, "long_tail": long_tail,
    "novelty_share": novelty, "crowdsec": crowdsec,
}  # fmt: skip
CROWDSEC_LEVEL = 40.0
EVERY = 50


class Forest:
    """scikit-learn's isolation forest over the slow features, looked at every 50 requests."""

    def __init__(
        self,
        symbols: np.ndarray,
        population: Sequence[float],
        heaps: tuple[float, float],
        seed: int,
    ) -> None:
        from sklearn.ensemble import IsolationForest

        self.shape = (tuple(population), heaps)
        self.forest = IsolationForest(n_estimators=50, random_state=seed)
        self.forest.fit(slow_features(counts_by_account(symbols), *self.shape))

    def paths(self, symbols: np.ndarray, ends: Sequence[int]) -> Floats:
        """Its score after each of `ends` requests (accounts x ends)."""
        columns = [
            -self.forest.score_samples(
                slow_features(counts_by_account(symbols[:, :end]), *self.shape)
            )
            for end in ends
        ]
        return np.stack(columns, axis=1)


__all__ = ["CROWDSEC_LEVEL", "EVERY", "STATISTICS", "Forest", "first_times"]
