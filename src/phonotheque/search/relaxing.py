"""When nothing matches every word: other spellings of them, then most of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from phonotheque.search.files import is_member
from phonotheque.search.matching import NO_DOCS, Wanted, term_mask
from phonotheque.search.query import Term
from phonotheque.search.ranking import Scores, best_first, score
from phonotheque.search.searches import Search
from phonotheque.search.spelling import suggestions
from phonotheque.search.values import Matched
from phonotheque.search.walk import Condition
from phonotheque.search.windows import CANDIDATES
from phonotheque.storage.arrays import Array, distinct

RARE, FAR_MORE = 4, 100  # documents of a word that may be an error; times as many of the other
LISTS_MOST = 262_144  # postings of the rarest words that are counted
CLOSEST = 2_048  # documents that have the most, which the commoner words are looked for in
WEIGHT = 2.0  # what having all words by weight is worth, beside the score

Choices = Sequence[Sequence[Wanted]]


@dataclass(frozen=True, slots=True)
class Relaxed:
    """Candidates that match in part, best first; `did_you_mean`: the query that the best one has
    all words of, where words were spelt otherwise. `terms`: these other spellings."""

    docs: Array
    scores: Scores
    did_you_mean: str | None
    partial: bool
    terms: tuple[Term, ...] = ()

    @property
    def matched(self) -> Matched:
        """What the candidates have of the query."""
        if not len(self.docs):
            return Matched.AS_TYPED
        return Matched.FEWER_WORDS if self.did_you_mean is None else Matched.OTHER_SPELLING


NOTHING_FOUND = Relaxed(NO_DOCS, np.zeros(0), None, partial=False)


def relax(search: Search) -> Relaxed:
    """The best there is for a query that nothing matches."""
    others, late = _other_spellings(search)
    if late:
        return replace(NOTHING_FOUND, partial=True)
    found = _spelt_otherwise(search, others)
    if not len(found.docs) and not found.partial and len(search.wanted) > 1:
        found = _most_words(search, others)
    return found


def better_spelling(search: Search) -> str | None:
    """A query for one that few recordings match, which a far more frequent word makes of it.

    Only for a rare word as a whole, and only if something matches then.
    """
    for at, word in enumerate(search.wanted):
        frequency = search.files.frequency(word.low, word.high)
        if word.term.prefix or frequency > RARE or search.deadline.is_over:
            continue
        least = max(frequency, 1) * FAR_MORE
        for other in suggestions(search.files, word, least)[:1]:
            wanted = [*search.wanted[:at], other, *search.wanted[at + 1 :]]
            if len(search.own(wanted, 1).docs):
                return " ".join(w.term.text for w in wanted)
    return None


def _other_spellings(search: Search) -> tuple[list[list[Wanted]], bool]:
    """Of each word, those within one typing error; whether there was no time for all."""
    out: list[list[Wanted]] = []
    for word in search.wanted:
        if search.deadline.is_over:
            return out, True
        out.append(suggestions(search.files, word))
    return out, False


def _spelt_otherwise(search: Search, others: Choices) -> Relaxed:
    """What has every word, as typed or spelt otherwise."""
    if not any(others):
        return NOTHING_FOUND
    found = search.any_of(
        [[word, *near] for word, near in zip(search.wanted, others, strict=True)], CANDIDATES
    )
    docs = found.docs
    scored = score(
        search.files, docs, search.wanted, search.sequence, elsewhere=True, others=others
    )
    scores = scored.scores
    order = best_first(scores, docs)
    if not len(docs):
        return replace(NOTHING_FOUND, partial=found.partial)
    terms = tuple(w.term for near in others for w in near)
    meant = _meant(search, others, docs[order[:1]])
    return Relaxed(docs[order], scores[order], meant, found.partial, terms)


def _meant(search: Search, others: Choices, doc: Array) -> str:
    """The words of the query as the document has them."""
    forward = search.files.forward(doc)

    def stands(word: Wanted) -> bool:
        own = word.low < word.high and search.own_test(word)(doc).any()
        return bool(own or term_mask(forward, word).any())

    chosen = [
        next((w for w in (word, *near) if stands(w)), word)
        for word, near in zip(search.wanted, others, strict=True)
    ]
    return " ".join(w.term.text for w in chosen)


def _most_words(search: Search, others: Choices) -> Relaxed:
    """What has the most, by weight, of the words as typed or spelt otherwise; a word weighs more
    the fewer have it."""
    files = search.files
    choices = [
        [w for w in (word, *near) if not w.is_unknown]
        for word, near in zip(search.wanted, others, strict=True)
    ]
    sizes = np.array([sum(files.frequency(w.low, w.high) for w in words) for words in choices])
    weights = np.where(sizes > 0, np.log1p(files.documents / np.maximum(sizes, 1)), 0.0)
    conditions = [search.any_condition(words) if words else None for words in choices]
    docs, have = _closest(search, conditions, weights, np.argsort(sizes, kind="stable").tolist())
    order = np.sort(np.lexsort((docs, -have))[:CANDIDATES])
    docs, have = docs[order], have[order]
    scored = score(files, docs, search.wanted, search.sequence, elsewhere=False, others=others)
    scores = scored.scores + WEIGHT * have / max(weights.sum(), 1e-9)
    order = best_first(scores, docs)
    terms = tuple(w.term for near in others for w in near)
    return Relaxed(docs[order], scores[order], None, search.deadline.is_over, terms)


def _closest(
    search: Search, conditions: Sequence[Condition | None], weights: Scores, rising: Sequence[int]
) -> tuple[Array, Scores]:
    """The documents, sorted, that have the most by weight, and the weight that they have.

    They are looked for among those of the rarest words; the commoner ones are then tested.
    """
    lists: list[tuple[int, Array]] = []
    room = LISTS_MOST
    for at in rising:
        condition = conditions[at]
        if condition is None or condition.load is None or search.deadline.is_over:
            continue
        if lists and (condition.size or 0) > room:
            break
        docs = condition.load()[:LISTS_MOST]
        lists.append((at, docs))
        room -= len(docs)
    for test in search.filter_tests():
        lists = [(at, docs[test(docs)]) for at, docs in lists]
    docs, have = heaviest([(docs, float(weights[at])) for at, docs in lists], CLOSEST)
    counted = {at for at, _ in lists}
    for at, condition in enumerate(conditions):
        if at not in counted and condition is not None and not search.deadline.is_over:
            have = have + weights[at] * condition.test(docs)
    return docs, have


def heaviest(parts: Sequence[tuple[Array, float]], count: int) -> tuple[Array, Scores]:
    """Of sorted lists with weights, the `count` documents with the greatest sums of the weights of
    the lists they are in, the first ones of equals; sorted, and the sums.

    Few documents are in several lists: only of these are there sums to make, and of the others of
    one list, which all weigh the same, only the first can be among the greatest.
    """
    if not parts:
        return NO_DOCS, np.zeros(0)
    every = np.sort(np.concatenate([docs for docs, _ in parts]))
    several = distinct(every[1:][every[1:] == every[:-1]])
    have = np.zeros(len(several))
    found, sums = [several], [have]
    for docs, weight in parts:
        have += weight * is_member(docs, several)
        first = docs[: count + len(several)]
        alone = first[~is_member(several, first)][:count]
        found.append(alone)
        sums.append(np.full(len(alone), weight))
    docs, have = np.concatenate(found), np.concatenate(sums)
    best = np.lexsort((docs, -have))[:count]
    order = best[np.argsort(docs[best])]
    return docs[order], have[order]
