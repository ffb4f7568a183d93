"""Format version 1 of fingerprints and their index: the kept ones can be read by
docs/formats/acoustic.md alone, and today's writers still make them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from phonotheque.vault.acoustic.codec import compress_fingerprint, format_fingerprint
from phonotheque.vault.acoustic.index import AcousticIndex
from phonotheque.vault.acoustic.segments import Document
from tests.vault.acoustic.fingerprints import drifting

GOLDEN = Path(__file__).parents[2] / "golden" / "acoustic" / "v1"
DOCUMENTS = [
    Document(bytes([7]) * 32, drifting(150, seed=1)),
    Document(bytes([3]) * 32, drifting(90, seed=2), copy=True),
    Document(bytes([5]) * 32, np.repeat(drifting(30, seed=3), 4)),
]


def write_into(folder: Path) -> None:
    AcousticIndex(folder).add(DOCUMENTS)
    text = format_fingerprint(DOCUMENTS[0].items)
    (folder / "fingerprint.txt").write_text(text + "\n")


def array(name: str) -> Any:
    return np.load(GOLDEN / "00000001" / f"{name}.npy")


def test_todays_writer_makes_the_kept_index(tmp_path: Path) -> None:
    write_into(tmp_path)
    names = sorted(str(p.relative_to(GOLDEN)) for p in GOLDEN.rglob("*") if p.is_file())
    made = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())
    assert made == names
    for name in names:
        assert (tmp_path / name).read_bytes() == (GOLDEN / name).read_bytes(), name


def test_the_kept_index_says_by_the_page_what_was_put_in() -> None:
    told = json.loads((GOLDEN / "index.json").read_text())
    assert told["format"] == 1
    assert told["segments"] == [{"documents": 3, "name": "00000001"}]
    ordered = sorted(DOCUMENTS)
    assert [row.tobytes() for row in array("digests")] == [d.sha256 for d in ordered]
    assert array("lengths").tolist() == [len(d.items) for d in ordered]
    assert array("copies").tolist() == [d.copy for d in ordered]
    sketches, ends = array("sketches"), array("sketch_offsets")
    for number, document in enumerate(ordered):
        kept = sketches[int(ends[number]) : int(ends[number + 1])]
        np.testing.assert_array_equal(kept, document.items[::4])


def test_the_kept_postings_are_those_of_the_page() -> None:
    wanted = set()
    for number, document in enumerate(sorted(DOCUMENTS)):
        before, seen = None, dict[int, int]()
        for place, item in enumerate(document.items.tolist()):
            key = by_the_page(item)
            if item != before and item != 627964279 and key < 2**32 // 8:
                seen[key] = seen.get(key, 0) + 1
                if seen[key] <= 4:
                    wanted.add((key, number, place // 4))
            before = item
    assert set(postings()) == wanted
    assert len(wanted) > 20


def postings() -> list[tuple[int, int, int]]:
    directory, rests = array("directory"), array("rests")
    docs, places = array("docs"), array("places")
    bits = (len(directory) - 1).bit_length() - 1
    found = []
    for place in range(1 << bits):
        for at in range(int(directory[place]), int(directory[place + 1])):
            upper = place << (29 - bits)  # a key has 32 - log2(8) bits
            key = upper >> 16 << 16 | int(rests[at])
            found.append((key, int(docs[at]), int(places[at])))
    assert [key for key, _, _ in found] == sorted(key for key, _, _ in found)
    return found


def by_the_page(item: int) -> int:
    """The finaliser of MurmurHash3."""
    item ^= item >> 16
    item = item * 0x85EBCA6B & 0xFFFFFFFF
    item ^= item >> 13
    item = item * 0xC2B2AE35 & 0xFFFFFFFF
    return item ^ item >> 16


@pytest.mark.parametrize("document", DOCUMENTS)
def test_an_encoded_fingerprint_is_read_by_the_page(document: Document) -> None:
    content = compress_fingerprint(document.items)
    assert content[0] == 1
    count = int.from_bytes(content[1:4], "big")
    stream = int.from_bytes(content[4:], "little")
    gaps = [stream >> 3 * n & 7 for n in range(len(content[4:]) * 8 // 3)]
    ends = [n for n, gap in enumerate(gaps) if gap == 0][:count]
    gaps = gaps[: ends[-1] + 1]
    beyond = int.from_bytes(content[4 + -(-len(gaps) * 3 // 8) :], "little")
    items, bit, changed, escapes = list[int](), 0, 0, 0
    for gap in gaps:
        if gap == 0:
            items.append((items[-1] if items else 0) ^ changed)
            bit, changed = 0, 0
            continue
        if gap == 7:
            gap += beyond >> 5 * escapes & 31  # noqa: PLW2901
            escapes += 1
        bit += gap
        changed |= 1 << bit - 1
    assert items == document.items.tolist()
