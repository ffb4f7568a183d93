"""Columns by document that fall with the rank: kept only where they change.

``<name>_starts.npy`` (u4, rising, the first one 0) are the documents from which on a value holds,
``<name>_values.npy`` the values. Tiers take five steps, listens some thousands: it is by them that
documents are ordered. Any other column would be right too, and large.
"""

from pathlib import Path
from types import TracebackType

import numpy as np

from phonotheque.storage.arrays import Array, load_array
from phonotheque.storage.growing import GrowingArray


class StepsWriter:
    """Takes a column in parts, in order of documents; memory is one part."""

    def __init__(self, folder: Path, name: str, dtype: type) -> None:
        self._dtype = dtype
        self._starts = GrowingArray(folder / f"{name}_starts.npy", np.uint32)
        self._values = GrowingArray(folder / f"{name}_values.npy", dtype)
        self._last: Array = np.zeros(0, dtype)
        self._count = 0

    def __enter__(self) -> "StepsWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self._starts.__exit__(kind, error, trace)
        self._values.__exit__(kind, error, trace)

    def append(self, column: Array) -> None:
        """Add the values of the next documents."""
        if not len(column):
            return
        values = np.concatenate([self._last, column.astype(self._dtype)])
        changes = np.flatnonzero(values[1:] != values[:-1]) + 1 - len(self._last)
        starts = changes if len(self._last) else np.concatenate([[0], changes])
        self._starts.append((starts + self._count).astype(np.uint32))
        self._values.append(values[starts + len(self._last)])
        self._last = values[-1:]
        self._count += len(column)


class Steps:
    """Reads what a `StepsWriter` wrote; indexed by documents, as the whole column would be."""

    def __init__(self, folder: Path, name: str) -> None:
        self._starts = load_array(folder / f"{name}_starts.npy")
        self._values = load_array(folder / f"{name}_values.npy")

    def __getitem__(self, docs: Array) -> Array:
        places = np.searchsorted(self._starts, docs.astype(np.uint32), side="right") - 1
        values: Array = self._values[places]
        return values

    def starts_of(self, value: int) -> list[int]:
        """The documents from which on it is `value`."""
        starts: list[int] = self._starts[self._values == value].tolist()
        return starts
