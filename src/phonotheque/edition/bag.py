"""The tag files of a volume as a BagIt bag (RFC 8493), made from known digests. Pure."""

from collections.abc import Iterable, Sequence
from hashlib import sha256

BAGIT_TXT = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
MANIFEST = "manifest-sha256.txt"


def format_bag(
    payload: Sequence[tuple[str, str, int]],
    info: Iterable[tuple[str, str]],
    tag_files: dict[str, bytes],
) -> dict[str, bytes]:
    """Every file of the bag outside ``data/``, by name.

    `payload`: path (``data/…``), sha256 in hex, bytes. `info`: labels and values of bag-info.txt,
    to which Payload-Oxum is added. `tag_files`: further files at the top of the bag.
    """
    files = {
        "bagit.txt": BAGIT_TXT,
        "bag-info.txt": _format_info([*info, ("Payload-Oxum", _oxum(payload))]),
        MANIFEST: format_manifest((path, digest) for path, digest, _ in payload),
        **tag_files,
    }
    digests = ((path, sha256(content).hexdigest()) for path, content in files.items())
    return {**files, "tagmanifest-sha256.txt": format_manifest(digests)}


def format_manifest(digests: Iterable[tuple[str, str]]) -> bytes:
    """Manifest lines in the order of the paths' bytes. Paths hold no LF, CR or ``%``."""
    ordered = sorted((path.encode(), digest) for path, digest in digests)
    return b"".join(digest.encode() + b"  " + path + b"\n" for path, digest in ordered)


def _oxum(payload: Sequence[tuple[str, str, int]]) -> str:
    return f"{sum(size for _, _, size in payload)}.{len(payload)}"


def _format_info(pairs: Iterable[tuple[str, str]]) -> bytes:
    return "".join(f"{label}: {' '.join(value.split())}\n" for label, value in pairs).encode()
