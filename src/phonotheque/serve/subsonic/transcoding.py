"""Audio encoded anew while it is sent: which form, in a process of its own, so many at once."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from litestar.types import HTTPScope, Receive, Send

from phonotheque.search import DisplayRow
from phonotheque.serve.subsonic.items import bit_rate
from phonotheque.serve.subsonic.parameters import GENERIC, CallError

WORKER = Path(__file__).with_name("transcoding_worker.py")
MEDIA_TYPES = {"opus": "audio/ogg", "mp3": "audio/mpeg"}
_NAMES = {"opus": "opus", "ogg": "opus", "oga": "opus", "mp3": "mp3"}
_USUAL = {"opus": 128, "mp3": 192}
_SMALLEST, _LARGEST = {"opus": 16, "mp3": 32}, {"opus": 256, "mp3": 320}
_MP3_RATES = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_CHUNK_BYTES = 64 << 10
_WAIT_SECONDS, _STALLED_SECONDS, _ENDING_SECONDS = 10, 120, 5


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a file is to be encoded as, from which second on."""

    form: str
    kbits: int
    offset_seconds: int


@dataclass(frozen=True, slots=True)
class Encoded:
    """A file to be encoded anew while it is sent, and what is said of it besides."""

    path: Path
    wanted: Wanted
    headers: dict[str, str]


def plan_transcoding(
    row: DisplayRow, form: str | None, most_kbits: int, offset_seconds: int
) -> Wanted | None:
    """What a player is sent that asks for a form, for so many kbit/s at most (0: any), from an
    offset on; None: the file as it is. Pure.

    An unknown form is taken for none. A file that is what was asked for, and small enough, is not
    encoded anew.
    """
    if form == "raw":
        return None
    wanted = _NAMES.get((form or "").lower())
    there = bit_rate(row) or 0
    small_enough = not most_kbits or there <= most_kbits
    if small_enough and not offset_seconds and (wanted is None or wanted == _form_of(row)):
        return None
    wanted = wanted or "opus"
    kbits = most_kbits or min(_USUAL[wanted], max(there, _SMALLEST[wanted]))
    kbits = max(_SMALLEST[wanted], min(_LARGEST[wanted], kbits))
    if wanted == "mp3":
        kbits = max(rate for rate in _MP3_RATES if rate <= kbits)
    return Wanted(wanted, kbits, offset_seconds)


def _form_of(row: DisplayRow) -> str | None:
    codec = row.file.codec.lower() if row.file else ""
    return {"opus": "opus", "mp3": "mp3"}.get(codec)


class Transcoder:
    """Runs workers, `most` at once; who comes later waits a while, then is turned away."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._slots: asyncio.Semaphore | None = None  # made in the loop that uses it
        self.running = 0

    async def send(self, encoded: Encoded, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """Answer a request with a file encoded anew. The worker is ended when the
        client leaves, or takes nothing for two minutes.

        Raises:
            CallError: none is free, or the file cannot be encoded; nothing was sent.
        """
        kind = MEDIA_TYPES[encoded.wanted.form]
        start = {"content-type": kind, "accept-ranges": "none", **encoded.headers}
        pairs = [(name.encode(), value.encode("latin-1")) for name, value in start.items()]
        if scope["method"] == "HEAD":
            await send({"type": "http.response.start", "status": 200, "headers": pairs})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        async with self._slot(), _started(encoded) as worker:
            assert worker.stdout is not None
            chunk = await worker.stdout.read(_CHUNK_BYTES)
            if not chunk:
                raise CallError(GENERIC, "this file cannot be encoded; ask for format=raw")
            await send({"type": "http.response.start", "status": 200, "headers": pairs})
            gone = asyncio.create_task(_wait_until_gone(receive))
            try:
                while chunk and not gone.done():
                    body = {"type": "http.response.body", "body": chunk, "more_body": True}
                    async with asyncio.timeout(_STALLED_SECONDS):
                        await send(body)  # type: ignore[arg-type]
                    reading = asyncio.ensure_future(worker.stdout.read(_CHUNK_BYTES))
                    await asyncio.wait((reading, gone), return_when=asyncio.FIRST_COMPLETED)
                    if not reading.done():
                        reading.cancel()
                        return
                    chunk = reading.result()
                if not gone.done():
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
            except TimeoutError:
                return
            finally:
                gone.cancel()

    @contextlib.asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        if self._most < 1:
            raise CallError(GENERIC, "this server encodes nothing anew; ask for format=raw")
        self._slots = self._slots or asyncio.Semaphore(self._most)
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                await self._slots.acquire()
        except TimeoutError:
            text = f"{self._most} files are being encoded already; try again, or ask for format=raw"
            raise CallError(GENERIC, text) from None
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1
            self._slots.release()


@contextlib.asynccontextmanager
async def _started(encoded: Encoded) -> AsyncIterator[asyncio.subprocess.Process]:
    """A worker on an open file; it is gone when this ends, however that comes about."""
    wanted = encoded.wanted
    request = json.dumps(
        {"form": wanted.form, "bits_per_second": wanted.kbits * 1000,
         "offset_seconds": wanted.offset_seconds}
    )  # fmt: skip
    handle = os.open(encoded.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-P", str(WORKER), request, stdin=handle,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, limit=_CHUNK_BYTES,
        )  # fmt: skip
    finally:
        os.close(handle)
    try:
        yield worker
    finally:
        assert worker.stdout is not None
        with contextlib.suppress(TimeoutError, ProcessLookupError):
            if worker.stdout.at_eof():  # it is about to end by itself
                async with asyncio.timeout(_ENDING_SECONDS):
                    await worker.wait()
        if worker.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                worker.kill()
            await worker.wait()


async def _wait_until_gone(receive: Receive) -> None:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
