"""What is counted of an edition, as values. Shares go from 0 to 1; null is what is not known."""

from datetime import datetime

import msgspec


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of the whole edition; files, bytes and time are of what is held, not withdrawn."""

    recordings: int
    tracks: int
    releases: int
    artists: int
    with_isrc: int
    volumes: int
    files: int
    audio_bytes: int
    audio_ms: int
    withdrawn: int
    listens: int


class TierFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One tier. Shares are of all listens of the edition, from 0 to 1."""

    tier: int
    recordings: int
    listens: int
    files: int
    bytes: int
    least_listens: int
    listens_held: int  # of recordings whose audio is held
    share: float
    share_held: float


class RankFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Recordings from this rank on, up to the next line's. The shares and `bytes_to_here` are of
    all ranks down to the end of this line; shares are of all listens of the edition."""

    from_rank: int
    recordings: int
    listens: int
    recordings_held: int
    listens_held: int
    files: int
    bytes: int
    share_to_here: float
    share_held_to_here: float
    bytes_to_here: int


class ListensBin(msgspec.Struct, frozen=True, kw_only=True):
    """Recordings with so many listens and fewer than the next line's."""

    from_listens: int
    recordings: int


class LicenceFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One licence; None: no evidence agrees on one."""

    licence: str | None
    recordings: int
    files: int
    bytes: int


class VerdictFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Recordings of one licence for which streaming and distributing are judged so, in all of the
    territories of the edition together."""

    licence: str | None
    stream: str
    distribute: str
    recordings: int


class RuleFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Files whose verdict rests on a rule; `territory` is None for a rule that holds anywhere."""

    territory: str | None
    rule: str
    files: int


class DecadeFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Recordings first released in the ten years from `decade`; None: year unknown."""

    decade: int | None
    recordings: int


class YearFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Recordings first released in `year`; None: year unknown."""

    year: int | None
    recordings: int


class DurationBin(msgspec.Struct, frozen=True, kw_only=True):
    """Recordings of `from_seconds` and less than 30 s longer; the last bin (1200) has no end."""

    from_seconds: int
    recordings: int


class SecondFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Recordings that last `second` full seconds; of those below fifteen minutes."""

    second: int
    recordings: int


class IsrcFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Codes that stand on so many tracks and fewer than the next line's."""

    from_tracks: int
    isrcs: int


class TrackFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Recordings that appear on so many tracks and fewer than the next line's."""

    from_tracks: int
    recordings: int


class FormatFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Files of one codec in one container."""

    codec: str
    media_type: str
    files: int
    bytes: int
    audio_ms: int


class BitrateBin(msgspec.Struct, frozen=True, kw_only=True):
    """Files of one codec that take `from_kbits` kbit/s and less than 16 more; 1536 has no end."""

    codec: str
    from_kbits: int
    files: int


class EditionFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One of the editions that stand here, up to this one, by its own counts."""

    edition: str
    sequence: int
    published_at: datetime
    recordings: int
    tracks: int
    files: int
    audio_bytes: int
    listens: int
    withdrawn: int


class TopRecording(msgspec.Struct, frozen=True, kw_only=True):
    """One of the most listened."""

    rank: int
    number: int
    title: str
    artist_credit: str
    listens: int
    tier: int
    held: bool


class TopArtist(msgspec.Struct, frozen=True, kw_only=True):
    """An artist by the listens of the recordings among the first million ranks."""

    number: int
    name: str
    recordings: int
    listens: int


class TopRelease(msgspec.Struct, frozen=True, kw_only=True):
    """A release by the listens of its recordings among the first million ranks."""

    number: int
    title: str
    artist_credit: str
    year: int | None
    recordings: int
    listens: int


class GenreFigures(msgspec.Struct, frozen=True, kw_only=True):
    """A genre as sources name it."""

    genre: str
    releases: int


class VolumeFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `volumes.parquet`, less its digests."""

    volume: str
    tier: int
    first_edition: str
    files: int
    audio_bytes: int
    total_bytes: int
    listens: int
    withdrawn_files: int
    licences: list[str]
    piece_length: int
    padding_bytes: int
    torrent_bytes: int


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """All figures of one edition. `sql` has the statement that gave each, by name, and as `views`
    those that come before."""

    edition: str
    territories: list[str]  # for which verdicts were asked
    volumes_lacking: int  # a mirror of a part has no tables of these: their files are not counted
    totals: Totals
    tiers: list[TierFigures]
    ranks: list[RankFigures]
    listens: list[ListensBin]
    licences: list[LicenceFigures]
    verdicts: list[VerdictFigures]
    rules: list[RuleFigures]
    decades: list[DecadeFigures]
    years: list[YearFigures]
    durations: list[DurationBin]
    seconds: list[SecondFigures]
    tracks_per_isrc: list[IsrcFigures]
    tracks_per_recording: list[TrackFigures]
    formats: list[FormatFigures]
    bitrates: list[BitrateBin]
    growth: list[EditionFigures]
    top_recordings: list[TopRecording]
    top_artists: list[TopArtist]
    top_releases: list[TopRelease]
    top_genres: list[GenreFigures]
    volumes: list[VolumeFigures]
    sql: dict[str, str]
