"""What a vault has and nobody knows: bytes without a row, and rows that nobody names.

Everything is a merge of sequences in the order of digests; memory does not grow with them.
"""

from collections.abc import Iterable, Iterator

import msgspec

from phonotheque.vault.derivatives import sources_of
from phonotheque.vault.store import Vault


class Orphan(msgspec.Struct, frozen=True, kw_only=True):
    """`kind`: ``unknown``, bytes under a proper name without a row; ``stray``, something else among
    the objects (`sha256` is empty); ``unnamed``, an object that no import names."""

    kind: str
    sha256: str
    bytes: int
    where: str


def iter_unknown(vault: Vault) -> Iterator[Orphan]:
    """Bytes that a crash left, or somebody put there: those the state has no row for, by name,
    then whatever else lies among the objects."""
    known = (item.sha256 for item in vault.iter_objects())
    here = next(known, None)
    for name, size in vault.store.names():
        while here is not None and here < name:
            here = next(known, None)
        if here != name:
            where = vault.store.where(name)
            yield Orphan(kind="unknown", sha256=name, bytes=size, where=where)
    for where in vault.store.strays():
        yield Orphan(kind="stray", sha256="", bytes=0, where=where)


def iter_unnamed(vault: Vault, named: Iterable[str]) -> Iterator[Orphan]:
    """Objects that are not among `named` (digests, rising), but for access copies of others."""
    names = iter(named)
    here = next(names, None)
    for item in vault.iter_objects():
        while here is not None and here < item.sha256:
            here = next(names, None)
        if here != item.sha256 and not sources_of(vault.state, item.sha256):
            where = vault.store.where(item.sha256)
            yield Orphan(kind="unnamed", sha256=item.sha256, bytes=item.bytes, where=where)
