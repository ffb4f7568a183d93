"""What the API answers with. Pages are drawn from the same values, so both always agree.

Field names are stable within ``/api/v1``: new ones may be added, none is renamed or dropped.
Lengths are in milliseconds and bytes, times are UTC, ids are public ids.
"""

from datetime import datetime

import msgspec


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all answers: immutable values."""


class RecordingSummary(Answer, frozen=True, kw_only=True):
    """One recording as a line of a list."""

    id: str
    title: str
    artist: str
    release: str | None
    year: int | None
    duration_ms: int | None
    listens: int
    rank: int
    tier: int
    isrcs: list[str]
    licence: str | None
    playable: bool  # this server has the audio and may stream it
    withdrawn: bool


class HighlightsAnswer(Answer, frozen=True, kw_only=True):
    """Where words of the query stand in a hit's texts: [begin, end] in code points, end not meant;
    rising, apart from each other."""

    title: list[tuple[int, int]]
    artist: list[tuple[int, int]]
    release: list[tuple[int, int]]


class HitAnswer(RecordingSummary, frozen=True, kw_only=True):
    """One recording found."""

    highlights: HighlightsAnswer | None  # when asked for


class FacetValueAnswer(Answer, frozen=True, kw_only=True):
    """How many hits have one value."""

    value: str  # "none": no licence, or no year, is known
    count: int
    filter: str | None  # put before the query, it leaves only these


class FacetsAnswer(Answer, frozen=True, kw_only=True):
    """The values of all hits, not of one page alone."""

    licences: list[FacetValueAnswer]
    decades: list[FacetValueAnswer]
    tiers: list[FacetValueAnswer]
    counted: int  # so many hits were looked at
    exact: bool  # these are all; else every count is a lower bound


class SearchAnswer(Answer, frozen=True, kw_only=True):
    """One page of hits; `next_cursor` is null on the last one."""

    query: str
    hits: list[HitAnswer]
    total: int
    total_is_exact: bool  # else `total` is a lower bound
    relaxed: bool  # nothing has every word as typed; `matched` says what these have
    matched: str  # as-typed | other-spelling (within one typing error) | fewer-words
    partial: bool  # the time for one search ran out, or the query was cut: there may be more
    did_you_mean: str | None  # another query; the hits are of it only where `relaxed`
    facets: FacetsAnswer | None  # when asked for
    next_cursor: str | None


class LookupAnswer(Answer, frozen=True, kw_only=True):
    """What one identifier stands for; no ids when this edition does not know it."""

    query: str
    recognised: str  # isrc | mbid | barcode | public-id | number | source | none
    kind: str | None  # what the ids name: r(ecording), d (release), a(rtist), t(rack)
    ids: list[str]
    recordings: list[RecordingSummary] | None = None  # where asked for: of them, the first 100


class LookupRequest(Answer, frozen=True, kw_only=True):
    """Body of a batch look-up."""

    queries: list[str]
    recordings: bool = False  # answer with what a list shows of each: up to 10,000 identifiers


class BatchAnswer(Answer, frozen=True, kw_only=True):
    """Answers in the order of the queries."""

    edition: str
    results: list[LookupAnswer]


class ArtistRef(Answer, frozen=True, kw_only=True):
    """An artist, to be linked to."""

    id: str
    name: str


class ReleaseRef(Answer, frozen=True, kw_only=True):
    """A release, to be linked to."""

    id: str
    title: str


class AppearanceAnswer(Answer, frozen=True, kw_only=True):
    """A place where a recording appears; no release for a loose track."""

    title: str
    release: ReleaseRef | None
    disc: int | None
    position: int | None
    position_text: str | None  # as written, where it is more than the number: "A1"


class TrackAnswer(Answer, frozen=True, kw_only=True):
    """One line of a release."""

    id: str
    disc: int | None
    position: int | None
    position_text: str | None  # as written, where it is more than the number: "A1"
    title: str
    artist: str
    duration_ms: int | None
    recording: RecordingSummary


class EvidenceAnswer(Answer, frozen=True, kw_only=True):
    """One claim as it was found."""

    claim: str
    value: str | None
    raw: str
    kind: str
    source: str
    captured_at: datetime
    sha256: str | None
    witness: str | None = None
    confidence: float | None = None


class RightsAnswer(Answer, frozen=True, kw_only=True):
    """What may be done with a file, and why."""

    licence: str
    licence_url: str | None
    attribution: str
    stream: str  # DENY | REVIEW | ALLOW_IF | ALLOW
    distribute: str
    conditions: list[str]
    reasons: list[str]
    rule_ids: list[str]
    evidence: list[EvidenceAnswer]
    ai_train: str | None = None  # as of this edition; null: it does not say, so it may not
    ai_train_conditions: list[str] = []


class FileAnswer(Answer, frozen=True, kw_only=True):
    """The published audio of a recording."""

    volume: str
    path: str
    url: str | None  # null when this server does not hold the volume
    torrent_url: str
    magnet: str
    sha256: str
    pieces_root: str
    bytes: int
    media_type: str
    puid: str
    codec: str
    duration_ms: int
    sample_rate_hz: int
    channels: int
    rights: RightsAnswer


class TombstoneAnswer(Answer, frozen=True, kw_only=True):
    """Why and since when a recording is withdrawn."""

    since: datetime
    reason: str


class RecordingAnswer(Answer, frozen=True, kw_only=True):
    """All that an edition says of a recording."""

    recording: RecordingSummary
    recording_mbid: str | None
    collections: list[str]
    conflict: bool  # rows with one ISRC disagree; this is one of the parts
    artists: list[ArtistRef]
    appearances: list[AppearanceAnswer]
    file: FileAnswer | None
    tombstone: TombstoneAnswer | None


class ReleaseAnswer(Answer, frozen=True, kw_only=True):
    """A release with its first 1,000 tracks in order."""

    id: str
    title: str
    artist: str
    year: int | None
    label: str | None
    barcode: str | None
    release_mbid: str | None
    country: str | None  # ISO 3166-1, two letters
    genres: list[str]
    tracks: list[TrackAnswer]


class ReleaseTracksAnswer(Answer, frozen=True, kw_only=True):
    """One page of the tracks of a release, in order."""

    tracks: list[TrackAnswer]
    next_cursor: str | None


class ArtistAnswer(Answer, frozen=True, kw_only=True):
    """An artist with one page of recordings, the most listened first."""

    id: str
    name: str
    sort_name: str | None
    aliases: list[str]
    artist_mbid: str | None
    recordings: list[RecordingSummary]
    next_cursor: str | None


class CountsAnswer(Answer, frozen=True, kw_only=True):
    """Totals of an edition."""

    recordings: int
    tracks: int
    releases: int
    artists: int
    files: int
    audio_bytes: int
    volumes: int
    tiers: int
    withdrawn: int
    listens: int


class TierAnswer(Answer, frozen=True, kw_only=True):
    """The volumes of one tier, added up."""

    tier: int
    cut_percent: float | None  # of all listens, summed from the most listened
    volumes: int
    files: int
    audio_bytes: int
    listens: int


class EditionAnswer(Answer, frozen=True, kw_only=True):
    """The edition this server shows."""

    name: str
    sequence: int
    previous: str | None
    published_at: datetime
    archive: str
    archive_id: str
    publisher: str
    seat: str
    territories: list[str]
    counts: CountsAnswer
    tiers: list[TierAnswer]
    edition_sha256: str
    metadata_url: str


class VolumeAnswer(Answer, frozen=True, kw_only=True):
    """One volume: a directory, a bag, a torrent."""

    volume: str
    tier: int
    first_edition: str
    files: int
    audio_bytes: int
    total_bytes: int
    listens: int
    withdrawn_files: int
    licences: list[str]
    info_hash_v1: str
    info_hash_v2: str
    manifest_sha256: str
    torrent_url: str
    magnet: str
    held: bool  # whether this server has it


class VolumesAnswer(Answer, frozen=True, kw_only=True):
    """One page of volumes, by name."""

    volumes: list[VolumeAnswer]
    next_cursor: str | None


class NoticeSummary(Answer, frozen=True, kw_only=True):
    """One notice as a line of a list."""

    case: str
    law: str  # us-512 | eu-dsa-16 | other
    state: str  # of its newest step
    received_at: datetime
    changed_at: datetime
    sender: str  # "[redacted]" unless the sender agreed
    recordings: int  # how many it took out of reach


class NoticesAnswer(Answer, frozen=True, kw_only=True):
    """One page of notices, the newest first; `next_cursor` is null on the last one."""

    notices: list[NoticeSummary]
    total: int
    next_cursor: str | None


class StepAnswer(Answer, frozen=True, kw_only=True):
    """One step of a notice."""

    state: str
    at: datetime


class NoticeAnswer(Answer, frozen=True, kw_only=True):
    """What everybody may know of a notice."""

    case: str
    law: str
    state: str
    received_at: datetime
    sender: str
    works: list[str]  # as the notice names them, redacted
    missing: list[str]  # what it still lacks, clause by clause
    recordings: list[str]  # public ids that it took out of reach
    files: list[str]  # sha256
    steps: list[StepAnswer]
    opens: datetime | None  # of the window after a counter-notice
    closes: datetime | None
    ledger_event: int  # the newest event of the case in the archive's ledger, and its SHA-256
    ledger_sha256: str


class ProblemAnswer(Answer, frozen=True, kw_only=True):
    """An error (RFC 9457), sent as ``application/problem+json``."""

    type: str
    title: str
    status: int
    detail: str


class QuotaProblemAnswer(
    ProblemAnswer, frozen=True, kw_only=True, rename={"violated_policies": "violated-policies"}
):
    """More was asked than the limit allows (draft-ietf-httpapi-ratelimit-headers)."""

    violated_policies: list[str]
