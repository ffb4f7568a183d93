"""The term of one layer in one territory: all rules that bear on it, taken together. Pure."""

from collections.abc import Iterable
from functools import cache, lru_cache
from typing import NamedTuple

from phonotheque.model.rights import Layer, Level
from phonotheque.rights.rules import Mark
from phonotheque.rights.steps import Steps, rising
from phonotheque.rights.term_rules import (
    Bound,
    Compiled,
    LayerYears,
    TermKind,
    adds_for_posthumous,
    bounds_of,
    is_posthumous,
    term_rules,
)
from phonotheque.rights.terms import OPEN, Bounds
from phonotheque.rights.years import Backing

REMEMBERED = 1 << 17


class TermAnswer(NamedTuple):
    """When a layer is free. Days are numbers, ``20260101``; OPEN where no day is known.

    `best`: the earliest day that what is stated leaves possible. `worst`: the latest day, of what
    two witnesses bear out by rules that count. `on_one_witness` and `on_all_rules`: the latest day
    if one witness, or also rules that are not accepted, were enough. `uncertain` names those rules.
    `posthumous`: what the law may add to a work published after its author's death is not known.
    """

    best: int
    worst: int
    on_one_witness: int
    on_all_rules: int
    rule_ids: tuple[str, ...]
    uncertain: tuple[str, ...]
    contradiction: bool = False
    posthumous: bool = False

    @property
    def steps(self) -> Steps:
        """DENY, REVIEW from `best` on, ALLOW from `worst` on."""
        return _steps(self.best, self.worst)


@lru_cache(maxsize=REMEMBERED)
def _steps(best: int, worst: int) -> Steps:
    if worst >= OPEN:
        return rising((best, Level.REVIEW)) if best < OPEN else rising()
    return rising((best, Level.REVIEW), (worst, Level.ALLOW))


def counts(mark: Mark, rule_id: str, accepted: frozenset[str]) -> bool:
    """Whether something may be allowed on the strength of this rule."""
    return mark is not Mark.KNOWLEDGE or rule_id in accepted


@cache
def rules_of_layer(territory: str, layer: Layer, anonymous: bool) -> tuple[Compiled, ...]:
    """The rules for a layer. Those on anonymous works stand in for those on lives."""
    rules = [
        one
        for one in term_rules().values()
        if one.rule.territory == territory and layer in one.rule.layers
    ]
    nobody = [one for one in rules if one.rule.kind is TermKind.ANONYMOUS]
    left_out = TermKind.LIFE if anonymous and nobody else TermKind.ANONYMOUS
    return tuple(one for one in rules if one.rule.kind is not left_out)


@lru_cache(maxsize=REMEMBERED)
def term_of(
    territory: str,
    layer: Layer,
    sharp: LayerYears,
    attested: LayerYears,
    *,
    anonymous: Backing,
    accepted: frozenset[str],
) -> TermAnswer:
    """When `layer` is free in the jurisdiction `territory`, by all rules on it. Unless two say that
    nobody knows its authors, what is borne out is judged as if they were known.
    """
    rules = rules_of_layer(territory, layer, anonymous is not Backing.NOBODY)
    borne_out = rules_of_layer(territory, layer, anonymous is Backing.TWO)
    applied = [(one, found) for one in rules if (found := bounds_of(one, sharp))]
    if not any(one.rule.bound is not Bound.SHORTEST for one, _ in applied):
        ids = tuple(one.rule.id for one in rules)
        return TermAnswer(0, OPEN, OPEN, OPEN, ids, (), contradiction=True)
    best = min(found.best for one, found in applied if one.rule.bound is not Bound.LONGEST)
    longest = [one for one in rules if one.rule.bound is not Bound.SHORTEST]
    ids, uncertain = _named(longest, sharp, accepted)
    late = is_posthumous(sharp)
    on_all = _worst(borne_out, attested, None, late)
    same = sharp == attested and rules is borne_out
    worst = on_all if not uncertain and same else _worst(borne_out, attested, accepted, late)
    return TermAnswer(
        best,
        worst,
        worst if same else _worst(longest, sharp, accepted, late),
        on_all,
        (*ids, *(o.rule.id for o, _ in applied if o.rule.bound is Bound.SHORTEST)),
        uncertain,
        posthumous=late and any(adds_for_posthumous(one.rule) for one, _ in applied),
    )


def _worst(
    rules: Iterable[Compiled], years: LayerYears, accepted: frozenset[str] | None, late: bool
) -> int:
    """The latest day by all `rules` that tell one; by those that count alone, where `accepted` is
    given. OPEN for a work that came out too `late`, where the law adds to that.
    """
    latest = 0
    for one in rules:
        if one.rule.bound is Bound.SHORTEST:
            continue
        cut = one.rule.kept_free
        keep = cut is None or accepted is None or counts(cut.mark, cut.id, accepted)
        found = bounds_of(one, years, kept=keep)
        if found is None:
            continue
        if late and adds_for_posthumous(one.rule):
            return OPEN
        if accepted is not None and not counts(one.rule.mark, one.rule.id, accepted):
            return OPEN
        latest = max(latest, found.worst)
    return latest or OPEN


def _named(
    rules: list[Compiled], years: LayerYears, accepted: frozenset[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Ids of the rules that bear on `years`, and of those among them that do not count."""
    ids, uncertain = [], []
    for one in rules:
        found = bounds_of(one, years)
        if found is None:
            continue
        ids.append(one.rule.id)
        if not counts(one.rule.mark, one.rule.id, accepted):
            uncertain.append(one.rule.id)
        cut = one.rule.kept_free
        if cut and found != _without(one, years):
            ids.append(cut.id)
            if not counts(cut.mark, cut.id, accepted):
                uncertain.append(cut.id)
    return tuple(ids), tuple(uncertain)


def _without(one: Compiled, years: LayerYears) -> Bounds | None:
    return bounds_of(one, years, kept=False)
