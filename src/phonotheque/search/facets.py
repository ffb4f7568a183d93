"""How the hits of a query are spread over licences, decades and tiers."""

from collections.abc import Sequence

import numpy as np

from phonotheque.search.files import IndexFiles
from phonotheque.search.query import NO_LICENCE
from phonotheque.search.values import Codes, Facets, FacetValue
from phonotheque.storage.arrays import Array


def count_facets(files: IndexFiles, codes: Codes, docs: Array, *, exact: bool) -> Facets:
    """The facets of `docs`. `exact`: these are all hits."""
    return Facets(
        counted=len(docs),
        licences=_licences(np.bincount(files.doc_licence[docs]), codes.licences),
        decades=_decades(np.bincount(files.doc_year[docs]), codes.years),
        tiers=tuple(
            FacetValue(str(tier), count, f"tier:{tier}")
            for tier, count in enumerate(np.bincount(files.doc_tier[docs]).tolist())
            if tier and count
        ),
        exact=exact,
    )


def _licences(counts: Array, names: Sequence[str]) -> tuple[FacetValue, ...]:
    known = [NO_LICENCE, *names]
    found = [
        FacetValue(known[code], count, f"licence:{known[code].lower()}")
        for code, count in enumerate(counts.tolist())
        if count
    ]
    return tuple(sorted(found, key=lambda value: (-value.count, value.value)))


def _decades(counts: Array, years: Sequence[int]) -> tuple[FacetValue, ...]:
    unknown, *known = counts.tolist() or [0]
    found: dict[int, int] = {}
    for year, count in zip(years, known, strict=False):  # `counts` end at the last code found
        if count:
            decade = year // 10 * 10
            found[decade] = found.get(decade, 0) + count
    out = [
        FacetValue(f"{decade}s", count, f"year:{decade}..{decade + 9}")
        for decade, count in found.items()
    ]
    if unknown:
        out.append(FacetValue("none", unknown, None))
    return tuple(out)
