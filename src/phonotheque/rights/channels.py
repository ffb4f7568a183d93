"""What may allow a use of one layer: licences, deals, statements, the law's own exceptions, terms.

Each is a `Channel`: a level over time, with the rules it rests on. A layer gets the best of them.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from functools import cache, lru_cache
from typing import NamedTuple

from phonotheque.model.rights import Layer, Level, Use
from phonotheque.rights.deals import Deal, deal_level
from phonotheque.rights.early import made_early
from phonotheque.rights.expressions import Expression, best_alternative
from phonotheque.rights.facts import Facts, Years
from phonotheque.rights.layer_terms import TermAnswer, counts, term_of
from phonotheque.rights.layers import layer_years
from phonotheque.rights.licences import Family, Licence
from phonotheque.rights.policy import Policy
from phonotheque.rights.rules import Mark, Rule, rule_book
from phonotheque.rights.steps import Steps, constant, level_on, merge, rising
from phonotheque.rights.term_rules import as_day
from phonotheque.rights.terms import OPEN
from phonotheque.rights.years import Backing

_WEIGHED = (Use.DISTRIBUTE, Use.STREAM, Use.AI_TRAIN, Use.HOLD)
OPT_OUT_DAYS = 90
_BY_FAMILY = {
    Family.CC0: "licence.dedicated",
    Family.PDM: "licence.pd-mark",
    Family.PDDC: "licence.pd-dedication",
    Family.SAMPLING: "cc.sampling",
    Family.SAMPLING_PLUS: "cc.sampling-plus",
    Family.DEVNATIONS: "cc.developing-nations",
    Family.COPYLEFT_ART: "licence.free-art",
    Family.COPYLEFT: "licence.copyleft",
    Family.PERMISSIVE: "licence.permissive",
    Family.OTHER: "licence.other",
    Family.NONE: "licence.none",
    Family.CC: "cc.grant",
}


class Channel(NamedTuple):
    """A level over time and the rules behind it; `term` where it is a term of protection."""

    steps: Steps
    rules: tuple[Rule, ...]
    term: TermAnswer | None = None


def rule_level(rule: Rule, use: Use, policy: Policy) -> Level:
    """What `rule` says of `use`; at most REVIEW where nobody has checked it."""
    level = rule.level(use)
    if level > Level.REVIEW and not counts(rule.mark, rule.id, policy.accepted_rules):
        return Level.REVIEW
    return level


def least(rules: Iterable[Rule], use: Use, policy: Policy) -> Level:
    """The lowest level among `rules`."""
    return min(rule_level(rule, use, policy) for rule in rules)


def licence_rules(licence: Licence, policy: Policy) -> Iterator[str]:
    """Ids of the rules that a licence comes under."""
    yield _BY_FAMILY[licence.family]
    if licence.by:
        yield "cc.attribution"
    if licence.sa:
        yield "cc.share-alike"
    if licence.nd:
        yield "cc.no-derivatives"
    if licence.nc:
        yield "cc.noncommercial" if policy.noncommercial else "cc.noncommercial-undeclared"


@lru_cache(maxsize=1 << 12)
def _levels(licence: Licence, policy: Policy) -> tuple[Level, ...]:
    """What a licence allows of each of _WEIGHED."""
    rules = _rules(licence_rules(licence, policy))
    return tuple(least(rules, use, policy) for use in _WEIGHED)


def chosen_licences(stated: Expression, use: Use, policy: Policy) -> frozenset[Licence]:
    """The alternative that is best for `use`: one licence, or some that have to be kept together.

    Of those that are equal, the one that allows most: files to be given out first, then to be
    heard, then training.
    """
    if len(stated.alternatives) == 1:
        return next(iter(stated.alternatives))

    def rating(licence: Licence) -> tuple[Level, ...]:
        rules = _rules(licence_rules(licence, policy))
        return (least(rules, use, policy), *_levels(licence, policy))

    return best_alternative(stated, rating)[1]


def _stated_rules(stated: Expression, use: Use, policy: Policy) -> set[str]:
    licences = chosen_licences(stated, use, policy)
    return {rule for one in licences for rule in licence_rules(one, policy)}


def grant_rules(facts: Facts, use: Use, policy: Policy) -> tuple[Rule, ...]:
    """The rules on what is granted for the whole recording; empty where nobody grants anything.

    Where there is a choice of licences, `use` is judged by the one that is best for it.
    """
    ids: set[str] = set()
    if facts.own:
        ids.add("basis.own")
    licences = [one for one in facts.licences if one.grants]
    if facts.granted and licences:
        ids |= {"layers.presumed", "licence.world-wide"}
    if ids or licences:
        ids |= {rule for one in licences for rule in _stated_rules(one, use, policy)}
        if not ids & {"basis.own", "layers.presumed"}:
            ids.add("evidence.hearsay")
        if len(licences) > 1 and len({one.terms for one in licences}) == 1:
            ids.add("licence.versions-differ")
    return _rules(ids)


def gate_rules(facts: Facts, use: Use, policy: Policy) -> tuple[Rule, ...]:
    """The rules that nothing can make up for, of those that apply."""
    forbidden = {claim.value for claim, what in facts.forbidden if what is use}
    applies = (
        ("state.dark-copy" if policy.keep_withdrawn else "state.withdrawn", facts.withdrawn),
        ("input.protected", facts.drm),
        ("provenance.streaming", facts.streaming),
        ("licence.unreadable", facts.unreadable),
        ("licence.conflict", _conflict(facts.licences)),
        ("licence.none", any(Family.NONE in one.families for one in facts.licences)),
        ("ai.reservation", facts.reserved),
        ("source.contract", "contract" in forbidden),
        ("donor.terms", "donor" in forbidden),
        ("sensitivity.named", bool(facts.sensitive)),
    )
    return _rules(rule_id for rule_id, holds in applies if holds)


def _conflict(stated: tuple[Expression, ...]) -> bool:
    return len(stated) > 1 and len({one.terms for one in stated}) > 1


def base_rule(facts: Facts) -> Rule:
    """What holds for a layer of which nobody says anything."""
    if any(Family.PDM in one.families for one in facts.licences):
        return rule_book()["licence.pd-mark"]
    return rule_book()["basis.public-domain" if facts.public_domain else "evidence.none"]


class Place(NamedTuple):
    """A jurisdiction, and the countries of it that are asked for."""

    code: str
    countries: tuple[str, ...]


def term_in(years: Years, layer: Layer, territory: str, policy: Policy) -> TermAnswer:
    """The term of `layer` in a jurisdiction, by the years that are known."""
    sharp, attested, anonymous = layer_years(years, layer)
    return term_of(
        territory, layer, sharp, attested, anonymous=anonymous, accepted=policy.accepted_rules
    )


TermIn = Callable[[Years, Layer, str, Policy], TermAnswer]


def own_channels(
    facts: Facts, layer: Layer, place: Place, use: Use, policy: Policy, *, terms: TermIn
) -> Iterator[Channel]:
    """What allows a use of this layer by itself, whatever is granted for the whole."""
    territory = place.code
    for named, licence in facts.layer_licences:
        if named is layer:
            rules = _rules(_stated_rules(licence, use, policy))
            yield Channel(constant(least(rules, use, policy)), rules)
    term = None
    years = facts.years
    if years and layer in years.absent:
        sure = layer in years.surely_absent
        rule = rule_book()["layer.absent" if sure else "evidence.one-witness"]
        yield Channel(constant(rule.level(use)), (rule,))
    if years and layer not in years.surely_absent and layer is not Layer.ARTWORK:
        term = terms(years, layer, territory, policy)
        yield _term_channel(term, statement_rules(facts, territory), use, policy)
    if facts.statements:
        yield _statement_channel(facts, territory, term, use, policy)
    for rule in _special().get(territory, ()):
        if layer in rule.layers and (not rule.profile or getattr(policy, rule.profile)):
            level = rule_level(rule, use, policy)
            since = _SINCE.get(rule.id, _always)(facts, policy)
            if since is not None and level > Level.DENY:
                yield _special_channel(rule, facts, since, level)


def _special_channel(rule: Rule, facts: Facts, since: int, level: Level) -> Channel:
    """An exception of the law; where one witness alone says that it applies, not without a look."""
    if rule.id not in _SINCE or made_early(facts.years) is Backing.TWO:
        return Channel(rising((since, level)), (rule,))
    rules = (rule, rule_book()["evidence.one-witness"])
    return Channel(rising((since, min(level, Level.REVIEW))), rules)


def statement_rules(facts: Facts, territory: str) -> tuple[Rule, ...]:
    """The rules for what institutions state, as far as they are known statements."""
    if not facts.statements:
        return ()
    ids = {f"statement.{name.lower()}" for name, _ in facts.statements}
    if territory != "US" and "statement.noc-us" in ids:
        ids = ids - {"statement.noc-us"} | {"statement.noc-us.elsewhere"}
    return _rules(ids & rule_book().keys())


def _term_channel(term: TermAnswer, stated: tuple[Rule, ...], use: Use, policy: Policy) -> Channel:
    """A term of protection; what an institution says is protected is not free without a look."""
    against = tuple(rule for rule in stated if rule_level(rule, use, policy) is Level.DENY)
    if not against or level_on(term.steps, OPEN) < Level.ALLOW_IF:
        return Channel(term.steps, (), term)
    return Channel(merge([term.steps, constant(Level.REVIEW)], min), against, term)


def _statement_channel(
    facts: Facts, territory: str, term: TermAnswer | None, use: Use, policy: Policy
) -> Channel:
    """What institutions state. The word of one allows nothing alone: another has to say so too, or
    the terms, and where the terms say that it is protected no statement helps.
    """
    rules = statement_rules(facts, territory)
    if not rules:
        return Channel(constant(Level.REVIEW), (base_rule(facts),))
    level = least(rules, use, policy)
    if level > Level.REVIEW and not policy.noncommercial:
        bound = any(c.startswith("noncommercial") for r in rules for c in r.conditions_of(use))
        level = Level.REVIEW if bound else level
    alone = len({witness for _, witness in facts.statements if witness}) < 2
    single = min(level, Level.REVIEW) if alone else level
    if term is None:
        return Channel(constant(single), rules)
    return Channel(rising((term.best, single), (max(term.best, term.on_one_witness), level)), rules)


def _deal_steps(deal: Deal, place: Place, use: Use) -> Steps:
    """The level of a deal from its first day to its last, in every country asked for."""
    level = min(deal_level(deal, country, deal.start, use) for country in place.countries)
    steps = rising((as_day(deal.start), level))
    if deal.end is None or level is Level.DENY:
        return steps
    return (*steps, (as_day(_plus(deal.end, 1)), Level.DENY))


def deal_channels(facts: Facts, layer: Layer, place: Place, use: Use) -> Iterator[Channel]:
    """What the rights holder's deals allow of this layer."""
    for deal in facts.deals:
        if layer in deal.layers:
            yield Channel(_deal_steps(deal, place, use), (rule_book()["deal.offer"],))


def _rules(ids: Iterable[str]) -> tuple[Rule, ...]:
    book, distinct = rule_book(), set(ids)
    return tuple(book[rule_id] for rule_id in sorted(distinct)) if distinct else ()


@cache
def _special() -> dict[str, tuple[Rule, ...]]:
    """The rules that allow something in one territory only."""
    found: dict[str, tuple[Rule, ...]] = {}
    for rule in rule_book().values():
        if rule.territory:
            found[rule.territory] = (*found.get(rule.territory, ()), rule)
    return found


_Since = Callable[[Facts, Policy], int | None]


def _always(facts: Facts, policy: Policy) -> int | None:
    return 0


def _library(facts: Facts, policy: Policy) -> int | None:
    return 0 if made_early(facts.years) else None


def _noticed(facts: Facts, policy: Policy) -> int | None:
    """The day on which 90 days without an opt-out are over."""
    if facts.filed is None or not policy.noncommercial or not made_early(facts.years):
        return None
    return as_day(_plus(facts.filed, OPT_OUT_DAYS + 1))


def _plus(day: date, days: int) -> date:
    return day + timedelta(days=days)


_SINCE: dict[str, _Since] = {
    "us.noncommercial-pre-1972": _noticed,
    "us.library-pre-1972": _library,
}
"""Since when the exceptions hold that are only for recordings made before 1972."""
EARLY_ONLY = frozenset(_SINCE)


def is_uncertain(rule: Rule, policy: Policy) -> bool:
    """Whether the rule would allow more if it had been checked."""
    return rule.mark is Mark.KNOWLEDGE and rule.id not in policy.accepted_rules
