"""What a search is answered with, and how an answer can be narrowed down."""

from dataclasses import dataclass
from typing import Any

from phonotheque.model import answers
from phonotheque.search import Facets, FacetValue, Hit, SearchPage
from phonotheque.serve.assemble import summarise_rows
from phonotheque.serve.publication import Publication

SHOWN_VALUES = 8
"""So many values of a facet are shown at once, the rest when asked for."""


def search_answer(
    publication: Publication,
    query: str,
    limit: int,
    cursor: str | None,
    *,
    facets: bool = False,
    highlights: bool = False,
) -> answers.SearchAnswer:
    """One page of hits; with counts by licence, decade and tier, and with the words found."""
    page = publication.search(query, limit, cursor, facets=facets, highlights=highlights)
    return answers.SearchAnswer(
        query=query,
        hits=_hits(publication, page),
        total=page.total,
        total_is_exact=page.total_is_exact,
        partial=page.partial,
        relaxed=page.relaxed,
        matched=page.matched.value,
        did_you_mean=page.did_you_mean,
        facets=_facets(page.facets),
        next_cursor=page.next_cursor,
    )


def _hits(publication: Publication, page: SearchPage) -> list[answers.HitAnswer]:
    summaries = summarise_rows(publication, [hit.row for hit in page.hits])
    return [
        answers.HitAnswer(**_fields(summary), highlights=_highlights(hit))
        for summary, hit in zip(summaries, page.hits, strict=True)
    ]


def _fields(summary: answers.RecordingSummary) -> dict[str, Any]:
    return {name: getattr(summary, name) for name in summary.__struct_fields__}


def _highlights(hit: Hit) -> answers.HighlightsAnswer | None:
    found = hit.highlights
    if found is None:
        return None
    return answers.HighlightsAnswer(
        title=list(found.title), artist=list(found.artist), release=list(found.release_title)
    )


def _facets(facets: Facets | None) -> answers.FacetsAnswer | None:
    if facets is None:
        return None

    def values(found: tuple[FacetValue, ...]) -> list[answers.FacetValueAnswer]:
        return [
            answers.FacetValueAnswer(value=v.value, count=v.count, filter=v.filter) for v in found
        ]

    return answers.FacetsAnswer(
        licences=values(facets.licences),
        decades=values(facets.decades),
        tiers=values(facets.tiers),
        counted=facets.counted,
        exact=facets.exact,
    )


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a facet; `query` is the search with it, or without it where it is `chosen`
    (null where no filter says so)."""

    label: str
    count: int
    query: str | None
    chosen: bool


@dataclass(frozen=True, slots=True)
class Group:
    """The values of one facet: the first ones, and the rest."""

    name: str
    first: list[Choice]
    rest: list[Choice]


def narrowings(query: str, facets: answers.FacetsAnswer | None) -> list[Group]:
    """The facets by which `query` can be narrowed down or widened again."""
    if facets is None:
        return []
    found = (
        ("Licence", [_choice(query, v, "no licence known") for v in facets.licences]),
        ("Decade", [_choice(query, v, "year unknown") for v in facets.decades]),
        ("Tier", [_choice(query, v, "none") for v in facets.tiers]),
    )
    return [
        Group(name, choices[:SHOWN_VALUES], choices[SHOWN_VALUES:])
        for name, choices in found
        if len(choices) > 1 or any(choice.chosen for choice in choices)
    ]


def _choice(query: str, value: answers.FacetValueAnswer, unknown: str) -> Choice:
    label = unknown if value.value == "none" else value.value
    if value.filter is None:
        return Choice(label, value.count, None, chosen=False)
    parts = query.split(" ")
    left = [part for part in parts if part.lower() != value.filter]
    chosen = len(left) < len(parts)
    # in front: the last word of a query may be the beginning of one, and is to stay the last
    return Choice(
        label, value.count, " ".join(left) if chosen else f"{value.filter} {query}", chosen
    )
