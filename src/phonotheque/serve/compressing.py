"""Answers made smaller on the way out: zstd or gzip, whichever the client takes (RFC 9110 §12.5.3).

Text is compressed, whole or as it streams; what is asked for in ranges, and what is compressed
already, goes out as it is. Large pieces are compressed by a worker thread, so that others are
answered meanwhile.
"""

import gzip
import re
from collections.abc import Callable
from typing import Any, cast

import anyio.to_thread
import pyarrow as pa
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPResponseStartEvent, Message, Receive, Scope, Send

MINIMUM_BYTES = 500
_THREAD_BYTES = 32 << 10
_GZIP_LEVEL = 5
_TEXTS = re.compile(
    r"text/|application/(?:[\w.-]+\+)?(?:json|xml)|application/x-ndjson"
    r"|application/vnd\.apache\.arrow\.stream|image/svg"
)
_ENTRY = re.compile(r"\s*([\w*-]+)\s*(?:;\s*q\s*=\s*(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*)?")
_Headers = list[tuple[bytes, bytes]]


def chosen_coding(accepted: str) -> str | None:
    """``zstd`` or ``gzip`` for a value of ``Accept-Encoding``; None: it goes out as it is. Pure."""
    wishes: dict[str, float] = {}
    for entry in accepted.lower().split(","):
        if found := _ENTRY.fullmatch(entry):
            wishes[found[1]] = float(found[2] or 1)
    rest = wishes.get("*", 0.0)
    best = max(("zstd", "gzip"), key=lambda coding: wishes.get(coding, rest))
    wished = wishes.get(best, rest)
    return best if wished > 0 and wished >= wishes.get("identity", 0.0) else None


def is_compressible(status: int, headers: _Headers) -> bool:
    """Whether an answer with these headers (names in small letters) may be compressed. Pure."""
    told = dict(headers)
    return (
        status not in (204, 206, 304)
        and b"content-encoding" not in told
        and b"accept-ranges" not in told
        and _TEXTS.match(told.get(b"content-type", b"").decode("latin-1")) is not None
    )


class _Held:
    """Takes what a compressor writes, until it is fetched; closing it loses nothing."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: Any) -> int:
        held = bytes(piece)
        self._pieces.append(held)
        return len(held)

    def flush(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """What is held stays."""

    def take(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


class Packer:
    """A stream compressed piece by piece; what was given can be read as soon as it arrives."""

    def __init__(self, coding: str) -> None:
        self._held = _Held()
        self._stream: Any
        if coding == "zstd":
            self._stream = pa.CompressedOutputStream(pa.PythonFile(self._held, mode="w"), "zstd")
        else:
            held = cast("Any", self._held)
            self._stream = gzip.GzipFile(
                mode="wb", fileobj=held, compresslevel=_GZIP_LEVEL, mtime=0
            )

    def pack(self, piece: bytes, *, last: bool) -> bytes:
        """What goes out for `piece`."""
        if piece:
            self._stream.write(piece)
        if last:
            self._stream.close()
        elif piece:
            self._stream.flush()
        return self._held.take()


def pack_whole(coding: str, body: bytes) -> bytes:
    """All of an answer at once: for zstd a sixth of the work of a stream with one piece."""
    if coding == "zstd":
        packed: bytes = pa.compress(body, codec="zstd", asbytes=True)
        return packed
    return gzip.compress(body, _GZIP_LEVEL, mtime=0)


def compressing(app: ASGIApp) -> ASGIApp:
    """Middleware: `app` with its answers compressed where the client takes that."""

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        accepted = b",".join(v for k, v in scope["headers"] if k == b"accept-encoding")
        coding = chosen_coding(accepted.decode("latin-1"))
        await app(scope, receive, _Outlet(send, coding).send)

    return handle


class _Outlet:
    """The way out of one answer: its beginning waits for the first piece of its body."""

    def __init__(self, send: Send, coding: str | None) -> None:
        self._send, self._coding = send, coding
        self._start: HTTPResponseStartEvent | None = None
        self._packer: Packer | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [(name.lower(), value) for name, value in message["headers"]]
            if is_compressible(message["status"], headers):
                message["headers"] = _with_vary(headers)
                self._start = message
                return
        elif message["type"] == "http.response.body":
            body, more = message.get("body", b""), message.get("more_body", False)
            start, self._start = self._start, None
            if start is not None and not more:
                await self._send_whole(start, body)
                return
            if start is not None:
                await self._begin(start)
            if self._packer is not None:
                await self._send_piece(body, more=more)
                return
        await self._send(message)

    async def _send_whole(self, start: HTTPResponseStartEvent, body: bytes) -> None:
        """An answer that comes in one piece; a short one goes out as it is."""
        if (coding := self._coding) is not None and len(body) >= MINIMUM_BYTES:
            body = await _aside(lambda: pack_whole(coding, body), len(body))
            headers = [(k, v) for k, v in start["headers"] if k != b"content-length"]
            headers.append((b"content-encoding", coding.encode()))
            start["headers"] = [*headers, (b"content-length", str(len(body)).encode())]
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def _begin(self, start: HTTPResponseStartEvent) -> None:
        if self._coding is not None:
            self._packer = Packer(self._coding)
            kept = [(k, v) for k, v in start["headers"] if k != b"content-length"]
            start["headers"] = [*kept, (b"content-encoding", self._coding.encode())]
        await self._send(start)

    async def _send_piece(self, body: bytes, *, more: bool) -> None:
        if (packer := self._packer) is None:
            return
        packed = await _aside(lambda: packer.pack(body, last=not more), len(body))
        if packed or not more:
            await self._send({"type": "http.response.body", "body": packed, "more_body": more})


async def _aside(work: Callable[[], bytes], size: int) -> bytes:
    """What `work` gives; much of it is done by a worker thread."""
    return work() if size < _THREAD_BYTES else await anyio.to_thread.run_sync(work)


def _with_vary(headers: _Headers) -> _Headers:
    """Caches are told that the coding is negotiated, whichever was chosen."""
    rest = [(k, v) for k, v in headers if k != b"vary"]
    named = [v for k, v in headers if k == b"vary"]
    if not any(b"accept-encoding" in value.lower() for value in named):
        named.append(b"accept-encoding")
    return [*rest, (b"vary", b", ".join(named))]
