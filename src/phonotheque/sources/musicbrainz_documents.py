"""MusicBrainz JSON dumps: one document per line, in the form of the web service.

What is needed of a document is declared as types and nothing else is decoded: most of a dump is
relationships, which msgspec passes over without making objects of them.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
import pyarrow as pa

from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.model.tables import CREDITED, ROWS
from phonotheque.sources.streams import iter_lines, iter_members, until_broken

D = TypeVar("D")
BLOCK_ROWS = 65_536
MAX_LINE_BYTES = 64 << 20
"""A document longer than this is refused (a release of 10,000 tracks has about 30 MB)."""

_BAD = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_LIST = ROWS.field("artists").type


class Document(msgspec.Struct, rename=lambda name: name.replace("_", "-"), gc=False):
    """Fields may be missing or null, and unknown ones are passed over."""


class Artist(Document):
    """Who is credited."""

    id: str | None = None
    name: str | None = None


class Credit(Document):
    """One name of an artist credit, and what stands before the next."""

    name: str | None = None
    joinphrase: str | None = None
    artist: Artist | None = None


class Recording(Document):
    """A recording, by itself or of a track; `length` in milliseconds."""

    id: str | None = None
    title: str | None = None
    length: int | float | None = None
    video: bool | int | None = None
    isrcs: list[str] | None = None
    first_release_date: str | None = None
    artist_credit: list[Credit] | None = None


class Genre(Document):
    """A genre with its votes."""

    name: str | None = None
    count: int | float | None = None


def iter_documents(
    path: Path, entity: str, kind: type[D], after: int
) -> Iterator[tuple[int, D] | Finding]:
    """(line, document) of each line behind the first `after` ones, or why it is none.

    The lines are those of the archive's members named `entity` (in dumps ``mbdump/<entity>``), or
    of the file itself if it is no archive. Memory: one line.
    """
    yield from until_broken(_iter_documents(path, entity, kind, after), path.name)


def _iter_documents(
    path: Path, entity: str, kind: type[D], after: int
) -> Iterator[tuple[int, D] | Finding]:
    number = 0
    found = False
    decode = msgspec.json.Decoder(kind).decode
    for name, stream in iter_members(path):
        if name != path.name and name.rpartition("/")[2] != entity:
            continue
        found = True
        for lines in iter_lines(stream, MAX_LINE_BYTES):
            if number + len(lines) <= after:
                number += len(lines)
                continue
            for line in lines:
                number += 1
                if number <= after or (line is not None and not line.strip()):
                    continue
                if line is None:
                    yield unreadable(path, number, f"has more than {MAX_LINE_BYTES >> 20} MiB")
                    continue
                try:
                    document = decode(line)
                except _BAD as error:
                    yield unreadable(path, number, f"is no {entity} of MusicBrainz ({error})")
                    continue
                yield number, document
    if not found:
        message = f"the archive has no member mbdump/{entity}; give the dump of {entity}s"
        yield Finding(FindingCode.FILE_UNKNOWN_FORMAT, Severity.ERROR, path.name, message)


def unreadable(path: Path, number: int, what: str) -> Finding:
    """That the document `number` of the file cannot be used."""
    message = f"the document {what}; it is left out"
    return Finding(FindingCode.ROW_UNREADABLE, Severity.ERROR, path.name, message, number)


def is_video(path: Path, number: int, what: str) -> Finding:
    """That `what` of the document `number` is left out as no sound recording."""
    message = f"{what} left out: a video is no sound recording"
    return Finding(FindingCode.ROW_VIDEO, Severity.INFO, path.name, message, number)


def year_of(date: str | None) -> int | None:
    """The year of ``1999``, ``1999-05`` or ``1999-05-31``; None for ``????-12`` and nothing."""
    text = (date or "")[:4]
    return int(text) if len(text) == 4 and text.isascii() and text.isdigit() else None


def credit_text(credit: Sequence[Credit] | None) -> str | None:
    """The credit as printed, join phrases and all."""
    return "".join([_name(c) + (c.joinphrase or "") for c in credit]) if credit else None


def _name(credit: Credit) -> str:
    return credit.name or (credit.artist and credit.artist.name) or ""


def artists_column(credits: Sequence[Sequence[Credit] | None]) -> pa.Array:
    """Credits as the column `tables.ROWS.artists`; null where there is none."""
    flat = [one for credit in credits for one in credit or ()]
    keys = [f"mbid:{c.artist.id}" if c.artist and c.artist.id else None for c in flat]
    names = [_name(c) for c in flat]
    joins = [c.joinphrase or "" for c in flat]
    offsets = [0]
    for credit in credits:
        offsets.append(offsets[-1] + len(credit or ()))
    values = pa.StructArray.from_arrays(
        [pa.array(column, pa.string()) for column in (keys, names, joins)], fields=list(CREDITED)
    )
    missing = pa.array([not credit for credit in credits], pa.bool_())
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values, type=_LIST, mask=missing)
