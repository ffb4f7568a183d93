"""The rule book held against its own test vectors: `vectors.toml`, and those in `terms.toml`."""

from datetime import UTC, date, datetime
from functools import cache
from importlib.resources import files

import msgspec

from phonotheque.model.errors import FormatError
from phonotheque.model.rights import Claim, Evidence, EvidenceKind, Level, Use
from phonotheque.rights.decide import decide
from phonotheque.rights.facts import facts_of
from phonotheque.rights.policy import Policy
from phonotheque.rights.rules import rule_book
from phonotheque.rights.term_rules import term_rules

FILE = "vectors.toml"
USES = (Use.HOLD, Use.STREAM, Use.DISTRIBUTE, Use.AI_TRAIN)
_AT = datetime(2026, 11, 22, tzinfo=UTC)


class VerdictVector(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Evidence, and the levels that have to come out, in the order of `USES`.

    `claims` are written ``published=1920@witness``; `licences` are claims too, "?" one that is not
    understood; all are of `kind`. `profile` names fields of the policy that are true.
    """

    name: str
    levels: str
    decided_by: list[str]
    licences: list[str] = []
    claims: list[str] = []
    kind: EvidenceKind = EvidenceKind.SIDECAR
    rebuttal: str = ""
    reservation: str = ""
    basis: str = ""
    noncommercial: bool = False
    withdrawn: bool = False
    drm: bool = False
    purge: bool = False
    territory: str = "ZZ"
    on: date = date(2026, 11, 22)
    profile: list[str] = []
    accepted: list[str] = []


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    vector: list[VerdictVector]


@cache
def verdict_vectors() -> tuple[VerdictVector, ...]:
    """Every vector of `vectors.toml`."""
    content = files(__package__).joinpath(FILE).read_bytes()
    try:
        return tuple(msgspec.toml.decode(content, type=_File).vector)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise FormatError(f"{FILE}: {error}") from error


@cache
def check_rules() -> int:
    """Hold every rule against its vectors; how many vectors there are. Done once per process.

    Raises:
        FormatError: naming the file, the rule and the vector that does not come out.
    """
    terms = sum(len(one.rule.vectors) for one in term_rules().values())
    untested = rule_book().keys() - {rule for v in verdict_vectors() for rule in v.decided_by}
    if untested:
        raise FormatError(f"{FILE}: no vector is decided by {', '.join(sorted(untested))}")
    for vector in verdict_vectors():
        check_vector(vector)
    return terms + len(verdict_vectors())


def check_vector(vector: VerdictVector) -> None:
    """Decide a vector for each use.

    Raises:
        FormatError: a level or a rule is not the one that it names.
    """
    where = f"{FILE}: {vector.name}"
    policy = Policy(
        noncommercial=vector.noncommercial,
        accepted_rules=frozenset(vector.accepted),
        keep_withdrawn=not vector.purge,
        **dict.fromkeys(vector.profile, True),  # type: ignore[arg-type]
    )
    facts = facts_of(vector_evidence(vector), withdrawn=vector.withdrawn, drm=vector.drm)
    verdicts = [decide(facts, [vector.territory], vector.on, use, policy) for use in USES]
    levels = " ".join(verdict.level.name for verdict in verdicts)
    if levels != vector.levels:
        raise FormatError(f"{where}: the rules say {levels}, not {vector.levels}")
    named = {rule for verdict in verdicts for rule in verdict.rule_ids}
    if missing := set(vector.decided_by) - named:
        raise FormatError(f"{where}: not decided by {', '.join(sorted(missing))}")
    for verdict in verdicts:
        if not verdict.reasons or bool(verdict.conditions) != (verdict.level is Level.ALLOW_IF):
            raise FormatError(f"{where}: {verdict.use} lacks reasons, or conditions are wrong")


def vector_evidence(vector: VerdictVector) -> list[Evidence]:
    """The evidence that a vector describes."""
    found = [
        _said(Claim.LICENCE, None if one == "?" else one, vector.kind, None)
        for one in vector.licences
    ]
    for claim, value in (
        (Claim.REBUTTAL, vector.rebuttal),
        (Claim.RESERVATION, vector.reservation),
        (Claim.BASIS, vector.basis),
    ):
        if value:
            found.append(_said(claim, value, vector.kind, None))
    for text in vector.claims:
        claim_name, _, rest = text.partition("=")
        value, _, witness = rest.partition("@")
        found.append(_said(Claim(claim_name), value, vector.kind, witness or None))
    return found


def _said(claim: Claim, value: str | None, kind: EvidenceKind, witness: str | None) -> Evidence:
    return Evidence(claim, value, value or "?", kind, "vectors.toml", _AT, witness=witness)
