"""The form of an access log: where a line has time, account, network and path, and which paths are
media (docs/formats/guard-logs.md). Values and their parsing only."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from phonotheque.model.errors import FormatError, UsageError
from phonotheque.storage.documents import read_document

_OURS: Final = "[0-9a-z]{10}"
OUR_MEDIA: Final = (
    rf"^/stream/(?P<item>{_OURS})",
    r"^/rest/(?:stream|download)(?:\.view)?\?(?:.*&)?id=(?P<item>[^&]+)",
)
"""What is media on a server of this program, and on any that speaks (Open)Subsonic."""
OUR_ACCOUNT: Final = r"^/rest/[^?]*\?(?:.*&)?u=([^&]+)"
_OUR_JSON: Final = {
    "time": "time", "path": "path", "query": "query", "network": "client", "status": "status",
    "bytes": "bytes",
}  # fmt: skip


class Form(StrEnum):
    """The shape of a line."""

    COMBINED = "combined"  # and Common, which ends before the referer
    VHOST_COMBINED = "vhost-combined"
    JSON = "json"
    CSV = "csv"


class TimeForm(StrEnum):
    """How a time is written; anything else is a form of strptime."""

    ISO = "iso"
    SECONDS = "s"
    MILLISECONDS = "ms"
    MICROSECONDS = "us"


class Fields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Names of columns (CSV) or paths of members (JSON: ``request.uri``, ``headers.Agent[0]``).
    `query` is put behind `path`, where a log keeps them apart. Empty: the log does not say."""

    time: str = "time"
    path: str = "path"
    query: str = ""
    network: str = ""
    account: str = ""
    status: str = ""
    bytes: str = ""
    agent: str = ""
    item: str = ""
    artist: str = ""
    release: str = ""


class LogForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One mapping. `media` are patterns of paths with a group `item` (or the first one), and, where
    paths tell them, `artist` and `release`; `account` is a pattern whose first group is an account
    that stands in the path. Where the form has the item as a field, that counts."""

    form: Form = Form.COMBINED
    media: tuple[str, ...] = OUR_MEDIA
    account: str = OUR_ACCOUNT
    fields: Fields = Fields()
    time: str = TimeForm.ISO
    delimiter: str = ","
    quote: str = '"'
    header: tuple[str, ...] = ()
    comment: str = ""


def our_json() -> LogForm:
    """What `phonotheque serve --log json --access-log full` writes."""
    return LogForm(form=Form.JSON, fields=Fields(**_OUR_JSON))


def read_log_form(path: Path) -> LogForm:
    """The mapping in the TOML file `path`.

    Raises:
        NotFoundError: there is no such file.
        FormatError: it is no mapping, or a pattern in it is none.
    """
    form = read_document(path, LogForm)
    try:
        check_log_form(form)
    except UsageError as error:
        raise FormatError(f"{path}: {error}") from error
    return form


def check_log_form(form: LogForm) -> None:
    """That patterns are patterns and what is needed is there.

    Raises:
        UsageError: they are not; the message names the one.
    """
    for pattern in (*form.media, *([form.account] if form.account else [])):
        try:
            groups = re.compile(pattern).groups
        except re.error as error:
            raise UsageError(f"{pattern!r} is no pattern: {error}") from None
        if not groups:
            raise UsageError(f"{pattern!r} has no group; put the id in parentheses")
    fields = form.fields
    if form.form in (Form.JSON, Form.CSV) and not (fields.time and (fields.path or fields.item)):
        raise UsageError("fields: time and path (or item) are needed; name them in the mapping")
    if not form.media and not fields.item:
        raise UsageError("media: no pattern and no field says which requests are media")
    if len(form.delimiter.encode()) != 1 or len(form.quote.encode()) > 1:
        raise UsageError("delimiter is one character, quote one or none")


def group_of(pattern: str, name: str) -> int | None:
    """The number of the group that gives `name` in a media pattern, None where none does."""
    compiled = re.compile(pattern)
    if name in compiled.groupindex:
        return compiled.groupindex[name]
    return 1 if name == "item" and not compiled.groupindex else None
