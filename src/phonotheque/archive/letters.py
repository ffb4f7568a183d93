"""Reading the forms of notices and the letters they stand for; bounded, kept as they came."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from phonotheque.archive.ledger import keep_document
from phonotheque.model.errors import FormatError, InputError, NotFoundError, UsageError
from phonotheque.storage.documents import parse_document
from phonotheque.storage.layout import Tree

MAX_FORM_BYTES = 4 << 20
MAX_LETTER_BYTES = 64 << 20
F = TypeVar("F", bound=msgspec.Struct)


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A form as it was read, with the letter it stands for (``original``), if there is one."""

    path: str
    form: bytes
    original: bytes | None
    received_at: datetime


def read_letter(path: Path, limit: int = MAX_LETTER_BYTES) -> bytes:
    """A letter that shows something (a court's paper, a retraction), as it is.

    Raises:
        NotFoundError: there is no such file.
        InputError: it cannot be read, or is longer than `limit` bytes.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(limit + 1)
    except FileNotFoundError:
        raise NotFoundError(f"{path}: there is no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check it") from error
    if len(content) > limit:
        raise InputError(f"{path}: longer than {limit:,} bytes; keep the attachments apart")
    return content


def read_form(path: Path, kind: type[F]) -> tuple[F, bytes]:
    """The TOML form at `path`, and its bytes.

    Raises:
        UsageError: it is no TOML file.
        NotFoundError, InputError: as `read_letter`.
        FormatError: it does not parse; the message names the field.
    """
    if path.suffix != ".toml":
        raise UsageError(f"{path}: write the notice as a TOML form (docs/take-down.md)")
    content = read_letter(path, MAX_FORM_BYTES)
    return parse_document(content, kind, str(path)), content


def make_letter(
    path: Path, form: bytes, original: str, received_at: datetime | None, now: datetime
) -> Letter:
    """The letter of a form; it came in `now` where the form has no date.

    Raises:
        FormatError: the date has no offset.
        UsageError: it lies in the future.
        NotFoundError, InputError: `original`, beside the form, cannot be read.
    """
    at = received_at or now
    if at.tzinfo is None:
        raise FormatError(f"{path}: received_at has no offset; write 2026-11-23T09:00:00Z")
    if at > now:
        raise UsageError(f"{path}: received_at is later than now")
    kept = read_letter(path.parent / original) if original else None
    return Letter(path=str(path), form=form, original=kept, received_at=at.astimezone(UTC))


def keep_letter(tree: Tree, letter: Letter) -> list[str]:
    """Keep form and original; their SHA-256 (hex), the form first."""
    digests = [keep_document(tree, letter.form)]
    if letter.original is not None:
        digests.append(keep_document(tree, letter.original))
    return digests
