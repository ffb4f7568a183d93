"""Options that several commands share, and the parsing of sizes and dates."""

import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phonotheque.cli.surroundings import store_keys
from phonotheque.model.errors import UsageError
from phonotheque.storage.layout import Tree

if TYPE_CHECKING:
    from phonotheque.mirror import Via

_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
          "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}  # fmt: skip
_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-zA-Z]*)\s*")

ArchivePath = Annotated[Path, typer.Argument(metavar="ARCHIVE", help="Directory of the archive.")]
MirrorPath = Annotated[Path, typer.Argument(metavar="MIRROR", help="Directory of the mirror.")]
TreePath = Annotated[Path, typer.Argument(metavar="PATH", help="An archive or a mirror.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")]


def archive_tree(path: Path) -> Tree:
    """The archive at `path`, with what opens its object storage."""
    return Tree(path.absolute(), store_keys())


def parse_size(text: str) -> int:
    """Bytes of ``8TB``, ``500 GB``, ``1.5GiB`` or a plain number.

    Raises:
        UsageError: the text is no size.
    """
    match = _SIZE.fullmatch(text)
    if match is None or match[2].lower() not in _UNITS:
        raise UsageError(f"{text!r} is not a size; write for example 500GB, 8TB or 1.5TiB")
    return int(float(match[1]) * _UNITS[match[2].lower()])


def parse_percent(text: str) -> float:
    """The number in ``5``, ``0.1%`` or ``0.1 %``.

    Raises:
        UsageError: the text is no share.
    """
    try:
        return float(text.strip().removesuffix("%"))
    except ValueError:
        raise UsageError(
            f"{text!r} is not a share in percent; write for example 0.1 or 5%"
        ) from None


def parse_date(text: str) -> date:
    """A date written YYYY-MM-DD.

    Raises:
        UsageError: the text is no date.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a date; write it as 2026-11-22") from None


def parse_peer(text: str) -> tuple[str, int]:
    """Host and port of ``HOST:PORT`` or ``[IPV6]:PORT``.

    Raises:
        UsageError: the text is no such pair.
    """
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise UsageError(f"{text!r} is not a peer; write HOST:PORT")
    return host.strip("[]"), int(port)


def parse_via(text: str) -> "Via":
    """A way to fetch, by its name.

    Raises:
        UsageError: there is none of that name.
    """
    from phonotheque.mirror import Via

    try:
        return Via(text)
    except ValueError:
        known = ", ".join(via.value for via in Via)
        raise UsageError(f"{text!r} is none of {known}") from None


def parse_root(text: str | None) -> str | Path | None:
    """A root of trust: a file where there is one, else a fingerprint."""
    return Path(text) if text and Path(text).exists() else text
