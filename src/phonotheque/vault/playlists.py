"""HLS playlists (RFC 8216) and DASH manifests (ISO 23009-1): no audio themselves, and refused with
the right word, with the key system where they name one. Nothing they point to is ever fetched."""

import re

from phonotheque.vault.bounded import BoundedStream, UnparseableError
from phonotheque.vault.systems import name_system

MAX_BYTES = 1 << 20
_KEY = re.compile(r"^#EXT-X-(?:SESSION-)?KEY:(.*)$", re.MULTILINE)
_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^",]*)')
_KEY_FORMATS = {
    "com.apple.streamingkeydelivery": "FairPlay",
    "com.microsoft.playready": "PlayReady",
}
_UUID = re.compile(r"urn:uuid:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE)
_BYTE_ORDERS = ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"), (b"<\0", "utf-16-le"),
                (b"\0<", "utf-16-be"), (b"#\0", "utf-16-le"), (b"\0#", "utf-16-be"))  # fmt: skip


def decode_start(head: bytes) -> str:
    """The beginning of a text file in UTF-8 or UTF-16, without its byte order mark."""
    encoding = next((name for mark, name in _BYTE_ORDERS if head.startswith(mark)), "utf-8")
    return head.decode(encoding, "replace").lstrip("\ufeff \t\r\n")


def is_hls(head: bytes) -> bool:
    """Whether a file that begins so is a playlist of HLS; a plain list of files is none."""
    text = decode_start(head)
    return text.startswith("#EXTM3U") and "#EXT-X-" in text


def is_dash(head: bytes) -> bool:
    """Whether a file that begins so is a DASH manifest."""
    text = decode_start(head)
    return text.startswith("<") and re.search(r"<(?:[\w.-]+:)?MPD[\s>/]", text) is not None


def find_hls_key(stream: BoundedStream, size_bytes: int) -> str | None:
    """The keys that a playlist asks for, in words.

    Raises:
        UnparseableError: longer than 1 MiB.
    """
    text = _text(stream, size_bytes).replace("\r", "\n")
    found: dict[str, None] = {}
    for line in _KEY.findall(text):
        said = {name: value.strip('" ') for name, value in _ATTRIBUTE.findall(line)}
        method = said.get("METHOD", "not given")
        if method == "NONE":
            continue
        form = said.get("KEYFORMAT", "identity")
        found[f"HLS key, method {method}, {_key_system(form)}"] = None
    if "skd://" in text.lower() and not found:
        found["HLS key at skd://, FairPlay"] = None
    return "; ".join(list(found)[:8]) or None


def _key_system(form: str) -> str:
    if match := _UUID.fullmatch(form):
        return name_system(match[1])
    return _KEY_FORMATS.get(form.lower(), f"key format {form}")


def find_dash_protection(stream: BoundedStream, size_bytes: int) -> str | None:
    """The systems of the elements ``ContentProtection`` of a manifest, in words.

    Raises:
        UnparseableError: longer than 1 MiB, or with declarations that could hide an element.
    """
    text = _text(stream, size_bytes)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise UnparseableError("a manifest with a document type declaration")
    if "ContentProtection" not in text:
        return None
    names = dict.fromkeys(name_system(found) for found in _UUID.findall(text))
    return ", ".join(["DASH ContentProtection", *list(names)[:8]])


def _text(stream: BoundedStream, size_bytes: int) -> str:
    if size_bytes > MAX_BYTES:
        raise UnparseableError(f"longer than {MAX_BYTES} bytes")
    stream.seek(0)
    return decode_start(stream.read(MAX_BYTES))
