"""A report to hand on: pseudonyms for whoever it names."""

import hashlib
import hmac

import msgspec

from phonotheque.guard.logs.found import Analysis


def hide_names(found: Analysis, secret: bytes) -> Analysis:
    """`found` with pseudonyms under `secret` for accounts, addresses and networks, and without the
    text of bad rows. Ids of items, files and lines stay: who has the log can look them up."""
    suspects = tuple(
        msgspec.structs.replace(one, who=pseudonym("account" if one.is_account else "address",
                                                   one.who, secret))
        for one in found.suspects
    )  # fmt: skip
    networks = tuple(
        msgspec.structs.replace(one, network=pseudonym("network", one.network, secret))
        for one in found.networks
    )
    bad = tuple(msgspec.structs.replace(one, text="") for one in found.bad)
    return msgspec.structs.replace(found, suspects=suspects, networks=networks, bad=bad)


def pseudonym(kind: str, name: str, secret: bytes) -> str:
    """The first letters of the kind and twelve hex digits of a keyed digest."""
    digest = hmac.new(secret, f"{kind}\0{name}".encode(), hashlib.sha256).hexdigest()
    return f"{kind}-{digest[:12]}"
