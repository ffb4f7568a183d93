"""The rule book: rules as data, read from FILES and checked when they are read.

Terms of protection are rules of another form (rights.term_rules).
"""

from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files

import msgspec

from phonotheque.model.errors import FormatError
from phonotheque.model.rights import Layer, Level, Use

FILES = ("rules.toml", "gates.toml", "statements.toml")
FOLLOWS_HOLD = (Use.PRESERVE, Use.DERIVE_METADATA)


class Mark(StrEnum):
    """How sure a rule is."""

    READ = "V"  # read in the source it names
    DERIVED = "D"  # follows from a rule that was read
    KNOWLEDGE = "K"  # own knowledge, not checked
    DECISION = "R"  # our own decision


class _LevelName(StrEnum):
    DENY = "DENY"
    REVIEW = "REVIEW"
    ALLOW_IF = "ALLOW_IF"
    ALLOW = "ALLOW"


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule: what it says of each use, why, and since when the rule itself holds.

    With a `territory` it allows something there and nowhere else, for these `layers`, to an archive
    with this `profile` (a field of `rights.Policy`; "": to any).
    """

    id: str
    text: str
    source: str
    mark: Mark
    valid_from: date
    levels: dict[Use, _LevelName]
    conditions: dict[Use, list[str]] = msgspec.field(default_factory=dict)
    territory: str = ""
    profile: str = ""
    layers: list[Layer] = []

    def level(self, use: Use) -> Level:
        """What this rule alone would answer for `use`."""
        named = self.levels.get(use) or self.levels[Use.HOLD]
        return Level[named.value]

    def conditions_of(self, use: Use) -> list[str]:
        """What ALLOW_IF asks for under this rule."""
        if use in self.conditions or use in self.levels or use not in FOLLOWS_HOLD:
            return self.conditions.get(use, [])
        return self.conditions.get(Use.HOLD, [])


class _Book(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rule: list[Rule]


@cache
def rule_book() -> dict[str, Rule]:
    """Every rule in force, by its stable id.

    Raises:
        FormatError: a rule is incomplete, or an id stands twice.
    """
    book: dict[str, Rule] = {}
    for name in FILES:
        for rule in _read(name):
            if rule.id in book:
                raise FormatError(f"{name}: {rule.id} stands twice; give one of them another id")
            _check_rule(rule, name)
            book[rule.id] = rule
    return book


def _read(name: str) -> list[Rule]:
    file = files(__package__).joinpath(name)
    try:
        return msgspec.toml.decode(file.read_bytes(), type=_Book).rule
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise FormatError(f"{name}: {error}") from error


def _check_rule(rule: Rule, file: str) -> None:
    for use in Use:
        if use not in rule.levels and use not in FOLLOWS_HOLD:
            raise FormatError(f"{file}: {rule.id} does not say what holds for {use}")
        if (rule.level(use) is Level.ALLOW_IF) != bool(rule.conditions_of(use)):
            raise FormatError(f"{file}: {rule.id}: ALLOW_IF and conditions go together ({use})")
