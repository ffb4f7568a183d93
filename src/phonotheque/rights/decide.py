"""From facts to a verdict: the minimum over layers, territories and gates. Pure.

`argue` finds for each layer what allows its use best and keeps the whole argument; `decide` gives
its verdict. No licence and no law is known here; they are rules (rules.toml, terms.toml).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

from phonotheque.model.rights import Claim, Layer, Level, Use, Verdict
from phonotheque.rights.channels import (
    Channel,
    Place,
    TermIn,
    base_rule,
    deal_channels,
    gate_rules,
    grant_rules,
    is_uncertain,
    least,
    own_channels,
    rule_level,
    term_in,
)
from phonotheque.rights.facts import Facts
from phonotheque.rights.layer_terms import TermAnswer
from phonotheque.rights.layers import layers_of, rebutted_layers
from phonotheque.rights.policy import Policy
from phonotheque.rights.rules import Rule, rule_book
from phonotheque.rights.steps import Steps, change_after, constant, level_on, merge
from phonotheque.rights.term_rules import as_day
from phonotheque.rights.terms import OPEN
from phonotheque.rights.territories import DEFAULT, jurisdiction_of

EVERYWHERE = "everywhere"


@dataclass(frozen=True, slots=True)
class LayerArgument:
    """What holds for one layer in one jurisdiction, and every channel that was considered.

    `layer` is None where one grant reaches all layers, `territory` then is EVERYWHERE.
    """

    territory: str
    layer: Layer | None
    level: Level
    chosen: Channel
    channels: tuple[Channel, ...]
    steps: Steps


class _Asked(NamedTuple):
    day: int
    use: Use
    policy: Policy


@dataclass(frozen=True, slots=True)
class Argument:
    """A verdict with all that it was made of."""

    verdict: Verdict
    gates: tuple[Rule, ...]
    layers: tuple[LayerArgument, ...]
    steps: Steps


def decide(facts: Facts, territories: Sequence[str], on: date, use: Use, policy: Policy) -> Verdict:
    """The verdict on `use` in all of `territories` on the day `on`.

    Raises:
        InputError: a territory is no code of two letters.
    """
    return argue(facts, territories, on, use, policy).verdict


def argue(
    facts: Facts,
    territories: Sequence[str],
    on: date,
    use: Use,
    policy: Policy,
    *,
    terms: TermIn = term_in,
) -> Argument:
    """The verdict as `decide`, with the argument for it. `terms` answers for terms of protection.

    Raises:
        InputError: a territory is no code of two letters.
    """
    day = as_day(on)
    asked = _Asked(day, use, policy)
    gates = gate_rules(facts, use, policy)
    layers = _layers(facts, _places(tuple(territories)), asked, terms)
    several = [layer.steps for layer in layers]
    several += [constant(rule_level(rule, use, policy)) for rule in gates]
    steps = merge(several, min)
    level = level_on(steps, day)
    verdict = Verdict(
        use=use,
        level=level,
        reasons=tuple(dict.fromkeys(_reasons(facts, gates, layers, level, asked))),
        rule_ids=_rule_ids(gates, layers, day),
        conditions=_conditions(gates, layers, use) if level is Level.ALLOW_IF else (),
        valid_until=_valid_until(steps, day),
    )
    return Argument(verdict, gates, layers, steps)


def layer_levels(
    facts: Facts,
    territories: Sequence[str],
    on: date,
    use: Use,
    policy: Policy,
    *,
    terms: TermIn = term_in,
) -> dict[Layer | None, Level]:
    """The level that each layer has, the gates taken in; under None where one grant settles all.

    The least of them is the level of the verdict that `decide` gives.
    """
    day = as_day(on)
    gates = gate_rules(facts, use, policy)
    most = min((rule_level(rule, use, policy) for rule in gates), default=Level.ALLOW)
    found: dict[Layer | None, Level] = {}
    for one in _layers(facts, _places(tuple(territories)), _Asked(day, use, policy), terms):
        found[one.layer] = min(one.level, most, found.get(one.layer, Level.ALLOW))
    return found


def _layers(
    facts: Facts, places: Sequence[Place], asked: _Asked, terms: TermIn
) -> tuple[LayerArgument, ...]:
    """The argument for each layer in each jurisdiction; one for all where a grant settles it."""
    day, use, policy = asked
    grant = grant_rules(facts, use, policy)
    granted = Channel(constant(least(grant, use, policy)), grant) if grant else None
    rebutted = rebutted_layers(facts)
    alone = facts.years is None and not (facts.layer_licences or facts.deals)
    if granted and not rebutted and (alone or granted.steps[0][1] is Level.ALLOW):
        return (_layer(EVERYWHERE, None, [granted], day),)
    found = []
    for place in places:
        for layer in layers_of(facts):
            channels = (
                [] if granted is None else [_reached(granted, layer in rebutted, use, policy)]
            )
            channels += own_channels(facts, layer, place, use, policy, terms=terms)
            if not channels:
                rule = base_rule(facts)
                channels.append(Channel(constant(rule_level(rule, use, policy)), (rule,)))
            channels += deal_channels(facts, layer, place, use)
            found.append(_layer(place.code, layer, channels, day))
    return tuple(found)


@lru_cache(maxsize=1 << 12)
def _places(territories: tuple[str, ...]) -> tuple[Place, ...]:
    """The jurisdictions of `territories`; nowhere in particular counts as ZZ."""
    places: dict[str, list[str]] = {}
    for territory in territories or (DEFAULT,):
        places.setdefault(jurisdiction_of(territory), []).append(territory.upper())
    return tuple(Place(code, tuple(countries)) for code, countries in places.items())


def _reached(granted: Channel, rebutted: bool, use: Use, policy: Policy) -> Channel:
    """What the grant for the whole says of one layer."""
    if not rebutted:
        return granted
    rules = (*granted.rules, rule_book()["layers.rebutted"])
    return Channel(constant(least(rules, use, policy)), rules)


def _layer(territory: str, layer: Layer | None, channels: list[Channel], day: int) -> LayerArgument:
    only = channels[0].steps if len(channels) == 1 else None
    steps = only or merge([channel.steps for channel in channels], max)
    level = level_on(steps, day)
    chosen = next(channel for channel in channels if level_on(channel.steps, day) is level)
    return LayerArgument(territory, layer, level, chosen, tuple(channels), steps)


def _rule_ids(gates: Sequence[Rule], layers: Sequence[LayerArgument], day: int) -> tuple[str, ...]:
    ids = {rule.id for rule in gates}
    for layer in layers:
        ids |= {rule.id for rule in layer.chosen.rules}
        if layer.chosen.term:
            ids |= {*layer.chosen.term.rule_ids, *_doubts(layer.chosen.term, day)}
    return tuple(sorted(ids))


def _doubts(term: TermAnswer, day: int) -> Iterator[str]:
    """Why a term that may be over is not taken to be over."""
    if term.contradiction:
        yield "evidence.contradiction"
    elif term.best <= day < term.worst:
        if term.posthumous:
            yield "work.posthumous"
        if term.on_one_witness <= day:
            yield "evidence.one-witness"
        if term.uncertain:
            yield "rule.uncertain"


def _reasons(
    facts: Facts,
    gates: Sequence[Rule],
    layers: Sequence[LayerArgument],
    level: Level,
    asked: _Asked,
) -> Iterator[str]:
    """Why the verdict is no better (or, for ALLOW, why it is), then who says so."""
    for rule in gates:
        if rule_level(rule, asked.use, asked.policy) is level:
            yield rule.text
    for layer in layers:
        if layer.level is not level:
            continue
        rules = layer.chosen.rules
        binding = [r for r in rules if rule_level(r, asked.use, asked.policy) is level]
        for rule in binding or rules:
            yield rule.text
            if rule.level(asked.use) is not level and is_uncertain(rule, asked.policy):
                yield f"{rule_book()['rule.uncertain'].text} ({rule.id})"
        if layer.chosen.term:
            yield term_reason(layer.territory, layer.layer, layer.chosen.term, asked.day)
    stated = {
        f"{e.value or 'an unknown licence'} stated in {e.source}"
        for e in facts.evidence
        if e.claim is Claim.LICENCE
    }
    yield from sorted(stated)


def term_reason(territory: str, layer: Layer | None, term: TermAnswer, day: int) -> str:
    """One sentence on a term of protection as it stands on `day`."""
    where = f"{territory}, {layer or 'recording'}"
    rules = ", ".join(term.rule_ids)
    if term.contradiction:
        return f"{where}: the years stated cannot go together ({rules})"
    if term.worst <= day:
        return f"{where}: free since {format_day(term.worst)} ({rules})"
    if term.best > day:
        since = "as far as can be told" if term.best >= OPEN else f"until {format_day(term.best)}"
        return f"{where}: protected {since} ({rules})"
    if term.on_one_witness <= day:
        return f"{where}: free by the years that one witness states; two are needed ({rules})"
    if term.on_all_rules <= day:
        names = ", ".join(term.uncertain)
        return f"{where}: free only by rules that have not been checked ({names})"
    why = "the years known do not settle it"
    if term.posthumous:
        why = "work.posthumous: the work did not come out in its author's life"
    return f"{where}: may be free or protected; {why} ({rules})"


def format_day(day: int) -> str:
    """2026-01-01 for 20260101."""
    return f"{day // 10_000:04d}-{day // 100 % 100:02d}-{day % 100:02d}"


def _conditions(
    gates: Iterable[Rule], layers: Sequence[LayerArgument], use: Use
) -> tuple[str, ...]:
    rules = [*gates, *(rule for layer in layers for rule in layer.chosen.rules)]
    return tuple(sorted({c for rule in rules for c in rule.conditions_of(use)}))


def _valid_until(steps: Steps, day: int) -> date | None:
    """The day before the level changes."""
    change = change_after(steps, day)
    if change is None or change >= OPEN:
        return None
    return date(change // 10_000, change // 100 % 100, change % 100) - timedelta(days=1)
