"""Tags as found, whatever form they came in; gains as numbers; nothing in a file stops it."""

import zlib
from base64 import b64encode
from pathlib import Path

import mutagen
import pytest
from mutagen.apev2 import APEv2
from mutagen.flac import Picture as FlacPicture
from mutagen.id3 import APIC, COMM, ID3, RVA2, TCON, TIT2, TXXX, UFID, WXXX
from mutagen.mp4 import MP4Cover

from phonotheque.model.audio_tags import Tags
from phonotheque.model.findings import FindingCode, Severity
from phonotheque.vault import Description, Examiner, Limits
from tests.support.audio import SIX_FORMS, encode_tone, make_audio
from tests.support.boxes import chunk, with_chunks, written
from tests.support.examining import examine_here
from tests.support.tags import look_at_tags, read_tags

MBID = "b1a9c0e9-d987-4042-ae91-78d6a3267d69"


def described(path: Path) -> Description:
    seen = look_at_tags(path)
    assert seen.description is not None
    return seen.description


@pytest.mark.parametrize("form", SIX_FORMS)
def test_tags_are_read_alike_from_every_form(tmp_path: Path, form: str) -> None:
    wanted = {
        "title": "Nebula", "artist": "Maxstack", "album": "Endgame", "date": "2012-12-15",
        "license": "http://creativecommons.org/licenses/by-sa/3.0/", "copyright": "2012 Max",
    }  # fmt: skip
    tags = read_tags(make_audio(tmp_path / f"a{form}", tags=wanted))
    assert isinstance(tags, Tags)
    assert {name: tags.first(name) for name in wanted} == wanted
    assert tags.year == 2012
    assert abs(tags.duration_ms - 1000) < 100


def test_the_recording_id_stands_where_picard_writes_it(tmp_path: Path) -> None:
    path = make_audio(tmp_path / "a.flac", tags={"musicbrainz_trackid": MBID, "tracknumber": "3"})
    tags = read_tags(path)
    assert isinstance(tags, Tags)
    assert tags.first("musicbrainztrackid") == MBID
    assert tags.number("tracknumber", 99) == 3


@pytest.mark.parametrize(
    ("text", "number"), [("15/17", 15), ("3", 3), ("A1", None), ("0", None), ("9" * 30, None)]
)
def test_track_numbers_are_read_before_the_slash(text: str, number: int | None) -> None:
    assert Tags({"tracknumber": [text]}).number("tracknumber", 1000) == number


def with_id3(path: Path, *frames: object) -> Path:
    make_audio(path)
    tags = ID3()
    for frame in frames:
        tags.add(frame)
    tags.save(path)
    return path


def test_frames_of_id3_get_the_names_that_other_forms_use(tmp_path: Path) -> None:
    path = with_id3(
        tmp_path / "a.mp3",
        UFID(owner="http://musicbrainz.org", data=MBID.encode()),
        UFID(owner="http://somebody.else", data=b"x"),
        TXXX(encoding=3, desc="MusicBrainz Album Id", text=[MBID]),
        TXXX(encoding=3, desc="Acoustid Id", text=["abc"]),
        TCON(encoding=3, text=["Jazz", "Blues"]),
        WXXX(encoding=0, desc="", url="http://a.example"),
        COMM(encoding=3, lang="eng", desc="", text=["said"]),
    )
    assert described(path).tags == {
        "musicbrainztrackid": [MBID], "musicbrainzalbumid": [MBID], "acoustidid": ["abc"],
        "genre": ["Jazz", "Blues"], "url": ["http://a.example"], "comment": ["said"],
    }  # fmt: skip


def test_what_stands_at_the_end_of_an_mp3_is_read(tmp_path: Path) -> None:
    old = b"TAG" + b"Old Title".ljust(30, b"\0") + b"Old Artist".ljust(30, b"\0") + bytes(65)
    path = written(tmp_path / "a.mp3", encode_tone(".mp3") + old)
    assert described(path).tags["title"] == ["Old Title"]
    late = make_audio(tmp_path / "b.mp3")
    ape = APEv2()
    ape["REPLAYGAIN_TRACK_GAIN"] = "-7.25 dB"
    ape.save(late)
    assert described(late).replaygain == {"replaygaintrackgain": -7.25}


def test_texts_in_chunks_of_wave_are_read(tmp_path: Path) -> None:
    info = b"INFO" + chunk(b"INAM", b"Title\0\0") + chunk(b"ICOP", "© 2001 X".encode("latin-1"))
    content = with_chunks(encode_tone(".wav"), chunk(b"LIST", info))
    tags = described(written(tmp_path / "a.wav", content)).tags
    assert (tags["title"], tags["copyright"]) == (["Title"], ["© 2001 X"])


def test_gains_are_numbers_as_tagged_and_nonsense_is_left_out(tmp_path: Path) -> None:
    vorbis = {
        "replaygain_track_gain": "-9.35 dB", "replaygain_track_peak": "1.13017130",
        "replaygain_album_gain": "+1,5", "replaygain_album_peak": "-3", "r128_track_gain": "-1280",
    }  # fmt: skip
    assert described(make_audio(tmp_path / "a.opus", tags=vorbis)).replaygain == {
        "replaygaintrackgain": -9.35, "replaygaintrackpeak": 1.1301713,
        "replaygainalbumgain": 1.5, "r128trackgain": -5.0,
    }  # fmt: skip
    nonsense = {"replaygain_track_gain": "9999", "r128_track_gain": "loud"}
    assert described(make_audio(tmp_path / "b.flac", tags=nonsense)).replaygain == {}
    volume = RVA2(desc="album", channel=1, gain=-3.5, peak=0.5)
    path = with_id3(tmp_path / "c.mp3", volume)
    assert described(path).replaygain == {"replaygainalbumgain": -3.5, "replaygainalbumpeak": 0.5}


def test_tags_that_cannot_be_read_are_a_finding_and_sound_audio_is_kept(tmp_path: Path) -> None:
    content = bytearray(encode_tone(".flac"))
    at = content.index(b"fLaC") + 4 + 38
    length = int.from_bytes(content[at + 1 : at + 4], "big")
    content[at + 4 : at + 8] = (1 << 30).to_bytes(4, "little")  # the vendor text
    assert length > 8 and content[at] & 0x7F == 4
    seen = examine_here(written(tmp_path / "a.flac", bytes(content)))
    assert [f.code for f in seen.findings] == [FindingCode.TAGS_UNREADABLE]
    assert seen.admissible and seen.description is not None
    assert seen.description.fingerprint_by or seen.description.integrated_lufs is not None


def test_a_refused_file_is_described_only_as_far_as_all_of_it_is_read(tmp_path: Path) -> None:
    cut = encode_tone(".mp3", 4.0)[:9_000]
    tagged = with_id3(written(tmp_path / "x.mp3", cut), TIT2(encoding=3, text=["Kept"]))
    seen = examine_here(written(tmp_path / "a.mp3", tagged.read_bytes()[:9_000]))
    assert seen.description is not None and seen.description.tags["title"] == ["Kept"]
    assert examine_here(written(tmp_path / "b.flac", b"<html>")).description is None


def id3_bomb(inflated_bytes: int) -> bytes:
    """An ID3 tag of a few kilobytes with a compressed frame that is huge when inflated."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(b"A" * (1 << 20)) for _ in range(inflated_bytes >> 20))
    content = bytes(4) + packed + packer.flush()
    size = [len(content) >> shift & 127 for shift in (21, 14, 7, 0)]
    frame = b"TIT2" + bytes(size) + b"\0\x09" + content
    whole = [len(frame) >> shift & 127 for shift in (21, 14, 7, 0)]
    return b"ID3\4\0\0" + bytes(whole) + frame


@pytest.mark.full
def test_a_tag_that_inflates_to_gigabytes_costs_its_own_tags_alone(tmp_path: Path) -> None:
    sound = make_audio(tmp_path / "sound.mp3", tags={"title": "Sound"})
    bomb = written(tmp_path / "bomb.mp3", id3_bomb(1 << 30) + encode_tone(".mp3"))
    with Examiner(1, Limits(memory_bytes=512 << 20)) as examiner:
        seen = examiner.examine(bomb)
        assert seen.admissible
        assert [f.code for f in seen.findings] == [FindingCode.TAGS_UNREADABLE]
        after = examiner.examine(sound).description
    assert after is not None and after.tags["title"] == ["Sound"]


def test_values_are_bounded(tmp_path: Path) -> None:
    path = make_audio(tmp_path / "a.flac", tags={"comment": "x" * 10_000})
    audio = mutagen.File(path)
    audio["many"] = [str(n) for n in range(5_000)]
    audio.save()
    tags = described(path).tags
    assert len(tags["comment"][0]) == 4_000
    assert len(tags["many"]) == 500


# pictures


def png(width: int = 3, height: int = 2, filler: int = 0) -> bytes:
    sizes = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + sizes + bytes(5 + filler)


def jpeg(width: int = 3, height: int = 2) -> bytes:
    sizes = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return b"\xff\xd8\xff\xe0\0\4ab\xff\xc0\0\x11\x08" + sizes + bytes(10) + b"\xff\xda"


WEBP = b"RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\2\0\0\1\0\0"
WEBP_LOSSLESS = b"RIFF\x20\0\0\0WEBPVP8L\x0a\0\0\0\x2f\2\x40\0\0" + bytes(8)
WEBP_LOSSY = b"RIFF\x20\0\0\0WEBPVP8 \x0a\0\0\0\0\0\0\x9d\1\x2a\3\0\2\0"
GIF = b"GIF89a\3\0\2\0" + bytes(10)


def put_picture(path: Path, content: bytes, count: int = 1) -> Path:
    """As a tag editor puts it in this form."""
    make_audio(path)
    audio = mutagen.File(path)
    block = FlacPicture()
    block.data, block.type, block.mime = content, 3, "image/png"
    if path.suffix in (".mp3", ".wav", ".aiff"):
        if audio.tags is None:
            audio.add_tags()
        for n in range(count):
            audio.tags.add(APIC(encoding=3, mime="image/x", type=3, desc=str(n), data=content))
    elif path.suffix == ".m4a":
        audio["covr"] = [MP4Cover(content)] * count
    elif path.suffix == ".flac":
        audio.add_picture(block)
    elif path.suffix == ".wv":
        audio["Cover Art (Front)"] = mutagen.apev2.APEBinaryValue(b"cover.png\0" + content)
    else:
        audio["metadata_block_picture"] = [b64encode(block.write()).decode()] * count
    audio.save()
    return path


@pytest.mark.parametrize(
    "form", [".mp3", ".flac", ".ogg", ".opus", ".oga", ".m4a", ".wav", ".aiff", ".wv"]
)
def test_cover_art_of_every_form_is_kept_apart(tmp_path: Path, form: str) -> None:
    (found,) = described(put_picture(tmp_path / f"a{form}", png())).pictures
    assert (found.media_type, found.width, found.height, found.kind) == ("image/png", 3, 2, 3)
    assert (found.content, found.bytes) == (png(), len(png()))


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (png(), "image/png"), (jpeg(), "image/jpeg"), (GIF, "image/gif"), (WEBP, "image/webp"),
        (WEBP_LOSSLESS, "image/webp"), (WEBP_LOSSY, "image/webp"),
    ],
)  # fmt: skip
def test_the_kind_of_a_picture_is_told_by_its_content(
    tmp_path: Path, content: bytes, media_type: str
) -> None:
    (found,) = described(put_picture(tmp_path / "a.mp3", content)).pictures
    assert (found.media_type, found.width, found.height) == (media_type, 3, 2)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (png(60_000, 60_000), "60,000 × 60,000"),
        (jpeg(65_535, 65_535), "65,535"),
        (png(filler=16 << 20), "bytes"),
        (b"<svg/>", "no form known here"),
        (png(0, 0), "no form known here"),
        (b"\xff\xd8\xff\xe0\0\0\xff", "cut off"),
        (b"", "no form known here"),
    ],
    ids=["wide-png", "wide-jpeg", "large", "svg", "empty-png", "cut-jpeg", "nothing"],
)
def test_pictures_that_are_bombs_or_none_are_left_out(
    tmp_path: Path, content: bytes, why: str
) -> None:
    seen = examine_here(put_picture(tmp_path / "a.mp3", content))
    assert seen.admissible and seen.description is not None
    assert seen.description.pictures == ()
    (finding,) = seen.findings
    assert (finding.code, finding.severity) == (
        FindingCode.TAGS_PICTURE_LEFT_OUT, Severity.WARNING,
    )  # fmt: skip
    assert why in finding.message


def test_a_picture_that_is_there_twice_is_kept_once_and_the_ninth_is_left_out(
    tmp_path: Path,
) -> None:
    assert len(described(put_picture(tmp_path / "a.mp3", png(), 12)).pictures) == 1
    frames = (APIC(3, "image/png", 3, str(n), png(n + 1, 1)) for n in range(12))
    seen = look_at_tags(with_id3(tmp_path / "b.mp3", *frames))
    assert seen.description is not None and len(seen.description.pictures) == 8
    assert [f.code for f in seen.findings] == [FindingCode.TAGS_PICTURE_LEFT_OUT]
