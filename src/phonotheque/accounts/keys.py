"""API keys: ``phk_`` + 32 random characters + 6 of a checksum. Pure but for chance.

The beginning lets people and scanners of leaked secrets know one; the checksum tells a typing
error, and keeps most guesses from being looked up at all. 62³² keys: as many as of 190 random
bits, so a plain SHA-256 keeps them.
"""

import re
import secrets
import zlib
from hashlib import sha256

KEY_PREFIX = "phk_"
HINT_CHARACTERS = 9
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET, _CHECK = 32, 6
_SHAPE = re.compile(rf"{KEY_PREFIX}[0-9A-Za-z]{{{_SECRET + _CHECK}}}")


def make_key() -> str:
    """A new key."""
    body = KEY_PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET))
    return body + _checksum(body)


def is_key(text: str) -> bool:
    """Whether this has the form of a key, its checksum included."""
    return _SHAPE.fullmatch(text) is not None and _checksum(text[:-_CHECK]) == text[-_CHECK:]


def digest_of(key: str) -> bytes:
    """What is kept of a key: 32 bytes."""
    return sha256(key.encode()).digest()


def hint_of(key: str) -> str:
    """How the key begins: enough to tell one's keys apart, no help to guess it."""
    return key[:HINT_CHARACTERS]


def make_token_password() -> str:
    """A password for players that send tokens: 24 characters, 142 bits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(24))


def _checksum(body: str) -> str:
    """CRC-32 in base 62, most significant digit first."""
    value, digits = zlib.crc32(body.encode()), ""
    for _ in range(_CHECK):
        value, digit = divmod(value, 62)
        digits = _ALPHABET[digit] + digits
    return digits
