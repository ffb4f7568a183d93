"""Reading and writing the archive's small TOML and JSON documents."""

from pathlib import Path
from typing import TypeVar

import msgspec
import tomli_w

from phonotheque.model.archive import ArchiveSettings
from phonotheque.model.errors import FormatError, NotFoundError
from phonotheque.model.tables import FORMAT_VERSION
from phonotheque.storage.durable import write_bytes
from phonotheque.storage.layout import Tree

T = TypeVar("T", bound=msgspec.Struct)
MAX_DOCUMENT_BYTES = 64 << 20


def read_document(path: Path, kind: type[T]) -> T:
    """The JSON or TOML document at `path` as a `kind`.

    Raises:
        NotFoundError: there is no such file.
        FormatError: it is not a `kind`, or one of another format version.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_DOCUMENT_BYTES + 1)
    except FileNotFoundError:
        raise NotFoundError(f"{path}: there is no such file") from None
    return parse_document(content, kind, str(path))


def parse_document(content: bytes, kind: type[T], name: str) -> T:
    """As `read_document`, from bytes; `name` is for messages (a path or URL; .toml or JSON)."""
    if len(content) > MAX_DOCUMENT_BYTES:
        raise FormatError(f"{name}: longer than {MAX_DOCUMENT_BYTES} bytes")
    decode = msgspec.toml.decode if name.endswith(".toml") else msgspec.json.decode
    try:
        document = decode(content, type=kind)
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FormatError(f"{name}: {error}") from error
    known = getattr(kind, "FORMAT", FORMAT_VERSION)  # a kind may count its versions by itself
    version = getattr(document, "format", known)
    if version != known:
        raise FormatError(f"{name}: format {version}, this program reads {known}")
    return document


def write_document(path: Path, document: msgspec.Struct) -> None:
    """Write `document` durably as indented JSON with sorted keys, or TOML for ``*.toml``."""
    write_bytes(path, format_document(document, toml=path.suffix == ".toml"))


def format_document(document: msgspec.Struct, *, toml: bool = False) -> bytes:
    """The bytes `write_document` writes; equal documents give equal bytes."""
    if toml:
        return tomli_w.dumps(_without_none(msgspec.to_builtins(document))).encode()
    return msgspec.json.format(msgspec.json.encode(document, order="sorted"), indent=1) + b"\n"


def read_settings(tree: Tree) -> ArchiveSettings:
    """The settings of the archive at `tree`.

    Raises:
        NotFoundError: no archive there.
        FormatError: `archive.toml` does not parse.
    """
    if not tree.archive_toml.exists():
        raise NotFoundError(
            f"{tree.root}: no archive here (no archive.toml); make one with `phonotheque init`"
        )
    return read_document(tree.archive_toml, ArchiveSettings)


def _without_none(value: object) -> dict[str, object]:
    assert isinstance(value, dict)
    return {
        k: _without_none(v) if isinstance(v, dict) else v for k, v in value.items() if v is not None
    }
