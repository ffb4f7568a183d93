"""Asking the server of an origin for a recording by words or a code (docs/api.md).

What it answers is a hint of where to look and no more: the tables that the edition vouches for say
what a file is. An origin of plain files has nothing to ask.
"""

import time
from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import quote, urlencode

import msgspec
import urllib3

from phonotheque.mirror.dripping import timed_pools
from phonotheque.mirror.origin import CHUNK_BYTES, MAX_REDIRECTS, USER_AGENT
from phonotheque.mirror.transfer import Limits
from phonotheque.model.errors import TransferError

MAX_ANSWER_BYTES = 1 << 20
_SEARCHED = 10
D = TypeVar("D", bound=msgspec.Struct)


class Named(msgspec.Struct, frozen=True):
    """A recording as a server names it."""

    id: str
    title: str = ""
    artist: str = ""


class _Place(msgspec.Struct, frozen=True):
    volume: str


class _Recording(msgspec.Struct, frozen=True):
    file: _Place | None = None


class _Lookup(msgspec.Struct, frozen=True):
    recognised: str
    recordings: list[Named] | None = None


class _Search(msgspec.Struct, frozen=True):
    hits: list[Named]


def ask_for(address: str, text: str, limits: Limits) -> list[Named]:
    """What the server at `address` has for an ISRC, another code, or words, the best first.

    Raises:
        TransferError: it does not answer such questions.
    """
    told = _ask(address, "lookup", {"q": text, "recordings": "true"}, limits, _Lookup)
    if told.recordings:
        return told.recordings
    return _ask(address, "search", {"q": text, "limit": str(_SEARCHED)}, limits, _Search).hits


def ask_where(address: str, public_id: str, limits: Limits) -> str | None:
    """The volume that the server at `address` says has the recording; None where it says none."""
    try:
        told = _ask(address, f"recordings/{quote(public_id)}", {}, limits, _Recording)
    except TransferError:
        return None
    return told.file.volume if told.file else None


def _ask(address: str, what: str, query: Mapping[str, str], limits: Limits, kind: type[D]) -> D:
    url = f"{address}/api/v1/{what}" + (f"?{urlencode(query)}" if query else "")
    seconds = limits.timeout_seconds
    pool = timed_pools(
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
        timeout=urllib3.Timeout(connect=min(10.0, seconds), read=seconds),
    )
    retries = urllib3.Retry(
        total=MAX_REDIRECTS, connect=0, read=0, status=0, respect_retry_after_header=False
    )
    until = time.monotonic() + seconds
    content = bytearray()
    try:
        answer = pool.request("GET", url, preload_content=False, retries=retries)
        if answer.status != 200:
            raise TransferError(f"{url}: the server answered {answer.status}")
        while chunk := answer.read1(CHUNK_BYTES, decode_content=False):
            content += chunk
            if len(content) > MAX_ANSWER_BYTES or time.monotonic() > until:
                raise TransferError(f"{url}: the answer does not end")
        return msgspec.json.decode(bytes(content), type=kind)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise TransferError(f"{url}: nobody answers ({error})") from error
    except msgspec.DecodeError as error:
        raise TransferError(f"{url}: no answer of an archive's server ({error})") from error
    finally:
        pool.clear()
