"""Rights: what may be done with a recording, and why.

Licences as people write them become values (`parse_licence`); evidence becomes a verdict for each
use (`decide`), by rules that are data (rules.toml) and are named in every verdict. Nothing here
reads a file of the archive: evidence comes in, a verdict goes out.
"""

from phonotheque.rights.decide import Facts, Profile, agreed_licence, attribution, decide
from phonotheque.rights.licences import Family, Licence, licence_by_id
from phonotheque.rights.parse import parse_licence
from phonotheque.rights.rules import Mark, Rule, rule_book

__all__ = [
    "Facts",
    "Family",
    "Licence",
    "Mark",
    "Profile",
    "Rule",
    "agreed_licence",
    "attribution",
    "decide",
    "licence_by_id",
    "parse_licence",
    "rule_book",
]
