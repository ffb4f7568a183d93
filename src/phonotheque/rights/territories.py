"""Which jurisdiction's rules hold in a country."""

import re
from functools import cache
from importlib.resources import files

import msgspec

from phonotheque.model.errors import InputError

DEFAULT = "ZZ"
_CODE = re.compile(r"[A-Z]{2}")


class Jurisdiction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A body of law, and the countries it holds in."""

    code: str
    name: str
    members: list[str]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    jurisdiction: list[Jurisdiction]


@cache
def jurisdictions() -> dict[str, Jurisdiction]:
    """Every jurisdiction that the rules know, by code."""
    content = files(__package__).joinpath("territories.toml").read_bytes()
    return {one.code: one for one in msgspec.toml.decode(content, type=_File).jurisdiction}


@cache
def jurisdiction_of(territory: str) -> str:
    """The code of the jurisdiction for an ISO 3166 country: DE gives EU, an unlisted one ZZ.

    Raises:
        InputError: the text is no code of two letters.
    """
    code = territory.upper()
    if not _CODE.fullmatch(code):
        raise InputError(
            f"{territory!r} is no territory; write a code of two letters such as US, DE or ZZ"
        )
    for one in jurisdictions().values():
        if code in one.members:
            return one.code
    return DEFAULT
