"""Digests against a second, naive implementation of BEP 52 and against libtorrent."""

from hashlib import sha256
from pathlib import Path

import libtorrent as lt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.storage.digests import (
    BLOCK,
    FileHasher,
    digest_file,
    merkle_layer,
    merkle_root,
)

SIZES = [
    0,
    1,
    BLOCK - 1,
    BLOCK,
    BLOCK + 1,
    2 * BLOCK,
    3 * BLOCK,
    5 * BLOCK + 7,
    64 * BLOCK,
    1 << 21,
]


def hash_bytes(content: bytes) -> bytes:
    return sha256(content).digest()


def naive_root(leaves: list[bytes]) -> bytes:
    """BEP 52 in its plainest words: pad to a power of two, hash pairs until one is left."""
    width = 1
    while width < len(leaves):
        width *= 2
    layer = leaves + [bytes(32)] * (width - len(leaves))
    while len(layer) > 1:
        layer = [hash_bytes(layer[i] + layer[i + 1]) for i in range(0, len(layer), 2)]
    return layer[0]


def content_of(size: int) -> bytes:
    return bytes(i * 7 % 251 for i in range(size))


def libtorrent_root(path: Path) -> bytes:
    files = lt.list_files(str(path))
    torrent = lt.create_torrent(files, 65_536, lt.create_torrent.v2_only)
    lt.set_piece_hashes(torrent, str(path.parent))
    tree = torrent.generate()[b"info"][b"file tree"]
    return bytes(tree[path.name.encode()][b""][b"pieces root"])


@pytest.mark.parametrize("size", SIZES[1:])
def test_the_pieces_root_is_that_of_libtorrent(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(content_of(size))
    assert digest_file(path).pieces_root == libtorrent_root(path)


@pytest.mark.parametrize("size", SIZES)
def test_size_sha256_and_root_come_from_one_read(tmp_path: Path, size: int) -> None:
    content = content_of(size)
    path = tmp_path / "file"
    path.write_bytes(content)
    blocks = [content[i : i + BLOCK] for i in range(0, size, BLOCK)]
    digests = digest_file(path)
    assert digests.size_bytes == size
    assert digests.sha256 == hash_bytes(content)
    assert digests.pieces_root == naive_root([hash_bytes(b) for b in blocks] or [bytes(32)])


def test_a_root_worked_out_by_hand() -> None:
    a, b, c = (hash_bytes(x) for x in (b"a", b"b", b"c"))
    by_hand = hash_bytes(hash_bytes(a + b) + hash_bytes(c + bytes(32)))
    assert merkle_root([a, b, c]) == by_hand
    # the same, worked out with sha256sum and xxd
    assert by_hand.hex() == "d0a664079d491a97357efa1ce1eab5aeb566adef78a2b910e8d13e901e192832"


@given(st.lists(st.binary(max_size=3 * BLOCK), max_size=6))
def test_the_sizes_of_the_chunks_do_not_matter(chunks: list[bytes]) -> None:
    in_parts, at_once = FileHasher(), FileHasher()
    for chunk in chunks:
        in_parts.update(chunk)
    at_once.update(b"".join(chunks))
    assert in_parts.finish() == at_once.finish()


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=40), st.data())
def test_the_root_over_any_layer_is_the_root(leaves: list[bytes], data: st.DataObject) -> None:
    levels = max(len(leaves) - 1, 0).bit_length()
    keep = data.draw(st.integers(0, levels))
    layer = merkle_layer(leaves, keep)
    assert len(layer) == 1 << keep
    assert merkle_root(layer) == naive_root(leaves)


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=16), st.integers(0, 3))
def test_a_taller_tree_is_padded_with_zero_leaves(leaves: list[bytes], extra: int) -> None:
    height = max(len(leaves) - 1, 0).bit_length() + extra
    padded = leaves + [bytes(32)] * ((1 << height) - len(leaves))
    assert merkle_root(leaves, height) == naive_root(padded)
