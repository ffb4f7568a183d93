"""From rows of the tables and the index to answers. Reads only; runs in worker threads."""

from collections.abc import Sequence
from typing import TypeVar

from phonotheque.model import answers
from phonotheque.model.edition import EditionManifest, RecordingFlag
from phonotheque.model.errors import InputError
from phonotheque.model.magnets import format_magnet
from phonotheque.model.numbers import Kind, format_public_id, format_public_ids
from phonotheque.model.rights import Level
from phonotheque.search import DisplayRow, FileRow, TrackRow
from phonotheque.serve import queries
from phonotheque.serve.magnets import file_path, torrent_path
from phonotheque.serve.mining import OPEN, mining_headers
from phonotheque.serve.publication import Publication
from phonotheque.serve.queries import Cursor, Row

T = TypeVar("T")
TOP = 12


def allows(level: str) -> bool:
    """Whether a verdict, written by name, lets a use go ahead; an unknown name does not."""
    return level in Level.__members__ and Level[level] >= Level.ALLOW_IF


def may_stream(row: DisplayRow) -> bool:
    """Whether both the file's verdict, given when it was published, and the recording's, renewed
    with each edition, allow streaming.
    """
    return row.file is not None and allows(row.file.stream) and allows(row.stream)


def summarise(publication: Publication, numbers: Sequence[int]) -> list[answers.RecordingSummary]:
    """Recordings as lines of a list, in the order of `numbers`."""
    return summarise_rows(publication, publication.index.rows(numbers))


def summarise_rows(
    publication: Publication, rows: Sequence[DisplayRow]
) -> list[answers.RecordingSummary]:
    """The same, from rows of the index."""
    if not rows:
        return []
    return [_summary(publication, row) for row in rows]


def is_withdrawn(publication: Publication, row: DisplayRow) -> bool:
    """Whether the audio of a recording may not be given out any more."""
    file = row.file
    return (
        bool(row.flags & RecordingFlag.WITHDRAWN)
        or row.public_id in publication.revocations.current().by_recording
        or (file is not None and publication.is_withdrawn(file.volume, file.path, file.sha256))
    )


def _summary(publication: Publication, row: DisplayRow) -> answers.RecordingSummary:
    file, withdrawn = row.file, is_withdrawn(publication, row)
    return answers.RecordingSummary(
        id=row.public_id,
        title=row.title,
        artist=row.artist,
        release=row.release_title,
        year=row.year,
        duration_ms=row.duration_ms,
        listens=row.listens,
        rank=row.rank,
        tier=row.tier,
        isrcs=list(row.isrcs),
        licence=row.licence,
        playable=not withdrawn
        and file is not None
        and may_stream(row)
        and publication.holds(file.volume, file.path),
        withdrawn=withdrawn,
    )


def most_listened(publication: Publication) -> list[answers.RecordingSummary]:
    """The recordings a visitor sees first."""
    return summarise(publication, publication.index.most_listened(0, TOP))


def recording_answer(publication: Publication, row: DisplayRow) -> answers.RecordingAnswer:
    """All of one recording."""
    (summary,) = summarise_rows(publication, [row])
    with publication.cursor() as cursor:
        return answers.RecordingAnswer(
            recording=summary,
            recording_mbid=row.mbid,
            collections=list(row.collections),
            conflict=bool(row.flags & RecordingFlag.CONFLICT),
            artists=_artists(publication, row.artist_numbers),
            appearances=[_appearance(publication, row.title, track) for track in row.tracks],
            file=None
            if row.file is None or summary.withdrawn
            else _file(publication, cursor, row.file),
            tombstone=tombstone_answer(publication, cursor, row),
        )


def mining_of(answer: answers.RecordingAnswer) -> dict[str, str]:
    """What the page and the answer of a recording say to machines: of its audio, where they offer
    any, else that facts are not reserved."""
    return dict(OPEN) if answer.file is None else mining_headers(answer.file.rights.ai_train)


def release_answer(publication: Publication, number: int) -> answers.ReleaseAnswer | None:
    """A release with its tracks."""
    release = publication.index.release(number)
    if release is None:
        return None
    with publication.cursor() as cursor:
        tracks = queries.read_tracks_of_release(cursor, number)
    return answers.ReleaseAnswer(
        id=release.public_id,
        title=release.title,
        artist=release.artist,
        year=release.year,
        label=release.label,
        barcode=release.barcode,
        release_mbid=release.mbid,
        country=release.country,
        genres=list(release.genres),
        tracks=_tracks(publication, tracks),
    )


def release_tracks_answer(
    publication: Publication, number: int, cursor: str | None, limit: int
) -> answers.ReleaseTracksAnswer | None:
    """One page of the tracks of a release; `cursor` says how many the pages before had."""
    if publication.index.release(number) is None:
        return None
    start = parse_offset(cursor)
    with publication.cursor() as tables:
        rows = queries.read_tracks_of_release(tables, number, offset=start, limit=limit + 1)
    return answers.ReleaseTracksAnswer(
        tracks=_tracks(publication, rows[:limit]),
        next_cursor=str(start + limit) if len(rows) > limit else None,
    )


def artist_answer(
    publication: Publication, number: int, cursor: str | None, limit: int
) -> answers.ArtistAnswer | None:
    """An artist with one page of recordings; `cursor` says how many the pages before had."""
    artist = publication.index.artist(number)
    if artist is None:
        return None
    start = parse_offset(cursor)
    numbers = publication.index.artist_recordings(number)
    stop = start + limit
    return answers.ArtistAnswer(
        id=artist.public_id,
        name=artist.name,
        sort_name=artist.sort_name,
        aliases=list(artist.aliases),
        artist_mbid=artist.mbid,
        recordings=summarise(publication, numbers[start:stop]),
        next_cursor=str(stop) if stop < len(numbers) else None,
    )


def parse_offset(cursor: str | None) -> int:
    """A cursor that counts.

    Raises:
        InputError: it does not.
    """
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 12):
        raise InputError(f"cursor: {cursor!r} is not one of ours; begin without a cursor")
    return int(cursor)


def edition_answer(publication: Publication) -> answers.EditionAnswer:
    """The edition that is served, in figures."""
    with publication.cursor() as cursor:
        tiers = queries.read_tiers(cursor)
    return edition_answer_of(publication.manifest, publication.edition_sha256, tiers)


def edition_answer_of(
    manifest: EditionManifest, digest: str, tiers: Sequence[Row]
) -> answers.EditionAnswer:
    """Any edition in figures; `tiers` as `queries.read_tiers` gives them."""
    cuts = dict(enumerate(manifest.tier_cuts_percent, 1))
    counts = {
        name: getattr(manifest.counts, name) for name in answers.CountsAnswer.__struct_fields__
    }
    return answers.EditionAnswer(
        name=manifest.name,
        sequence=manifest.sequence,
        previous=manifest.previous,
        published_at=manifest.published_at,
        archive=manifest.archive.name,
        archive_id=manifest.archive.id,
        publisher=manifest.archive.publisher,
        seat=manifest.archive.seat,
        territories=manifest.territories,
        counts=answers.CountsAnswer(**counts),
        tiers=[answers.TierAnswer(cut_percent=cuts.get(row["tier"]), **row) for row in tiers],
        edition_sha256=digest,
        metadata_url="/metadata/",
    )


def volumes_answer(publication: Publication, after: str, limit: int) -> answers.VolumesAnswer:
    """One page of volumes, after the name `after`."""
    with publication.cursor() as cursor:
        rows = queries.read_volumes(cursor, after, limit + 1)
    page = rows[:limit]
    return answers.VolumesAnswer(
        volumes=[volume_answer(publication, row) for row in page],
        next_cursor=page[-1]["volume"] if len(rows) > limit else None,
    )


def volume_answer(publication: Publication, row: Row) -> answers.VolumeAnswer:
    """A volume from its row of the table of volumes."""
    kept = {n: row[n] for n in answers.VolumeAnswer.__struct_fields__ if n in row}
    return answers.VolumeAnswer(
        **kept,
        torrent_url=torrent_path(row["volume"]),
        magnet=_magnet(publication, row),
        held=publication.tree.volume(row["volume"]).is_dir(),
    )


def _magnet(publication: Publication, row: Row) -> str:
    manifest = publication.manifest
    return format_magnet(
        row["volume"],
        row["info_hash_v1"],
        row["info_hash_v2"],
        trackers=manifest.trackers,
        webseeds=manifest.webseeds,
    )


def _artists(publication: Publication, numbers: Sequence[int]) -> list[answers.ArtistRef]:
    found = (publication.index.artist(number) for number in numbers)
    return [answers.ArtistRef(id=a.public_id, name=a.name) for a in found if a is not None]


def _appearance(publication: Publication, title: str, track: TrackRow) -> answers.AppearanceAnswer:
    release = None
    if track.release is not None:
        release = answers.ReleaseRef(
            id=format_public_id(track.release, publication.id_key, Kind.RELEASE),
            title=track.release_title or "",
        )
    return answers.AppearanceAnswer(
        title=track.title or title,
        release=release,
        disc=track.disc,
        position=track.position,
        position_text=track.position_text,
    )


def _tracks(publication: Publication, rows: list[Row]) -> list[answers.TrackAnswer]:
    """Tracks whose recording the index knows; a merged one would not be in the tables."""
    recordings = list(dict.fromkeys(row["recording"] for row in rows))
    lines = publication.index.rows(recordings)
    summaries = summarise_rows(publication, lines)
    by_number = {line.number: s for line, s in zip(lines, summaries, strict=True)}
    kept = [row for row in rows if row["recording"] in by_number]
    ids = _ids(publication, Kind.TRACK, [row["number"] for row in kept])
    return [
        _track(public_id, row, by_number[row["recording"]])
        for public_id, row in zip(ids, kept, strict=True)
    ]


def _track(public_id: str, row: Row, recording: answers.RecordingSummary) -> answers.TrackAnswer:
    return answers.TrackAnswer(
        id=public_id,
        disc=row["disc"],
        position=row["position"],
        position_text=row["position_text"],
        title=_first(row["title"], recording.title),
        artist=_first(row["artist_credit"], recording.artist),
        duration_ms=_first(row["duration_ms"], recording.duration_ms),
        recording=recording,
    )


def _file(publication: Publication, cursor: Cursor, file: FileRow) -> answers.FileAnswer | None:
    row = publication.rights_row(file.volume, file.path)
    return None if row is None else file_answer(publication, cursor, file.volume, row)


def file_answer(
    publication: Publication, cursor: Cursor, volume: str, row: Row
) -> answers.FileAnswer:
    """A file with its rights, from its row of ``files/<volume>.parquet``."""
    path = row["path"]
    held = publication.holds(volume, path)
    facts = {n: row[n] for n in answers.FileAnswer.__struct_fields__ if n in row}
    rights = {n: row[n] for n in answers.RightsAnswer.__struct_fields__ if n in row}
    rights.pop("evidence")
    training = publication.ai_training(volume, path)
    if training is not None:
        rights["ai_train"], rights["ai_train_conditions"] = training
    evidence = [answers.EvidenceAnswer(**entry) for entry in row["evidence"]]
    return answers.FileAnswer(
        **facts,
        volume=volume,
        url=file_path(volume, path) if held else None,
        torrent_url=torrent_path(volume),
        magnet=_magnet(publication, queries.read_volume(cursor, volume)),
        rights=answers.RightsAnswer(**rights, evidence=evidence),
    )


def tombstone_answer(
    publication: Publication, cursor: Cursor, row: DisplayRow
) -> answers.TombstoneAnswer | None:
    """Why a recording is withdrawn, if it is."""
    revoked = publication.revocations.current().by_recording.get(row.public_id)
    if revoked is not None:
        return answers.TombstoneAnswer(since=revoked.since, reason=revoked.reason)
    found = queries.read_tombstone(cursor, row.number)
    if found is None:
        return None
    since, reason = found
    return answers.TombstoneAnswer(since=since, reason=reason)


def _ids(publication: Publication, kind: Kind, numbers: Sequence[int]) -> list[str]:
    return format_public_ids(list(numbers), publication.id_key, kind) if numbers else []


def _first(value: T | None, otherwise: T) -> T:
    return otherwise if value is None else value
