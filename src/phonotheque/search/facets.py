"""How the hits of a query are spread over licences, decades and tiers."""

from collections.abc import Sequence

import numpy as np

from phonotheque.search.arrays import Array
from phonotheque.search.files import IndexFiles
from phonotheque.search.query import NO_LICENCE
from phonotheque.search.values import Facets, FacetValue


def count_facets(files: IndexFiles, licences: Sequence[str], docs: Array, *, exact: bool) -> Facets:
    """The facets of `docs`; `licences` are those of the index in order of their codes. `exact`:
    these are all hits."""
    return Facets(
        counted=len(docs),
        licences=_licences(np.bincount(files.doc_licence[docs]), licences),
        decades=_decades(files.doc_year[docs]),
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


def _decades(years: Array) -> tuple[FacetValue, ...]:
    decades, counts = np.unique(years[years != 0] // 10 * 10, return_counts=True)
    out = [
        FacetValue(f"{decade}s", count, f"year:{decade}..{decade + 9}")
        for decade, count in zip(decades.tolist(), counts.tolist(), strict=True)
    ]
    if unknown := int(np.count_nonzero(years == 0)):
        out.append(FacetValue("none", unknown, None))
    return tuple(out)
