"""Terms of protection as SQL: the rules of terms.toml compiled for many rows at once. Pure.

The formulas are those of `rights.terms`, written over columns instead of numbers. A `_Plan`
collects the columns to compute, each once however many rules ask for it, nested by what they need.
Read beside rights/terms.py; the tests hold each against the other.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from phonotheque.model.rights import Layer
from phonotheque.rights.layer_terms import counts, rules_of_layer
from phonotheque.rights.term_rules import (
    Bound,
    Compiled,
    LayerYears,
    TermKind,
    adds_for_posthumous,
)
from phonotheque.rights.terms import OPEN, Cohort, KeptFree
from phonotheque.rights.years import FOREVER, NEVER, Backing

NO_WINDOW = 20_000
_COLUMN = re.compile(r"\bc\d+\b")


class _Span(NamedTuple):
    """Years between two columns; empty where `first` is greater than `last`."""

    first: str
    last: str


class _Ends(NamedTuple):
    """First and last day; both null where the rule does not apply."""

    best: str
    worst: str


class _Plan:
    """Columns to compute, under names of their own."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._levels: list[list[str]] = []
        self._depth: dict[str, int] = {}

    def let(self, text: str) -> str:
        """The name of a column that holds `text`."""
        if text not in self._names:
            depth = max((self._depth[c] + 1 for c in _COLUMN.findall(text)), default=0)
            name = f"c{len(self._names)}"
            self._names[text], self._depth[name] = name, depth
            while len(self._levels) <= depth:
                self._levels.append([])
            self._levels[depth].append(f"{text} AS {name}")
        return self._names[text]

    def query(self, source: str, outputs: Sequence[str]) -> str:
        """SELECT `outputs` from `source` with all columns there."""
        for level in self._levels:
            source = f"(SELECT *, {', '.join(level)} FROM {source})"
        return f"SELECT {', '.join(outputs)} FROM {source}"

    def overlap(self, one: _Span, other: _Span) -> _Span:
        """The years in both."""
        return _Span(
            self.let(f"greatest({one.first}, {other.first})"),
            self.let(f"least({one.last}, {other.last})"),
        )

    def strip(self, event: _Span, fixed: _Span, most: int) -> tuple[_Span, _Span]:
        """Years of event and making that go together with 0 to `most` years between."""
        return (
            self.overlap(event, _Span(fixed.first, self.let(f"{fixed.last} + {most}"))),
            self.overlap(fixed, _Span(self.let(f"{event.first} - {most}"), event.last)),
        )


class _Piece(NamedTuple):
    """First and last year in which a term ends, where `when` holds."""

    when: str
    first: str
    last: str


class _Case(NamedTuple):
    """Years of an event and of making, where `when` holds."""

    when: str
    event: _Span
    made: _Span


def term_query(
    layer: Layer, territories: Sequence[str], accepted: frozenset[str], source: str
) -> str:
    """SQL that gives, for every row of `source`, when `layer` is free in each jurisdiction.

    `source` has a column `key` and the years as `year_columns` names them. The columns that come
    out are `key` and for each of `territories` ``<code>_best``, ``_one`` and ``_worst``: the fields
    `best`, `on_one_witness` and `worst` of `TermAnswer`.
    """
    plan = _Plan()
    outputs = ["key"]
    for code in territories:
        answers = [
            _answer(plan, rules_of_layer(code, layer, anonymous), accepted)
            for anonymous in (False, True)
        ]
        for name, plain, nameless in zip(("best", "one", "worst"), *answers, strict=True):
            least = Backing.TWO if name == "worst" else Backing.SOMEBODY
            nobody = f"anonymous >= {int(least)}"
            text = plain if plain == nameless else f"if({nobody}, {nameless}, {plain})"
            outputs.append(f"{text} AS {code}_{name}")
    return plan.query(f"({source})", outputs)


def year_columns() -> list[str]:
    """Names of the columns that a source of `term_query` has, beside `key`."""
    ends = [f"{field}_{end}" for field in LayerYears._fields for end in ("first", "last")]
    return [*(f"{side}_{end}" for side in ("sharp", "attested") for end in ends), "anonymous"]


def _answer(
    plan: _Plan, rules: Sequence[Compiled], accepted: frozenset[str]
) -> tuple[str, str, str]:
    """`best`, `on_one_witness` and `worst` by all rules on a layer."""
    first = [
        _bounds(plan, one, "sharp", kept=True).best
        for one in rules
        if one.rule.bound is not Bound.LONGEST
    ]
    told = [
        _bounds(plan, one, "sharp", kept=True).best
        for one in rules
        if one.rule.bound is not Bound.SHORTEST
    ]
    if not told:
        return "0", str(OPEN), str(OPEN)
    fits = plan.let(f"coalesce({', '.join(told)}) IS NOT NULL")
    best = plan.let(f"least({', '.join(first)}, NULL)") if first else str(OPEN)
    one, worst = (_worst(plan, rules, side, accepted) for side in ("sharp", "attested"))
    return (
        plan.let(f"if({fits}, {best}, 0)"),
        plan.let(f"if({fits}, {one}, {OPEN})"),
        plan.let(f"if({fits}, {worst}, {OPEN})"),
    )


def _worst(plan: _Plan, rules: Sequence[Compiled], side: str, accepted: frozenset[str]) -> str:
    """The latest day by all rules that count; OPEN where one that does not count bears on it."""
    days = []
    for one in rules:
        if one.rule.bound is Bound.SHORTEST:
            continue
        cut = one.rule.kept_free
        keep = cut is None or counts(cut.mark, cut.id, accepted)
        worst = _bounds(plan, one, side, kept=keep).worst
        sure = counts(one.rule.mark, one.rule.id, accepted)
        days.append(worst if sure else plan.let(f"if({worst} IS NULL, NULL, {OPEN})"))
    return plan.let(f"coalesce(greatest({', '.join(days)}, NULL), {OPEN})")


def _bounds(plan: _Plan, one: Compiled, side: str, *, kept: bool) -> _Ends:
    """`term_rules.bounds_of` over columns."""
    rule, cut = one.rule, one.kept if kept else None
    spans = {name: _Span(f"{side}_{name}_first", f"{side}_{name}_last") for name in _FIELDS}
    if rule.kind is TermKind.LIFE:
        return _life(plan, one, cut, spans)
    if rule.kind in (TermKind.PUBLICATION, TermKind.ANONYMOUS):
        return _by_work(plan, one, spans["work_published"])
    window = _Span(str(rule.fixed_from), str(rule.fixed_to))
    fixed = plan.overlap(spans["fixed"], window)
    if rule.kind is TermKind.COHORTS:
        return _cohorts(plan, one, fixed, spans["published"])
    if rule.kind is TermKind.OPEN_ENDED:
        return _open_ended(plan, one, fixed, spans["published"])
    return _recording(plan, one, cut, fixed, spans)


_FIELDS = LayerYears._fields


def _free_from(plan: _Plan, year: str) -> str:
    day = f"({year} + 1) * 10000 + 101"
    return plan.let(f"CASE WHEN {year} < 8999 THEN {day} WHEN {year} >= 8999 THEN {OPEN} END")


def _some(*spans: _Span) -> str:
    return " AND ".join(f"{span.first} <= {span.last}" for span in spans)


def _recording(
    plan: _Plan, one: Compiled, kept: KeptFree | None, fixed: _Span, spans: dict[str, _Span]
) -> _Ends:
    published, communicated = spans["published"], spans["communicated"]
    until = plan.let(f"least({published.last}, {communicated.last})")
    made = plan.overlap(fixed, _Span("0", until))
    possible = plan.let(f"{_some(fixed)} AND {_some(made)}")
    pieces = list(_pieces(plan, one, kept, _Case(possible, published, made), communicated))
    best = ", ".join(f"if({p.when}, {p.first}, NULL)" for p in pieces)
    worst = ", ".join(f"if({p.when}, {p.last}, NULL)" for p in pieces)
    first, last = plan.let(f"least({best}, NULL)"), plan.let(f"greatest({worst}, NULL)")
    term = one.term
    if term.earlier and term.published is not None:
        extra = _event(plan, one, kept, term.published, _Case(possible, communicated, made))
        sooner = ", ".join(f"if({p.when}, {p.first}, NULL)" for p in extra)
        first = plan.let(f"if({first} IS NULL, NULL, least({first}, {sooner}))")
    return _Ends(_free_from(plan, first), _free_from(plan, last))


def _pieces(
    plan: _Plan, one: Compiled, kept: KeptFree | None, case: _Case, communicated: _Span
) -> Iterator[_Piece]:
    """The pieces of the possible years in which the term grows with them."""
    window = NO_WINDOW if one.term.window is None else one.term.window
    when, left = case.when, case.made
    for event, years in (
        (case.event, one.term.published),
        (communicated, one.term.communicated),
    ):
        if years is None:
            continue
        yield from _event(plan, one, kept, years, _Case(when, event, left))
        late = f"least({left.last}, {event.last} - {window + 1})"
        left = _Span(left.first, plan.let(f"if({event.last} = {NEVER}, {left.last}, {late})"))
        when = plan.let(f"{when} AND {_some(left)}")
    rest = left
    if kept is not None:
        old = plan.overlap(left, _Span("0", str(kept.last)))
        yield _after(plan, f"{when} AND {_some(old)}", old, kept.years)
        rest = plan.overlap(left, _Span(str(kept.last + 1), str(FOREVER)))
    when = plan.let(f"{when} AND {_some(rest)}")
    if one.term.fixed is None:
        yield _Piece(when, str(NEVER), str(NEVER))
    else:
        yield _after(plan, when, rest, one.term.fixed)


def _event(
    plan: _Plan, one: Compiled, kept: KeptFree | None, years: int, case: _Case
) -> Iterator[_Piece]:
    """Ends of a term of `years` after an event within the window."""
    window = NO_WINDOW if one.term.window is None else one.term.window
    event = case.event
    happened = _Span(event.first, plan.let(f"least({event.last}, {FOREVER})"))
    happened, made = plan.strip(happened, case.made, window)
    when = plan.let(f"{case.when} AND {event.first} <= {FOREVER} AND {_some(happened, made)}")
    if kept is None:
        yield _capped(plan, one, years, _Case(when, happened, made))
        return
    for side in (_Span("0", str(kept.last)), _Span(str(kept.last + 1), str(FOREVER))):
        e = happened if kept.by_fixation else plan.overlap(happened, side)
        f = plan.overlap(made, side) if kept.by_fixation else made
        within, of = plan.strip(e, f, window)
        here = plan.let(f"{when} AND {_some(e, f, within, of)}")
        if side.first == "0":
            yield _after(plan, here, of if kept.by_fixation else within, kept.years)
        else:
            yield _capped(plan, one, years, _Case(here, within, of))


def _after(plan: _Plan, when: str, start: _Span, years: int) -> _Piece:
    first, last = (plan.let(f"{end} + {years}") for end in start)
    return _Piece(plan.let(when), first, last)


def _capped(plan: _Plan, one: Compiled, years: int, case: _Case) -> _Piece:
    if one.term.cap is None:
        return _after(plan, case.when, case.event, years)
    first, last = (
        plan.let(f"least({e} + {years}, {f} + {one.term.cap})")
        for e, f in zip(case.event, case.made, strict=True)
    )
    return _Piece(case.when, first, last)


def _cohorts(plan: _Plan, one: Compiled, fixed: _Span, published: _Span) -> _Ends:
    start = plan.let(f"greatest({published.first}, {fixed.first})")
    when = plan.let(f"{_some(fixed)} AND {published.last} >= {start}")
    best, worst = (_cohort(one.cohorts, one.latest, year) for year in (start, published.last))
    return _Ends(plan.let(f"if({when}, {best}, NULL)"), plan.let(f"if({when}, {worst}, NULL)"))


def _cohort(cohorts: Sequence[Cohort], latest: int, year: str) -> str:
    cases = [
        f"WHEN {year} <= {c.to} THEN "
        + (str(c.day) if c.day else f"({year} + {c.years + 1}) * 10000 + 101")
        for c in cohorts
    ]
    return f"CASE {' '.join(cases)} ELSE {latest} END"


def _open_ended(plan: _Plan, one: Compiled, fixed: _Span, published: _Span) -> _Ends:
    rule = one.rule
    fits = plan.let(f"{_some(fixed)} AND {published.last} >= {fixed.first}")
    later = plan.let(f"{fits} AND {published.last} > {rule.last}")
    day = _free_from(plan, plan.let(f"{fixed.first} + {rule.years}"))
    best, worst = [f"if({later}, {day}, NULL)"], [f"if({later}, {OPEN}, NULL)"]
    if rule.published is not None:
        first = plan.let(f"greatest({published.first}, {fixed.first})")
        known = plan.let(f"{fits} AND {first} <= {rule.last}")
        until = plan.let(f"least({published.last}, {rule.last}) + {rule.published}")
        since = _free_from(plan, plan.let(f"{first} + {rule.published}"))
        best.append(f"if({known}, {since}, NULL)")
        worst.append(f"if({known}, {_free_from(plan, until)}, NULL)")
    return _Ends(
        plan.let(f"least({', '.join(best)}, NULL)"), plan.let(f"greatest({', '.join(worst)}, NULL)")
    )


def _life(plan: _Plan, one: Compiled, kept: KeptFree | None, spans: dict[str, _Span]) -> _Ends:
    rule, published = one.rule, spans["work_published"]
    last = (spans["together"] if rule.together else spans["died"]).last
    best, worst = (_after_death(plan, rule.years, kept, y) for y in (spans["died"].first, last))
    for floor in rule.floors:
        start = plan.let(f"greatest({published.first}, {rule.published_from})")
        end = (floor.end + 1) * 10_000 + 101
        worst = plan.let(f"if({start} <= {floor.published_to}, greatest({worst}, {end}), {worst})")
    if adds_for_posthumous(rule):
        worst = plan.let(f"if({_posthumous(plan)}, {OPEN}, {worst})")
    when = plan.let(f"{published.last} >= {rule.published_from}")
    return _Ends(plan.let(f"if({when}, {best}, NULL)"), plan.let(f"if({when}, {worst}, NULL)"))


def _posthumous(plan: _Plan) -> str:
    """`term_rules.is_posthumous`, of the years as stated: one witness is enough for doubt."""
    died = "sharp_died_last"
    return plan.let(f"{died} < {FOREVER} AND sharp_work_published_first > {died}")


def _after_death(plan: _Plan, years: int, kept: KeptFree | None, died: str) -> str:
    if kept is None:
        return _free_from(plan, plan.let(f"{died} + {years}"))
    old = f"if({died} <= {kept.last}, {kept.years}, {years})"
    return _free_from(plan, plan.let(f"{died} + {old}"))


def _by_work(plan: _Plan, one: Compiled, published: _Span) -> _Ends:
    rule = one.rule
    when = plan.let(f"{published.first} <= least({published.last}, {rule.last})")
    first = _free_from(plan, plan.let(f"{published.first} + {rule.years}"))
    until = plan.let(f"least({published.last}, {rule.last}) + {rule.years}")
    last = _free_from(plan, until)
    if rule.kind is TermKind.PUBLICATION:
        return _Ends(plan.let(f"if({when}, {first}, NULL)"), plan.let(f"if({when}, {last}, NULL)"))
    sure = plan.let(f"{when} AND {published.last} <> {NEVER}")
    return _Ends(plan.let(f"if({when}, {first}, {OPEN})"), plan.let(f"if({sure}, {last}, {OPEN})"))
