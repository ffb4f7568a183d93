"""Recordings, releases and artists as schema.org has them, in JSON-LD that may stand in a page."""

from typing import Any
from urllib.parse import quote

import msgspec

from phonotheque.model import answers
from phonotheque.serve.queries import MAX_TRACKS

MOST_LISTED = 100  # tracks of a release, recordings of an artist, other names
_MOST_ALBUMS = 20
_MUSICBRAINZ = "https://musicbrainz.org"
Facts = dict[str, Any]


def format_recording_data(answer: answers.RecordingAnswer, site: str) -> str:
    """A recording as MusicRecording."""
    recording, file = answer.recording, answer.file
    told = _thing("MusicRecording", f"{site}/recording/{recording.id}", recording.title)
    told |= {
        "byArtist": [
            {"@type": "MusicGroup", "name": artist.name, "url": f"{site}/artist/{artist.id}"}
            for artist in answer.artists
        ]
        or _group(recording.artist),
        "duration": _iso_duration(recording.duration_ms),
        "isrcCode": recording.isrcs,
        "datePublished": _year(recording.year),
        "inAlbum": [
            {
                "@type": "MusicAlbum",
                "name": appearance.release.title,
                "url": f"{site}/release/{appearance.release.id}",
            }
            for appearance in answer.appearances[:_MOST_ALBUMS]
            if appearance.release
        ],
        "identifier": recording.id,
        "sameAs": _same("recording", answer.recording_mbid),
        "interactionStatistic": {
            "@type": "InteractionCounter",
            "interactionType": {"@type": "ListenAction"},
            "userInteractionCount": recording.listens,
        },
    }
    if file is not None:
        told["license"] = file.rights.licence_url
        told["creditText"] = file.rights.attribution
        told["audio"] = _audio(file, recording.id, site) if recording.playable else None
    return _format(told)


def format_release_data(answer: answers.ReleaseAnswer, site: str) -> str:
    """A release as MusicAlbum; what is of one printing (label, barcode) as its MusicRelease."""
    page = f"{site}/release/{answer.id}"
    tracks = [
        _track(track.title, track.artist, track.duration_ms, track.recording.id, site)
        for track in answer.tracks[:MOST_LISTED]
    ]
    printing = _kept({
        "recordLabel": {"@type": "Organization", "name": answer.label} if answer.label else None,
        "identifier": answer.barcode
        and {"@type": "PropertyValue", "propertyID": "barcode", "value": answer.barcode},
        "sameAs": _same("release", answer.release_mbid),
    })  # fmt: skip
    told = _thing("MusicAlbum", page, answer.title) | {
        "byArtist": _group(answer.artist),
        "datePublished": _year(answer.year),
        "genre": answer.genres,
        "numTracks": len(answer.tracks) if len(answer.tracks) < MAX_TRACKS else None,
        "track": tracks,
        "albumRelease": {"@type": "MusicRelease", "name": answer.title} | printing
        if printing
        else None,
        "identifier": answer.id,
    }
    return _format(told)


def format_artist_data(answer: answers.ArtistAnswer, site: str) -> str:
    """An artist as MusicGroup, which schema.org means for soloists, too."""
    tracks = [
        _track(recording.title, recording.artist, recording.duration_ms, recording.id, site)
        for recording in answer.recordings[:MOST_LISTED]
    ]
    told = _thing("MusicGroup", f"{site}/artist/{answer.id}", answer.name) | {
        "alternateName": answer.aliases[:MOST_LISTED],
        "track": tracks,
        "identifier": answer.id,
        "sameAs": _same("artist", answer.artist_mbid),
    }
    return _format(told)


def _thing(kind: str, page: str, name: str) -> Facts:
    return {
        "@context": "https://schema.org",
        "@type": kind,
        "@id": page,
        "url": page,
        "name": name,
    }


def _track(title: str, artist: str, duration_ms: int | None, public_id: str, site: str) -> Facts:
    return _kept({
        "@type": "MusicRecording",
        "name": title,
        "url": f"{site}/recording/{public_id}",
        "byArtist": _group(artist),
        "duration": _iso_duration(duration_ms),
    })  # fmt: skip


def _group(name: str) -> Facts:
    return {"@type": "MusicGroup", "name": name}


def _same(kind: str, mbid: str | None) -> str | None:
    return mbid and f"{_MUSICBRAINZ}/{kind}/{mbid}"


def _year(year: int | None) -> str | None:
    return f"{year:04}" if year else None


def _audio(file: answers.FileAnswer, public_id: str, site: str) -> Facts:
    return {
        "@type": "AudioObject",
        "contentUrl": f"{site}/stream/{quote(public_id)}",
        "encodingFormat": file.media_type,
        "contentSize": str(file.bytes),
        "sha256": file.sha256,
    }


def _iso_duration(milliseconds: int | None) -> str | None:
    return (
        None
        if milliseconds is None
        else f"PT{milliseconds / 1000:.3f}".rstrip("0").rstrip(".") + "S"
    )


def _kept(told: Facts) -> Facts:
    """What says something."""
    return {key: value for key, value in told.items() if value not in (None, [], "")}


def _format(told: Facts) -> str:
    text = msgspec.json.encode(_kept(told)).decode()
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
