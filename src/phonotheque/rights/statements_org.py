"""The twelve statements of RightsStatements.org. Pure.

A statement is what an institution says of an item: evidence, not a grant. Source for the ids and
addresses: the data model of RightsStatements.org 1.0.
"""

import re
from dataclasses import dataclass

BASE = "http://rightsstatements.org/vocab"
NAMES = {
    "InC": "In Copyright",
    "InC-OW-EU": "In Copyright - EU Orphan Work",
    "InC-EDU": "In Copyright - Educational Use Permitted",
    "InC-NC": "In Copyright - Non-Commercial Use Permitted",
    "InC-RUU": "In Copyright - Rights-holder(s) Unlocatable or Unidentifiable",
    "NoC-CR": "No Copyright - Contractual Restrictions",
    "NoC-NC": "No Copyright - Non-Commercial Use Only",
    "NoC-OKLR": "No Copyright - Other Known Legal Restrictions",
    "NoC-US": "No Copyright - United States",
    "CNE": "Copyright Not Evaluated",
    "UND": "Copyright Undetermined",
    "NKC": "No Known Copyright",
}
_BY_KEY = {key.lower(): key for key in NAMES}
_BY_NAME = {re.sub(r"\W+", " ", name.lower()).strip(): key for key, name in NAMES.items()}
_URL = re.compile(
    r"(?<![\w.\-])(?:www\.)?rightsstatements\.org/(?:vocab|page)/([a-z\-]+)(?:/1\.0)?(?![\w.\-])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class RightsStatement:
    """One statement: its id (``NoC-US``), name and address."""

    id: str
    name: str
    url: str


def statement_by_id(identifier: str) -> RightsStatement | None:
    """The statement with this id, in any case of letters."""
    key = _BY_KEY.get(identifier.strip().lower())
    return RightsStatement(key, NAMES[key], f"{BASE}/{key}/1.0/") if key else None


def parse_rights_statement(raw: str) -> RightsStatement | None:
    """The one statement that `raw` names by address, id or name; None for two or none."""
    text = raw[:10_000].strip()
    named = statement_by_id(text)
    if named is None and (key := _BY_NAME.get(re.sub(r"\W+", " ", text.lower()).strip())):
        named = statement_by_id(key)
    found = {statement_by_id(match[1]) for match in _URL.finditer(text)}
    if named is not None:
        return named
    return next(iter(found)) if len(found) == 1 else None
