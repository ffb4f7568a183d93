"""The records of an XML dump one by one: each ``<tag …>…</tag>`` under the root, parsed by itself.

A dump is cut at the end tags of its records before it is parsed. So memory is one record, passing
records over costs a search for bytes, a record that is not well-formed loses only itself, and no
document type reaches the parser: an entity that XML does not define itself is an error of that
record, whatever a dump declares (no entity bombs, nothing fetched). Records must not nest in
records of the same tag, and the text is taken for UTF-8.
"""

import io
import re
from collections.abc import Iterator, Sequence
from typing import IO, cast
from xml.etree import ElementTree as ET

from phonotheque.model.findings import Finding, FindingCode, Severity

__all__ = ["iter_elements", "parse_element"]

READ_BYTES = 1 << 20
MAX_RECORD_BYTES = 64 << 20
"""A record longer than this is refused, so that a dump without end tags cannot fill the memory."""

_FORBIDDEN = re.compile(
    rb"[\x00-\x08\x0b\x0c\x0e-\x1f]+|&#(?:x0*1?[0-9a-f]|0*[12]?\d|0*3[01]);", re.IGNORECASE
)
_ROOT_END = re.compile(rb"</[\w:.-]+>\s*$|^\s*$")
_ALLOWED = {b"&#9;", b"&#10;", b"&#13;", b"&#xa;", b"&#xd;", b"&#x9;"}


def iter_elements(
    stream: IO[bytes], tag: str, where: str, after: int = 0, unread: Sequence[str] = ()
) -> Iterator[tuple[int, ET.Element] | Finding]:
    """(number from 1, element) of every record behind the first `after`, and findings.

    `unread`: tags whose elements nobody looks at; they are cut out unparsed, which saves half the
    time. They must not stand in one another.

    Raises:
        OSError, EOFError: the stream breaks off; the records before that were given.
    """
    opening = re.compile(rb"<" + tag.encode() + rb"(?=[\s/>])")
    cut = re.compile(rb"<(%s)>.*?</\1>" % "|".join(unread).encode(), re.DOTALL) if unread else None
    number = 0
    for piece in _pieces(stream, f"</{tag}>".encode(), opening, where):
        if isinstance(piece, Finding):
            yield piece
            continue
        starts = [match.start() for match in opening.finditer(piece)]
        if not starts:
            if number >= after:
                yield _stray(piece, tag, where, number)
            continue
        if number + len(starts) <= after:
            number += len(starts)
            continue
        for start, end in zip(starts, [*starts[1:], len(piece)], strict=True):
            number += 1
            if number > after:
                text = piece[start:end]
                yield _record(cut.sub(b"", text) if cut else text, where, number)


def parse_element(data: bytes) -> ET.Element:
    """One element from its text.

    Characters that XML forbids, as dumps do have them, are left out; entities other than XML's own
    five are an error.

    Raises:
        ValueError: it is not well-formed, not UTF-8, or declares a document type.
    """
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise ValueError("declares a document type")
    try:
        return ET.fromstring(data)  # noqa: S314  # no document type: entities cannot be declared
    except (ET.ParseError, LookupError) as error:
        cleaned = _FORBIDDEN.sub(_keep_allowed, data)
        if cleaned == data:
            raise ValueError(str(error)) from error
    try:
        return ET.fromstring(cleaned)  # noqa: S314  # as above
    except (ET.ParseError, LookupError) as error:
        raise ValueError(str(error)) from error


def _keep_allowed(match: re.Match[bytes]) -> bytes:
    return match[0] if match[0].lower() in _ALLOWED else b""


def _record(data: bytes, where: str, number: int) -> tuple[int, ET.Element] | Finding:
    try:
        return number, parse_element(data.strip())
    except ValueError as error:
        text = f"the record is no well-formed XML ({error}); get a sound copy of the dump"
        return Finding(FindingCode.ROW_UNREADABLE, Severity.ERROR, where, text, number)


def _pieces(
    stream: IO[bytes], end_tag: bytes, opening: re.Pattern[bytes], where: str
) -> Iterator[bytes | Finding]:
    """The text up to and with each end tag; records without one of their own come with the next."""
    read = cast(io.BufferedReader, stream).read1  # `read` would lose what came before an error
    rest = b""
    searched = 0
    while data := read(READ_BYTES):
        rest += data
        begin = 0
        while (end := rest.find(end_tag, max(begin, searched))) >= 0:
            end += len(end_tag)
            yield rest[begin:end]
            begin = end
            searched = 0
        rest = rest[begin:]
        searched = max(len(rest) - len(end_tag), 0)
        if len(rest) > MAX_RECORD_BYTES:
            yield _broken(where, f"has a record of more than {MAX_RECORD_BYTES} bytes")
            rest, searched = rest[-len(end_tag) :], 0
    if opening.search(rest) or not _ROOT_END.search(rest):
        yield _broken(where, "ends in the middle of a record")


def _stray(piece: bytes, tag: str, where: str, number: int) -> Finding:
    text = f"{len(piece)} bytes before an end of <{tag}> without a beginning are left out"
    return Finding(
        FindingCode.ROW_UNREADABLE, Severity.ERROR, where, f"{text}; get a sound copy", number + 1
    )


def _broken(where: str, what: str) -> Finding:
    text = f"{what}; what came before is kept; get a sound copy"
    return Finding(FindingCode.FILE_UNREADABLE, Severity.ERROR, where, text)
