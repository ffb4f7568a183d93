"""What would have to be known for a layer to be settled: years, witnesses, checked rules. Pure."""

from collections.abc import Iterator, Sequence

from phonotheque.model.rights import Claim, Layer
from phonotheque.rights.channels import EARLY_ONLY
from phonotheque.rights.decide import LayerArgument
from phonotheque.rights.early import PRE_1972
from phonotheque.rights.facts import WRITTEN, Authors, Facts, Years, bears_out, witness_of
from phonotheque.rights.layer_terms import TermAnswer, rules_of_layer
from phonotheque.rights.years import Backing, Known

NOBODY = "somebody not named"


def missing_of(argument: LayerArgument, facts: Facts, day: int) -> Iterator[str]:
    """What is missing for one layer on `day`, a line each; nothing where it is settled."""
    term, layer = argument.chosen.term, argument.layer
    if term and facts.years:
        yield from _missing(argument, term, facts, facts.years, day)
        return
    rules = {rule.id for rule in argument.chosen.rules}
    if not layer or "evidence.one-witness" not in rules:
        return
    if rules & EARLY_ONLY and facts.years:
        yield _early(facts.years)
    else:
        yield _absence(facts, layer)


def _early(years: Years) -> str:
    """That somebody else bears out a making before 1972, with the years that tell it now."""
    told = {"made": years.fixed, "published": years.published}
    said = [
        _said(f"{name} {one.sharp}", one.witnesses)
        for name, one in told.items()
        if one.sharp.last <= PRE_1972
    ]
    return f"a second witness that it was made or published before 1972 ({'; '.join(said)})"


def _missing(
    argument: LayerArgument, term: TermAnswer, facts: Facts, years: Years, day: int
) -> Iterator[str]:
    if not term.best <= day < term.worst:
        return
    if term.contradiction:
        yield "years that can go together"
        return
    if term.posthumous:
        yield (
            "the term of a work first published after its author's death, or not at all, which "
            "somebody has to compute (work.posthumous)"
        )
        return
    if term.on_all_rules <= day and term.uncertain:
        names = ", ".join(term.uncertain)
        yield f"somebody who has checked {names} (mark K), and accepts it in archive.toml"
        return
    lack = "a second witness for" if term.on_one_witness <= day else "exact years of"
    layers = _counting(years, argument.territory, argument.layer)
    gone = [one for one in layers if one in years.absent and one is not argument.layer]
    there = [one for one in layers if one not in gone]
    if found := list(_years(years, there)):
        yield f"{lack} {' and '.join(found)}"
    for layer in there:
        yield from _statements(facts, layer, years.authors[WRITTEN.index(layer)])
    for layer in gone:
        yield _absence(facts, layer)


def _counting(years: Years, territory: str, layer: Layer | None) -> list[Layer]:
    """The layers whose authors the term of `layer` counts from; of a recording none."""
    if layer not in WRITTEN:
        return []
    rules = rules_of_layer(territory, layer, False)
    both = (Layer.WORK, Layer.LYRICS)
    if layer not in both or not any(one.rule.together for one in rules):
        return [layer]
    return [part for part in both if part is layer or part not in years.surely_absent]


def _years(years: Years, written: Sequence[Layer]) -> Iterator[str]:
    """The years that two witnesses do not bear out to the year, by name and as they are known."""
    known = [
        ("the making of the recording", years.fixed),
        ("its first publication", years.published),
        ("its first communication", years.communicated),
    ]
    if written:
        known = [("the first publication of the work", years.work_published)]
    for layer in written:
        authors = years.authors[WRITTEN.index(layer)]
        if authors.anonymous is Backing.NOBODY and not _is_exact(authors):
            yield _as_known(f"the death of the last author of the {layer}", authors.died)
    for name, one in known:
        if one.attested.first != one.attested.last:
            yield _as_known(name, one)


def _is_exact(authors: Authors) -> bool:
    """Whether two bear out when the last of the authors named died, there being others or not."""
    died = authors.died
    last = died.attested.last if authors.complete is Backing.TWO else died.sharp.first
    return died.attested.first == last and len(set(died.witnesses) - {""}) > 1


def _as_known(name: str, one: Known) -> str:
    return f"{name} ({_said(str(one.sharp), one.witnesses)})"


def _statements(facts: Facts, layer: Layer, authors: Authors) -> Iterator[str]:
    """That there are no more authors, or that nobody knows them, where two do not say it."""
    if authors.anonymous is Backing.SOMEBODY:
        what = f"nobody knows who wrote the {layer}"
        yield _two_for(what, facts, Claim.AUTHOR, f"{layer}:anonymous")
    elif authors.died.witnesses and authors.complete is not Backing.TWO:
        what = f"nobody wrote the {layer} but those named"
        yield _two_for(what, facts, Claim.AUTHORS, layer.value)


def _absence(facts: Facts, layer: Layer) -> str:
    return _two_for(f"the recording has no {layer}", facts, Claim.ABSENT, layer.value)


def _two_for(what: str, facts: Facts, claim: Claim, value: str) -> str:
    said = [e for e in facts.evidence if e.claim is claim and e.value == value and bears_out(e)]
    witnesses = tuple(sorted({witness_of(e) for e in said}))
    lack = "a second witness" if witnesses else "two witnesses"
    return f"{lack} that {what} ({_said('so', witnesses)})"


def _said(what: str, witnesses: Sequence[str]) -> str:
    names = ", ".join(witness or NOBODY for witness in witnesses)
    return f"{what} says {names}" if names else "nobody says"
