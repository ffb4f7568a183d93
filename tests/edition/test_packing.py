"""The length of pieces, and how large a torrent is thought to become."""

from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.edition import VolumeFile, choose_piece_length, create_torrent, estimate_metainfo
from phonotheque.edition.packing import padding_bytes


def test_ordinary_tracks_get_pieces_of_half_a_mebibyte() -> None:
    sizes = np.random.default_rng(2).lognormal(np.log(3_000_000), 0.55, 30_000).astype(np.int64)
    assert choose_piece_length(sizes) == 512 << 10
    assert padding_bytes(sizes, 512 << 10) / sizes.sum() < 0.09


@given(st.lists(st.integers(0, 10**9), max_size=30))
def test_a_piece_length_is_a_power_of_two_within_bounds(sizes: list[int]) -> None:
    length = choose_piece_length(sizes)
    assert length & (length - 1) == 0
    assert 16_384 <= length <= 16 << 20


@given(st.lists(st.integers(0, 10**8), min_size=1, max_size=40), st.integers(0, 200))
def test_the_estimate_counts_the_pieces_of_the_length_chosen(sizes: list[int], name: int) -> None:
    found = estimate_metainfo(np.array(sizes), np.full(len(sizes), name))
    for rows in range(1, len(sizes) + 1):
        length = choose_piece_length(sizes[:rows])
        least = 52 * sum(-(-size // length) for size in sizes[:rows]) + (224 + name) * rows
        spared = padding_bytes(np.array(sizes[:rows]), length) // 1000  # by shorter pieces
        assert least <= found[rows - 1] <= 2 * least + spared + 8192


@pytest.mark.parametrize("v1", [True, False], ids=["hybrid", "v2"])
@pytest.mark.parametrize(
    ("mean", "count", "share"),
    [(20_000, 400, 0.65), (120_000, 150, 0.8), (1_000_000, 30, 0.85)],
    ids=["most without a piece layer", "small", "tracks"],
)
def test_torrents_are_a_little_shorter_than_estimated(
    tmp_path: Path, mean: int, count: int, share: float, *, v1: bool
) -> None:
    rng = np.random.default_rng(mean)
    sizes = rng.lognormal(np.log(mean), 0.5, count).astype(np.int64)
    files, names = [], []
    for number, size in enumerate(sizes.tolist()):
        content = rng.bytes(size)
        source = tmp_path / str(number)
        source.write_bytes(content)
        name = f"Some artist {number // 10}/{number:02d} - A track of theirs [0123abcd].ogg"
        digest = sha256(content).hexdigest()
        files.append(VolumeFile(f"data/{name}", source, size, digest))
        names.append(2 * (len(name) - 1))
    with ThreadPoolExecutor(2) as pool:
        made = create_torrent("volume", files, choose_piece_length(sizes), pool, v1=v1)
    estimated = int(estimate_metainfo(sizes, np.array(names), v1=v1)[-1])
    least = share if v1 else share - 0.1
    assert estimated * least - 8192 < len(made.content) <= estimated
