"""Scores of candidates, from the forward data alone (formula and weights: docs/searching.md)."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from phonotheque.search.arrays import Array
from phonotheque.search.files import Forward, IndexFiles
from phonotheque.search.matching import Wanted, term_mask

COVERAGE = 4.0
TITLE_SHARE = 1.5
ARTIST_SHARE = 1.0
BOTH_FULL = 0.6
TITLE_EQUAL = 1.5
IN_ORDER = 0.5
LISTENS = 0.3
BEGINNING = 0.8  # what a word counts that is only the beginning of the one that stands there
ELSEWHERE = 0.5  # or that stands neither in the title nor in the artist credit

Scores = npt.NDArray[np.float64]


def score(
    files: IndexFiles,
    docs: Array,
    wanted: Sequence[Wanted],
    sequence: Sequence[int],
    elsewhere: bool,
) -> Scores:
    """A score for each of `docs`; `sequence` is the query as term numbers, in order, where it is
    all known. `elsewhere`: every document is known to have every word, if not in title or artist.
    """
    popularity: Scores = LISTENS * files.doc_listens[docs].astype(np.float64)
    if not wanted:
        return popularity
    forward = files.forward(docs)
    covered = np.zeros((len(docs), len(wanted)))
    touched = np.zeros(len(forward.terms), np.bool_)
    for at, word in enumerate(wanted):
        here = term_mask(forward, word)
        touched |= here
        covered[:, at] = _cover(forward, here, word, ELSEWHERE if elsewhere else 0.0)
    title = _share(forward, touched & forward.in_title, forward.title_counts)
    artist = _share(forward, touched & ~forward.in_title, forward.artist_counts)
    both = (title == 1) & (artist == 1)
    total: Scores = (
        COVERAGE * covered.mean(axis=1)
        + TITLE_SHARE * title
        + ARTIST_SHARE * artist
        + BOTH_FULL * both
        + _order_bonus(forward, list(sequence), title)
        + popularity
    )
    return total


def share_of_words(files: IndexFiles, docs: Array, wanted: Sequence[Wanted]) -> Scores:
    """Which share of the words stands in the title or artist credit of each of `docs`."""
    forward = files.forward(docs)
    share: Scores = np.mean([forward.owners(term_mask(forward, w)) for w in wanted], axis=0)
    return share


def _cover(forward: Forward, here: Array, word: Wanted, otherwise: float) -> Scores:
    out = np.full(forward.size, otherwise)
    out[forward.owners(here)] = BEGINNING
    if word.whole:
        out[forward.owners(here & (forward.terms == word.low))] = 1.0
    return out


def _share(forward: Forward, chosen: Array, counts: Array) -> Scores:
    hit = np.bincount(forward.owner[chosen], minlength=forward.size)
    share: Scores = hit / np.maximum(counts, 1)
    return share


def _order_bonus(forward: Forward, sequence: list[int], title: Scores) -> Scores:
    out = np.zeros(forward.size)
    if not sequence:
        return out
    starts = forward.starts_sequence(sequence)
    if len(sequence) > 1:
        out[forward.owners(starts)] = IN_ORDER
    in_title = forward.owners(starts & forward.in_title)
    out[in_title & (forward.title_counts == len(sequence))] += TITLE_EQUAL
    return out


def best_first(scores: Scores, docs: Array) -> npt.NDArray[np.int64]:
    """The order of the candidates: by score, ties by rank."""
    return np.lexsort((docs, -scores)).astype(np.int64)
