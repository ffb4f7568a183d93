"""When nothing matches every word: words within one edit, then one word less, then most words."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from phonotheque.search.arrays import Array, distinct
from phonotheque.search.files import IndexFiles
from phonotheque.search.matching import Wanted
from phonotheque.search.query import Term
from phonotheque.search.ranking import Scores, best_first, score, share_of_words
from phonotheque.search.values import Matched
from phonotheque.search.windows import CANDIDATES, Search

MAX_SUGGESTIONS = 5
MAX_VARIANTS = 16
RARE, FAR_MORE = 4, 100  # documents of a word that may be an error; times as many of the other


@dataclass(frozen=True, slots=True)
class Relaxed:
    """Candidates that match in part, best first; `did_you_mean`: the query that the best one has
    all words of, where words were spelt otherwise."""

    docs: Array
    scores: Scores
    did_you_mean: str | None
    partial: bool
    terms: tuple[Term, ...] = ()  # other spellings that are among what they match

    @property
    def matched(self) -> Matched:
        """What the candidates have of the query."""
        if not len(self.docs):
            return Matched.AS_TYPED
        return Matched.FEWER_WORDS if self.did_you_mean is None else Matched.OTHER_SPELLING


def relax(search: Search) -> Relaxed:
    """The best there is for a query that nothing matches."""
    found = _spelt_otherwise(search)
    if not len(found.docs) and len(search.wanted) > 1 and not found.partial:
        found = _one_word_less(search)
    if not len(found.docs) and len(search.wanted) > 2 and not found.partial:
        found = _most_words(search)
    return found


def within_one_edit(a: str, b: str) -> bool:
    """Whether one letter more, less or other, or two neighbours swapped, makes `b` of `a`."""
    if abs(len(a) - len(b)) > 1:
        return False
    if len(a) > len(b):
        a, b = b, a
    at = next((i for i, c in enumerate(a) if c != b[i]), len(a))
    if len(a) < len(b):
        return a[at:] == b[at + 1 :]
    swapped = a[:at] + a[at + 1 : at + 2] + a[at : at + 1] + a[at + 2 :]
    return a[at + 1 :] == b[at + 1 :] or swapped == b


def suggestions(files: IndexFiles, text: str, least: int = 0) -> list[Wanted]:
    """Terms within one edit of `text` with `least` documents or more, the most frequent first."""
    near = [(files.frequency(term, term + 1), term) for term in files.near_terms(text)]
    near = sorted((-frequency, term) for frequency, term in near if frequency >= least)
    close: list[tuple[int, str]] = []
    for _, term in near:
        found = files.term_text(term)
        if found != text and within_one_edit(text, found):
            close.append((term, found))
        if len(close) == MAX_SUGGESTIONS:
            break
    return [Wanted(Term(found), term, term + 1, True) for term, found in close]


def better_spelling(search: Search) -> str | None:
    """A query for one that few recordings match, which a far more frequent word makes of it.

    Only for a rare word as a whole, and only if something matches then.
    """
    for at, word in enumerate(search.wanted):
        frequency = search.files.frequency(word.low, word.high)
        if word.term.prefix or frequency > RARE or search.deadline.is_over:
            continue
        least = max(frequency, 1) * FAR_MORE
        for other in suggestions(search.files, word.term.text, least)[:1]:
            wanted = [*search.wanted[:at], other, *search.wanted[at + 1 :]]
            if len(search.own(wanted, 1).docs):
                return " ".join(w.term.text for w in wanted)
    return None


def _spelt_otherwise(search: Search) -> Relaxed:
    best: list[tuple[Array, Scores, str]] = []
    terms: list[Term] = []
    partial = False
    for variant in _iter_variants(search):
        found = search.matching(variant, CANDIDATES)
        partial = found.partial or search.deadline.is_over
        if len(found.docs):
            words = " ".join(w.term.text for w in variant)
            ids = [w.low for w in variant] if all(w.whole for w in variant) else []
            scores = score(search.files, found.docs, variant, ids, elsewhere=True)
            best.append((found.docs, scores, words))
            terms.extend(w.term for w in variant)
        if partial:
            break
    return replace(_joined(best, partial), terms=tuple(dict.fromkeys(terms)))


def _iter_variants(search: Search) -> Iterator[list[Wanted]]:
    """The query with one word spelt otherwise (every unknown word, where several are)."""
    wanted = list(search.wanted)
    near: dict[int, list[Wanted]] = {}
    unknown = [i for i, word in enumerate(wanted) if word.is_unknown]
    for at in unknown or range(len(wanted)):
        near[at] = [
            replace(s, term=replace(s.term, field=wanted[at].term.field))
            for s in suggestions(search.files, wanted[at].term.text)
        ]
    if unknown and not all(near[at] for at in unknown):
        return
    for at in unknown:
        wanted[at] = near[at][0]
    count = 0
    for at, choices in near.items():
        for choice in choices:
            if count == MAX_VARIANTS:
                return
            count += 1
            yield [*wanted[:at], choice, *wanted[at + 1 :]]


def _one_word_less(search: Search) -> Relaxed:
    wanted = list(search.wanted)
    unknown = [i for i, word in enumerate(wanted) if word.is_unknown]
    known = [word for word in wanted if not word.is_unknown]
    if len(unknown) > 1 or not known:
        left = [known] if known and len(known) * 2 > len(wanted) else []
    elif unknown:
        left = [known]
    else:
        left = [[*wanted[:at], *wanted[at + 1 :]] for at in range(len(wanted))]
    return _gathered(search, left[:MAX_VARIANTS], least=0.0)


def _most_words(search: Search) -> Relaxed:
    """What has two of the four rarest words, and half of all words at least."""
    known = [word for word in search.wanted if not word.is_unknown]
    known.sort(key=lambda word: search.files.frequency(word.low, word.high))
    return _gathered(search, combinations(known[:4], 2), least=0.5)


def _gathered(search: Search, choices: Iterable[Sequence[Wanted]], least: float) -> Relaxed:
    """What has all words of one of `choices`, and stands for `least` of the query's words."""
    docs, partial = [np.zeros(0, np.uint32)], False
    for words in choices:
        found = search.matching(words, CANDIDATES)
        docs.append(found.docs)
        partial = found.partial
        if partial:
            break
    every = distinct(np.concatenate(docs)).astype(np.uint32)
    every = every[share_of_words(search.files, every, search.wanted) >= least]
    scores = score(search.files, every, search.wanted, [], elsewhere=False)
    order = best_first(scores, every)
    return Relaxed(every[order], scores[order], None, partial)


def _joined(best: Sequence[tuple[Array, Scores, str]], partial: bool) -> Relaxed:
    if not best:
        return Relaxed(np.zeros(0, np.uint32), np.zeros(0), None, partial)
    docs = np.concatenate([docs for docs, _, _ in best])
    scores = np.concatenate([scores for _, scores, _ in best])
    source = np.repeat(np.arange(len(best)), [len(docs) for docs, _, _ in best])
    order = best_first(scores, docs)
    _, first = np.unique(docs[order], return_index=True)
    kept = order[np.sort(first)]
    return Relaxed(docs[kept], scores[kept], best[int(source[kept[0]])][2], partial)
