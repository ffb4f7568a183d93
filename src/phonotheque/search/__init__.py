"""Search and look-up: an index derived from one edition, embedded, rebuilt for each edition.

`ensure_index` makes it; `SearchIndex.open` maps it. docs/formats/index.md describes the files,
docs/searching.md the query language and the ranking.
"""

from phonotheque.search.ensuring import ensure_index
from phonotheque.search.file_keys import ensure_file_keys
from phonotheque.search.found import Found, iter_found
from phonotheque.search.heard import Heard
from phonotheque.search.index import SearchIndex
from phonotheque.search.standing import find_index
from phonotheque.search.values import (
    ArtistRow,
    DisplayRow,
    Facets,
    FacetValue,
    FileRow,
    Highlights,
    Hit,
    IndexManifest,
    IndexReport,
    LookupResult,
    Matched,
    ReleaseRow,
    SearchPage,
    TrackRow,
)

__all__ = [
    "ArtistRow",
    "DisplayRow",
    "FacetValue",
    "Facets",
    "FileRow",
    "Found",
    "Heard",
    "Highlights",
    "Hit",
    "IndexManifest",
    "IndexReport",
    "LookupResult",
    "Matched",
    "ReleaseRow",
    "SearchIndex",
    "SearchPage",
    "TrackRow",
    "ensure_file_keys",
    "ensure_index",
    "find_index",
    "iter_found",
]
