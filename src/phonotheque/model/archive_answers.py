"""What the API answers of the archive as such: editions, changes, files, and rights argued.

Stable as `phonotheque.model.answers` is.
"""

from datetime import datetime

from phonotheque.model.answers import (
    Answer,
    CountsAnswer,
    FileAnswer,
    RecordingSummary,
    TombstoneAnswer,
)


class EditionSummary(Answer, frozen=True, kw_only=True):
    """One edition as a line of a list."""

    name: str
    sequence: int
    previous: str | None
    published_at: datetime
    counts: CountsAnswer
    url: str  # of its edition.json, which names every file of it
    served: bool  # this server shows this one


class EditionsAnswer(Answer, frozen=True, kw_only=True):
    """One page of the editions that are here, the newest first."""

    editions: list[EditionSummary]
    total: int
    next_cursor: str | None


class ChangeAnswer(Answer, frozen=True, kw_only=True):
    """One thing that an edition says otherwise than the one before."""

    edition: str
    sequence: int
    kind: str  # r(ecording), d (release), a(rtist), t(rack)
    id: str
    change: str  # added | changed | gone | merged | withdrawn
    successor: str | None  # of what was merged: the id that stands for it in the edition served


class ChangesAnswer(Answer, frozen=True, kw_only=True):
    """One page of changes, edition by edition, the oldest first; what comes later counts."""

    since: int
    until: int  # sequence of the edition served
    changes: list[ChangeAnswer]
    next_cursor: str | None


class VolumeFileAnswer(Answer, frozen=True, kw_only=True):
    """One file of a volume, without the argument for its rights."""

    path: str
    recording: str
    sha256: str
    bytes: int
    pieces_root: str
    puid: str
    media_type: str
    codec: str
    duration_ms: int
    sample_rate_hz: int
    channels: int
    title: str
    artist_credit: str
    release_title: str | None
    licence: str
    licence_url: str | None
    attribution: str
    stream: str  # as of its publication: DENY | REVIEW | ALLOW_IF | ALLOW
    distribute: str
    derived_from: str | None  # of an access copy: sha256 of its master
    withdrawn: bool


class VolumeFilesAnswer(Answer, frozen=True, kw_only=True):
    """One page of the files of a volume, by path."""

    volume: str
    files: list[VolumeFileAnswer]
    next_cursor: str | None


class PlaceAnswer(Answer, frozen=True, kw_only=True):
    """One place where a file stands: a volume, a path, a recording."""

    volume: str
    path: str
    recording: RecordingSummary | None
    file: FileAnswer | None  # null where it is withdrawn
    tombstone: TombstoneAnswer | None


class FilePlacesAnswer(Answer, frozen=True, kw_only=True):
    """A file by its digest, everywhere it stands in this edition."""

    sha256: str
    places: list[PlaceAnswer]


class LayerAnswer(Answer, frozen=True, kw_only=True):
    """What holds for one layer of rights in one jurisdiction. Days: YYYY-MM-DD, null: not known."""

    territory: str
    layer: str
    level: str
    why: list[str]
    rules: list[str]
    free_at_best: str | None
    free_at_worst: str | None
    missing: list[str]


class RuleAnswer(Answer, frozen=True, kw_only=True):
    """One rule as it is cited. `mark`: V read, D derived, K not checked, R our own decision."""

    id: str
    mark: str
    text: str
    source: str
    valid_from: str
    accepted: bool  # marked K, and the archive relies on it


class ClaimAnswer(Answer, frozen=True, kw_only=True):
    """One claim that the verdicts rest on."""

    claim: str
    value: str | None
    raw: str
    kind: str
    witness: str | None
    counts_as: str | None
    source: str
    captured: str
    sha256: str | None
    confidence: float | None


class VerdictAnswer(Answer, frozen=True, kw_only=True):
    """The verdict on one use, with its argument."""

    use: str
    territories: list[str]
    on: str
    level: str  # as argued here: DENY | REVIEW | ALLOW_IF | ALLOW
    in_edition: str | None  # what the edition says for its own territories; null: nothing
    allowed: bool  # by the lesser of both
    conditions: list[str]
    reasons: list[str]
    valid_until: str | None
    becomes: str | None  # the level on the day after
    gates: list[str]
    layers: list[LayerAnswer]
    rules: list[RuleAnswer]
    changes: list[str]  # what would make it another verdict


class RightsOfAnswer(Answer, frozen=True, kw_only=True):
    """What may be done with a recording, argued from the evidence that the edition carries."""

    recording: RecordingSummary
    territories: list[str]  # that were decided for
    edition_territories: list[str]  # that the edition was decided for
    policy: str  # archive: as archive.toml declares; default: nothing is declared here
    evidence_of: str | None  # sha256 of the file whose evidence this is; null: there is none
    evidence: list[ClaimAnswer]
    verdicts: list[VerdictAnswer]


class SuggestionAnswer(Answer, frozen=True, kw_only=True):
    """One recording that may be meant."""

    title: str
    artist: str
    url: str


class SuggestionsAnswer(Answer, frozen=True, kw_only=True):
    """What may be meant by words that are still being typed, the likeliest first."""

    query: str
    suggestions: list[SuggestionAnswer]
    did_you_mean: str | None
