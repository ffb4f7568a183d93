"""Files enter the index: each is laid upon what was there before it, and what is alike is told.

A file that is the same sound as an earlier one does not enter: the earlier one stands for it. So
whatever is found is the first of its sound, and likenesses are stars, never chains. Only a file
that goes on for more than `REST_SECONDS` beyond the earlier one enters, as a copy, for the sake
of clips from there.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from phonotheque.model.sounds import SoundMatch, SoundVerdict
from phonotheque.vault.acoustic.codec import ITEM_SECONDS
from phonotheque.vault.acoustic.comparing import (
    LEAST_SECONDS,
    Likeness,
    judge,
    score_of,
)
from phonotheque.vault.acoustic.index import AcousticIndex, Hit
from phonotheque.vault.acoustic.segments import Document

FOUND_BY: Final = "chromaprint/1 same-sound/1"
"""Changes when a rule or a limit of `comparing` does."""

REST_SECONDS: Final = 10.0

_AT_ONCE = 4_000
_HITS = 24
_MOST_MAYBE = 3


def take_in(index: AcousticIndex, documents: Iterable[Document]) -> Iterator[SoundMatch]:
    """Let documents into the index in their order, and yield what each is like: the one that it is
    the same sound as, or up to three that it may be.

    A killed run is simply run again over the same documents.
    Memory: four thousand fingerprints, 32 MB, several times over.
    """
    batch = list[Document]()
    for document in documents:
        if len(document.items) * ITEM_SECONDS >= LEAST_SECONDS:
            batch.append(document)
        if len(batch) == _AT_ONCE:
            yield from _take(index, batch)
            batch = []
    yield from _take(index, batch)


def _take(index: AcousticIndex, batch: list[Document]) -> Iterator[SoundMatch]:
    first = {document.sha256.hex(): place for place, document in reversed(list(enumerate(batch)))}
    known = {sha256 for sha256 in first if index.is_first(sha256)}
    entering, standing = list[Document](), set[str]()
    with index.beside(batch) as both:
        for place, document in enumerate(batch):
            name = document.sha256.hex()
            if first[name] != place:
                continue
            hits = both.look_up(document.items, _HITS, first.keys() - standing | {name})
            same = None if name in known else _first_same(document, hits)
            if same is not None:
                yield _match(name, same, SoundVerdict.SAME)
                rest = len(document.items) - same.alignment.overlap
                if rest * ITEM_SECONDS > REST_SECONDS:
                    entering.append(document._replace(copy=True))
                continue
            entering.append(document)
            standing.add(name)
            for hit in _maybe(document, hits):
                yield _match(name, hit, SoundVerdict.MAYBE)
    index.add(entering)


def _first_same(document: Document, hits: list[Hit]) -> Hit | None:
    size = len(document.items)
    found = (h for h in hits if judge(h.alignment, size, h.length) is Likeness.SAME)
    return next((hit for hit in found if not hit.copy), None)


def _maybe(document: Document, hits: list[Hit]) -> list[Hit]:
    size = len(document.items)
    found = [h for h in hits if judge(h.alignment, size, h.length) is not Likeness.DIFFERENT]
    return found[:_MOST_MAYBE]


def _match(sha256: str, hit: Hit, verdict: SoundVerdict) -> SoundMatch:
    alignment = hit.alignment
    return SoundMatch(
        sha256=sha256,
        other=hit.sha256,
        verdict=verdict,
        score=round(score_of(alignment), 4),
        overlap_ms=round(alignment.overlap * ITEM_SECONDS * 1000),
        offset_ms=round(alignment.offset * ITEM_SECONDS * 1000),
        found_by=FOUND_BY,
    )
