"""Packed keys find what was filed under them, and nothing else."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from phonotheque.search.keys import (
    ExactKeys,
    HashedKeys,
    KeyFile,
    places_bits,
    text_hash,
    text_hashes,
    write_exact_keys,
    write_hashed_keys,
)
from phonotheque.storage.arrays import U64, Array

PAIRS = st.lists(
    st.tuples(st.sampled_from([0, 1, 2**32 - 1, 2**32, 7 * 2**32 + 3, 2**46]), st.integers(1, 9)),
    max_size=30,
)


def batches(pairs: Sequence[tuple[int, int]], size: int) -> Iterator[tuple[U64, Array]]:
    for at in range(0, len(pairs), size):
        part = pairs[at : at + size]
        yield np.array([k for k, _ in part], np.uint64), np.array([n for _, n in part], np.uint32)


def check(file: KeyFile, pairs: Sequence[tuple[int, int]], keys: Sequence[int]) -> None:
    expected = [tuple(sorted({n for k, n in pairs if k == key})) for key in keys]
    assert file.find_many(np.array(keys, np.uint64)) == expected
    assert [file.find(key) for key in keys] == expected


@given(PAIRS, st.integers(1, 7))
@example([], 1)
def test_exact_keys_are_found_however_they_came_in_batches(
    pairs: list[tuple[int, int]], size: int
) -> None:
    with TemporaryDirectory() as folder:
        ordered = sorted(pairs)
        write_exact_keys(Path(folder), "x", batches(ordered, size), np.uint32)
        wanted = [k for k, _ in pairs] + [5, 2**33, 2**48]
        check(ExactKeys(Path(folder), "x"), pairs, wanted)


@given(st.lists(st.tuples(st.text("ab", max_size=3), st.integers(1, 9)), max_size=200))
def test_hashed_keys_are_found(named: list[tuple[str, int]]) -> None:
    pairs = sorted((text_hash(text), number) for text, number in named)
    with TemporaryDirectory() as folder:
        write_hashed_keys(Path(folder), "x", batches(pairs, 9), np.uint32, len(pairs))
        wanted = [text_hash(text) for text in ("", "a", "ab", "bab", "another")]
        check(HashedKeys(Path(folder), "x"), pairs, wanted)


def test_a_directory_has_sixteen_to_thirty_two_keys_a_place() -> None:
    assert [places_bits(n) for n in (0, 63, 64, 127, 256_000_000)] == [1, 1, 2, 2, 23]
    assert places_bits(10**12) == 28


def test_many_hashed_keys_are_found_and_strangers_are_not(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    keys = np.sort(rng.integers(0, 2**64 - 1, 50_000, np.uint64))
    numbers = np.arange(50_000, dtype=np.uint32)
    write_hashed_keys(tmp_path, "x", iter([(keys, numbers)]), np.uint32, len(keys))
    file = HashedKeys(tmp_path, "x")
    assert file.find_many(keys) == [(n,) for n in numbers.tolist()]
    assert not any(file.find_many(rng.integers(0, 2**64 - 1, 50_000, np.uint64)))


@pytest.mark.parametrize("text", ["", "a:b", "synth:été", "\udc80"])
def test_one_hash_is_the_hash_of_many(text: str) -> None:
    assert text_hashes([text, "x"]).tolist() == [text_hash(text), text_hash("x")]
