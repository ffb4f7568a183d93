"""What a search or a look-up answers with: plain values, ready to be written as JSON."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

import msgspec

from phonotheque.model.numbers import Kind

INDEX_FORMAT = 4


class TrackRow(msgspec.Struct, frozen=True):
    """Where a recording stands on a release; `release` is a number, null for a loose track."""

    release: int | None
    release_title: str | None
    disc: int | None
    position: int | None
    title: str | None  # null: equal to the recording's
    position_text: str | None = None  # as written, where it is more than the number


class FileRow(msgspec.Struct, frozen=True):
    """The published audio file of a recording; `path` is relative to the volume."""

    volume: str
    path: str
    media_type: str
    codec: str
    bytes: int
    duration_ms: int
    sha256: str
    licence: str
    licence_url: str | None
    attribution: str
    stream: str
    distribute: str


class DisplayRow(msgspec.Struct, frozen=True):
    """All that a page shows of one recording."""

    number: int
    public_id: str
    title: str
    artist: str
    artist_numbers: tuple[int, ...]
    release_title: str | None
    year: int | None
    duration_ms: int | None
    isrcs: tuple[str, ...]
    mbid: str | None
    collections: tuple[str, ...]
    licence: str | None
    stream: str
    distribute: str
    flags: int
    listens: int
    rank: int
    tier: int
    tracks: tuple[TrackRow, ...]
    file: FileRow | None


class ReleaseRow(msgspec.Struct, frozen=True):
    """One release."""

    number: int
    public_id: str
    title: str
    artist: str
    year: int | None
    label: str | None
    barcode: str | None
    mbid: str | None
    country: str | None = None
    genres: tuple[str, ...] = ()


class ArtistRow(msgspec.Struct, frozen=True):
    """One artist."""

    number: int
    public_id: str
    name: str
    sort_name: str | None = None
    aliases: tuple[str, ...] = ()
    mbid: str | None = None


Spans = tuple[tuple[int, int], ...]


class Highlights(msgspec.Struct, frozen=True):
    """Where words of the query stand in a row's texts: spans (begin, end), `end` not meant, in
    code points of the text as it is shown; rising, apart from each other.
    """

    title: Spans
    artist: Spans
    release_title: Spans


class Hit(msgspec.Struct, frozen=True):
    """One recording found; a higher `score` is a better match. `highlights`: when asked for."""

    number: int
    score: float
    row: DisplayRow
    highlights: Highlights | None = None


class Matched(StrEnum):
    """What the hits of a page have of the query."""

    AS_TYPED = "as-typed"  # every word
    OTHER_SPELLING = "other-spelling"  # every word, some within one typing error of the one typed
    FEWER_WORDS = "fewer-words"  # most words


class FacetValue(msgspec.Struct, frozen=True):
    """How many of the hits have one value; `filter`, added to the query, leaves only these
    (null where no filter says so)."""

    value: str
    count: int
    filter: str | None


class Facets(msgspec.Struct, frozen=True):
    """The values of all hits, not of one page: licences by count, decades and tiers rising.

    `counted` hits were looked at; unless `exact` these are not all, and every count is a lower
    bound. A hit without licence or year counts as `none`; one without tier is left out.
    """

    counted: int
    licences: tuple[FacetValue, ...]
    decades: tuple[FacetValue, ...]
    tiers: tuple[FacetValue, ...]
    exact: bool


class SearchPage(msgspec.Struct, frozen=True):
    """One page of hits, best first.

    `total` is a lower bound unless `total_is_exact`. `relaxed`: nothing has every word as typed;
    `matched` says what the hits have instead. `did_you_mean` is a query: with `relaxed`, the one
    that the best hit has all words of; else a spelling that far more recordings have, which the
    hits are not of. `partial`: the time allowed was over before the index was searched to the end,
    or the query was cut. `facets`: when asked for.
    """

    hits: tuple[Hit, ...]
    total: int
    total_is_exact: bool
    relaxed: bool
    did_you_mean: str | None
    partial: bool
    next_cursor: str | None
    matched: Matched = Matched.AS_TYPED
    facets: Facets | None = None


class LookupResult(msgspec.Struct, frozen=True):
    """What an identifier names. `recognised` is how it was read: isrc, mbid, barcode, public-id,
    number, source, or none; `kind` and `numbers` say what it leads to (no number: unknown here).
    """

    query: str
    recognised: str
    kind: Kind | None
    numbers: tuple[int, ...]


class Codes(msgspec.Struct, frozen=True):
    """What the codes in ``doc_licence`` and ``doc_year`` stand for: code i + 1 for entry i."""

    licences: list[str]
    years: list[int]


class IndexManifest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`index.json`: what an index was made from (docs/formats/index.md)."""

    FORMAT: ClassVar[int] = INDEX_FORMAT

    format: int
    edition: str
    edition_sha256: str
    published_at: datetime
    id_key: str
    documents: int
    terms: int
    postings: int
    head_postings: int
    licences: list[str]
    years: list[int]
    part: str = ""  # of a mirror of a part: SHA-256 of the names of the volumes it has tables of

    @property
    def codes(self) -> Codes:
        """The meaning of codes."""
        return Codes(self.licences, self.years)


class IndexReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `build_index` made; `rebuilt` is False when the index was there already."""

    index: str
    edition: str
    documents: int
    terms: int
    postings: int
    index_bytes: int
    rows_bytes: int
    rebuilt: bool
