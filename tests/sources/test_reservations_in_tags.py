"""Reservations in tags: read from the file as it is, by the one parser there is."""

from pathlib import Path

import mutagen
import pytest
from mutagen.id3 import COMM, PRIV, USER, Frame

from phonotheque.model.audio_tags import Tags
from phonotheque.model.rights import Claim
from phonotheque.rights import tag_signal_evidence
from tests.support.audio import make_audio
from tests.support.clock import NOW
from tests.support.tags import read_tags


def reservations(path: Path) -> list[tuple[str | None, str]]:
    tags = read_tags(path)
    assert isinstance(tags, Tags)
    found = tag_signal_evidence(tags.values, NOW)
    return [(e.value, e.source) for e in found if e.claim is Claim.RESERVATION]


def xmp(filler: str, padding: str) -> PRIV:
    text = f'<x:xmpmeta><rdf:Description {filler} tdm:reservation="1"/></x:xmpmeta>{padding}'
    return PRIV(owner="XMP", data=text.encode())


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (COMM(encoding=3, lang="eng", desc="", text=["Not for AI training"]), ("ai", "comment")),
        (USER(encoding=3, lang="deu", text="Kein KI-Training"), ("ai", "termsofuse")),
        (xmp("", " " * 9_000), ("tdm", "xmp")),
        (xmp("a" * 3_890, ""), ("tdm", "xmp")),  # across the end of a piece
    ],
)
@pytest.mark.parametrize("form", [".mp3", ".wav"])
def test_frames_of_id3_reserve(
    tmp_path: Path, form: str, frame: Frame, expected: tuple[str, str]
) -> None:
    path = make_audio(tmp_path / f"a{form}")
    audio = mutagen.File(path)
    if audio.tags is None:
        audio.add_tags()
    audio.tags.add(frame)
    audio.save()
    value, name = expected
    assert set(reservations(path)) == {(value, f"tags/1 {name}")}


@pytest.mark.parametrize("form", [".flac", ".ogg", ".opus"])
def test_comments_of_vorbis_reserve(tmp_path: Path, form: str) -> None:
    path = make_audio(tmp_path / f"a{form}", tags={"tdm-reservation": "1", "comment": "No AI"})
    assert {name for _, name in reservations(path)} == {
        "tags/1 tdmreservation", "tags/1 comment",
    }  # fmt: skip


def test_atoms_of_mp4_reserve(tmp_path: Path) -> None:
    path = make_audio(tmp_path / "a.m4a", tags={"title": "A"})
    audio = mutagen.File(path)
    audio.tags["\xa9cmt"] = ["No text and data mining"]
    audio.save()
    assert reservations(path) == [("tdm", "tags/1 comment")]


def test_private_frames_of_others_are_left_alone(tmp_path: Path) -> None:
    path = make_audio(tmp_path / "a.mp3", tags={"title": "A"})
    audio = mutagen.File(path)
    audio.tags.add(PRIV(owner="WM/Mood", data=b'tdm:reservation="1"'))
    audio.save()
    assert reservations(path) == []
