"""Whether the objects of a vault of a directory are those it knows, read one by one."""

from hashlib import sha256

from phonotheque.vault import Vault


def faults(vault: Vault) -> dict[str, str]:
    """Digest → ``missing``, ``damaged``, or ``extra`` (bytes without a row)."""
    found = {}
    known = {item.sha256 for item in vault.iter_objects()}
    for digest in known:
        path = vault.object_path(digest)
        if not path.is_file():
            found[digest] = "missing"
        elif sha256(path.read_bytes()).hexdigest() != digest:
            found[digest] = "damaged"
    kept = {path.name for path in (vault.root / "objects").glob("*/*/*")}
    return found | dict.fromkeys(kept - known, "extra")
