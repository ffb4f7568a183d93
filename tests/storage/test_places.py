"""Where recordings have their files: found by few reads, whatever is read."""

import bisect
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.storage.places import (
    KEY,
    covered,
    find_places,
    is_places,
    pack_places,
    places_path,
    span_of,
    volume_number,
)


class Read:
    """Reads of some bytes, counted."""

    def __init__(self, content: bytes) -> None:
        self.content, self.asked = content, list[int]()

    def __call__(self, start: int, length: int) -> bytes:
        self.asked.append(length)
        return self.content[start : start + length]


def packed(pairs: list[tuple[int, int]]) -> bytes:
    parts = [pack_places(np.array([number]), volume) for number, volume in pairs]
    keys = np.sort(np.concatenate(parts)) if parts else np.zeros(0, KEY)
    return keys.astype(KEY).tobytes()


@given(
    st.lists(st.tuples(st.integers(1, 3000), st.integers(1, (1 << 24) - 1)), max_size=1500,
             unique=True),
    st.integers(1, 3001),
)  # fmt: skip
def test_each_place_of_a_recording_is_found(pairs: list[tuple[int, int]], number: int) -> None:
    content = packed(pairs)
    found = find_places(Read(content), len(content), number)
    assert found == sorted(volume for n, volume in pairs if n == number)[:8]


def test_a_few_kilobytes_of_many_are_read() -> None:
    rng = np.random.default_rng(1)
    numbers = np.unique(rng.integers(1, 8_000_000, 400_000))
    content = pack_places(numbers, 7).astype(KEY).tobytes()
    for number in rng.choice(numbers, 50).tolist():
        read = Read(content)
        assert find_places(read, len(content), number) == [7]
        assert sum(read.asked) <= 5 * 4096
    low, high = int(numbers[0]), int(numbers[-1])
    absent = next(n for n in range(low, high) if numbers[bisect.bisect_left(numbers, n)] != n)
    assert find_places(Read(content), len(content), absent) == []


@given(st.binary(max_size=200_000).map(lambda b: b * 9), st.integers(1, 1 << 39))
def test_bytes_that_lie_end_soon(content: bytes, number: int) -> None:
    read = Read(content)
    assert len(find_places(read, len(content), number)) <= 8
    assert len(read.asked) <= 45


def test_bytes_without_an_end_and_cut_off_ones_end_soon() -> None:
    endless = lambda start, length: os.urandom(length)  # noqa: E731
    find_places(endless, 1 << 40, 77)
    with pytest.raises(EOFError):
        find_places(Read(b"x" * 100), 8000, 5)


def test_names_of_volumes_and_files() -> None:
    assert [volume_number(n) for n in ("a-tier1-00012", "a-b", "x-tier1-99999999", "x-0")] == [
        12, None, None, None
    ]  # fmt: skip
    path = places_path(3, 120_000)
    assert (path, span_of(path)) == ("places/00003-120000.u8", (3, 120_000))
    assert not is_places("places/3-4.u8") and not is_places("x/00001-00002.u8")
    assert covered([path, "files/x.parquet", places_path(1, 2)]) == 120_000
    assert covered([]) == 0
