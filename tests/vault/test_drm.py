"""Protected audio is refused before anything decodes it; what cannot be read is not clean."""

from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.vault import boxes, formats
from phonotheque.vault.boxes import UnparseableError
from phonotheque.vault.drm import inspect_container
from phonotheque.vault.formats import identify
from tests.support.audio import encode_tone
from tests.support.boxes import (
    box,
    id3,
    id3_frame,
    large_box,
    movie,
    protection_scheme,
    sample_entry,
    sample_table,
    track,
    written,
)
from tests.support.examining import examine_here

PLAIN = sample_entry(b"mp4a", box(b"esds", bytes(30)))
ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
ASF_MARKS = [
    "fbb3112223bdd211b4b700a0c955fc6e",
    "14e68a292226174cb935dae07ee9289c",
    "338505438169e6499b74ad12cb86d58c",
]
PIFF = ["a2394f525a9b4f14a2446c427c648df4", "d08a4f1810f34a82b6c832d8aba183d3",
        "8974dbce7be74c5184f97148f9882554"]  # fmt: skip


def protection(content: bytes) -> str | None:
    found = identify(BytesIO(content))
    assert found is not None
    return inspect_container(BytesIO(content), len(content), found).protection


def asf(*objects: bytes) -> bytes:
    body = (len(objects)).to_bytes(4, "little") + b"\1\2" + b"".join(objects)
    return ASF_HEADER + (24 + len(body)).to_bytes(8, "little") + body + bytes(100)


def asf_object(guid: bytes) -> bytes:
    return guid + (34).to_bytes(8, "little") + bytes(10)


def ebml(ident: str, *content: bytes) -> bytes:
    body = b"".join(content)
    return bytes.fromhex(ident) + (0x10000000 | len(body)).to_bytes(4, "big") + body


def matroska(*encodings: bytes) -> bytes:
    entry = ebml("ae", ebml("d7", b"\1"), *encodings)
    head = ebml("1a45dfa3", ebml("4282", b"matroska"))
    return head + ebml("18538067", ebml("1549a966", bytes(9)), ebml("1654ae6b", entry))


@pytest.mark.parametrize(
    "entry", [b"enca", b"encv", b"encs", b"enct", b"drms", b"drmi", b"drmt", b"aavd"]
)
def test_a_protected_sample_entry_is_seen_in_any_track(entry: bytes) -> None:
    assert protection(movie(track(sample_entry(entry)))) is not None
    assert protection(movie(track(PLAIN), track(PLAIN, sample_entry(entry)))) is not None


@pytest.mark.parametrize(
    "scheme", [b"cenc", b"cens", b"cbc1", b"cbcs", b"piff", b"itun", b"odkm", b"iAEC", b"new?"]
)
def test_a_protection_scheme_is_seen_whatever_stands_before_it_in_the_entry(scheme: bytes) -> None:
    plain = sample_entry(b"mp4a", protection_scheme(scheme))
    assert protection(movie(track(plain))) is not None
    quicktime = sample_entry(b"mp4a", bytes(16), box(b"wave", protection_scheme(scheme)))
    assert protection(movie(track(quicktime))) is not None


@pytest.mark.parametrize(
    "content",
    [
        movie(track(PLAIN), box(b"pssh", bytes(24))),
        movie(track(PLAIN), tail=box(b"moof", box(b"pssh", bytes(24)))),
        movie(track(PLAIN), tail=box(b"moof", box(b"traf", box(b"senc", bytes(8))))),
        movie(track(PLAIN), tail=box(b"moof", box(b"traf", box(b"sgpd", bytes(4), b"seig")))),
        *(movie(track(PLAIN), box(b"uuid", bytes.fromhex(u), bytes(8))) for u in PIFF),
        movie(track(PLAIN), brand=b"M4P "),
        movie(track(PLAIN), brand=b"aax "),
        movie(track(PLAIN), brand=b"aaxc"),
        box(b"ftyp", b"odcf", bytes(4)) + box(b"odrm", bytes(4), box(b"odhe", bytes(9))),
        large_box(b"ftyp", b"M4A ", bytes(4)) + large_box(b"moov", track(sample_entry(b"drms"))),
    ],
)  # fmt: skip
def test_every_mark_in_an_mpeg_4_file_is_seen(content: bytes) -> None:
    found = formats.Identified(formats.M4A)
    assert inspect_container(BytesIO(content), len(content), found).protection is not None


@pytest.mark.parametrize(
    "content",
    [
        b"\0\0\1\0\x57\x90\x75\x36" + bytes(60),
        *(asf(asf_object(bytes(16)), asf_object(bytes.fromhex(m))) for m in ASF_MARKS),
        b"\x01\x09\x05audio/mp4cid:a" + bytes(60),
        b"EA3\2\0\x60\0\1" + bytes(88),
        b"ea3\3\0\0\0\0\0\5" + bytes(5) + b"EA3\2\0\x60\0\1" + bytes(88),
        matroska(ebml("6d80", ebml("6240", ebml("5035", bytes(4))))),
        id3(id3_frame(b"TIT2", b"\0a") + id3_frame(b"AENC", b"x\0\0\0\0\0")),
        id3(id3_frame(b"TIT2", b"\0a", 0x0004)),
        id3(id3_frame(b"TIT2", b"\0a", 0x0040), version=3),
        id3(b"CRA\0\0\2x\0", version=2),
        id3(b"\0\0\0\6" + bytes(6) + id3_frame(b"AENC", b"x\0"), version=3, flags=0x40),
        id3(b"\xff\0" * 0 + id3_frame(b"AENC", b"\xff\0\0"), version=3, flags=0x80),
    ],
)  # fmt: skip
def test_every_mark_in_other_containers_is_seen(content: bytes) -> None:
    if content.startswith(b"ID3"):
        content += encode_tone(".mp3")
    assert protection(content) is not None


@pytest.mark.parametrize(
    "suffix", [".flac", ".ogg", ".opus", ".mp3", ".wav", ".m4a", ".alac.m4a", ".aiff", ".mka"]
)
def test_audio_without_protection_is_clean(suffix: str) -> None:
    assert protection(encode_tone(suffix)) is None


@pytest.mark.parametrize(
    "content",
    [
        asf(asf_object(bytes(16))),
        b"EA3\2\0\x60\xff\xff" + bytes(88),
        matroska(ebml("6d80", ebml("6240", ebml("5034", bytes(4))))),
        movie(track(PLAIN)) + bytes(5),
    ],
)
def test_containers_without_a_mark_are_clean(content: bytes) -> None:
    assert protection(content) is None


def test_the_sample_entry_tells_alac_from_aac() -> None:
    for suffix, form in ((".m4a", formats.M4A), (".alac.m4a", formats.M4A_ALAC)):
        content = encode_tone(suffix)
        found = formats.Identified(formats.M4A)
        assert inspect_container(BytesIO(content), len(content), found).format is form


def nested(depth: int) -> bytes:
    inner = b""
    for _ in range(depth):
        inner = box(b"udta", inner)
    return inner


@pytest.mark.parametrize(
    "content",
    [
        movie(track(PLAIN))[:-30],
        box(b"ftyp", b"M4A ", bytes(4)) + box(b"mdat", bytes(99)),
        movie(track(PLAIN), nested(40)),
        movie(box(b"cmov", bytes(20))),
        movie(track(PLAIN), b"\0\0\0\x07trak"),
        movie(track(PLAIN), b"\xff\xff\xff\xfftrak"),
        movie(track(box(b"mp4a", bytes(20))[:-4] + bytes(4) + b"\0\0\0\3")),
        movie(track(PLAIN), tail=b"\0\0\0\1moof" + b"\xff" * 8),
        movie(box(b"trak", sample_table(b"\0\0\xff\xffmp4a" + bytes(30)))),
        movie(box(b"stsd", bytes(2 << 20))),
        asf(bytes(16) + (5).to_bytes(8, "little")),
        ASF_HEADER + b"\xff" * 8 + bytes(20),
        matroska()[:-3] + b"\0\0\0",
        b"EA3",
        b"ea3\3" + bytes(9),
    ],
)  # fmt: skip
def test_a_container_that_does_not_add_up_is_not_called_clean(content: bytes) -> None:
    with pytest.raises(UnparseableError):
        protection(content)


def test_a_file_of_boxes_without_number_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boxes, "MAX_BOXES", 100)
    with pytest.raises(UnparseableError, match="more than 100 boxes"):
        protection(movie(track(PLAIN), *[box(b"free")] * 101))


plain_boxes = st.builds(
    box, st.sampled_from([b"free", b"hdlr", b"meta", b"tkhd", b"skip"]), st.binary(max_size=20)
)
entries = st.builds(
    sample_entry, st.sampled_from([b"mp4a", b"alac", b"fLaC", b"text"]), st.binary(max_size=30)
)
marked = st.one_of(
    st.builds(
        sample_entry,
        st.sampled_from([b"enca", b"encv", b"drms", b"drmi", b"enct"]),
        st.binary(max_size=30),
    ),
    st.builds(
        lambda pad, scheme: sample_entry(b"mp4a", pad, protection_scheme(scheme)),
        st.binary(max_size=40),
        st.sampled_from([b"cenc", b"cbcs", b"itun"]),
    ),
)


@st.composite
def protected_movies(draw: st.DrawFn) -> bytes:
    table = draw(st.permutations([draw(marked), *draw(st.lists(entries, max_size=3))]))
    inner = sample_table(*table)
    for container in draw(st.lists(st.sampled_from([b"stbl", b"minf", b"mdia", b"trak", b"udta"]),
                                   max_size=8)):  # fmt: skip
        before, after = (
            draw(st.lists(plain_boxes, max_size=2)),
            draw(st.lists(plain_boxes, max_size=2)),
        )
        make = draw(st.sampled_from([box, large_box]))
        inner = make(container, *before, inner, *after)
    others = [track(e) for e in draw(st.lists(entries, max_size=2))]
    return movie(*draw(st.permutations([inner, *others])))


@given(protected_movies())
def test_a_protected_entry_is_found_wherever_a_reader_could_reach_it(content: bytes) -> None:
    assert protection(content) is not None


@given(
    st.sampled_from(
        [movie(track(PLAIN)), asf(asf_object(bytes(16))), matroska(), id3(bytes(40), version=3),
         b"ea3\3\0\0\0\0\0\5" + bytes(60)]
    ),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
    st.integers(0, 500),
)  # fmt: skip
def test_no_damage_makes_the_parsers_fail_or_run_on(
    content: bytes, edits: list[tuple[int, int]], keep: int
) -> None:
    damaged = bytearray(content[:keep])
    for position, value in edits:
        if position < len(damaged):
            damaged[position] = value
    found = identify(BytesIO(bytes(damaged)))
    if found is None:
        return
    try:
        inspect_container(BytesIO(bytes(damaged)), len(damaged), found)
    except UnparseableError:
        return


def test_no_real_protected_file_is_kept_with_the_tests() -> None:
    names = [p.name for p in Path(__file__).parents[1].rglob("*") if p.is_file()]
    assert not [n for n in names if n.endswith((".m4p", ".aax", ".aaxc", ".wma", ".dcf"))]


@pytest.mark.parametrize("kind", [b"free", b"hoov", b"skip"])
def test_a_movie_hidden_where_a_decoder_would_find_it_is_refused(
    kind: bytes, tmp_path: Path
) -> None:
    """libav reads a ``hoov`` box that begins with ``mvhd`` as the movie: marks in it would pass."""
    whole = encode_tone(".m4a", 0.2)
    at = whole.index(b"moov")
    content = whole[:at] + kind + whole[at + 4 :] + box(b"moov", box(b"udta"))
    with pytest.raises(UnparseableError, match="hidden"):
        inspect_container(BytesIO(content), len(content), formats.Identified(formats.M4A))
    assert not examine_here(written(tmp_path / "hidden.m4a", content)).admissible
