"""Sending bytes: whole, in part, or only their headers; from a file or made of zeros.

A blob is read in chunks by worker threads (`pread`, so one open file serves any number of spans)
and given to the connection one chunk at a time: memory is one chunk a request, whatever the size,
and with many requests at once the chunks are smaller.
"""

import asyncio
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import anyio.to_thread
from litestar.types import HTTPScope, Receive, Send

from phonotheque.serve.ranges import (
    Span,
    UnsatisfiableError,
    etag_matches,
    format_content_range,
    parse_range,
    range_applies,
)

CHUNK_BYTES = 512 << 10
LEAST_CHUNK_BYTES = 16 << 10
MEMORY_BYTES = 128 << 20
_BOUNDARY = secrets.token_hex(16)  # one a process: nobody can plan content around it


class Blob(Protocol):
    """Bytes that can be read anywhere."""

    @property
    def size_bytes(self) -> int:
        """How many there are."""

    def read(self, start: int, size_bytes: int) -> bytes:
        """Up to `size_bytes` from `start`; nothing at the end. Called from any thread."""

    def close(self) -> None:
        """Let go of it."""


class FileBlob:
    """A regular file, opened without following a symbolic link in its last component.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        self.size_bytes = os.fstat(self._handle).st_size

    def read(self, start: int, size_bytes: int) -> bytes:
        """Bytes of the file."""
        return os.pread(self._handle, size_bytes, start)

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)


@dataclass(frozen=True, slots=True)
class ZeroBlob:
    """`size_bytes` zeros: the pad files of BEP 47, which exist in torrents and on no disk."""

    size_bytes: int

    def read(self, start: int, size_bytes: int) -> bytes:
        """Zeros."""
        return bytes(max(min(size_bytes, self.size_bytes - start), 0))

    def close(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True, slots=True)
class BlobAnswer:
    """A blob and what is said about it; `etag` comes with its quotes. `handed_over`: the header
    field by which a web server in front is told to send the file in our place."""

    blob: Blob
    media_type: str
    etag: str
    cache_control: str
    headers: dict[str, str] = field(default_factory=dict)
    handed_over: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of an answer: text of our own, or a span of the blob."""

    content: bytes | Span

    @property
    def size_bytes(self) -> int:
        """Its share of Content-Length."""
        return self.content.size_bytes if isinstance(self.content, Span) else len(self.content)


@dataclass(frozen=True, slots=True)
class AnswerPlan:
    """Status, headers and body of an answer, before a byte of the blob is read."""

    status: int
    headers: dict[str, str]
    parts: list[Part]


def plan_answer(answer: BlobAnswer, request_headers: dict[str, str]) -> AnswerPlan:
    """What to send for a request with these headers (lower-case names). Pure."""
    size = answer.blob.size_bytes
    headers = {
        "accept-ranges": "bytes",
        "etag": answer.etag,
        "cache-control": answer.cache_control,
        **answer.headers,
    }
    if etag_matches(request_headers.get("if-none-match"), answer.etag):
        return AnswerPlan(304, headers, [])
    if answer.handed_over is not None and "if-range" not in request_headers:
        # ranges are the other server's to cut; whether If-Range holds is known by our ETag alone
        name, value = answer.handed_over
        del headers["accept-ranges"]
        told = {"content-type": answer.media_type, "content-length": "0", name: value}
        return AnswerPlan(200, headers | told, [])
    asked = request_headers.get("range")
    if not range_applies(request_headers.get("if-range"), answer.etag):
        asked = None
    try:
        spans = parse_range(asked, size)
    except UnsatisfiableError:
        refusal = {"content-range": f"bytes */{size}", "content-length": "0"}
        return AnswerPlan(416, headers | refusal, [])
    if spans is None:
        parts = [Part(Span(0, size))] if size else []
        return _planned(200, headers | {"content-type": answer.media_type}, parts)
    if len(spans) == 1:
        ranged = {
            "content-type": answer.media_type,
            "content-range": format_content_range(spans[0], size),
        }
        return _planned(206, headers | ranged, [Part(spans[0])])
    ranged = {"content-type": f"multipart/byteranges; boundary={_BOUNDARY}"}
    return _planned(206, headers | ranged, list(_multipart(spans, answer.media_type, size)))


async def send_blob(answer: BlobAnswer, scope: HTTPScope, receive: Receive, send: Send) -> None:
    """Answer the request in `scope` with the blob, and close the blob."""
    try:
        given = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        plan = plan_answer(answer, given)
        await send(
            {
                "type": "http.response.start",
                "status": plan.status,
                "headers": [(k.encode(), v.encode("latin-1")) for k, v in plan.headers.items()],
            }
        )
        if scope["method"] != "HEAD":
            with _sending:
                await _send_parts(answer.blob, plan.parts, receive, send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    finally:
        answer.blob.close()


class _Sending:
    """How many answers are being sent; the more, the smaller their chunks, for all together have
    `MEMORY_BYTES`."""

    def __init__(self) -> None:
        self.now = 0

    def __enter__(self) -> None:
        self.now += 1

    def __exit__(self, *_: object) -> None:
        self.now -= 1

    @property
    def chunk_bytes(self) -> int:
        return max(LEAST_CHUNK_BYTES, min(CHUNK_BYTES, MEMORY_BYTES // max(self.now, 1)))


_sending = _Sending()


async def _send_parts(blob: Blob, parts: list[Part], receive: Receive, send: Send) -> None:
    # uvicorn drops what is sent after the peer has gone: without this we would read on for nothing
    gone = asyncio.create_task(_wait_until_gone(receive))
    try:
        for part in parts:
            if isinstance(part.content, bytes):
                await send({"type": "http.response.body", "body": part.content, "more_body": True})
                continue
            start, stop = part.content.start, part.content.stop
            while start < stop and not gone.done():
                wanted = min(_sending.chunk_bytes, stop - start)
                chunk = await anyio.to_thread.run_sync(blob.read, start, wanted)
                if not chunk:
                    raise OSError("a file became shorter while it was being sent")
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
                start += len(chunk)
    finally:
        gone.cancel()


async def _wait_until_gone(receive: Receive) -> None:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return


def _planned(status: int, headers: dict[str, str], parts: list[Part]) -> AnswerPlan:
    length = sum(part.size_bytes for part in parts)
    return AnswerPlan(status, headers | {"content-length": str(length)}, parts)


def _multipart(spans: list[Span], media_type: str, size_bytes: int) -> Iterator[Part]:
    for i, span in enumerate(spans):
        head = (
            f"{'' if i == 0 else chr(13) + chr(10)}--{_BOUNDARY}\r\n"
            f"Content-Type: {media_type}\r\n"
            f"Content-Range: {format_content_range(span, size_bytes)}\r\n\r\n"
        )
        yield Part(head.encode())
        yield Part(span)
    yield Part(f"\r\n--{_BOUNDARY}--\r\n".encode())
