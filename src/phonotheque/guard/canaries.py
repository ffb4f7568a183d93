"""Canaries: well-formed numbers that were never given out and never will be by counting.

They lie in the upper half of the 40 bits of a public number, where no catalogue counts to, and are
drawn with a secret of the operator, so that who has this program cannot tell them. No list, search
or dump may show one (clients that sync would ask for it); a page that crawlers are told not to read
may. Whoever asks for one has guessed, or has read there.
"""

import hashlib
import hmac
from typing import Final

_HALF: Final = 1 << 39


def canary_numbers(secret: bytes, count: int) -> frozenset[int]:
    """`count` or, where two fall together, fewer numbers; the same for the same secret."""
    return frozenset(_HALF + _draw(secret, place) % _HALF for place in range(count))


def _draw(secret: bytes, place: int) -> int:
    digest = hmac.new(secret, f"canary {place}".encode(), hashlib.sha256).digest()
    return int.from_bytes(digest[:8], "big")
