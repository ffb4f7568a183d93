"""The licence that a recording is given out under, and the line that names it. Pure."""

from collections.abc import Iterable, Sequence

from phonotheque.model.rights import Claim, Evidence, Use
from phonotheque.model.text import make_legible
from phonotheque.rights.channels import chosen_licences
from phonotheque.rights.expressions import AND, expression_by_id
from phonotheque.rights.facts import ADMISSIBLE
from phonotheque.rights.licences import Family, Licence
from phonotheque.rights.policy import Policy


def agreed_licences(evidence: Iterable[Evidence], policy: Policy) -> tuple[Licence, ...]:
    """The licence that all the evidence agrees on, as its strongest witness states it: one, or
    those that have to be kept together, by id.

    Versions and ports of one licence agree. Where there is a choice (``A OR B``), it is that on
    which the verdict on giving files out rests. Empty where nothing admissible states a licence,
    where two differ in their terms, or where a statement could not be understood.
    """
    claims = [e for e in evidence if e.claim is Claim.LICENCE]
    stated = [(_strength(e), expression_by_id(e.value) if e.value else None) for e in claims]
    known = [(strength, one) for strength, one in stated if one is not None]
    if len(known) < len(stated) or len({one.terms for _, one in known}) != 1:
        return ()
    strength, expression = min(known, key=lambda pair: (pair[0], str(pair[1])))
    if strength >= len(ADMISSIBLE) or Family.NONE in expression.families:
        return ()
    return tuple(
        sorted(chosen_licences(expression, Use.DISTRIBUTE, policy), key=lambda one: one.id)
    )


def _strength(evidence: Evidence) -> int:
    return ADMISSIBLE.index(evidence.kind) if evidence.kind in ADMISSIBLE else len(ADMISSIBLE)


def licence_text(licences: Sequence[Licence]) -> str | None:
    """The SPDX expression of licences that have to be kept together; None where there are none."""
    return AND.join(one.id for one in licences) or None


def attribution(title: str, artist: str, holder: str | None, licences: Sequence[Licence]) -> str:
    """One line that names creator, title and licences, as CC BY 4.0 s. 3(a) asks for."""
    line = f"“{make_legible(title)}” by {make_legible(artist)}"
    if holder and holder != artist:
        line += f", © {make_legible(holder)}"
    named = [one for one in licences if one.family is not Family.NONE]
    if not named:
        return line
    given = all(one.family is Family.CC0 for one in named)
    verb = "given to the public under" if given else "licensed under"
    return f"{line}, {verb} {' and '.join(f'{one.name} ({one.url})' for one in named)}"
