"""Fingerprints in Chromaprint's encoded form are written as libchromaprint writes them, and read
without it, whatever stands in them."""

import ctypes
import ctypes.util

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from phonotheque.model.errors import InputError
from phonotheque.vault.acoustic.codec import (
    MAX_ITEMS,
    Items,
    compress_fingerprint,
    decode_fingerprint,
    format_fingerprint,
    parse_fingerprint,
    raw_fingerprint,
)
from tests.vault.acoustic.fingerprints import drifting

FINGERPRINTS = arrays.arrays(np.uint32, st.integers(0, 300))


def libchromaprint(items: Items) -> bytes:
    found = ctypes.util.find_library("chromaprint")
    if found is None:
        pytest.skip("libchromaprint is not here; install libchromaprint1")
    library = ctypes.CDLL(found)
    words = (ctypes.c_uint32 * len(items))(*items.tolist())
    out, size = ctypes.c_void_p(), ctypes.c_int()
    sizes = len(items), 1, ctypes.byref(out), ctypes.byref(size), 0
    assert library.chromaprint_encode_fingerprint(words, *sizes)
    content = ctypes.string_at(out, size.value)
    library.chromaprint_dealloc(out)
    return content


@given(FINGERPRINTS)
def test_what_is_compressed_is_read_back(items: Items) -> None:
    np.testing.assert_array_equal(decode_fingerprint(compress_fingerprint(items)), items)
    np.testing.assert_array_equal(parse_fingerprint(format_fingerprint(items)), items)
    np.testing.assert_array_equal(raw_fingerprint(items.astype("<u4").tobytes()), items)


@given(FINGERPRINTS)
def test_the_bytes_are_those_of_libchromaprint(items: Items) -> None:
    assert compress_fingerprint(items) == libchromaprint(items)


def test_long_fingerprints_are_coded_block_by_block() -> None:
    items = drifting(100_000)
    content = compress_fingerprint(items)
    assert content == libchromaprint(items)
    np.testing.assert_array_equal(decode_fingerprint(content), items)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    for start in (b"", b"\x01\x00\x00", b"\x01\x00\x00\x04"):
        try:
            items = decode_fingerprint(start + content)
        except InputError:
            continue
        assert len(items) <= MAX_ITEMS
        np.testing.assert_array_equal(decode_fingerprint(compress_fingerprint(items)), items)


@given(FINGERPRINTS.filter(len), st.data())
def test_a_fingerprint_cut_short_is_refused(items: Items, data: st.DataObject) -> None:
    content = compress_fingerprint(items)
    cut = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(InputError, match=r"not a Chromaprint fingerprint"):
        decode_fingerprint(content[:cut])


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "shorter than its header"),
        (b"\x02\x00\x00\x00", "algorithm 2"),
        (b"\x01\xff\xff\xff" + bytes(100), "longer than"),
        (b"\x01\x00\xff\xff" + bytes(100), "promises 65,535 items"),
        (b"\x01\x00\x00\x01\x49\x12", "ends within"),
        (b"\x01\x00\x00\x01" + b"\x49\x92\x24" * 6 + b"\0", "more than 32 bits"),
        (b"\x01\x00\x00\x01\xff\x01\xff\x7f", "beyond the 32nd"),
        (b"\x01\x00\x00\x01\x07", "ends within its exceptions"),
        (b"\x01\x00\x00\x01\x00\x00", "goes on after them"),
    ],
)
def test_what_does_not_add_up_is_named(content: bytes, why: str) -> None:
    with pytest.raises(InputError, match=why):
        decode_fingerprint(content)


@pytest.mark.parametrize("text", ["no fingerprint!", "AQAA~", "äö", "A" * 30_000_000])
def test_text_that_is_no_fingerprint_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="not a Chromaprint fingerprint"):
        parse_fingerprint(text)


def test_more_items_than_are_kept_are_refused() -> None:
    with pytest.raises(InputError, match="36 hours"):
        compress_fingerprint(np.zeros(MAX_ITEMS + 1, np.uint32))
