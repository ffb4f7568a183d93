"""Vaults of made-up bytes: tests of keeping them must not wait for audio to be decoded."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import msgspec

from phonotheque.model.errors import NotFoundError
from phonotheque.vault import EventType, Vault, VaultObject


def name_of(content: bytes) -> str:
    return sha256(content).hexdigest()


def item_of(content: bytes) -> VaultObject:
    """The row of an object of these bytes."""
    return VaultObject(
        sha256=name_of(content), bytes=len(content), pieces_root="00" * 32, puid="fmt/203",
        media_type="audio/ogg", extension="ogg", codec="vorbis", duration_ms=1000,
        sample_rate_hz=44_100, channels=2, bits=0, lossless=False,
    )  # fmt: skip


def admit_bytes(vault: Vault, content: bytes, now: datetime) -> str:
    """An object of these bytes, as if they had been found sound; returns its digest."""
    item = item_of(content)
    source = vault.root / "incoming" / "made-up"
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_bytes(content)
    vault.store.put(item.sha256, source, move=True)
    source.unlink(missing_ok=True)
    with vault.state.transaction():
        told = msgspec.json.encode(item).decode()
        event = vault.record_event(EventType.INGESTION, now, detail=told, sha256_hex=item.sha256)
        vault.state.insert_object(item, event)
    return item.sha256


def fill(vault: Vault, contents: Iterable[bytes], now: datetime) -> list[str]:
    """Objects of these bytes; their digests, sorted."""
    return sorted(admit_bytes(vault, content, now) for content in contents)


class MemoryStore:
    """A store of nothing but memory, that says when each content was read."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.reads: list[str] = []
        self.interrupt_after: int | None = None

    def put(self, sha256: str, content: Path, *, move: bool = False) -> bool:
        if sha256 in self.contents:
            return False
        self.contents[sha256] = content.read_bytes()
        return True

    def iter_chunks(
        self, sha256: str, start: int = 0, length: int | None = None
    ) -> Iterator[bytes]:
        if self.interrupt_after is not None:
            self.interrupt_after -= 1
            if self.interrupt_after < 0:
                raise KeyboardInterrupt
        if sha256 not in self.contents:
            raise NotFoundError(sha256)
        self.reads.append(sha256)
        yield self.contents[sha256]

    def names(self, after: str = "") -> Iterator[tuple[str, int]]:
        yield from ((n, len(c)) for n, c in sorted(self.contents.items()) if n > after)

    def local_path(self, sha256: str) -> Path | None:
        return None

    def where(self, sha256: str) -> str:
        return f"memory:{sha256}"
