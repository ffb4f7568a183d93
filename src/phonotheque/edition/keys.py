"""The archive's keys: Ed25519, PKCS #8 in PEM files that only their owner can read.

Offline keys (root, targets) are made in a directory of their own, to be kept on a medium away
from the machine, with a passphrase if wanted. Online keys (snapshot, timestamp, revocations)
stand on the origin, so that a take-down needs no ceremony (docs/formats/trust.md).
"""

import os
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from securesystemslib.signer import CryptoSigner

from phonotheque.model.errors import InputError, NotFoundError
from phonotheque.storage.durable import ensure_directory, partial_file

OFFLINE_ROLES = ("root", "targets")
ONLINE_ROLES = ("snapshot", "timestamp", "revocations")


def ensure_keys(directory: Path, roles: Sequence[str], passphrase: bytes | None = None) -> None:
    """Make a key for each role in `directory` (mode 0700, files 0600) that has none yet."""
    ensure_directory(directory)
    directory.chmod(0o700)
    for role in roles:
        if not key_path(directory, role).exists():
            _write_key(key_path(directory, role), Ed25519PrivateKey.generate(), passphrase)


def load_signer(directory: Path, role: str, passphrase: bytes | None = None) -> CryptoSigner:
    """The signer of `role`.

    Raises:
        NotFoundError: no key there.
        InputError: not an Ed25519 key, or another passphrase.
    """
    path = key_path(directory, role)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise NotFoundError(
            f"{path}: the key of the role {role} is not there; bring the medium that holds it, or "
            "name its directory with --keys"
        ) from None
    try:
        key = load_pem_private_key(content, passphrase)
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: cannot be opened ({error}); give its passphrase") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(f"{path}: not an Ed25519 key")
    return CryptoSigner(key)


def key_path(directory: Path, role: str) -> Path:
    """Where the key of `role` stands."""
    return directory / f"{role}.pem"


def has_online_keys(directory: Path) -> bool:
    """Whether the keys of all online roles are in `directory`."""
    return all(key_path(directory, role).is_file() for role in ONLINE_ROLES)


def _write_key(target: Path, key: Ed25519PrivateKey, passphrase: bytes | None) -> None:
    lock: KeySerializationEncryption = NoEncryption()
    if passphrase:
        lock = BestAvailableEncryption(passphrase)
    with partial_file(target) as temporary:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as out:
            out.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock))
