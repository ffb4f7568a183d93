"""robots.txt (RFC 9309) and ai.txt, read for what they say to programs that gather for AI. Pure.

A program that may not fetch may not train with what it would have fetched: that is stricter than
the law, and our decision. Which names are meant is data of our own, agents.toml.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

import msgspec

from phonotheque.rights.signals.paths import matches
from phonotheque.rights.signals.stance import SILENT, Said, Stance, merge
from phonotheque.rights.signals.usage import usage_preference

MAX_BYTES = 512 << 10  # RFC 9309 asks for 500 KiB at least
_USAGE = {"content-usage": "Content-Usage", "content-signal": "Content-Signal"}


class _Agents(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    source: str
    read_at: str
    agents: list[str]


@dataclass(slots=True)
class Group:
    """The rules for some agents: (allows, pattern), and usage lines as (name, pattern, value)."""

    agents: set[str]
    rules: list[tuple[bool, str]] = field(default_factory=list)
    usage: list[tuple[str, str, str]] = field(default_factory=list)


@cache
def ai_agents() -> frozenset[str]:
    """Product tokens of programs that gather for AI, in lower case."""
    content = files("phonotheque.rights.signals").joinpath("agents.toml").read_bytes()
    return frozenset(_token(name) for name in msgspec.toml.decode(content, type=_Agents).agents)


def parse_robots(text: str) -> list[Group]:
    """The groups of a robots.txt; lines that are none of its lines are passed over."""
    groups: list[Group] = []
    open_for_agents = False
    for key, value in _lines(text):
        if key == "user-agent":
            if not open_for_agents:
                groups.append(Group(set()))
            groups[-1].agents.add(_token(value))
            open_for_agents = True
            continue
        if key not in ("allow", "disallow", *_USAGE):
            continue  # Sitemap and others belong to no group
        if not groups:
            groups.append(Group({"*"}))  # a preference before any group is for all
        if key in _USAGE:
            pattern, rest = _usage_rule(value)
            groups[-1].usage.append((_USAGE[key], pattern, rest))
        elif value:
            groups[-1].rules.append((key == "allow", value))
        open_for_agents = False
    return groups


def robots_crawling(groups: list[Group], path: str | None) -> Said:
    """Whether any program that gathers for AI is kept from `path`.

    With an unknown path, a program that is named counts as kept away by any rule against it, and
    one that is not named only by a rule against the whole site.
    """
    named = {agent for group in groups for agent in group.agents} & ai_agents()
    for agent in sorted(named):
        rules = [r for group in groups if agent in group.agents for r in group.rules]
        if pattern := _refusal(rules, path, whole_site_only=False):
            return Said(Stance.RESERVED, f"User-agent: {agent} / Disallow: {pattern}", "ai")
    if len(named) == len(ai_agents()):
        return SILENT
    rules = [r for group in groups if "*" in group.agents for r in group.rules]
    if pattern := _refusal(rules, path, whole_site_only=True):
        return Said(Stance.RESERVED, f"User-agent: * / Disallow: {pattern}", "ai")
    return SILENT


def robots_usage(groups: list[Group], path: str | None) -> Said:
    """What usage lines of any group say of `path`: the longest pattern in a group speaks."""
    return merge(_usage_of(group, path) for group in groups)


def ai_txt(text: str) -> Said:
    """What an ai.txt says: it has the form of a robots.txt, and patterns of file names rather than
    places, so any ``Disallow`` in it reserves, and any usage line is taken at its word."""
    groups = parse_robots(text)
    refused = (
        Said(Stance.RESERVED, f"Disallow: {pattern}", "ai")
        for group in groups
        for allows, pattern in group.rules
        if not allows
    )
    return merge([*refused, robots_usage(groups, None)])


def _usage_of(group: Group, path: str | None) -> Said:
    found = [
        (len(pattern), usage_preference(value, name))
        for name, pattern, value in group.usage
        if path is None or matches(pattern, path)
    ]
    if path is None:
        return merge(said for _, said in found)
    longest = max((length for length, _ in found), default=0)
    return merge(said for length, said in found if length == longest)


def _refusal(rules: list[tuple[bool, str]], path: str | None, *, whole_site_only: bool) -> str:
    """The pattern that refuses `path`, or "": the longest match counts, Allow where two tie."""
    if path is None:
        against = [pattern for allows, pattern in rules if not allows]
        whole = [pattern for pattern in against if pattern.rstrip("*$") == "/" or pattern == "*"]
        return next(iter(whole if whole_site_only else against), "")
    found = [(len(p), allows, p) for allows, p in rules if matches(p, path)]
    if not found:
        return ""
    _, allows, pattern = max(found)
    return "" if allows else pattern


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        key, colon, value = line.partition("#")[0].partition(":")
        if colon:
            yield key.strip().lower().lstrip("\ufeff"), value.strip()


def _usage_rule(value: str) -> tuple[str, str]:
    """(pattern, preference) of ``[path] preference``."""
    if value.startswith(("/", "*")):
        pattern, _, rest = value.partition(" ")
        return pattern, rest.strip()
    return "/", value


def _token(name: str) -> str:
    return name.partition("/")[0].strip().lower()
