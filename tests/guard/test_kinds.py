"""What is learned of people: stretches of listening, levels two requests do not pass, groups."""

import numpy as np
import pytest
from bench.guard_measuring import clopper_pearson

from phonotheque.guard import BUDGETS, Tables, collision_rates, people_share, weigh_group
from phonotheque.guard.kinds import FLOOR, KINDS, fit_kinds
from phonotheque.guard.symbols import ACROSS, NEXT_SYMBOL, SYMBOLS, symbol
from phonotheque.guard.tables import MOST_SAYS, MOST_STEP


def test_stretches_that_people_listen_in_are_found(monkeypatch) -> None:
    rng = np.random.default_rng(1)
    turns = rng.random((80, 100)) < 0.05  # from one of two ways of listening to the other
    way = turns.cumsum(axis=1) % 2
    symbols = np.where(way == 0, 0, rng.integers(4, 8, way.shape)).astype(np.int8)
    monkeypatch.setattr("phonotheque.guard.kinds.ROUNDS", 8)
    chain = fit_kinds(symbols, np.full(SYMBOLS, 1 / SYMBOLS), seed=1)
    for rows in (chain.kinds, chain.moves, chain.weights[None]):
        np.testing.assert_allclose(rows.sum(axis=1), 1.0)
        assert rows.min() >= FLOOR / rows.shape[1]
    repeats = chain.kinds[:, 0]
    assert ((repeats > 0.5) | (repeats < 0.05)).mean() > 0.8
    assert (repeats > 0.5).any()
    staying = np.array([chain.moves[k][(repeats > 0.5) == (repeats[k] > 0.5)].sum()
                        for k in range(KINDS)])  # fmt: skip
    heard = symbols[:, :-1] == 0
    truth = (symbols[:, 1:][heard] == 0).mean()
    assert abs(staying[int(np.argmax(repeats))] - truth) < 0.1


def test_no_two_requests_pass_a_level_of_one_in_a_thousand(tables: Tables) -> None:
    for budget, row in zip(BUDGETS, tables.levels, strict=True):
        if budget <= 1e-3:
            assert min(row[:-1]) > 2 * MOST_STEP


def test_what_belongs_together_is_not_many_witnesses() -> None:
    assert MOST_SAYS[NEXT_SYMBOL] == 0
    assert {MOST_SAYS[symbol(ACROSS, bucket)] for bucket in range(8)} == {1.0}
    assert max(MOST_SAYS) == MOST_STEP


def test_one_account_never_meets_itself_and_groups_of_people_are_not_alike() -> None:
    rng = np.random.default_rng(2)
    who = np.repeat(np.arange(40), 50)
    items = np.concatenate([rng.choice(400, 50, replace=False) for _ in range(40)])
    head = np.zeros(len(items), np.int64)
    rates = collision_rates(who, items, head)
    assert rates[0] == pytest.approx(1 / 400, rel=0.05)
    alone = weigh_group(np.zeros(50, np.int64), items[:50], head[:50], rates, 0.5)
    assert (alone.expected_collisions, alone.surprise) == (0.0, 0.0)
    whole = weigh_group(who, items, head, rates, 0.5)
    assert whole.collisions == pytest.approx(whole.expected_collisions)
    assert people_share([whole]) == pytest.approx(0.8, rel=0.01)
    assert people_share([alone]) == 0.0


def test_an_interval_of_a_share_is_that_of_clopper_and_pearson() -> None:
    assert clopper_pearson(0, 1000) == pytest.approx((0.0, 0.0036821), abs=1e-5)
    assert clopper_pearson(5, 5000) == pytest.approx((0.00032475, 0.0023321), abs=1e-5)
    assert clopper_pearson(10, 10) == pytest.approx((0.6915029, 1.0), abs=1e-4)
