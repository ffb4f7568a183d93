"""Answers to look-ups: what identifiers stand for, and, when asked, the recordings themselves."""

from collections.abc import Sequence

import msgspec

from phonotheque.model.numbers import Kind, format_public_ids
from phonotheque.search import iter_found
from phonotheque.serve import answers
from phonotheque.serve.assemble import summarise_rows
from phonotheque.serve.publication import Publication

MOST_RECORDINGS = 100


def lookup_answers(publication: Publication, texts: Sequence[str]) -> list[answers.LookupAnswer]:
    """What each identifier stands for, in order."""
    results = publication.index.lookup_many(texts)
    ids: dict[tuple[Kind, int], str] = {}
    for kind in {r.kind for r in results if r.kind is not None}:
        numbers = sorted({n for r in results if r.kind is kind for n in r.numbers})
        for number, public_id in zip(
            numbers, format_public_ids(numbers, publication.id_key, kind), strict=True
        ):
            ids[kind, number] = public_id
    return [
        answers.LookupAnswer(
            query=text,
            recognised=result.recognised,
            kind=None if result.kind is None else result.kind.value,
            ids=[] if result.kind is None else [ids[result.kind, n] for n in result.numbers],
        )
        for text, result in zip(texts, results, strict=True)
    ]


def full_lookup_answers(
    publication: Publication, texts: Sequence[str]
) -> list[answers.LookupAnswer]:
    """As `lookup_answers`, each with its recordings: at most the first hundred."""
    found = iter_found(publication.index, texts, MOST_RECORDINGS)
    return [
        msgspec.structs.replace(answer, recordings=summarise_rows(publication, led_to.recordings))
        for answer, led_to in zip(lookup_answers(publication, texts), found, strict=True)
    ]
