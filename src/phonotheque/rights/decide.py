"""From facts to a verdict: the rules that apply, and the minimum over them. Pure.

`decide` knows no licence and no law; it finds out which rules of the rule book apply to the facts
and combines what they say. Unknown facts never allow.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from phonotheque.model.rights import Claim, Evidence, EvidenceKind, Level, Use, Verdict
from phonotheque.model.text import make_legible
from phonotheque.rights.licences import Family, Licence, licence_by_id
from phonotheque.rights.rules import Rule, rule_book

ADMISSIBLE = (
    EvidenceKind.RIGHTS_HOLDER,
    EvidenceKind.SIDECAR,
    EvidenceKind.PACKAGE_COPYRIGHT,
    EvidenceKind.TAG,
)
"""Where a licence must be stated to count as the rights holder's word, strongest first."""
DECLARING = (EvidenceKind.RIGHTS_HOLDER, EvidenceKind.SIDECAR)
"""Where the operator may declare a basis; a tag cannot say that a recording is the operator's."""

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


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one recording. Order and repetition of evidence do not matter."""

    evidence: tuple[Evidence, ...] = ()
    withdrawn: bool = False
    drm: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """What the operator declares about the archive. Nothing is presumed."""

    noncommercial: bool = False


def decide(
    facts: Facts, territories: Sequence[str], on: date, use: Use, profile: Profile
) -> Verdict:
    """The verdict on `use` in all of `territories` on the day `on`.

    Today's rules rest on licences and declarations, which hold world-wide and without a term, so
    neither `territories` nor `on` changes the verdict; rules that compute terms will use both.
    """
    book = rule_book()
    rules = [book[rule_id] for rule_id in sorted(_applicable(facts, profile))]
    level = min(rule.level(use) for rule in rules)
    return Verdict(
        use=use,
        level=level,
        reasons=tuple(_reasons(rules, level, use, facts)),
        rule_ids=tuple(rule.id for rule in rules),
        conditions=_conditions(rules, use) if level is Level.ALLOW_IF else (),
    )


def agreed_licence(evidence: Iterable[Evidence]) -> Licence | None:
    """The licence that all the evidence agrees on, as its strongest witness states it.

    Versions and ports of one licence agree. None where nothing admissible states a licence, where
    two differ in their terms, or where a statement could not be understood.
    """
    claims = [e for e in evidence if e.claim is Claim.LICENCE]
    stated = [(_strength(e), _licence_of(e)) for e in claims]
    known = [(strength, one) for strength, one in stated if one is not None]
    if len(known) < len(stated) or len({one.terms for _, one in known}) != 1:
        return None
    strength, licence = min(known, key=lambda pair: (pair[0], pair[1].id))
    if strength >= len(ADMISSIBLE) or licence.family is Family.NONE:
        return None
    return licence


def _strength(evidence: Evidence) -> int:
    return ADMISSIBLE.index(evidence.kind) if evidence.kind in ADMISSIBLE else len(ADMISSIBLE)


def _licence_of(evidence: Evidence) -> Licence | None:
    return licence_by_id(evidence.value) if evidence.value else None


def _applicable(facts: Facts, profile: Profile) -> set[str]:
    """Ids of the rules that apply to the facts, whatever the use."""
    rules = _basis_rules(facts.evidence) | _licence_rules(facts.evidence, profile)
    claims = {e.claim for e in facts.evidence}
    rules |= {
        rule_id
        for rule_id, applies in (
            ("state.withdrawn", facts.withdrawn),
            ("input.protected", facts.drm),
            ("layers.rebutted", Claim.REBUTTAL in claims),
            ("ai.reservation", Claim.RESERVATION in claims),
        )
        if applies
    }
    return rules


def _basis_rules(evidence: Iterable[Evidence]) -> set[str]:
    """Rules on which permission can rest, or the rule that says there is none."""
    items = list(evidence)
    rules = set()
    if any(e.claim is Claim.BASIS and e.value == "own" and e.kind in DECLARING for e in items):
        rules.add("basis.own")
    if any(e.claim is Claim.BASIS and e.value != "own" for e in items):
        rules.add("basis.public-domain")
    stated = [e for e in items if e.claim is Claim.LICENCE and _licence_of(e) is not None]
    if any(e.kind in ADMISSIBLE for e in stated):
        rules |= {"layers.presumed", "licence.world-wide"}
    elif not rules:
        rules.add("evidence.hearsay" if stated else "evidence.none")
    return rules


def _licence_rules(evidence: Iterable[Evidence], profile: Profile) -> set[str]:
    claims = [e for e in evidence if e.claim is Claim.LICENCE]
    licences = {one for e in claims if (one := _licence_of(e)) is not None}
    rules = {rule for licence in licences for rule in _rules_of(licence, profile)}
    if any(_licence_of(e) is None for e in claims):
        rules.add("licence.unreadable")
    if len({one.terms for one in licences}) > 1:
        rules.add("licence.conflict")
    elif len(licences) > 1:
        rules.add("licence.versions-differ")
    return rules


def _rules_of(licence: Licence, profile: Profile) -> Iterable[str]:
    yield _BY_FAMILY[licence.family]
    if licence.by:
        yield "cc.attribution"
    if licence.sa:
        yield "cc.share-alike"
    if licence.nd:
        yield "cc.no-derivatives"
    if licence.nc:
        yield "cc.noncommercial" if profile.noncommercial else "cc.noncommercial-undeclared"


def _reasons(rules: Sequence[Rule], level: Level, use: Use, facts: Facts) -> Iterable[str]:
    """Why the verdict is no better (or, for ALLOW, why it is), then who says so."""
    yield from (rule.text for rule in rules if rule.level(use) is level)
    stated = {
        f"{e.value or 'an unknown licence'} stated in {e.source}"
        for e in facts.evidence
        if e.claim is Claim.LICENCE
    }
    yield from sorted(stated)


def _conditions(rules: Sequence[Rule], use: Use) -> tuple[str, ...]:
    return tuple(sorted({c for rule in rules for c in rule.conditions_of(use)}))


def attribution(title: str, artist: str, holder: str | None, licence: Licence | None) -> str:
    """One line that names creator, title and licence, as CC BY 4.0 s. 3(a) asks for."""
    line = f"“{make_legible(title)}” by {make_legible(artist)}"
    if holder and holder != artist:
        line += f", © {make_legible(holder)}"
    if licence is None or licence.family is Family.NONE:
        return line
    verb = "given to the public under" if licence.family is Family.CC0 else "licensed under"
    return f"{line}, {verb} {licence.name} ({licence.url})"
