"""Reading tags in a worker process, which is replaced when a file has brought it down."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, cast

import msgspec

from phonotheque.model.audio_tags import Tags
from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.sources.tag_worker import TagAnswer, TagRequest, read_message, write_message

# not -m: the package imports the worker's module for its messages, and runpy warns of that
WORKER = (sys.executable, "-P", "-c", "from phonotheque.sources import tag_worker as w; w.main()")
_STOP_SECONDS = 2


class TagReader:
    """One worker, started when first needed. For one thread, as a context manager."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "TagReader":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the worker."""
        process, self._process = self._process, None
        if process is None:
            return
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):  # a request that a dead worker never took
                    stream.close()
        try:
            process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def read(self, path: Path, where: str) -> Tags | Finding:
        """The tags of the file at `path`, as `read_tags`; also when the file kills the worker."""
        content = self._ask(TagRequest(os.fsencode(path.absolute()), where))
        if content is None:
            self.close()
            return _unreadable(where, "reading them takes too long or crashes; mend the tags")
        found = msgspec.msgpack.decode(content, type=TagAnswer)
        if found.problem is not None:
            return _unreadable(where, found.problem)
        return Tags(found.values, found.duration_ms)

    def _ask(self, request: TagRequest) -> bytes | None:
        if self._process is None:
            self._process = subprocess.Popen(WORKER, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            write_message(cast(BinaryIO, self._process.stdin), request)
        except BrokenPipeError:
            return None
        return read_message(cast(BinaryIO, self._process.stdout))


def _unreadable(where: str, message: str) -> Finding:
    return Finding(FindingCode.TAGS_UNREADABLE, Severity.WARNING, where, message)
