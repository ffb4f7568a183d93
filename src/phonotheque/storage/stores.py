"""Where the bytes of a vault are kept: one protocol, so that a directory and object storage do
the same (`storage.local_store`, `storage.s3_store`).

A store keeps contents under their SHA-256 and knows nothing else about them. Names are 64
lower-case hex digits. A content that has its name is whole; it is never changed in place.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec

NAME = re.compile(r"[0-9a-f]{64}")
CHUNK_BYTES = 1 << 20


class StoreKeys(msgspec.Struct, frozen=True, kw_only=True):
    """Credentials; empty ones leave it to the library (roles of a machine in a cloud)."""

    access_key_id: str = ""
    secret_access_key: str = ""
    session_token: str = ""

    def __repr__(self) -> str:
        return "StoreKeys(…)"  # never in a message or a log


class Store(Protocol):
    """Contents by SHA-256. Safe for use by several threads at once."""

    def put(self, sha256: str, content: Path, *, move: bool = False) -> bool:
        """Keep the bytes of the file `content` (also ``/proc/self/fd/N``), durable on return.

        False when something stands under that name already; nothing is proved about it then, and
        `content` stays where it is. With `move` the caller has hashed what stands in `content`,
        gives the file away, and it is taken without another read where that can be done; else the
        bytes are hashed on their way.

        Raises:
            TrustError: the bytes are not those of `sha256`, or came out changed; nothing is kept.
            NoSpaceError: no room; nothing is kept.
            TransferError: the store could not be reached or refused.
        """
        ...

    def open(self, sha256: str) -> BinaryIO:
        """The content, seekable, buffered in bounded memory; the caller closes it.

        Raises:
            NotFoundError: it is not there.
        """
        ...

    def iter_chunks(
        self, sha256: str, start: int = 0, length: int | None = None
    ) -> Iterator[bytes]:
        """The bytes from `start`, `length` of them or all, at most `CHUNK_BYTES` at a time.

        Raises:
            NotFoundError: it is not there.
            OSError: a local disk cannot read it.
            TransferError: it could not be got from elsewhere, however often it was asked for.
        """
        ...

    def size(self, sha256: str) -> int | None:
        """Its size in bytes; None when it is not there."""
        ...

    def remove(self, sha256: str) -> bool:
        """Delete for good, durable on return; False when it was not there."""
        ...

    def set_aside(self, sha256: str, target: Path) -> bool:
        """Move the bytes, whatever they are, to the new local file `target`, unproved: for
        quarantine. They are durable there before the name is gone. False: nothing to move."""
        ...

    def names(self, after: str = "") -> Iterator[tuple[str, int]]:
        """(name, size in bytes) of all contents behind the name `after`, in order, in bounded
        memory. What does not have the name of a content is left out."""
        ...

    def strays(self) -> Iterator[str]:
        """Whatever lies among the contents without being one, as a path or URL."""
        ...

    def fetch(self, sha256: str, target: Path) -> None:
        """Make the content a local file of its own: hard link, reflink, copy or download;
        durable, `target` replaced atomically; proved when it crossed a network.

        Raises:
            NotFoundError: it is not there.
            TrustError: what arrived is not the content; `target` stays as it was.
        """
        ...

    def local_path(self, sha256: str) -> Path | None:
        """Where it is (or would be) a file of this machine; None where contents are elsewhere."""
        ...

    def where(self, sha256: str) -> str:
        """A path or URL, for messages."""
        ...


def is_name(text: str) -> bool:
    """Whether `text` could be the name of a content."""
    return NAME.fullmatch(text) is not None
