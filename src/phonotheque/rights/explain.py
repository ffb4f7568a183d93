"""A verdict told as a person would argue it: layer by layer, what it rests on and what is missing.

Pure: `explain_verdict` gives a value that prints as text (`telling`) or as JSON.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

import msgspec

from phonotheque.model.rights import Level, Use
from phonotheque.rights.channels import is_uncertain, rule_level
from phonotheque.rights.decide import Argument, LayerArgument, argue, format_day, term_reason
from phonotheque.rights.facts import Facts, witness_of
from phonotheque.rights.missing import missing_of
from phonotheque.rights.policy import Policy
from phonotheque.rights.rules import Rule, rule_book
from phonotheque.rights.steps import change_after, level_on
from phonotheque.rights.term_rules import TermRule, as_day, term_rules
from phonotheque.rights.terms import OPEN


class RuleView(msgspec.Struct, frozen=True, kw_only=True):
    """One rule as it is cited. `mark`: V read, D derived, K not checked, R our own decision."""

    id: str
    mark: str
    text: str
    source: str
    valid_from: str
    accepted: bool = False  # marked K, and the archive relies on it


class LayerView(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for one layer in one jurisdiction. Days are None where they are not known."""

    territory: str
    layer: str
    level: str
    why: list[str]
    rules: list[str]
    free_at_best: str | None = None
    free_at_worst: str | None = None
    missing: list[str] = []


class EvidenceView(msgspec.Struct, frozen=True, kw_only=True):
    """One claim as it was found."""

    claim: str
    value: str | None
    raw: str
    kind: str
    witness: str | None
    counts_as: str | None  # the witness that it is one with: all discographies are one
    source: str
    captured: str
    sha256: str | None
    confidence: float | None


class VerdictView(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on one use with its argument. `changes`: what would make it another one."""

    use: str
    territories: list[str]
    on: str
    level: str
    conditions: list[str]
    reasons: list[str]
    valid_until: str | None
    becomes: str | None  # the level on the day after
    gates: list[str]
    layers: list[LayerView]
    rules: list[RuleView]
    evidence: list[EvidenceView]
    changes: list[str]


def explain_verdict(
    facts: Facts, territories: Sequence[str], on: date, use: Use, policy: Policy
) -> VerdictView:
    """The verdict as `decide` gives it, with the whole argument.

    Raises:
        InputError: a territory is no code of two letters.
    """
    argument = argue(facts, territories, on, use, policy)
    verdict, day = argument.verdict, as_day(on)
    layers = [_layer(layer, facts, day, use, policy) for layer in argument.layers]
    change = change_after(argument.steps, day)
    later = level_on(argument.steps, change) if change and change < OPEN else None
    ids = [rule.id for rule in argument.gates] + [i for layer in layers for i in layer.rules]
    return VerdictView(
        use=use.value,
        territories=list(territories),
        on=on.isoformat(),
        level=verdict.level.name,
        conditions=list(verdict.conditions),
        reasons=list(verdict.reasons),
        valid_until=verdict.valid_until.isoformat() if verdict.valid_until else None,
        becomes=later.name if later is not None else None,
        gates=[rule.id for rule in argument.gates],
        layers=layers,
        rules=[view_rule(i, policy) for i in dict.fromkeys([*ids, *verdict.rule_ids])],
        evidence=list(_evidence(facts)),
        changes=list(_changes(argument, layers, policy)),
    )


def view_rule(rule_id: str, policy: Policy | None = None) -> RuleView:
    """The rule with this id, on licences, gates or terms.

    Raises:
        KeyError: there is none.
    """
    accepted = policy is not None and rule_id in policy.accepted_rules
    rule: Rule | TermRule | None = rule_book().get(rule_id)
    if rule is None and (compiled := term_rules().get(rule_id)):
        rule = compiled.rule
    if rule is not None:
        return _view(
            rule.id, rule.mark.value, rule.text, rule.source, rule.valid_from, accepted=accepted
        )
    for one in term_rules().values():
        kept = one.rule.kept_free
        if kept and kept.id == rule_id:
            since = one.rule.valid_from
            return _view(kept.id, kept.mark.value, kept.text, kept.source, since, accepted=accepted)
    raise KeyError(rule_id)


def rule_ids() -> list[str]:
    """Ids of all rules: those on licences and gates, then those on terms."""
    terms = []
    for rule_id, one in term_rules().items():
        terms.append(rule_id)
        if one.rule.kept_free:
            terms.append(one.rule.kept_free.id)
    return [*rule_book(), *terms]


def _view(
    rule_id: str, mark: str, text: str, source: str, valid_from: date, *, accepted: bool
) -> RuleView:
    return RuleView(
        id=rule_id,
        mark=mark,
        text=text,
        source=source,
        valid_from=valid_from.isoformat(),
        accepted=accepted,
    )


def _layer(argument: LayerArgument, facts: Facts, day: int, use: Use, policy: Policy) -> LayerView:
    term = argument.chosen.term
    why = [_held_down(rule, use, policy) for rule in argument.chosen.rules]
    missing = list(missing_of(argument, facts, day))
    if argument.level is Level.REVIEW and not (missing or term):
        for channel in argument.channels:  # a licence holds it there, but a term may yet free it
            if channel.term:
                missing += missing_of(replace(argument, chosen=channel), facts, day)
    if term:
        why.append(term_reason(argument.territory, argument.layer, term, day))
    for rule in argument.chosen.rules:
        if is_uncertain(rule, policy) and rule.level(use) > rule_level(rule, use, policy):
            missing.append(f"the rule {rule.id} is not checked (mark K)")
    ids = [rule.id for rule in argument.chosen.rules] + list(term.rule_ids if term else ())
    return LayerView(
        territory=argument.territory,
        layer=argument.layer.value if argument.layer else "all layers",
        level=argument.level.name,
        why=why,
        rules=ids,
        free_at_best=_day_or_none(term.best) if term else None,
        free_at_worst=_day_or_none(term.worst) if term else None,
        missing=missing,
    )


def _held_down(rule: Rule, use: Use, policy: Policy) -> str:
    """The rule, and what it says of `use` where that allows nothing: its text need not tell."""
    level = rule_level(rule, use, policy)
    return rule.text if level >= Level.ALLOW_IF else f"{rule.text} ({level.name} for {use})"


def _day_or_none(day: int) -> str | None:
    return format_day(day) if 0 < day < OPEN else None


def _evidence(facts: Facts) -> Iterator[EvidenceView]:
    for e in facts.evidence:
        yield EvidenceView(
            claim=e.claim.value,
            value=e.value,
            raw=e.raw,
            kind=e.kind.value,
            witness=e.witness,
            counts_as=witness_of(e) or None,
            source=e.source,
            captured=e.captured_at.isoformat(),
            sha256=e.sha256,
            confidence=e.confidence,
        )


def _changes(argument: Argument, views: Sequence[LayerView], policy: Policy) -> Iterator[str]:
    """What would raise the verdict: of the gates and layers that hold it where it is."""
    level, use = argument.verdict.level, argument.verdict.use
    if level is Level.ALLOW:
        return
    for rule in argument.gates:
        if rule_level(rule, use, policy) is level:
            yield f"{rule.id} no longer applying"
    where: dict[str, dict[str, list[str]]] = {}
    for layer, view in zip(argument.layers, views, strict=True):
        if layer.level is not level or level is Level.ALLOW_IF:
            continue
        for lack in view.missing or [_grant(view)]:
            where.setdefault(lack, {}).setdefault(view.territory, []).append(view.layer)
    for lack, places in where.items():
        named = [f"{territory}: {', '.join(layers)}" for territory, layers in places.items()]
        yield f"{lack} ({'; '.join(named)})"


def _grant(view: LayerView) -> str:
    waiting = f", or waiting until {view.free_at_best}" if view.free_at_best else ""
    return "a licence or deal of the rights holder that covers it" + waiting
