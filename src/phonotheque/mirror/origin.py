"""Reading from an origin: a web address, or the folder of an archive or a mirror.

Every read is bounded: by the length asked for, by connect and read timeouts, by a least rate, by
three redirects.
What arrives is not trusted here; whoever reads compares digests.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlsplit

import urllib3

from phonotheque import __version__
from phonotheque.mirror.dripping import DripGuard, Least, timed_pools
from phonotheque.model.errors import NotFoundError, TransferError, UsageError

USER_AGENT = f"phonotheque/{__version__}"
CHUNK_BYTES = 1 << 18
MAX_REDIRECTS = 3
GONE = frozenset({403, 404, 410})
BUSY = frozenset({429, 503})


class MissingError(TransferError):
    """The origin answers, but does not have (or no longer gives out) this file."""


class BusyError(TransferError):
    """The origin asks to be left alone for a while (429 or 503 with `Retry-After`)."""

    def __init__(self, message: str, wait_seconds: float) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


class Origin(Protocol):
    """Somewhere that has the files of an archive under their paths."""

    @property
    def address(self) -> str:
        """What messages and `mirror.toml` call it: a URL, or an absolute path."""

    def read(self, path: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes of `path` from `start`: all the rest, or `length` of them at most.

        Raises:
            MissingError: there is no such file.
            TransferError: it did not arrive; trying again may help.
        """


class WebOrigin:
    """An origin behind http or https. Threads may share one."""

    def __init__(
        self, url: str, *, connections: int = 4, timeout_seconds: float = 30.0,
        least: Least | None = None,
    ) -> None:  # fmt: skip
        self._base = url.rstrip("/")
        self._least = least or Least()
        self._pool = timed_pools(
            maxsize=connections,
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
            timeout=urllib3.Timeout(connect=min(10.0, timeout_seconds), read=timeout_seconds),
        )

    @property
    def address(self) -> str:
        """The base URL, without a slash at its end."""
        return self._base

    def read(self, path: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See `Origin.read`; asks for a range where one is wanted."""
        headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
        if start or length is not None:
            headers["Range"] = f"bytes={start}-{'' if length is None else start + length - 1}"
        with self._answer(path, headers) as answer:
            skip = _bytes_to_skip(answer, start, self._url(path))
            guard = DripGuard(self._least, self._url(path))
            yield from _window(_chunks(answer, guard), skip, length)

    def _url(self, path: str) -> str:
        return f"{self._base}/{quote(path)}"

    @contextmanager
    def _answer(
        self, path: str, headers: dict[str, str]
    ) -> Iterator[urllib3.response.BaseHTTPResponse]:
        url = self._url(path)
        # Waiting is our own affair: a server may not make us sleep for as long as it likes.
        retries = urllib3.Retry(
            total=MAX_REDIRECTS, connect=0, read=0, status=0, respect_retry_after_header=False
        )
        try:
            answer = self._pool.request(
                "GET", url, headers=headers, preload_content=False, retries=retries
            )
            try:
                _check_status(answer, url)
                yield answer
            finally:
                answer.close()
                answer.release_conn()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise TransferError(f"{url}: {_in_words(error)}") from error


class FolderOrigin:
    """An archive or a mirror on a disk of this machine."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    @property
    def address(self) -> str:
        """The absolute path."""
        return str(self._root)

    def read(self, path: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See `Origin.read`. A path that leads out of the folder is refused."""
        full = (self._root / path).resolve()
        if not full.is_relative_to(self._root) or not full.is_file():
            raise MissingError(f"{self._root / path}: there is no such file")
        try:
            with full.open("rb") as stream:
                stream.seek(start)
                left = length
                while left is None or left > 0:
                    size = CHUNK_BYTES if left is None else min(CHUNK_BYTES, left)
                    if not (chunk := stream.read(size)):
                        return
                    left = None if left is None else left - len(chunk)
                    yield chunk
        except OSError as error:
            raise TransferError(f"{full}: {error}") from error


def open_origin(
    address: str | Path, *, timeout_seconds: float = 30.0, least: Least | None = None
) -> Origin:
    """The origin at a web address or in a folder. `least`: what it has to give, if not as usual.

    Raises:
        UsageError: neither.
        NotFoundError: there is no such folder.
    """
    text = str(address)
    scheme = urlsplit(text).scheme
    if scheme in ("http", "https"):
        return WebOrigin(text, timeout_seconds=timeout_seconds, least=least)
    if scheme not in ("", "file"):
        raise UsageError(
            f"{text}: an origin is an http(s) address or a folder; write for example "
            f"http://{text.rpartition('://')[2]}"
        )
    folder = Path(urlsplit(text).path if scheme else text)
    if not folder.is_dir():
        raise NotFoundError(f"{folder}: there is no such folder")
    return FolderOrigin(folder)


def read_all(origin: Origin, path: str, max_bytes: int) -> bytes:
    """The whole of a small file.

    Raises:
        TransferError: it did not arrive, or is longer than `max_bytes`.
    """
    content = bytearray()
    for chunk in origin.read(path):
        content += chunk
        if len(content) > max_bytes:
            raise TransferError(f"{origin.address}: {path} is longer than {max_bytes} bytes")
    return bytes(content)


def _chunks(answer: urllib3.response.BaseHTTPResponse, guard: DripGuard) -> Iterator[bytes]:
    """What comes, as soon as it comes."""
    asked = time.monotonic()
    while chunk := answer.read1(CHUNK_BYTES, decode_content=False):
        guard.count(len(chunk), time.monotonic() - asked)
        yield chunk
        asked = time.monotonic()


def _check_status(answer: urllib3.response.BaseHTTPResponse, url: str) -> None:
    if answer.status in GONE:
        raise MissingError(f"{url}: not given out (status {answer.status})")
    if answer.status in BUSY and (wait := _retry_after(answer)) is not None:
        raise BusyError(
            f"{url}: the server answered {answer.status} and asks to wait {wait:.0f} s", wait
        )
    if answer.status not in (200, 206):
        raise TransferError(f"{url}: the server answered {answer.status}")


def _retry_after(answer: urllib3.response.BaseHTTPResponse) -> float | None:
    """Seconds by `Retry-After`: a number, or a date less the server's own."""
    said = answer.headers.get("Retry-After", "").strip()
    if said.isascii() and said.isdigit():
        return float(said[:9])
    try:
        until = parsedate_to_datetime(said)
        there = parsedate_to_datetime(answer.headers.get("Date", ""))
        return max(0.0, (until - there).total_seconds())
    except (ValueError, TypeError):
        return None


_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (urllib3.exceptions.ResponseError, "it redirects again and again"),
    (urllib3.exceptions.NameResolutionError, "there is no server of that name, or no network"),
    (urllib3.exceptions.NewConnectionError, "nobody answers there"),
    (urllib3.exceptions.TimeoutError, "it said nothing for too long"),
    (urllib3.exceptions.ProtocolError, "it hung up before all had come, or speaks no HTTP"),
    (urllib3.exceptions.LocationValueError, "it redirects to what is no web address"),
)


def _in_words(error: Exception) -> str:
    """What went wrong on the line, without the names of the library's classes."""
    cause = error.reason if isinstance(error, urllib3.exceptions.MaxRetryError) else error
    known = (words for kind, words in _WORDS if isinstance(cause, kind))
    return next(known, str(cause or error))


def _bytes_to_skip(answer: urllib3.response.BaseHTTPResponse, start: int, url: str) -> int:
    """How many bytes to throw away so that what follows begins at `start`."""
    if answer.status == 200:
        return start
    said = answer.headers.get("Content-Range", "")
    if not said.startswith(f"bytes {start}-"):
        raise TransferError(f"{url}: asked for bytes from {start}, got {said or 'others'}")
    return 0


def _window(chunks: Iterator[bytes], skip: int, length: int | None) -> Iterator[bytes]:
    for raw in chunks:
        chunk = raw[skip:]
        skip -= len(raw) - len(chunk)
        if length is not None:
            chunk = chunk[:length]
            length -= len(chunk)
        if chunk:
            yield chunk
        if length == 0:
            return
