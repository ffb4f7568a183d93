"""A streaming service stated as the source is a claim; a link that only advertises is none."""

from datetime import UTC, datetime

import pytest

from phonotheque.model.audio_tags import Tags
from phonotheque.model.rights import Claim, Evidence, EvidenceKind
from phonotheque.sources.provenance import spoken_provenance, tag_provenance

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("source", "Spotify"),
        ("purl", "https://www.youtube.com/watch?v=x"),
        ("sourceurl", "https://listen.tidal.com/track/1"),
        ("woas", "https://open.spotify.com/track/1"),
        ("comment", "Ripped from Spotify"),
        ("comment", "downloaded with my Deezer downloader"),
        ("description", "Tidal rip"),
        ("comment", "recorded off https://music.apple.com/x"),
    ],
)
def test_a_service_stated_as_the_source_is_claimed(name: str, text: str) -> None:
    (found,) = tag_provenance(Tags({name: [text]}), NOW)
    assert (found.claim, found.value, found.raw) == (Claim.PROVENANCE, "streaming-service", text)
    assert (found.kind, found.source) == (EvidenceKind.TAG, f"tag:{name}")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("comment", "Find us on Spotify: https://open.spotify.com/artist/1"),
        ("comment", "Out now on Tidal, Deezer and YouTube"),
        ("source", "CD"),
        ("source", "https://archive.org/details/x"),
        ("purl", "https://artist.bandcamp.com/track/tidal-waves"),
        ("title", "Ripped from Spotify"),
        ("comment", "recorded from the radio"),
    ],
)
def test_what_only_advertises_or_names_another_source_is_no_claim(name: str, text: str) -> None:
    assert list(tag_provenance(Tags({name: [text]}), NOW)) == []


def test_the_words_of_a_sidecar_count_with_its_digest() -> None:
    said = Evidence(Claim.LICENCE, "CC-BY-4.0", "CC-BY-4.0 — captured from Qobuz",
                    EvidenceKind.SIDECAR, "rights.toml", NOW, "ab")  # fmt: skip
    (found,) = spoken_provenance([said])
    assert (found.kind, found.source, found.sha256) == (EvidenceKind.SIDECAR, "rights.toml", "ab")
    assert found.claim is Claim.PROVENANCE
