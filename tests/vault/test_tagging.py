"""Tagged copies: the tags of the catalogue in every form, the audio that of the master."""

import os
import shutil
from pathlib import Path
from typing import Any

import av
import mutagen
import mutagen.id3
import pytest
from mutagen.apev2 import APEv2
from mutagen.flac import FLAC
from mutagen.mp3 import MP3
from mutagen.mp4 import MP4

from phonotheque.vault import (
    CopyMade,
    CopyOrder,
    Examiner,
    Vault,
    copies_of,
    copying,
    derivatives,
    find_copy,
    make_copies,
    sources_of,
    store,
    tag_form,
    takes_tags,
)
from phonotheque.vault.encoding import EncodingError
from phonotheque.vault.encoding_frames import EncodingWants
from phonotheque.vault.encoding_worker import Room
from phonotheque.vault.formats import identify
from phonotheque.vault.tagging import digest_audio, tag_here
from tests.support.audio import encode_tone, make_audio
from tests.support.clock import NOW
from tests.support.crashing import killed_at_every_line
from tests.support.vault_objects import faults
from tests.vault.test_copying import EncoderHere

TAGS = [
    ("TITLE", "Häuser"), ("ARTIST", "Ann & Bob"), ("ALBUM", "Strasse"), ("TRACKNUMBER", "3"),
    ("DISCNUMBER", "1"), ("DATE", "2004"), ("ISRC", "DEAAA2600001"),
    ("LICENSE", "https://creativecommons.org/licenses/by/4.0/"), ("ATTRIBUTION", "“Häuser” by …"),
    ("ARCHIVE_RECORDING", "r-1"), ("MASTER", "sha256:00"),
]  # fmt: skip
OLD = {"title": "old", "tracknumber": "3/12", "date": "2004-05-01", "mood": "calm"}
TAKING = (
    ".flac", ".ogg", ".opus", ".oga", ".mp3", ".m4a", ".alac.m4a", ".aiff", ".wv",
)  # fmt: skip


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "Encoder", EncoderHere)


def tag(path: Path, tags: list[tuple[str, str]] = TAGS) -> Path:
    """The tagged copy of `path`, beside it."""
    with path.open("rb") as stream:
        found = identify(stream)
    assert found is not None
    form = found.format
    size = path.stat().st_size + (1 << 20)
    copy = path.with_name(f"copy-{path.name}")
    with path.open("rb") as master, copy.open("w+b") as room:
        os.ftruncate(room.fileno(), size)
        wants = EncodingWants(demuxer=form.demuxer, comments=tags, puid=form.puid)
        space = Room(room.fileno(), size)
        made = tag_here(master.fileno(), wants, space, room.fileno())
        space.let_go()
    assert made.bytes == copy.stat().st_size
    assert made.samples_sha256 == digest_audio(copy, form.demuxer).samples
    return copy


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0)]


def pairs(path: Path) -> dict[str, str]:
    """All texts of a file, under the names of the form, in capitals."""
    audio: Any = mutagen.File(path)
    found: dict[str, str] = {}
    for key, value in audio.tags.items():
        first = value[0] if isinstance(value, list) else value
        text = first.decode() if isinstance(first, bytes) else str(first)
        found[key.upper().replace("TXXX:", "").replace("----:COM.APPLE.ITUNES:", "")] = text
    return found


@pytest.mark.parametrize("suffix", TAKING)
@pytest.mark.parametrize("old", [OLD, None], ids=["tagged", "bare"])
def test_every_form_gets_the_tags_and_keeps_its_audio(
    tmp_path: Path, suffix: str, old: dict[str, str] | None
) -> None:
    is_mp4 = old and suffix.endswith(".m4a")
    given = old | {"tracknumber": "3"} if old and is_mp4 else old
    master = make_audio(tmp_path / f"a{suffix}", seconds=0.3, tags=given)
    if is_mp4:
        audio = MP4(master)
        audio["trkn"] = [(3, 12)]
        audio.save()
    before = master.read_bytes()
    copy = tag(master)
    assert master.read_bytes() == before and packets(master) == packets(copy)
    said = pairs(copy)
    values = set(said.values())
    assert {v for n, v in TAGS if n in ("TITLE", "ARTIST", "ALBUM", "ISRC")} <= values
    assert {v for n, v in TAGS[7:]} <= values
    assert said.get("MOOD") == ("calm" if old else None) and "old" not in values
    assert ("2004-05-01" in values) is bool(old)
    assert values & ({"3/12", "(3, 12)"} if old else {"3", "(3, 0)"})
    content = copy.read_bytes()
    assert b"utagen" not in content  # no program names itself
    assert tag(master).read_bytes() == content
    assert tag(copy).read_bytes() == content


def test_frames_of_flac_and_mp3_are_one_run_of_bytes_in_both(tmp_path: Path) -> None:
    for suffix, sync in ((".flac", b"\xff\xf8"), (".mp3", b"\xff\xfb")):
        bare = encode_tone(suffix, 0.3)
        (tmp_path / f"a{suffix}").write_bytes(bare)
        audio = bare[bare.index(sync) :]
        assert tag(tmp_path / f"a{suffix}").read_bytes().endswith(audio)


def test_an_old_tag_at_the_end_of_an_mp3_says_the_same_and_an_ape_tag_stays(
    tmp_path: Path,
) -> None:
    master = make_audio(tmp_path / "a.mp3", seconds=0.3, tags={"title": "old"})
    MP3(master).save(v1=2, v2_version=3)
    tagged = tag(master)
    content = tagged.read_bytes()
    assert content[-128:-125] == b"TAG" and b"old" not in content
    assert content[:4] == b"ID3\x04"
    ape = APEv2()
    ape["Mood"] = "calm"
    ape.save(master)
    assert APEv2(tag(master))["Mood"] == "calm"


def test_pictures_and_what_a_vendor_says_stay(tmp_path: Path) -> None:
    master = make_audio(tmp_path / "a.flac", seconds=0.3, tags={"title": "old"})
    audio = FLAC(master)
    picture = mutagen.flac.Picture()
    picture.data, picture.type, picture.mime = b"picture", 3, "image/png"
    audio.add_picture(picture)
    audio.tags.vendor = "an encoder 1.2"
    audio.save()
    found = FLAC(tag(master))
    assert [p.data for p in found.pictures] == [b"picture"]
    assert found.tags.vendor == "an encoder 1.2"


def test_frames_that_would_be_lost_are_a_reason_to_leave_a_file_alone(tmp_path: Path) -> None:
    master = make_audio(tmp_path / "a.mp3", seconds=0.3)
    body = b"TITL\0\0\0\x02\0\0\0xXYZQ\0\0\0\x02\0\0\0x"
    header = b"ID3\x03\0\0\0\0\0" + bytes([len(body)])
    master.write_bytes(header + body + master.read_bytes())
    with pytest.raises(EncodingError, match="frames that nobody knows"):
        tag(master)


def test_damaged_tags_and_forms_without_are_said_in_words(tmp_path: Path) -> None:
    master = make_audio(tmp_path / "a.wv", seconds=0.3, tags={"title": "old"})
    content = bytearray(master.read_bytes())
    at = content.rindex(b"APETAGEX") + 12
    content[at : at + 4] = b"\xff\xff\xff\x7f"
    master.write_bytes(content)
    with pytest.raises(EncodingError, match="tags cannot be read or written"):
        tag(master)
    wave = make_audio(tmp_path / "a.wav", seconds=0.3)
    assert not takes_tags("fmt/141") and takes_tags("fmt/279")
    with pytest.raises(EncodingError, match="no place for tags"):
        tag(wave)


def test_audio_that_would_change_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    master = make_audio(tmp_path / "a.flac", seconds=0.3)

    def spoil(stream: Any, *_: Any) -> None:
        stream.seek(42 + 8)
        (tmp_path / "other.flac").write_bytes(encode_tone(".flac", 0.3, 500.0))
        stream.seek(0)
        stream.write((tmp_path / "other.flac").read_bytes())
        stream.truncate()

    monkeypatch.setattr("phonotheque.vault.tagging.embed_tags", spoil)
    with pytest.raises(EncodingError, match="coded frames would not be the same"):
        tag(master)


# ------------------------------------------------------------------------------------ the vault


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vault with two masters."""
    folder = tmp_path_factory.mktemp("masters")
    with Vault.open(folder / "vault") as vault, Examiner(1) as examiner:
        for name in ("a.flac", "b.mp3"):
            material = vault.take(make_audio(folder / name, seconds=0.3))
            vault.admit(material, examiner.examine(folder / name), NOW)
    return folder / "vault"


def make(vault: Vault) -> list[CopyMade]:
    orders = [
        CopyOrder(master=item, form=tag_form(TAGS), comments=TAGS)
        for item in list(vault.iter_objects())
        if not sources_of(vault.state, item.sha256)
        and find_copy(vault.state, item.sha256, tag_form(TAGS)) is None
    ]
    return list(make_copies(vault, orders, NOW, workers=1))


def test_killed_anywhere_nothing_is_half_made_and_the_next_run_completes_it(
    filled: Path, tmp_path: Path
) -> None:
    root = tmp_path / "vault"

    def prepare() -> None:
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(filled, root)

    def action() -> None:
        with Vault.open(root) as vault:
            make(vault)

    modules = [copying, derivatives, store]
    for _ in killed_at_every_line(modules, prepare, action, stride=110):
        with Vault.open(root) as vault:
            assert set(faults(vault).values()) <= {"extra"}  # bytes without a row
            assert [one.error for one in make(vault) if one.error] == []
            assert make(vault) == [] and faults(vault) == {}
            held = {item.sha256 for item in vault.iter_objects()}
            copies = [item for item in held if sources_of(vault.state, item)]
            assert len(held) == 4 and len(copies) == 2
            assert list(vault.check_events()) == []


def test_other_tags_are_another_copy_and_all_go_with_their_master(
    filled: Path, tmp_path: Path
) -> None:
    shutil.copytree(filled, tmp_path / "vault")
    with Vault.open(tmp_path / "vault") as vault:
        first = make(vault)[0]
        master, other = first.order.master, [("TITLE", "Else")]
        order = CopyOrder(master=master, form=tag_form(other), comments=other)
        [second] = make_copies(vault, [order], NOW, workers=1)
        made = {first.sha256, second.sha256}
        assert len(made) == 2 and set(copies_of(vault.state, master.sha256)) == made
        assert second.recipe.startswith(f"{tag_form(other).text}/1; mutagen ")
        assert vault.purge(master.sha256, NOW, "for a test")
        assert not made & {item.sha256 for item in vault.iter_objects()}
