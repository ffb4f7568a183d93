"""A NumPy file whose length is known only at its end."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import numpy as np

from phonotheque.storage.arrays import Array, write_parts


class GrowingArray:
    """Raw values first, then, once they are counted, the ``.npy`` of them."""

    def __init__(self, path: Path, dtype: type) -> None:
        self._path, self._dtype = path, np.dtype(dtype)
        self._raw = path.with_suffix(".raw")
        self._out = self._raw.open("wb")
        self.count = 0

    def __enter__(self) -> "GrowingArray":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        self._out.close()
        if kind is None:
            write_parts(self._path, self._dtype, self.count, self._parts())
        self._raw.unlink()

    def append(self, values: Array) -> None:
        """Add values at the end."""
        self._out.write(np.ascontiguousarray(values, self._dtype).data)
        self.count += len(values)

    def _parts(self) -> Iterator[Array]:
        with self._raw.open("rb") as source:
            while chunk := source.read(8 << 20):
                yield np.frombuffer(chunk, self._dtype)
