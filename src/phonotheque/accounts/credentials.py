"""What a stranger shows at the door. Pure."""

import base64
import binascii
from dataclasses import dataclass

from phonotheque.model.errors import InputError

MAX_HEADER = 4096


class NotAuthenticatedError(InputError):
    """What was shown opens nothing; the message does not say which part of it is wrong."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """An API key."""

    key: str


@dataclass(frozen=True, slots=True)
class Named:
    """A name and a password."""

    name: str
    password: str


def parse_authorization(header: str) -> Bearer | Named:
    """What an ``Authorization`` header shows: ``Bearer KEY`` or ``Basic …`` (RFC 6750, RFC 7617).

    Raises:
        NotAuthenticatedError: it is of another scheme, or malformed.
    """
    scheme, _, rest = header[:MAX_HEADER].strip().partition(" ")
    rest = rest.strip()
    if scheme.lower() == "bearer" and rest:
        return Bearer(rest)
    if scheme.lower() == "basic":
        try:
            text = base64.b64decode(rest, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError, ValueError):
            raise NotAuthenticatedError("Authorization: not base64 of UTF-8") from None
        name, colon, password = text.partition(":")
        if colon:
            return Named(name, password)
    raise NotAuthenticatedError("Authorization: send Bearer and an API key")
