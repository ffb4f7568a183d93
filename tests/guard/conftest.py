"""Small tables, learned from people who repeat themselves and harvesters who do not."""

from unittest.mock import patch

import numpy as np
import pytest

from phonotheque.guard import People, Requests, Tables, learn_tables, symbols_of

SIZE = 20_000
"""Items of the catalogue: ten on a release, twenty of an artist, ranks as numbered backwards."""


def requests(items: np.ndarray, every_s: float = 200.0) -> Requests:
    """An account that asks for `items`, steadily."""
    ranks = SIZE - 1 - items
    edges = np.ceil(np.array([0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 0.4]) * SIZE)
    return Requests(
        items, np.arange(len(items)) * every_s + 1e9, items // 20, items // 10,
        np.searchsorted(edges, ranks, side="right"), ranks,
    )  # fmt: skip


def listener(rng: np.random.Generator, count: int = 200) -> Requests:
    """Somebody: releases of well-known artists, most of what is heard again and again."""
    own = SIZE - 1 - (rng.pareto(0.6, 8).clip(0, SIZE / 40)).astype(np.int64)
    parts = [np.arange(10) + int(rng.choice(own)) // 10 * 10 for _ in range(count // 10)]
    return requests(np.concatenate(parts))


def harvester(rng: np.random.Generator, count: int = 200) -> Requests:
    """Somebody who takes everything, evenly."""
    return requests(rng.permutation(SIZE)[:count])


def learn(seed: int = 1, count: int = 60) -> Tables:
    """Tables from twice `count` people and 20 harvesters."""
    rng = np.random.default_rng(seed)

    def people() -> People:
        return People(
            symbols_of([listener(rng) for _ in range(count)]), ["some"] * count, np.ones(count)
        )

    taking = {
        "s1": symbols_of([requests(np.arange(200) + 500 * i) for i in range(10)]),
        "s2": symbols_of([harvester(rng) for _ in range(10)]),
    }
    with patch("phonotheque.guard.kinds.ROUNDS", 4):
        return learn_tables(people(), people(), taking, data="a test", seed=seed, items=SIZE)


@pytest.fixture(scope="session")
def tables() -> Tables:
    """The small tables."""
    return learn()
