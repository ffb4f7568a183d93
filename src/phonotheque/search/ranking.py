"""Scores of candidates, from the forward data alone (formula and weights: docs/searching.md)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phonotheque.search.files import Forward, IndexFiles
from phonotheque.search.matching import Wanted, in_field, term_mask
from phonotheque.storage.arrays import Array, Mask

COVERAGE = 4.0
TITLE_SHARE = 1.5
ARTIST_SHARE = 1.0
BOTH_FULL = 2.0  # so that nothing more popular goes before what is the whole query
TITLE_EQUAL = 1.5
TITLE_BEGUN = 0.5  # the same where the last word is a beginning
IN_ORDER = 0.5
LISTENS = 0.3
OTHER_SPELLING = 0.85  # what a word counts that stands there spelt otherwise
BEGINNING = 0.8  # or that is only the beginning of the one that stands there
ELSEWHERE = 0.5  # or that stands neither in the title nor in the artist credit

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scored:
    """A score for each document, and whether one is all that was asked for: every word stands in
    its title or artist credit, and its title is all of these words."""

    scores: Scores
    is_answered: bool


def score(
    files: IndexFiles,
    docs: Array,
    wanted: Sequence[Wanted],
    sequence: Sequence[int],
    *,
    elsewhere: bool,
    others: Sequence[Sequence[Wanted]] = (),
) -> Scored:
    """A score for each of `docs`; `sequence` is the query as places in `wanted`, in order.

    `elsewhere`: every document is known to have every word, if not in title or artist. `others`:
    of each word, what it may stand for.
    """
    popularity: Scores = LISTENS * files.doc_listens[docs].astype(np.float64)
    if not wanted or not len(docs):
        return Scored(popularity, is_answered=False)
    forward = files.forward(docs)
    whole, part = _masks(forward, wanted, others)
    covered = np.zeros(len(docs))
    for at, word in enumerate(wanted):
        otherwise = ELSEWHERE if elsewhere else 0.0
        covered += _cover(forward, whole[at], part[at], word, otherwise)
    touched = np.logical_or.reduce(part)
    title = _share(forward, touched & forward.in_title, forward.title_counts)
    artist = _share(forward, touched & ~forward.in_title, forward.artist_counts)
    # one word that is both title and artist credit says neither
    typed = max(len(sequence), len(wanted))
    enough = forward.title_counts + forward.artist_counts <= typed
    total: Scores = (
        COVERAGE * covered / len(wanted)
        + TITLE_SHARE * title
        + ARTIST_SHARE * artist
        + BOTH_FULL * (enough & (title == 1) & (artist == 1))
        + popularity
    )
    if sequence:
        _add_order(total, forward, [whole[at] for at in sequence], [part[at] for at in sequence])
    answered = bool(((covered == len(wanted)) & (title == 1)).any())
    return Scored(total, answered)


def _masks(
    forward: Forward, wanted: Sequence[Wanted], others: Sequence[Sequence[Wanted]]
) -> tuple[list[Mask], list[Mask]]:
    """Where each word stands as a whole (or spelt otherwise), and where it stands at all."""
    whole: list[Mask] = []
    part: list[Mask] = []
    for at, word in enumerate(wanted):
        here = term_mask(forward, word)
        exact = here
        if word.high - word.low != 1 or not word.whole:
            exact = here & (forward.terms == word.low) if word.whole else np.zeros_like(here)
        if others and others[at]:
            near = np.isin(forward.terms, [w.low for w in others[at]])
            near &= in_field(forward, word.term.field)
            exact, here = exact | near, here | near
        whole.append(exact)
        part.append(here)
    return whole, part


def _cover(forward: Forward, whole: Mask, part: Mask, word: Wanted, otherwise: float) -> Scores:
    out = np.full(forward.size, otherwise)
    if part is not whole:
        out[forward.owner[part]] = BEGINNING
        out[forward.owner[whole]] = OTHER_SPELLING
    if word.whole:
        out[forward.owner[whole & (forward.terms == word.low)]] = 1.0
    return out


def _share(forward: Forward, chosen: Mask, counts: Array) -> Scores:
    hit = np.bincount(forward.owner[chosen], minlength=forward.size)
    share: Scores = hit / np.maximum(counts, 1)
    return share


def _add_order(
    total: Scores, forward: Forward, whole: Sequence[Mask], part: Sequence[Mask]
) -> None:
    """Add what words in order are worth, and a title that is these words."""
    if len(part) > 1:
        total += IN_ORDER * forward.owners(_starts(forward, part))
    full = forward.title_counts == len(part)
    if not full.any():
        return
    for masks, worth in ((part, TITLE_BEGUN), (whole, TITLE_EQUAL - TITLE_BEGUN)):
        starts = _starts(forward, masks) & forward.in_title
        total += worth * (full & forward.owners(starts))


def _starts(forward: Forward, masks: Sequence[Mask]) -> Mask:
    """Where words begin that stand one after the other within one text, each where its mask is."""
    out = np.zeros(len(forward.terms), np.bool_)
    last = len(out) - len(masks) + 1
    if last <= 0:
        return out
    found = out[:last]
    found |= masks[0][:last]
    for at in range(1, len(masks)):
        found &= masks[at][at : at + last]
    if len(masks) > 1:
        end = slice(len(masks) - 1, len(out))
        found &= forward.owner[end] == forward.owner[:last]
        found &= forward.in_title[end] == forward.in_title[:last]
    return out


def best_first(scores: Scores, docs: Array) -> npt.NDArray[np.int64]:
    """The order of the candidates: by score, ties by rank."""
    return np.lexsort((docs, -scores)).astype(np.int64)
