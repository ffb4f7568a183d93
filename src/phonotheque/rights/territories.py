"""Which jurisdiction's rules hold in a country."""

from functools import cache
from importlib.resources import files

import msgspec

from phonotheque.model.errors import InputError
from phonotheque.model.identifiers import is_country

DEFAULT = "ZZ"


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
    """The code of the jurisdiction for an ISO 3166 country: DE gives EU, one without rules ZZ.

    Raises:
        InputError: the text is no country's code, nor EU or ZZ.
    """
    code = territory.upper()
    for one in jurisdictions().values():
        if code in one.members:
            return one.code
    if code == DEFAULT or is_country(code):
        return DEFAULT
    raise InputError(
        f"{territory!r} is no territory; write a country's code of two letters (ISO 3166), such as "
        "US, DE or KE, or EU for the whole of it, or ZZ for any country without rules of its own"
    )
