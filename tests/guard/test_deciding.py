"""From evidence to measures: nothing without reasons, nothing disabled by one layer alone."""

import msgspec
import numpy as np
import pytest

from phonotheque.guard import (
    Evidence,
    Kind,
    Measure,
    Policy,
    Tables,
    decide,
    find_levels,
    keep_false_discoveries,
    weigh_group,
)
from tests.guard.conftest import harvester
from tests.guard.test_core import run

QUIET = Evidence("a", 1e9, Kind.MEDIA, 0, 500, (0.0,), 0.0, "", 0.0, 0.0, "", 0, 0, "1-test")


def evidence(**changes: object) -> Evidence:
    """Evidence that is quiet but for `changes`."""
    return msgspec.structs.replace(QUIET, **changes)


@pytest.mark.parametrize(
    ("changes", "measure"),
    [
        ({}, Measure.ALLOW),
        ({"items": 2.0, "leading": "s2"}, Measure.OBSERVE),
        ({"canaries": 1}, Measure.OBSERVE),
        ({"items": 3.0, "leading": "s2"}, Measure.REDIRECT),
        ({"items": 4.0, "leading": "s2"}, Measure.REDIRECT),
        ({"items": 4.0, "leading": "s2", "since_alarm": 50}, Measure.SLOW),
        ({"items": 4.0, "leading": "s2", "since_alarm": 100}, Measure.DEGRADE),
        ({"items": 4.0, "leading": "s2", "canaries": 1}, Measure.SUSPEND),
        ({"items": 4.0, "leading": "s2", "canaries": 2}, Measure.DISABLE_PROPOSED),
        ({"canaries": 50}, Measure.REDIRECT),
    ],
)
def test_the_ladder_is_climbed_by_evidence_that_agrees(
    changes: dict[str, object], measure: Measure
) -> None:
    action = decide(evidence(**changes), Policy(), 1e9)
    assert action.measure is measure
    assert bool(action.reasons) == bool(measure)
    assert action.model_version == "1-test"
    assert action.expires_at >= 1e9


def test_whoever_holds_a_bulk_token_is_left_alone() -> None:
    worst = evidence(items=4.0, leading="s2", canaries=9)
    assert decide(worst, Policy(), 0.0, bulk=True).measure is Measure.ALLOW


def test_a_policy_that_only_watches_does_nothing_more() -> None:
    worst = evidence(items=4.0, leading="s2", canaries=9)
    assert decide(worst, Policy(enforce=False), 0.0).measure is Measure.OBSERVE


def test_a_group_counts_as_a_layer_of_its_own() -> None:
    action = decide(evidence(items=3.0, leading="s2"), Policy(), 0.0, cohort=16.0)
    assert action.measure is Measure.SUSPEND
    assert "group" in " ".join(action.reasons)


def test_people_beside_a_campaign_are_left_alone() -> None:
    assert decide(evidence(items=0.9), Policy(), 0.0, cohort=16.0).measure is Measure.ALLOW
    unusual = decide(evidence(items=1.0, leading="s4"), Policy(), 0.0, cohort=16.0)
    assert unusual.measure is Measure.REDIRECT
    assert decide(evidence(items=1.0), Policy(), 0.0, cohort=3.0).measure is Measure.ALLOW
    held = decide(evidence(items=0.0), Policy(), 0.0, held=True)
    assert held.measure is Measure.REDIRECT
    assert "people decided" in held.reasons[0]


def test_reasons_are_words_with_figures(tables: Tables) -> None:
    _, found = run(harvester(np.random.default_rng(3), 120), tables)
    action = decide(found[-1], Policy(), found[-1].t)
    assert action.measure >= Measure.REDIRECT
    assert "evenly all over the catalogue" in action.reasons[0]
    assert "nats after 120 media requests" in action.reasons[0]
    assert action.evidence_ids == (f"a@{found[-1].t:.3f}#120",)


def test_levels_keep_their_budget_on_those_they_came_from() -> None:
    rng = np.random.default_rng(4)
    most = rng.exponential(5.0, (8000, 4))
    strata = ["usual"] * 7000 + ["rare"] * 1000
    levels, extrapolated = find_levels(most, strata, np.ones(8000), [1e-2, 1e-3, 1e-4])
    above = [(most > np.array(row)).any(axis=1) for row in levels]
    assert above[0].mean() <= 1e-2
    assert above[1].mean() <= 1e-3
    assert above[0][7000:].mean() <= 5e-2
    assert extrapolated == (1e-4,)
    assert all(c > b for b, c in zip(levels[1], levels[2], strict=True))


def test_accounts_that_share_work_collide_less_than_people() -> None:
    rng = np.random.default_rng(5)
    rates = np.full(8, 1e-2)  # a hundred items in each bucket, alike
    people = rng.integers(0, 100, 400)
    who = np.arange(400) % 40
    shared = weigh_group(who, people, np.zeros(400, int), rates, 0.5)
    assert shared.surprise < 2
    split = weigh_group(who, np.arange(400), np.zeros(400, int), rates, 0.5)
    assert (split.collisions, split.accounts) == (0, 40)
    assert split.surprise > 100
    tail = weigh_group(who, np.arange(400), np.full(400, 7), np.zeros(8), 0.05)
    assert tail.surprise > 100


def test_among_many_groups_few_reports_are_false() -> None:
    surprises = np.r_[-np.log10(np.random.default_rng(6).random(1000)), 12.0, 9.0]
    found = keep_false_discoveries(surprises)
    assert found[-2:].all()
    assert found.sum() <= 4
