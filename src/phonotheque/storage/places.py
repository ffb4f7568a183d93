"""Which volume has the file of a recording: ``places/<first>-<last>.u8`` of an edition
(docs/formats/edition.md).

Sorted numbers of 8 bytes, found by reading a few kilobytes of hundreds of megabytes. There is
nothing to parse, so they may be read, unproved, from whoever has them: the answer is where to look.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]
Read = Callable[[int, int], bytes]
"""The bytes from a position on, as many as are wanted."""

FOLDER = "places"
KEY = np.dtype("<u8")
_SHIFT = 24  # a key is the recording's number, shifted, with the volume's
_WINDOW = 512  # keys read at once
_GUESSES = 8  # by the value; then by halves
_MOST = 8  # places of one recording
_NAME = re.compile(r"places/([0-9]{5,8})-([0-9]{5,8})\.u8")


def volume_number(volume: str) -> int | None:
    """The number in a volume's name; None where it has none, or one too large for a key."""
    digits = volume.rpartition("-")[2]
    found = int(digits) if digits.isascii() and digits.isdigit() else 0
    return found if 0 < found < 1 << _SHIFT else None


def places_path(first: int, last: int) -> str:
    """The file (in an edition) of the volumes numbered from `first` to `last`."""
    return f"{FOLDER}/{first:05d}-{last:05d}.u8"


def span_of(path: str) -> tuple[int, int] | None:
    """First and last number of the volumes of which the file `path` (in an edition) tells; None
    for any other file."""
    found = _NAME.fullmatch(path)
    return (int(found[1]), int(found[2])) if found else None


def pack_places(numbers: npt.NDArray[np.int64], volume: int) -> Keys:
    """Keys of the recordings `numbers` (above 0, below 2^40), whose files are in `volume`."""
    keys: Keys = (numbers.astype(np.uint64) << np.uint64(_SHIFT)) | np.uint64(volume)
    return keys


def volumes_in(keys: Keys) -> npt.NDArray[np.int32]:
    """The numbers of the volumes that `keys` name."""
    return (keys & np.uint64((1 << _SHIFT) - 1)).astype(np.int32)


def find_places(read: Read, size_bytes: int, number: int) -> list[int]:
    """Numbers of the volumes that a file of places names for a recording, rising.

    However wrong the bytes are that `read` gives, it ends after some forty reads. Raises `EOFError`
    where there are fewer than there should be, and what `read` raises.
    """
    count = size_bytes // KEY.itemsize
    wanted = number << _SHIFT
    start = _lower_bound(read, count, wanted)
    keys = _read(read, start, min(start + _MOST, count))
    return [int(key) & ((1 << _SHIFT) - 1) for key in keys if int(key) >> _SHIFT == number]


def covered(paths: Iterable[str]) -> int:
    """The highest number of a volume of which the files `paths` tell; 0 for none."""
    return max((span[1] for span in map(span_of, paths) if span), default=0)


def is_places(path: str) -> bool:
    """Whether `path` (in an edition) is a file of places."""
    return PurePosixPath(path).parent.name == FOLDER and span_of(path) is not None


def _lower_bound(read: Read, count: int, wanted: int) -> int:
    """How many keys are less than `wanted`."""
    low, high, low_key = 0, count, 0
    high_key = int(_read(read, count - 1, count)[0]) if count else 0
    if high_key < wanted:
        return count
    for turn in range(64):
        if low >= high:
            return low
        guess = (low + high) // 2
        if turn < _GUESSES and low_key < high_key:
            share = (wanted - low_key) / (high_key - low_key)
            guess = low + int(min(max(share, 0.0), 1.0) * (high - low))
        start = max(low, min(guess - _WINDOW // 2, high - _WINDOW))
        keys = _read(read, start, min(start + _WINDOW, high))
        at = int(np.searchsorted(keys, np.uint64(wanted)))
        if at == 0:
            high, high_key = start, int(keys[0])
        elif at == len(keys):
            low, low_key = start + len(keys), int(keys[-1])
        else:
            return start + at
    return low


def _read(read: Read, start: int, end: int) -> Keys:
    content = read(start * KEY.itemsize, (end - start) * KEY.itemsize)
    keys: Keys = np.frombuffer(content[: (end - start) * KEY.itemsize], dtype=KEY)
    if len(keys) < end - start:
        raise EOFError("a file of places is shorter than it should be")
    return keys
