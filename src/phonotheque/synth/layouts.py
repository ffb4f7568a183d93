"""How 128 consecutive tracks fall into releases: 93 first appearances in 9 albums, singles and EPs,
and 35 repeats in 4 reissues, compilations and singles (the reference archive: 256M tracks of 186M
recordings)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BLOCK = 128
FRESH = 93
ALBUMS = 9
RELEASES = 13
LAYOUTS = 64
LONGEST = 19  # tracks of the longest first release
DISC = 14  # tracks of a disc, where a release has two

_Table = npt.NDArray[np.int64]
_FRESH_SIZES = [
    [1, 1, 2, 4, 12, 13, 19, 20, 21],
    [1, 1, 5, 10, 10, 11, 18, 18, 19],
    [1, 2, 3, 8, 12, 14, 16, 18, 19],
    [1, 3, 6, 9, 11, 12, 14, 18, 19],
]
_REPEAT_SIZES = [[1, 9, 12, 13], [1, 2, 14, 18], [4, 9, 10, 12], [1, 6, 12, 16]]


@dataclass(frozen=True)
class Layouts:
    """Tables over (layout, …). `release` and `position` are of slots, shape (64, 128); `size` and
    `start` of releases, (64, 13); `holder` names, for each number of tracks up to `LONGEST`, an
    album that has as many, (64, 20)."""

    release: _Table
    position: _Table
    size: _Table
    start: _Table
    holder: _Table


def make_layouts() -> Layouts:
    """The same 64 ways always."""
    sizes = np.array([_sizes(n) for n in range(LAYOUTS)], dtype=np.int64)
    starts = np.cumsum(sizes, axis=1) - sizes
    release = np.array([np.repeat(np.arange(RELEASES), row) for row in sizes])
    position = np.arange(BLOCK) - np.take_along_axis(starts, release, axis=1) + 1
    holder = np.array([[_holder(row, n) for n in range(LONGEST + 1)] for row in sizes])
    return Layouts(release, position, sizes, starts, holder)


def _sizes(number: int) -> list[int]:
    fresh = _level(_FRESH_SIZES[number % 4])
    repeats = _REPEAT_SIZES[number // 4 % 4]
    turn = number // 16 * 2 + number % 3
    return [*_turned(fresh, turn), *_turned(repeats, turn)]


def _level(sizes: list[int]) -> list[int]:
    """The sizes with 93 in all, none above `LONGEST`."""
    capped = [min(s, LONGEST) for s in sizes]
    short = FRESH - sum(capped)
    for at, size in enumerate(capped):
        change = max(1, min(LONGEST, size + short)) - size
        capped[at] += change
        short -= change
    return capped


def _turned(sizes: list[int], by: int) -> list[int]:
    by %= len(sizes)
    return sizes[by:] + sizes[:by]


def _holder(sizes: npt.NDArray[np.int64], tracks: int) -> int:
    fits = [k for k in range(ALBUMS) if sizes[k] >= tracks]
    return min(fits, key=lambda k: (sizes[k], k)) if fits else int(sizes[:ALBUMS].argmax())
