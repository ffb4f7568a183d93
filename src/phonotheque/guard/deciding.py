"""`decide`: evidence in, an action with its reasons out. Pure.

Evidence of each layer is its surprise: -log10 of how often people get there. No layer counts for
more than 3 (a thousandfold), so no single one disables; an action needs a sum. Disabling is only
ever proposed: people decide it, by name.
"""

from enum import IntEnum
from typing import Final

import msgspec

from phonotheque.guard.events import Kind
from phonotheque.guard.scoring import Evidence

CAP: Final = 3.0
CANARY_WEIGHT: Final = 2.0
COHORT_CAP: Final = 2.0
"""What others did never is all that an account is redirected for."""
ALTERNATIVES: Final = {
    "s1": "walks along the catalogue, across the ends of releases",
    "s2": "opens items evenly all over the catalogue",
    "s3": "goes down the ranks from the top",
    "s3x": "goes down the list of what was played most, past its end",
    "s4": "opens what is well known, and hardly anything twice",
    "s5": "opens items evenly all over the catalogue, hidden among repeats",
    "s6": "opens what is well known by ever new artists, hidden among repeats",
    "s7": "takes release after release, whole",
    "s8": "takes page after page of search results",
    "s9": "takes list after list",
    "kin": "moves on among related artists, and hardly anything twice",
}
"""The alternatives in words."""


class Measure(IntEnum):
    """The ladder, from nothing to what only people may do."""

    ALLOW = 0
    OBSERVE = 1
    REDIRECT = 2
    SLOW = 3
    DEGRADE = 4
    SUSPEND = 5
    DISABLE_PROPOSED = 6


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator chose: the sum of evidence from which each measure is taken, and how long
    it holds. `enforce` false watches only: nothing above OBSERVE. Sums are -log10 of false
    positives over thirty days as far as one layer goes."""

    enforce: bool = True
    observe: float = 2.0
    redirect: float = 3.0
    slow: float = 3.3
    degrade: float = 4.0
    suspend: float = 5.0
    disable: float = 5.9
    persists_after: int = 50  # media requests after an alarm without a break that add to it
    redirect_s: float = 3600.0
    slow_s: float = 6 * 3600.0
    degrade_s: float = 24 * 3600.0
    suspend_s: float = 24 * 3600.0
    disable_s: float = 14 * 86400.0  # the proposal; an appeal lies as long


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """What to do with an account, why, and until when (seconds since 1970). `odds` is the sum of
    evidence; `evidence_ids` name what it rests on."""

    measure: Measure
    account: str
    odds: float
    reasons: tuple[str, ...]
    evidence_ids: tuple[str, ...]
    model_version: str
    expires_at: float


def decide(
    evidence: Evidence, policy: Policy, now: float, *, cohort: float = 0.0, held: bool = False,
    bulk: bool = False,
) -> Action:  # fmt: skip
    """The action on `evidence` at `now`. `cohort` is the surprise of the account's group (log10),
    where that is told; it counts only for who is by itself unlike nine in ten people, so that
    people beside a campaign are left alone, or where people have decided that the whole group be
    `held`. `bulk` accounts hold a bulk token and are under budgets
    alone."""
    if bulk or evidence.kind is Kind.BULK:
        return _action(Measure.ALLOW, evidence, 0.0, ("a bulk token: budgets alone",), now)
    layers = _layers(evidence, policy, cohort, held=held)
    odds = sum(layers.values())
    told = sum(1 for value in layers.values() if value >= 1.0)
    measure, lasts = _measure(odds, told, policy)
    if not policy.enforce:
        measure = min(measure, Measure.OBSERVE)
    reasons = _reasons(evidence, layers, cohort, held=held) if measure else ()
    return _action(measure, evidence, odds, reasons, now + lasts)


def _layers(evidence: Evidence, policy: Policy, cohort: float, *, held: bool) -> dict[str, float]:
    """What each layer says, capped."""
    persists = 0.0
    if evidence.items >= CAP and evidence.since_alarm >= policy.persists_after:
        persists = min(1.0, 0.5 * evidence.since_alarm / policy.persists_after)
    items, slow = min(CAP, evidence.items), min(CAP, max(0.0, evidence.slow - 1.0))
    unlike_people = max(items, evidence.slow) >= 1.0
    group = min(COHORT_CAP, max(0.0, cohort - 3.0)) if unlike_people else 0.0
    return {
        "items": items,
        "persists": persists,
        "slow": slow,  # of the same requests: counts in part
        "canaries": min(CAP, CANARY_WEIGHT * evidence.canaries),
        "cohort": CAP if held else group,
    }


def _measure(odds: float, told: int, policy: Policy) -> tuple[Measure, float]:
    """The highest measure that the sum reaches; the last two want two layers that agree."""
    if odds >= policy.disable and told >= 2:
        return Measure.DISABLE_PROPOSED, policy.disable_s
    if odds >= policy.suspend and told >= 2:
        return Measure.SUSPEND, policy.suspend_s
    ladder = (
        (policy.degrade, Measure.DEGRADE, policy.degrade_s),
        (policy.slow, Measure.SLOW, policy.slow_s),
        (policy.redirect, Measure.REDIRECT, policy.redirect_s),
        (policy.observe, Measure.OBSERVE, 0.0),
    )
    for least, measure, lasts in ladder:
        if odds >= least - 1e-9:
            return measure, lasts
    return Measure.ALLOW, 0.0


def _reasons(
    evidence: Evidence, layers: dict[str, float], cohort: float, *, held: bool
) -> tuple[str, ...]:
    found: list[str] = []
    if layers["items"] >= 1 and evidence.leading:
        found.append(
            f"it {ALTERNATIVES.get(evidence.leading, evidence.leading)}: evidence "
            f"{evidence.leading_sum:.0f} nats after {evidence.media} media requests; "
            f"among people one account in {10**evidence.items:,.0f} gets there in thirty days"
        )
    if layers["persists"]:
        found.append(f"it went on for {evidence.since_alarm} media requests after that")
    if layers["slow"] > 0:
        found.append(evidence.slow_facts)
    if evidence.canaries:
        found.append(f"{evidence.canaries} requests for ids that no list, search or dump shows")
    if held:
        found.append("people decided that its group shares out the catalogue")
    elif layers["cohort"]:
        found.append(f"its group shares out the catalogue: chance 10^-{cohort:.0f} among people")
    return tuple(found)


def _action(
    measure: Measure, evidence: Evidence, odds: float, reasons: tuple[str, ...], until: float
) -> Action:
    ids = (f"{evidence.account}@{evidence.t:.3f}#{evidence.media}",) if measure else ()
    return Action(
        measure=measure, account=evidence.account, odds=odds, reasons=reasons, evidence_ids=ids,
        model_version=evidence.model_version, expires_at=until,
    )  # fmt: skip
