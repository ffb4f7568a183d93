"""Metadata that waits for signatures: ``ceremony/N.root.json``, ``ceremony/N.targets.json``.

A proposal is a TUF role file whose signatures may still be empty: an empty one names a key that is
asked to sign. So the file alone says who has to sign it, and is carried to the holders as it is.
What its targets say that is not out yet waits in ``ceremony/contents/``, named by SHA-256.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
from securesystemslib.signer import Key, Signature
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Targets, VerificationResult
from tuf.api.serialization import DeserializationError

from phonotheque.edition.keys import OFFLINE_ROLES, KeyRing, short
from phonotheque.edition.role_files import read_metadata
from phonotheque.model.errors import FormatError, InputError, NotFoundError
from phonotheque.storage.durable import fsync_directory, write_bytes
from phonotheque.storage.layout import Tree

R = TypeVar("R", Root, Targets)


@dataclass(frozen=True, slots=True)
class Staged(Generic[R]):
    """One proposal on disk."""

    path: Path
    metadata: Metadata[R]

    @property
    def signed(self) -> R:
        """What is proposed."""
        return self.metadata.signed


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal as people see it. `missing`: how many more signatures it needs at least;
    `signed_by` and `unsigned` are key ids."""

    role: str
    version: int
    path: str
    expires: str
    signed_by: list[str]
    unsigned: list[str]
    missing: int | None = None


class SignedFile(msgspec.Struct, frozen=True, kw_only=True):
    """What `sign_file` did, or would do: `says` is what the file holds, in lines."""

    proposal: Proposal
    added: list[str]
    says: list[str]


def read_staged(tree: Tree, role: str, kind: type[R]) -> Staged[R] | None:
    """The proposal for `role`, the one of the highest version where a kill left two."""
    found = sorted(
        tree.ceremony.glob(f"*.{role}.json"), key=lambda p: int(p.name.partition(".")[0])
    )
    return Staged(found[-1], read_metadata(found[-1], kind)) if found else None


def staged_paths(tree: Tree) -> list[Path]:
    """The files that wait for signatures."""
    return [path for role in OFFLINE_ROLES for path in sorted(tree.ceremony.glob(f"*.{role}.json"))]


def write_staged(
    tree: Tree,
    signed: R,
    keys: Iterable[Key],
    ring: KeyRing,
    kept: Staged[R] | None = None,
    *,
    dry_run: bool = False,
) -> Staged[R]:
    """Propose `signed` to the holders of `keys`, signed with those in `ring`.

    `kept` is the proposal there was: it stays, with its signatures, when it says the same.
    With `dry_run` nothing is written.
    """
    metadata: Metadata[R] = Metadata(signed)
    if kept is not None and kept.metadata.signed_bytes == metadata.signed_bytes:
        metadata = kept.metadata
    by_id = {key.keyid: key for key in keys}
    metadata.signatures = {
        keyid: metadata.signatures.get(keyid, Signature(keyid, "")) for keyid in sorted(by_id)
    }
    _sign_with(metadata, ring)
    path = tree.ceremony / f"{signed.version}.{signed.type}.json"
    content = metadata.to_bytes()
    if dry_run:
        return Staged(path, metadata)
    if not path.exists() or path.read_bytes() != content:
        write_bytes(path, content)
    drop_staged(tree, signed.type, keep=path)
    return Staged(path, metadata)


def stage_content(tree: Tree, content: bytes) -> None:
    """Keep `content` until the proposal that names it is out."""
    path = tree.ceremony / "contents" / sha256(content).hexdigest()
    if not path.exists():
        write_bytes(path, content)


def staged_contents(tree: Tree, targets: Targets) -> dict[str, bytes]:
    """What waits of the target files, by their paths."""
    found = {}
    for path, target in targets.targets.items():
        waiting = tree.ceremony / "contents" / target.hashes["sha256"]
        if waiting.is_file():
            found[path] = waiting.read_bytes()
    return found


def drop_staged(tree: Tree, role: str, *, keep: Path | None = None) -> list[Path]:
    """Remove proposals for `role`; those of targets with what waits for them. Returns which."""
    gone = [path for path in tree.ceremony.glob(f"*.{role}.json") if path != keep]
    for path in gone:
        path.unlink()
    if role == "targets" and keep is None:
        for path in (tree.ceremony / "contents").glob("*"):
            path.unlink()
    if gone:
        fsync_directory(tree.ceremony)
    return gone


def sign_file(path: Path, ring: KeyRing, *, dry_run: bool = False) -> SignedFile:
    """Add the signatures of the keys in `ring` that the proposal at `path` asks for.

    Raises:
        NotFoundError: no such file, or no key in `ring` is asked for.
        InputError: it is no proposal, or keys do not open.
    """
    metadata = read_carried(path)
    role = metadata.signed.type
    signers = ring.require(role, metadata.signatures)
    before = {keyid for keyid, s in metadata.signatures.items() if s.signature}
    added = [s.public_key.keyid for s in signers if s.public_key.keyid not in before]
    if not dry_run and added:
        _sign_with(metadata, ring)
        write_bytes(path, metadata.to_bytes())
    return SignedFile(proposal=describe(path, metadata), added=added, says=list(_lines(metadata)))


def read_carried(path: Path) -> Metadata[Any]:
    """The proposal in a file that may come from elsewhere.

    Raises:
        NotFoundError, InputError: no such file, or no proposal.
    """
    try:
        metadata: Metadata[Any] = Metadata.from_bytes(path.read_bytes())
    except FileNotFoundError:
        raise NotFoundError(f"{path}: there is no such file") from None
    except (DeserializationError, RepositoryError) as error:
        raise FormatError(f"{path}: not a file to be signed ({error}); fetch it again") from error
    if not isinstance(metadata.signed, Root | Targets):
        raise FormatError(f"{path}: holds the role {metadata.signed.type}, which no holder signs")
    return metadata


def collect(staged: Staged[R], carried: Metadata[R], path: Path) -> int:
    """Take over the signatures of a copy that comes back; returns how many were new.

    Raises:
        InputError: the copy says something else, or a signature does not hold.
    """
    if carried.signed_bytes != staged.metadata.signed_bytes:
        raise InputError(
            f"{path}: is not a copy of {staged.path} as it stands now; carry that one to the "
            "holder again"
        )
    new = 0
    for keyid, signature in carried.signatures.items():
        kept = staged.metadata.signatures.get(keyid)
        if signature.signature and kept is not None and not kept.signature:
            staged.metadata.signatures[keyid] = signature
            new += 1
    return new


def describe(
    path: Path, metadata: Metadata[R], results: Iterable[VerificationResult] = ()
) -> Proposal:
    """The proposal for people; `results` say what it has to satisfy."""
    missing = [result.missing for result in results]
    good = [keyid for keyid, s in metadata.signatures.items() if s.signature]
    return Proposal(
        role=metadata.signed.type,
        version=metadata.signed.version,
        path=str(path),
        expires=f"{metadata.signed.expires:%Y-%m-%d %H:%M} UTC",
        signed_by=sorted(good),
        unsigned=sorted(set(metadata.signatures) - set(good)),
        missing=max(missing) if missing else None,
    )


def finished(metadata: Metadata[R]) -> bytes:
    """The role file of a proposal, without the places that nobody filled."""
    filled = {keyid: s for keyid, s in metadata.signatures.items() if s.signature}
    complete: Metadata[R] = Metadata(metadata.signed, filled)
    return complete.to_bytes()


def _sign_with(metadata: Metadata[R], ring: KeyRing) -> None:
    for signer in ring.select(metadata.signatures):
        metadata.sign(signer, append=True)


def _lines(metadata: Metadata[R]) -> Iterable[str]:
    signed = metadata.signed
    yield f"{signed.type} version {signed.version}, valid until {signed.expires:%Y-%m-%d %H:%M} UTC"
    if isinstance(signed, Root):
        for name, role in signed.roles.items():
            ids = ", ".join(short(keyid) for keyid in role.keyids)
            yield f"  {name}: {role.threshold} of {len(role.keyids)} keys: {ids}"
        return
    for path, target in sorted(signed.targets.items()):
        yield f"  {path}: {target.length} bytes, SHA-256 {target.hashes['sha256']}"
    if signed.delegations is not None:
        for name, delegated in (signed.delegations.roles or {}).items():
            ids = ", ".join(short(keyid) for keyid in delegated.keyids)
            yield f"  {name}: {delegated.threshold} of {len(delegated.keyids)} keys: {ids}"
