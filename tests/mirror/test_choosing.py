"""Which volumes fit a disk best."""

import random

from hypothesis import given
from hypothesis import strategies as st

from phonotheque.mirror import Candidate, Wishes, choose_volumes, unknown_wishes
from phonotheque.mirror.choosing import what_there_is

volumes = st.lists(
    st.builds(
        Candidate,
        volume=st.uuids().map(str),
        tier=st.integers(1, 6),
        files=st.integers(1, 30_000),
        bytes=st.integers(1, 200),
        listens=st.integers(0, 1000),
        licences=st.lists(st.sampled_from(["CC0-1.0", "CC-BY-4.0"]), min_size=1).map(tuple),
    ),
    max_size=30,
    unique_by=lambda c: c.volume,
)
budgets = st.integers(0, 2000)


def make(name: str, size: int, listens: int, **more: object) -> Candidate:
    return Candidate(name, 1, 1, size, listens, **more)  # type: ignore[arg-type]


@given(volumes, budgets)
def test_a_choice_is_never_over_the_budget(candidates: list[Candidate], budget: int) -> None:
    assert choose_volumes(candidates, budget).bytes <= budget


@given(volumes, budgets, st.randoms())
def test_the_order_of_the_candidates_does_not_matter(
    candidates: list[Candidate], budget: int, chance: random.Random
) -> None:
    shuffled = list(candidates)
    chance.shuffle(shuffled)
    assert choose_volumes(shuffled, budget) == choose_volumes(candidates, budget)


@given(volumes, budgets, budgets)
def test_more_disk_never_means_fewer_listens(
    candidates: list[Candidate], one: int, other: int
) -> None:
    less, more = sorted((one, other))
    assert choose_volumes(candidates, less).listens <= choose_volumes(candidates, more).listens


@given(volumes, budgets)
def test_every_volume_is_taken_or_left_with_a_reason(
    candidates: list[Candidate], budget: int
) -> None:
    choice = choose_volumes(candidates, budget)
    named = [c.volume for c in choice.taken] + [c.volume for c, reason in choice.left if reason]
    assert sorted(named) == sorted(c.volume for c in candidates)


def test_without_a_budget_everything_is_taken() -> None:
    candidates = [make("a", 10, 0), make("b", 10**15, 1)]
    assert {c.volume for c in choose_volumes(candidates, None).taken} == {"a", "b"}


def test_the_densest_comes_first_and_what_does_not_fit_is_passed_over() -> None:
    candidates = [make("big", 90, 900), make("dense", 20, 400), make("thin", 70, 70)]
    choice = choose_volumes(candidates, 100)
    assert [c.volume for c in choice.taken] == ["dense", "thin"]
    assert [(c.volume, reason) for c, reason in choice.left] == [("big", "no-room")]


def test_what_is_held_stays_while_it_fits() -> None:
    candidates = [make("dense", 60, 600), make("held", 60, 1, held=True)]
    assert [c.volume for c in choose_volumes(candidates, 100).taken] == ["held"]


def test_wishes_leave_out_by_tier_licence_and_name_and_put_in_by_name() -> None:
    candidates = [
        make("a", 1, 9, licences=("CC0-1.0",)),
        make("b", 1, 8, licences=("CC-BY-4.0", "CC0-1.0")),
        make("c", 1, 7, licences=("CC0-1.0",)),
        Candidate("d", 2, 1, 1, 6, ("CC0-1.0",)),
        Candidate("e", 2, 1, 1, 5, ("CC0-1.0",)),
    ]
    wishes = Wishes(
        tiers=frozenset({1}),
        licences=frozenset({"CC0-1.0"}),
        include=frozenset({"e"}),
        exclude=frozenset({"c"}),
    )
    choice = choose_volumes(candidates, 100, wishes)
    assert [c.volume for c in choice.taken] == ["e", "a"]
    assert {c.volume: reason for c, reason in choice.left} == {
        "b": "licence", "c": "excluded", "d": "tier",
    }  # fmt: skip


def test_a_wish_that_nothing_can_meet_is_named() -> None:
    offered = [Candidate("v1", 1, 3, 100, 5, licences=("CC0-1.0",))]
    wishes = Wishes(
        tiers=frozenset({99}),
        licences=frozenset({"nope"}),
        include=frozenset({"v1"}),
        exclude=frozenset({"v2"}),
    )
    assert unknown_wishes(offered, wishes) == ["volume v2", "tier 99", "licence nope"]
    some = Wishes(tiers=frozenset({1, 99}), licences=frozenset({"CC0-1.0", "nope"}))
    assert unknown_wishes(offered, some) == unknown_wishes(offered, Wishes()) == []


def test_who_wishes_for_what_there_is_not_is_told_what_there_is() -> None:
    offered = [
        Candidate(f"v{n:02}", n % 2, 3, 100, 5, licences=("CC0-1.0", "CC-BY-4.0"))
        for n in range(1, 24)
    ]
    told = what_there_is(offered, ["licence nope", "tier 9", "licence none"])
    assert told == "licences there are CC-BY-4.0, CC0-1.0; tiers there are 0, 1"
    volumes = what_there_is(offered, ["volume x"])
    assert volumes.startswith("volumes there are v01, v02") and volumes.endswith("v20 and 3 more")
