"""The archive's keys: Ed25519, PKCS #8 in PEM files that only their owner can read.

Offline keys (root, targets) are made in a directory of their own, to be kept on a medium away
from the machine, with a passphrase if wanted. Online keys (snapshot, timestamp, revocations)
stand on the origin, so that a take-down needs no ceremony (docs/formats/trust.md). What a key may
sign is told by its key id, never by the name of its file.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from securesystemslib.signer import CryptoSigner, Key, SSlibKey

from phonotheque.model.errors import InputError, NotFoundError, UsageError
from phonotheque.storage.durable import (
    TEMPORARY_SUFFIX,
    ensure_directory,
    partial_file,
    write_bytes,
)

OFFLINE_ROLES = ("root", "targets")
ONLINE_ROLES = ("snapshot", "timestamp", "revocations")
SHOWN_DIGITS = 12  # of a key id, in messages
_NEXT = ".next"


@dataclass(frozen=True, slots=True)
class OfflineKeys:
    """Where the offline keys are, and what opens them."""

    directory: Path
    passphrase: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys of one directory, by key id. `closed`: files that could not be opened."""

    directory: Path
    signers: dict[str, CryptoSigner]
    closed: list[Path]

    def select(self, keyids: Iterable[str]) -> list[CryptoSigner]:
        """Those of `keyids` that are here, in the order of their ids."""
        return [self.signers[keyid] for keyid in sorted(set(keyids)) if keyid in self.signers]

    def require(self, role: str, keyids: Iterable[str]) -> list[CryptoSigner]:
        """As `select`, one at least.

        Raises:
            NotFoundError: no key of `role` is here.
            InputError: there are keys that the passphrase does not open.
        """
        wanted = sorted(set(keyids))
        found = self.select(wanted)
        if found:
            return found
        if self.closed:
            raise InputError(
                f"{self.closed[0]}: cannot be opened, and no other key in {self.directory} is one "
                f"of the role {role}; give its passphrase (--passphrase-variable)"
            )
        raise NotFoundError(
            f"{key_path(self.directory, role)}: no key of the role {role} is there (wanted: "
            f"{', '.join(short(keyid) for keyid in wanted)}); bring the medium that holds it, or "
            "name its directory with --keys"
        )


def open_keys(directory: Path, passphrase: bytes | None = None) -> KeyRing:
    """Open every ``*.pem`` in `directory` with `passphrase`, or with none; a directory that is not
    there is empty. Nothing is raised for files that do not open: `KeyRing.require` tells.
    """
    ring = KeyRing(directory, {}, [])
    for path in sorted(directory.glob("*.pem")):
        key = _open_key(path, passphrase)
        if key is None:
            ring.closed.append(path)
        else:
            signer = CryptoSigner(key)
            ring.signers[signer.public_key.keyid] = signer
    return ring


def ensure_keys(directory: Path, roles: Sequence[str], passphrase: bytes | None = None) -> None:
    """Make a key for each role in `directory` (mode 0700, files 0600) that has none yet."""
    ensure_directory(directory)
    directory.chmod(0o700)
    for role in roles:
        if not key_path(directory, role).exists():
            _write_key(key_path(directory, role), Ed25519PrivateKey.generate(), passphrase)


def ensure_key(path: Path, passphrase: bytes | None = None, *, dry_run: bool = False) -> Key:
    """The public half of the key at `path`, which is made where there is none.

    With `dry_run` nothing is written: a key that is not there yet stands for the one to come.

    Raises:
        InputError: there is a file, and the passphrase does not open it.
    """
    if dry_run and not path.exists():
        return CryptoSigner(Ed25519PrivateKey.generate()).public_key
    ensure_keys(path.parent, (path.name.removesuffix(".pem"),), passphrase)
    return load_signer(path.parent, path.name.removesuffix(".pem"), passphrase).public_key


def make_key(path: Path, passphrase: bytes | None = None) -> tuple[Path, Key]:
    """A new key at `path` (``*.pem``), and its public half beside it (``*.pub``), to be given out.

    Raises:
        UsageError: not a name for a key, or there is one already.
    """
    if path.suffix != ".pem":
        raise UsageError(f"{path}: a key is a file named *.pem")
    if path.exists():
        raise UsageError(f"{path}: there is a key already; name another file")
    key = Ed25519PrivateKey.generate()
    public = path.with_suffix(".pub")
    content = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    ensure_directory(path.parent)
    write_bytes(public, content)
    _write_key(path, key, passphrase)
    return public, CryptoSigner(key).public_key


def read_public_key(path: Path) -> Key:
    """The public key in a ``*.pub`` file that `make_key` wrote.

    Raises:
        NotFoundError: no such file.
        InputError: no Ed25519 public key.
    """
    try:
        key = load_pem_public_key(path.read_bytes())
    except FileNotFoundError:
        raise NotFoundError(f"{path}: there is no such file") from None
    except ValueError as error:
        raise InputError(f"{path}: not a public key in PEM ({error})") from error
    if not isinstance(key, Ed25519PublicKey):
        raise InputError(f"{path}: not an Ed25519 key; make one with `phonotheque keys make`")
    return SSlibKey.from_crypto(key)


def load_signer(directory: Path, role: str, passphrase: bytes | None = None) -> CryptoSigner:
    """The signer in the file of `role`.

    Raises:
        NotFoundError: no key there.
        InputError: not an Ed25519 key, or another passphrase.
    """
    path = key_path(directory, role)
    if not path.is_file():
        raise NotFoundError(
            f"{path}: the key of the role {role} is not there; bring the medium that holds it, or "
            "name its directory with --keys"
        )
    key = _open_key(path, passphrase)
    if key is None:
        raise InputError(f"{path}: cannot be opened as an Ed25519 key; give its passphrase")
    return CryptoSigner(key)


def key_path(directory: Path, role: str) -> Path:
    """Where the key of `role` stands."""
    return directory / f"{role}.pem"


def next_key_path(directory: Path, role: str) -> Path:
    """Where the online key waits that will replace that of `role`."""
    return directory / f"{role}{_NEXT}.pem"


def promote_key(directory: Path, role: str, keyids: Iterable[str]) -> None:
    """Put the waiting online key in its place when it is one of `keyids`, those in force."""
    waiting = next_key_path(directory, role)
    if waiting.is_file() and load_signer(directory, role + _NEXT).public_key.keyid in keyids:
        write_private(key_path(directory, role), waiting.read_bytes())
        waiting.unlink()


def has_online_keys(directory: Path) -> bool:
    """Whether the keys of all online roles are in `directory`."""
    return all(key_path(directory, role).is_file() for role in ONLINE_ROLES)


def short(keyid: str) -> str:
    """A key id as messages show it."""
    return keyid[:SHOWN_DIGITS]


def sweep_keys(directory: Path) -> None:
    """Remove what killed writers left half-written."""
    for path in directory.glob(f".*{TEMPORARY_SUFFIX}"):
        path.unlink(missing_ok=True)


def write_private(target: Path, content: bytes) -> None:
    """Write `content` durably to a file that only its owner reads, from its first byte on."""
    with partial_file(target) as temporary:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as out:
            out.write(content)


def _open_key(path: Path, passphrase: bytes | None) -> Ed25519PrivateKey | None:
    content = path.read_bytes()
    for attempt in dict.fromkeys((passphrase, None)):
        try:
            key = load_pem_private_key(content, attempt)
        except (ValueError, TypeError):
            continue
        return key if isinstance(key, Ed25519PrivateKey) else None
    return None


def _write_key(target: Path, key: Ed25519PrivateKey, passphrase: bytes | None) -> None:
    lock: KeySerializationEncryption = NoEncryption()
    if passphrase:
        lock = BestAvailableEncryption(passphrase)
    write_private(target, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock))
