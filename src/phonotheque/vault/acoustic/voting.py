"""Candidates of one segment: documents in which many keys of a sound agree on one offset. Pure."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from phonotheque.vault.acoustic.sampling import PLACE_ITEMS, Probes
from phonotheque.vault.acoustic.segments import Segment

MOST_POSTINGS: Final = 1 << 12
"""Of a key with more postings in a segment, none count: it tells nothing."""

_BIN_ITEMS = 8
_BIN_BITS = 20
_BIAS = 1 << (_BIN_BITS - 1)


class Candidate(NamedTuple):
    """A document that may be the sound, and the offset in items that its votes gave."""

    score: float
    doc: int
    offset: int


def iter_candidates(segment: Segment, asked: Probes, most: int) -> Iterator[Candidate]:
    """The best `most` candidates, the best first.

    A key's vote counts a little less the more postings it has. Votes are counted in bins of one
    second, each together with the next.
    """
    which, found = segment.look_up(asked.keys)
    counts = np.bincount(which, minlength=len(asked.keys))
    few = counts[which] <= MOST_POSTINGS
    which, docs, places = which[few], found.docs[few], found.places[few]
    if not len(which):
        return
    offsets = places.astype(np.int64) * PLACE_ITEMS - asked.at[which]
    bins = docs.astype(np.int64) << _BIN_BITS | (offsets // _BIN_ITEMS + _BIAS)
    order = np.argsort(bins, kind="stable")
    bins, offsets = bins[order], offsets[order]
    weights = 1 / (1 + np.log2(counts[which[order]]))
    starts = np.flatnonzero(np.concatenate([[True], bins[1:] != bins[:-1]]))
    scores = np.add.reduceat(weights, starts)
    sums = np.add.reduceat(weights * offsets, starts)
    ids = bins[starts]
    follows = np.flatnonzero(ids[1:] == ids[:-1] + 1)
    scores_both, sums_both = scores.copy(), sums.copy()
    scores_both[follows] += scores[follows + 1]
    sums_both[follows] += sums[follows + 1]
    best = _best(scores_both, most)
    for at in best.tolist():
        offset = round(sums_both[at] / scores_both[at])
        yield Candidate(float(scores_both[at]), int(ids[at]) >> _BIN_BITS, offset)


def _best(scores: npt.NDArray[np.float64], most: int) -> npt.NDArray[np.int64]:
    """Indexes of the largest scores, the largest first; of equals the first."""
    if len(scores) > most:
        least = np.partition(scores, -most)[-most]
        chosen = np.flatnonzero(scores >= least)
    else:
        chosen = np.arange(len(scores))
    return chosen[np.argsort(-scores[chosen], kind="stable")][:most]
