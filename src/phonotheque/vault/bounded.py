"""A file read within a budget: no parser of containers can be made to read a whole disk."""

from typing import BinaryIO

MAX_READ_BYTES = 16 << 20


class UnparseableError(Exception):
    """The container cannot be walked to its end; it is treated as not clean."""


class BoundedStream:
    """`stream` (seekable), of which at most `budget_bytes` are read in all, however often."""

    def __init__(self, stream: BinaryIO, budget_bytes: int = MAX_READ_BYTES) -> None:
        self._stream = stream
        self._left = budget_bytes

    def seek(self, position: int, whence: int = 0) -> int:
        """As of a file.

        Raises:
            UnparseableError: no file can be that long.
        """
        try:
            return self._stream.seek(position, whence)
        except (OverflowError, ValueError, OSError) as error:
            raise UnparseableError(f"there is no place {position}") from error

    def read(self, count: int) -> bytes:
        """Up to `count` bytes.

        Raises:
            UnparseableError: the budget is used up.
        """
        if count > self._left:
            raise UnparseableError("its structure takes more reading than any sound file needs")
        content = self._stream.read(count)
        self._left -= len(content)
        return content
