"""NumPy files on disk: written in parts, read by mapping (all ``.npy``, version 1, C order)."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from phonotheque.model.errors import FormatError

Array = npt.NDArray[Any]
U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def create_array(path: Path, dtype: npt.DTypeLike, shape: int | tuple[int, ...]) -> Array:
    """A zeroed array of a known shape, mapped for writing; an empty one is written at once."""
    shape = (shape,) if isinstance(shape, int) else shape
    if 0 in shape:
        empty: Array = np.zeros(shape, dtype)
        np.save(path, empty)
        return empty
    mapped: Array = np.lib.format.open_memmap(path, mode="w+", dtype=np.dtype(dtype), shape=shape)
    return mapped


def write_array(path: Path, values: Array) -> None:
    """Write one array that is in memory."""
    np.save(path, np.ascontiguousarray(values))


def write_parts(path: Path, dtype: npt.DTypeLike, total: int, parts: Iterable[Array]) -> None:
    """Write `total` values that come in parts; memory is one part.

    Raises:
        ValueError: the parts do not add up to `total`.
    """
    out, at = create_array(path, dtype, total), 0
    for part in parts:
        out[at : at + len(part)] = part
        at += len(part)
    if at != total:
        raise ValueError(f"{path}: {at} values where {total} were due")


def load_array(path: Path) -> Array:
    """The array at `path`, mapped read-only (an empty one cannot be mapped, and is read).

    Raises:
        FormatError: it is missing or no array.
    """
    try:
        mapped: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError:
        return _load_empty(path)
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error}); build the index again") from error
    return mapped.view(np.ndarray)


def _load_empty(path: Path) -> Array:
    try:
        whole: Array = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise FormatError(f"{path}: no array ({error}); build the index again") from error
    return whole


def offsets_of(counts: Array) -> U64:
    """Where each of a row of slices begins, and at last where all of them end: u64[n + 1]."""
    out = np.zeros(len(counts) + 1, np.uint64)
    np.cumsum(counts, out=out[1:])
    return out


def ranges(starts: Array, counts: Array) -> I64:
    """The numbers ``starts[i] … starts[i] + counts[i] - 1`` of every slice i, in one row."""
    wide = counts.astype(np.int64)
    ends = np.cumsum(wide)
    base = np.repeat(starts.astype(np.int64) - (ends - wide), wide)
    return base + np.arange(len(base), dtype=np.int64)


def distinct(values: Array) -> Array:
    """The values sorted, each once (several times as fast as `numpy.unique`)."""
    if len(values) < 2:
        return values
    ordered = np.sort(values)
    keep = np.empty(len(ordered), np.bool_)
    keep[0] = True
    np.not_equal(ordered[1:], ordered[:-1], out=keep[1:])
    kept: Array = ordered[keep]
    return kept


def number_type(greatest: int) -> type[np.uint32] | type[np.uint64]:
    """u32 where every number fits, else u64."""
    return np.uint32 if greatest < 0xFFFFFFFF else np.uint64
