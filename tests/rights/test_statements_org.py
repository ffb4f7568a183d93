"""The twelve statements of RightsStatements.org and the rules for them."""

import tomllib
from importlib.resources import files

import pytest

from phonotheque.rights.statements_org import NAMES, parse_rights_statement, statement_by_id


@pytest.mark.parametrize("identifier", NAMES)
def test_each_statement_is_known_by_id_address_and_name(identifier: str) -> None:
    page = f"see https://rightsstatements.org/page/{identifier}/1.0/?language=de"
    vocabulary = f"http://rightsstatements.org/vocab/{identifier}/1.0/"
    for text in (identifier.upper(), NAMES[identifier], vocabulary, page):
        found = parse_rights_statement(text)
        assert found is not None and found.id == identifier


def test_two_statements_or_foreign_addresses_are_none() -> None:
    base = "http://rightsstatements.org/vocab"
    assert parse_rights_statement(f"{base}/InC/1.0/ {base}/CNE/1.0/") is None
    assert parse_rights_statement("http://notrightsstatements.org/vocab/InC/1.0/") is None
    assert parse_rights_statement(f"{base}/InC-XX/1.0/") is None


def test_each_statement_has_its_rule() -> None:
    text = files("phonotheque.rights").joinpath("statements.toml").read_text()
    rules = {rule["id"]: rule for rule in tomllib.loads(text)["rule"]}
    assert {f"statement.{i.lower()}" for i in NAMES} | {"statement.noc-us.elsewhere"} == set(rules)
    for rule in rules.values():
        allowed_if = {use for use, level in rule["levels"].items() if level == "ALLOW_IF"}
        assert allowed_if == set(rule.get("conditions", {}))
    assert statement_by_id("nothing") is None
