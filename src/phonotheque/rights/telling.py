"""An explained verdict as lines of text. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from phonotheque.rights.explain import EvidenceView, LayerView, RuleView, VerdictView
from phonotheque.rights.territories import DEFAULT, jurisdiction_of


def lines_of(view: VerdictView) -> Iterator[str]:
    """The argument without the citations of its rules, which `lines_of_rules` gives."""
    where = ", ".join(_with_jurisdiction(one) for one in view.territories)
    yield f"{view.use} in {where} on {view.on}: {view.level}"
    for condition in view.conditions:
        yield f"  on condition: {condition}"
    texts = {rule.id: rule.text for rule in view.rules}
    for gate in view.gates:
        yield f"  before all else: {texts[gate]} ({gate})"
    yield from _layers(view)
    if view.changes:
        yield "  what would change it"
        for change in view.changes:
            yield f"      {change}"
    if view.valid_until:
        yield f"  holds until {view.valid_until}, then {view.becomes}"
    else:
        yield "  no term that is known changes it"


def _layers(view: VerdictView) -> Iterator[str]:
    """Level and argument, once for all layers of which the same holds."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for layer in view.layers:
        told = (layer.level, *layer.why, *_lacks(layer, view))
        alike.setdefault(told, []).append(f"{layer.territory}, {layer.layer}")
    for (level, *lines), names in alike.items():
        yield f"  {'; '.join(names)}: {level}"
        for line in lines:
            yield f"      {line}"


def _lacks(layer: LayerView, view: VerdictView) -> Iterator[str]:
    """What is missing, where `changes` of the verdict does not tell it already."""
    if layer.level != view.level:
        yield from (f"missing: {lack}" for lack in layer.missing)


def _with_jurisdiction(territory: str) -> str:
    """``DE (as EU)`` where a country has the rules of another code, or none of its own."""
    rules, code = jurisdiction_of(territory), territory.upper()
    if rules == code:
        return code
    return f"{code} (as {rules}{', having no rules of its own here' if rules == DEFAULT else ''})"


def lines_of_rules(views: Iterable[VerdictView]) -> Iterator[str]:
    """The rules that verdicts rest on with mark and citation, each once."""
    rules: dict[str, RuleView] = {rule.id: rule for view in views for rule in view.rules}
    for rule in rules.values():
        mark = f"{rule.mark}, accepted" if rule.accepted else rule.mark
        yield f"  {rule.id} [{mark}] {rule.source}"


def lines_of_evidence(evidence: Sequence[EvidenceView]) -> Iterator[str]:
    """What was found, by who says it where: a line for the source, one for each claim of it."""
    by_source: dict[str, list[EvidenceView]] = {}
    for e in evidence:
        kept = f", sha256 {e.sha256}" if e.sha256 else ""
        witness = f"witness {e.witness}" if e.witness else "no witness named"
        if e.witness and e.counts_as != e.witness.casefold():
            witness += f" (counts as {e.counts_as})"
        sure = "" if e.confidence is None else f", confidence {e.confidence:g}"
        head = f"{e.kind} {e.source}, {witness}, captured {e.captured[:10]}{sure}{kept}"
        by_source.setdefault(head, []).append(e)
    for head, claims in by_source.items():
        yield f"  {head}"
        for e in claims:
            value = e.value if e.value is not None else f"not understood: {e.raw!r}"
            yield f"      {e.claim} = {value}"
