"""A composer or lyricist who is not the performer is a sign of other people's rights."""

from pathlib import Path

import mutagen
import pytest
from mutagen.id3 import TCOM, TEXT

from phonotheque.archive.row_worker import understand
from phonotheque.model.audio_tags import Tags
from phonotheque.model.rights import Claim, EvidenceKind, Level, Use
from phonotheque.rights import Policy, decide, facts_of
from phonotheque.sources.folder import FolderRights
from phonotheque.sources.walk import AudioFile, iter_folder
from phonotheque.sources.writers import writer_signs
from tests.support.audio import make_audio
from tests.support.clock import NOW
from tests.support.tags import read_tags

CC_BY = "https://creativecommons.org/licenses/by/4.0/"


def signs(holders: tuple[str, ...] = (), **tags: str) -> list[str | None]:
    values = {name: [text] for name, text in tags.items()}
    return [e.value for e in writer_signs(Tags(values), holders, NOW)]


@pytest.mark.parametrize(
    ("artist", "composer"),
    [
        ("Kevin MacLeod", "MacLeod, Kevin"),
        ("Galun & Ilia Belorukov", "Ilia Belorukov and Galun"),
        ("Björk", "BJORK"),
        ("A Band feat. Somebody", "Somebody"),
        ("A Singer", "unknown"),
        ("A Singer", "-"),
        ("", "Bob Dylan"),
    ],
)
def test_who_performs_what_he_wrote_or_is_not_named_gives_no_sign(artist, composer) -> None:
    assert signs(artist=artist, composer=composer) == []


@pytest.mark.parametrize(
    ("tag", "sign"), [("composer", "cover"), ("writer", "cover"), ("lyricist", "lyrics")]
)
def test_who_performs_what_another_wrote_gives_one(tag: str, sign: str) -> None:
    assert signs(artist="Charles Parker", **{tag: "Lennon/McCartney"}) == [sign]
    assert signs(artist="Bob", **{tag: "Bob Dylan"}) == [sign]
    assert signs(artist="A", albumartist="Bob Dylan", **{tag: "Bob Dylan"}) == []


def test_the_holder_who_gives_the_rights_may_be_the_writer_under_another_name() -> None:
    assert signs(artist="Maxstack", composer="Max McCracken") == ["cover"]
    assert signs(("Max McCracken",), artist="Maxstack", composer="Max McCracken") == []


@pytest.mark.parametrize("suffix", [".mp3", ".flac", ".ogg", ".m4a"])
def test_every_form_has_its_tags_for_writers(tmp_path: Path, suffix: str) -> None:
    path = make_audio(tmp_path / f"a{suffix}", tags={"title": "T", "artist": "A"})
    write_writers(path)
    tags = read_tags(path)
    assert isinstance(tags, Tags)
    assert tags.first("composer") == "Bob Dylan"
    assert tags.first("lyricist") == "A Poet"


def write_writers(path: Path) -> None:
    """As a tag editor writes them in this form."""
    audio = mutagen.File(path)
    if path.suffix == ".mp3":
        audio.tags.add(TCOM(3, ["Bob Dylan"]))
        audio.tags.add(TEXT(3, ["A Poet"]))
    elif path.suffix == ".m4a":
        audio.tags["\xa9wrt"] = ["Bob Dylan"]
        audio.tags["----:com.apple.iTunes:LYRICIST"] = [b"A Poet"]
    else:
        audio.tags["COMPOSER"], audio.tags["Lyricist"] = ["Bob Dylan"], ["A Poet"]
    audio.save()


def test_a_licence_of_the_performer_does_not_reach_the_song_of_another(tmp_path: Path) -> None:
    tags = {"title": "T", "artist": "A Singer", "license": CC_BY, "copyright": "2009 Bob Dylan"}
    make_audio(tmp_path / "own.flac", tags=tags | {"composer": "A Singer"})
    make_audio(tmp_path / "cover.flac", tags=tags | {"composer": "Bob Dylan"})

    def levels() -> dict[str, Level]:
        rights, found = FolderRights(tmp_path, understand, NOW), {}
        for file in iter_folder(tmp_path):
            if isinstance(file, AudioFile):
                told = rights.of(file, read_tags(file.path))
                facts = facts_of(told.evidence)
                verdict = decide(facts, ["ZZ"], NOW.date(), Use.DISTRIBUTE, Policy())
                found[file.key] = verdict.level
                signs = [e for e in told.evidence if e.claim is Claim.REBUTTAL]
                assert all(e.kind is EvidenceKind.INFERENCE for e in signs)
        return found

    assert levels() == {"own.flac": Level.ALLOW_IF, "cover.flac": Level.REVIEW}
    (tmp_path / "rights.toml").write_text(
        f'format = 1\n[[rights]]\nlicence = "{CC_BY}"\ncleared = ["cover"]\n'
    )
    assert levels() == {"own.flac": Level.ALLOW_IF, "cover.flac": Level.ALLOW_IF}
