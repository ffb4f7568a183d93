"""Format version 4 of the index: the kept one can be read by docs/formats/index.md alone, and
today's writer still makes it."""

import json
from hashlib import blake2b, md5
from itertools import pairwise
from math import log10
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from phonotheque.model.progress import Silent
from phonotheque.search.build import build_index
from tests.support.editions import TinyRecording, write_tiny_edition

GOLDEN = Path(__file__).parents[1] / "golden" / "index" / "v4"
RECORDINGS = [
    TinyRecording("Für Elise", "Ludwig van Beethoven", isrcs=["USRC17607839"], listens=5),
    TinyRecording("東京の夜", "椎名", release="銀河", listens=3, year=None, licence=None,
                  file=("tiny-1", "data/night.flac", b"night")),
    TinyRecording("Moonlight Sonata", "Beethoven", release="Sonatas", listens=9, tier=2),
    TinyRecording("Moonlight Serenade", "Glenn Miller", licence="CC-BY-SA-4.0", listens=100,
                  isrcs=["GBAYE0601498", "USRC17607839"],
                  file=("tiny-1", "data/serenade.flac", b"serenade")),
]  # fmt: skip


def build_into(target: Path) -> None:
    root = target.parent / "archive-of-the-golden-index"
    write_tiny_edition(root, RECORDINGS)
    build_index(root / "editions/2026-11", target, Silent())


def array(name: str) -> Any:
    return np.load(GOLDEN / f"{name}.npy")


def term_number(text: str) -> int:
    """By the format page: terms end to end, with offsets, in byte order."""
    offsets, blob = array("term_offsets"), array("terms").tobytes()
    terms = [blob[a:b] for a, b in pairwise(offsets.tolist())]
    assert terms == sorted(terms)
    return terms.index(text.encode())


def documents_of(term: int) -> list[int]:
    """By the format page: a list as it is, or by chunks (there is one here), or as a bitmap."""
    common, offsets = array("common_terms").tolist(), array("posting_offsets").tolist()
    if term not in common:
        skipped = array("common_before")[sum(t < term for t in common)]
        docs: list[int] = array("postings")[offsets[term] - skipped :].tolist()
        return docs[: offsets[term + 1] - offsets[term]]
    row = common.index(term)
    place, size = array("common_places")[row], array("common_starts")[row][-1]
    if place >= 0:
        lower: list[int] = array("common_docs")[place : place + size].tolist()
        return lower
    bits = np.unpackbits(array("bitmaps")[-1 - place], bitorder="little")
    present: list[int] = np.flatnonzero(bits).tolist()
    return present


@pytest.mark.parametrize(
    ("term", "numbers"),
    [("moonlight", [4, 3]), ("beethoven", [3, 1]), ("の夜", [2]), ("京", [2]),
     ("tiny", list(range(4, 0, -1)))],
)  # fmt: skip
def test_the_kept_index_is_read_as_the_page_says(term: str, numbers: list[int]) -> None:
    docs = documents_of(term_number(term))
    assert sorted(array("doc_number")[docs].tolist()) == sorted(numbers)


@pytest.mark.parametrize(("text", "term", "numbers"), [("release", "sonatas", [3]),
                                                        ("alias", "glenn", [4])])  # fmt: skip
def test_the_kept_words_of_releases_and_artists_are_read_as_the_page_says(
    text: str, term: str, numbers: list[int]
) -> None:
    at = array(f"{text}_words").tolist().index(term_number(term))
    low, high = array(f"{text}_word_offsets")[at : at + 2]
    (owner,) = array(f"{text}_word_numbers")[low:high]
    kind = "artist" if text == "alias" else "release"
    first, last = array(f"{kind}_offsets")[owner : owner + 2]
    assert array("doc_number")[array(f"{kind}_docs")[first:last]].tolist() == numbers


def value_of(name: str, doc: int) -> float:
    """By the format page: the value of the last step that begins at the document or before it."""
    place = sum(start <= doc for start in array(f"{name}_starts").tolist()) - 1
    value: float = array(f"{name}_values")[place]
    return value


def test_the_kept_columns_are_read_as_the_page_says() -> None:
    manifest = json.loads((GOLDEN / "index.json").read_text())
    for doc, number in enumerate(array("doc_number").tolist()):
        recording = RECORDINGS[number - 1]
        assert value_of("tier", doc) == recording.tier
        assert value_of("listens", doc) == pytest.approx(log10(1 + recording.listens), abs=1e-3)
        year = [None, *manifest["years"]][array("doc_year")[doc]]
        licence = [None, *manifest["licences"]][array("doc_licence")[doc]]
        assert (year, licence) == (recording.year, recording.licence)
    bits = np.unpackbits(array("has_number"), bitorder="little")
    assert np.flatnonzero(bits).tolist() == [1, 2, 3, 4]
    heard = np.flatnonzero(np.unpackbits(array("has_file"), bitorder="little"))
    assert array("doc_number")[heard].tolist() == [4, 2]


def test_the_kept_forward_data_and_title_hashes_are_read_as_the_page_says() -> None:
    doc = array("doc_number").tolist().index(3)
    begin, end = (array("forward_blocks")[d // 128] + array("forward_places")[d]
                  for d in (doc, doc + 1))  # fmt: skip
    credit = array("doc_credit")[doc]
    first, last = array("credit_offsets")[credit : credit + 2]
    terms = array("forward_terms")
    assert terms[begin:end].tolist() == [term_number(t) for t in ("moonlight", "sonata")]
    assert terms[first:last].tolist() == [term_number("beethoven")]
    digest = blake2b(b"moonlight sonata", digest_size=4).digest()
    assert doc in listed("title", int.from_bytes(digest, "little"))


def listed(name: str, value: int) -> list[int]:
    """By the format page: the numbers under a hash."""
    places = array(f"{name}_places").tolist()
    bits = (len(places) - 1).bit_length() - 1
    place, rest = divmod(value >> (24 - bits), 256)
    low, high = places[place : place + 2]
    found: list[int] = array(f"{name}_numbers")[low:high][
        array(f"{name}_rests")[low:high] == rest
    ].tolist()
    return found


def test_the_kept_forms_of_words_are_read_as_the_page_says() -> None:
    state = 0xCBF29CE484222325
    for character in "sonta":  # "sonata" without its second a
        state = (state ^ ord(character)) * 0x100000001B3 % 2**64
    assert term_number("sonata") in listed("typo", state * 0x9E3779B97F4A7C15 % 2**64 >> 32)


def test_the_kept_identifiers_are_read_as_the_page_says() -> None:
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    code = "USRC17607839"
    packed = sum(digits.index(c) * 36**p for p, c in zip((4, 3, 2, 1, 0), code[:5], strict=True))
    upper, rest = divmod(packed * 10**7 + int(code[5:]), 2**32)
    place = array("isrc_tops").tolist().index(upper)
    low, high = array("isrc_starts")[place : place + 2]
    found = array("isrc_numbers")[low:high][array("isrc_rests")[low:high] == rest]
    assert sorted(array("doc_number")[found].tolist()) == [1, 4]


def test_the_kept_source_keys_are_read_as_the_page_says() -> None:
    value = int.from_bytes(md5(b"tiny:3", usedforsecurity=False).digest()[8:], "little")
    places = array("source_places")
    bits = (len(places) - 1).bit_length() - 1
    place, rest = divmod(value >> (32 - bits), 2**32)
    low, high = places[place : place + 2]
    found = array("source_numbers")[low:high][array("source_rests")[low:high] == rest]
    assert array("doc_number")[found].tolist() == [3]


def test_todays_writer_makes_the_kept_index(tmp_path: Path) -> None:
    build_into(tmp_path / "index")
    made = {p.name: p.read_bytes() for p in (tmp_path / "index").glob("*.npy")}
    kept = {p.name: p.read_bytes() for p in GOLDEN.glob("*.npy")}
    assert made == kept
    ours, theirs = (
        json.loads((p / "index.json").read_text()) for p in (tmp_path / "index", GOLDEN)
    )
    del ours["edition_sha256"], theirs["edition_sha256"]  # depends on the version of Arrow
    assert ours == theirs
