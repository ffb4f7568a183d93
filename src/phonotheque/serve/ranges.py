"""Byte ranges of HTTP (RFC 9110 §14). Pure.

What a header means is decided here and nowhere else; sending the bytes is `blobs`' affair.
"""

import re
from dataclasses import dataclass

MAX_RANGES = 64
_SPEC = re.compile(r"([0-9]{0,20})-([0-9]{0,20})")


class UnsatisfiableError(Exception):
    """No byte asked for exists (or more ranges were asked for than anyone needs): status 416."""


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes `start` up to, not including, `stop`; never empty."""

    start: int
    stop: int

    @property
    def size_bytes(self) -> int:
        """How many bytes that is."""
        return self.stop - self.start


def parse_range(header: str | None, size_bytes: int) -> list[Span] | None:
    """The spans a ``Range`` header asks of a representation of `size_bytes`, or None for all of it.

    None when there is no header, when its unit is not ``bytes``, or when it is malformed: RFC 9110
    lets a server ignore those. Overlapping and touching spans are joined and sorted, so an answer
    is never longer than the file, however often a header names one part of it.

    Raises:
        UnsatisfiableError: no named byte exists, or there are more than 64 ranges.
    """
    unit, equals, listed = (header or "").partition("=")
    if not equals or unit.strip().lower() != "bytes":
        return None
    specs = [spec.strip() for spec in listed.split(",") if spec.strip()]
    matches = [_SPEC.fullmatch(spec) for spec in specs]
    if not specs or any(match is None or match.group() == "-" for match in matches):
        return None
    if len(specs) > MAX_RANGES:
        raise UnsatisfiableError(f"{len(specs)} ranges in one request; {MAX_RANGES} are allowed")
    bounds = [(m.group(1), m.group(2)) for m in matches if m is not None]
    if any(first and last and int(first) > int(last) for first, last in bounds):
        return None
    spans = [span for first, last in bounds if (span := _span(first, last, size_bytes))]
    if not spans:
        raise UnsatisfiableError(f"no byte of {listed.strip()!r} lies within {size_bytes} bytes")
    return _joined(spans)


def format_content_range(span: Span, size_bytes: int) -> str:
    """The value of ``Content-Range`` for `span`."""
    return f"bytes {span.start}-{span.stop - 1}/{size_bytes}"


def range_applies(if_range: str | None, etag: str) -> bool:
    """Whether a ``Range`` header is to be honoured, given ``If-Range``: strong comparison only."""
    return if_range is None or (if_range.strip() == etag and not etag.startswith("W/"))


def etag_matches(if_none_match: str | None, etag: str) -> bool:
    """Whether ``If-None-Match`` names `etag` (weak comparison, RFC 9110 §13.1.2)."""
    if if_none_match is None:
        return False
    listed = [entry.strip().removeprefix("W/") for entry in if_none_match.split(",")]
    return "*" in listed or etag.removeprefix("W/") in listed


def _span(first: str, last: str, size_bytes: int) -> Span | None:
    if first:
        start = int(first)
        stop = min(int(last) + 1, size_bytes) if last else size_bytes
    else:
        start, stop = max(size_bytes - int(last), 0), size_bytes
    return Span(start, stop) if start < stop else None


def _joined(spans: list[Span]) -> list[Span]:
    joined: list[Span] = []
    for span in sorted(spans, key=lambda s: s.start):
        if joined and span.start <= joined[-1].stop:
            joined[-1] = Span(joined[-1].start, max(joined[-1].stop, span.stop))
        else:
            joined.append(span)
    return joined
