"""Permanent numbers and public ids (docs/formats/public-ids.md)."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.model.errors import InputError
from phonotheque.model.numbers import (
    ALPHABET,
    MAX_NUMBER,
    IdKey,
    Kind,
    format_public_id,
    format_public_ids,
    parse_public_id,
    parse_public_ids,
    permute,
    unpermute,
)

GOLDEN = json.loads(
    (Path(__file__).parents[1] / "golden" / "public-ids" / "v1" / "vectors.json").read_text()
)
KEY = IdKey(bytes.fromhex(GOLDEN["id_key"]))
VECTORS = [(k, int(n), i) for k, ids in GOLDEN["ids"].items() for n, i in ids.items()]

numbers = st.integers(1, MAX_NUMBER)
kinds = st.sampled_from(list(Kind))


@pytest.mark.parametrize(("kind", "number", "public_id"), VECTORS)
def test_ids_are_those_of_version_one_for_ever(kind: str, number: int, public_id: str) -> None:
    assert format_public_id(number, KEY, Kind(kind)) == public_id
    assert parse_public_id(public_id, KEY) == (Kind(kind), number)


@given(numbers, kinds, st.binary(min_size=16, max_size=16))
def test_an_id_leads_back_to_its_number_under_any_key(number: int, kind: Kind, raw: bytes) -> None:
    key = IdKey(raw)
    public_id = format_public_id(number, key, kind)
    assert len(public_id) == 10
    assert parse_public_id(public_id, key) == (kind, number)


@given(numbers, st.data())
def test_one_wrong_character_is_noticed(number: int, data: st.DataObject) -> None:
    public_id = format_public_id(number, KEY)
    at = data.draw(st.integers(1, 9))
    wrong = data.draw(st.sampled_from([c for c in ALPHABET if c != public_id[at]]))
    with pytest.raises(InputError, match="check character"):
        parse_public_id(public_id[:at] + wrong + public_id[at + 1 :], KEY)


@given(numbers, st.data())
def test_two_swapped_characters_are_noticed(number: int, data: st.DataObject) -> None:
    public_id = list(format_public_id(number, KEY))
    i, j = data.draw(st.lists(st.integers(1, 9), min_size=2, max_size=2, unique=True))
    if public_id[i] == public_id[j]:
        return
    public_id[i], public_id[j] = public_id[j], public_id[i]
    with pytest.raises(InputError):
        parse_public_id("".join(public_id), KEY)


def test_ids_survive_being_read_aloud_and_typed() -> None:
    public_id = next(i for _, _, i in VECTORS if "1" in i and "0" in i)
    spoken = public_id.upper().replace("0", "O").replace("1", "I")
    assert parse_public_id(f" {spoken[:5]}-{spoken[5:]} ", KEY) == parse_public_id(public_id, KEY)


@pytest.mark.parametrize("text", ["", "r", "x123456789", "r12345678", "r12345678u", "r12345678ü"])
def test_what_is_no_id_is_refused_with_words(text: str) -> None:
    with pytest.raises(InputError, match=r"public id|mistyped"):
        parse_public_id(text, KEY)


@pytest.mark.parametrize("number", [0, -1, MAX_NUMBER + 1])
def test_numbers_outside_the_range_have_no_id(number: int) -> None:
    with pytest.raises((InputError, OverflowError)):
        format_public_id(number, KEY)


@given(st.lists(st.integers(0, MAX_NUMBER), unique=True, max_size=200), kinds)
def test_the_permutation_can_be_undone_and_collides_nowhere(held: list[int], kind: Kind) -> None:
    wide = np.array(held, dtype=np.uint64)
    mixed = permute(wide, KEY, kind)
    assert unpermute(mixed, KEY, kind).tolist() == held
    assert len(set(mixed.tolist())) == len(held)
    assert all(value <= MAX_NUMBER for value in mixed.tolist())


def test_neighbours_and_kinds_share_nothing_that_one_could_count_on() -> None:
    ids = format_public_ids(range(1, 1001), KEY, Kind.RECORDING)
    same = sum(a[1:4] == b[1:4] for a, b in pairwise(ids))
    assert same <= 3
    tracks = format_public_ids(range(1, 1001), KEY, Kind.TRACK)
    assert sum(a[1:9] == b[1:9] for a, b in zip(ids, tracks, strict=True)) == 0


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(InputError, match="16 bytes"):
        IdKey(b"short")


@given(st.integers(1, MAX_NUMBER), st.sampled_from(Kind))
def test_one_id_is_what_it_is_among_many(number: int, kind: Kind) -> None:
    one = format_public_id(number, KEY, kind)
    assert format_public_ids([number, 1], KEY, kind)[0] == one
    assert parse_public_id(one, KEY) == parse_public_ids([one], KEY)[0] == (kind, number)
