"""A vault whose files have made-up fingerprints: for tests that must not wait for decoding."""

from hashlib import sha256
from pathlib import Path

from phonotheque.storage.layout import Tree
from phonotheque.vault import Description, Examination, Vault
from tests.support.clock import NOW
from tests.vault.acoustic.fingerprints import Items


def examined(path: Path, items: Items | None, title: str = "") -> Examination:
    """What examining a file that sounds like `items` would say."""
    stat = path.stat()
    tags = {"title": [title], "artist": ["The Testers"]} if title else {}
    return Examination(
        path=str(path), size_bytes=stat.st_size, mtime_ns=stat.st_mtime_ns, puid="fmt/279",
        format_name="FLAC", media_type="audio/flac", extension="flac", codec="flac",
        duration_ms=180_000, sample_rate_hz=44_100, channels=2, bits=16, lossless=True,
        decoder="none/1",
        description=Description(
            tags=tags,
            fingerprint=b"" if items is None else items.astype("<u4").tobytes(),
            fingerprint_by="none/1",
        ),
    )  # fmt: skip


def admit_sound(tree: Tree, name: str, items: Items | None, title: str = "") -> str:
    """Admit a file of the bytes `name` that sounds like `items`; its SHA-256."""
    path = tree.root / f"{sha256(name.encode()).hexdigest()[:8]}.flac"
    path.write_bytes(name.encode() * 1000)
    with Vault.open(tree.vault) as vault:
        return vault.admit(vault.take(path), examined(path, items, title), NOW).sha256
