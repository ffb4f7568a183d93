"""A path whose file is hashed and counted while somebody reads it.

A dump is read once; its SHA-256 is taken on the way, whoever opens it through the path. Bytes read
twice count once, and what nobody read is read when the digest is asked for.
"""

import io
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, cast

_READ_BYTES = 1 << 20


class Watch:
    """How far the file has been read from its start, and the digest of that."""

    def __init__(self) -> None:
        self._hash = sha256()
        self.bytes = 0

    def saw(self, start: int, data: memoryview) -> None:
        """`data` was read at byte `start`."""
        if start <= self.bytes < start + len(data):
            self._hash.update(data[self.bytes - start :])
            self.bytes = start + len(data)

    def finish(self, path: Path) -> str:
        """64 hex digits for the whole file.

        Raises:
            OSError: the file cannot be read.
        """
        with Path(path).open("rb") as file:
            file.seek(self.bytes)
            while data := file.read(_READ_BYTES):
                self.saw(self.bytes, memoryview(data))
        return self._hash.hexdigest()


class WatchedPath(type(Path())):  # type: ignore[misc]
    """A path whose `open` for reading bytes tells `watch` what is read. Paths made from it, as its
    neighbours, have no watch."""

    watch: Watch | None = None

    def open(self, mode: str = "r", *args: Any, **kwargs: Any) -> IO[Any]:
        """As `Path.open`."""
        if mode != "rb" or self.watch is None:
            return cast(IO[Any], super().open(mode, *args, **kwargs))
        raw = _Watched(str(self), self.watch)
        buffering = kwargs.get("buffering", args[0] if args else -1)
        return cast(IO[Any], raw if buffering == 0 else io.BufferedReader(raw, _READ_BYTES))


class _Watched(io.FileIO):
    def __init__(self, name: str, watch: Watch) -> None:
        super().__init__(name, "rb")
        self._watch = watch

    def readinto(self, target: Any) -> int:
        start = self.tell()
        size = super().readinto(target) or 0
        self._watch.saw(start, memoryview(target).cast("B")[:size])
        return size

    def read(self, size: int | None = -1) -> bytes:
        start = self.tell()
        data = super().read(-1 if size is None else size) or b""
        self._watch.saw(start, memoryview(data))
        return data


def watched(path: Path) -> tuple[Path, Watch]:
    """The path, to be read through, and the watch over it."""
    out = WatchedPath(path)
    watch = out.watch = Watch()
    return out, watch
