"""From end to end: people and harvesters ask a real server over HTTP, in its own time."""

from collections import Counter
from pathlib import Path

import pytest
from bench.guard_people import HABITS

from phonotheque.guard import ORDER, Proceedings, What
from tests.serve.guard_life import Life, give_keys, live, make_lives, make_tree
from tests.serve.guarding import Guarded, guarded

SMALL = (10_000, 150, ["ordinary", "album listeners", "children"], [("s1", 10.0), ("s2", 10.0)], 1)
LARGE = (50_000, 500, list(HABITS) * 4,
         [(f"s{kind}", speed) for kind in range(1, 10) for speed in (10.0, 288.0)], 14)  # fmt: skip


@pytest.mark.parametrize(
    ("size", "most", "strata", "scenarios", "told_at_least"),
    [pytest.param(*SMALL, id="small"), pytest.param(*LARGE, id="large", marks=pytest.mark.full)],
)
def test_harvesters_are_led_to_the_dumps_and_slowed_and_nobody_else_notices(
    tmp_path: Path,
    size: int,
    most: int,
    strata: list[str],
    scenarios: list[tuple[str, float]],
    told_at_least: int,
) -> None:
    tree, world = make_tree(tmp_path / "tree", 1, size)
    lives = make_lives(world, 3, strata, scenarios, most)
    state = tmp_path / "state"
    state.mkdir()
    give_keys(lives, state)
    with guarded(tree, state, items=size) as server:
        live(server, lives)
        people = [life for life in lives if not life.is_harvester]
        server.flush()
        why = {
            life.name: [e.reasons for e in server.store.iter_audit(0, life.actor)]
            for life in people if life.refused
        }  # fmt: skip
        assert why == {}
        assert all(len(life.given) == len(set(life.history.items.tolist())) for life in people)
        told = [life for life in lives if life.refused and life.is_harvester]
        assert len(told) >= told_at_least
        assert all('rel="alternate"' in link for life in told for _, _, link in life.refused)
        assert {life.refused[0][1] for life in told} == {"redirect"}  # an invitation comes first
        slowed = {"slow", "degrade"}
        assert any(slowed & {measure for _, measure, _ in life.refused} for life in told)
        check_audit(server, lives)
        refused = [life for life in lives if life.refused]
        last = max(refused, key=lambda life: float(life.history.times[life.refused[-1][0]]))
        server.clock.at(float(last.history.times[last.refused[-1][0]]))  # an appeal has its days
        appeal_and_go_on(server, last)
        gate = server.guard.gate
        assert gate.counts.share_within(0.1) > 0.99  # the machine's other work counts in: loose


def check_audit(server: Guarded, lives: list[Life]) -> None:
    """Every refusal has its line, with reasons, and no line is missing or changed."""
    assert server.store.check_audit() is None
    taken: dict[str, set[str]] = {}
    for entry in server.store.iter_audit():
        if entry.what is What.MEASURE_TAKEN:
            taken.setdefault(entry.actor, set()).add(str(entry.evidence["measure"]))
            assert entry.reasons
            assert entry.tables
            assert entry.by == "guard"
    for life in lives:
        refused = {measure for _, measure, _ in life.refused}
        assert refused <= taken.get(life.actor, set()), life.name
    assert set(taken) == {life.actor for life in lives if life.refused}


def appeal_and_go_on(server: Guarded, life: Life) -> None:
    """The owner of an account says what it was; a person believes it; the account begins anew."""
    before = server.store.last_line()
    server.clock.pass_(1)
    made = server.get("/guard/appeal", life.key, life.address, "POST", b'{"text": "a thesis"}')
    assert made.status == 202
    people = Proceedings(server.store)
    (waiting,) = people.appeals(only_open=True)
    assert waiting.actor == life.actor
    people.decide_appeal(waiting.appeal, "Ana", "granted; take a bulk token next time",
                         server.clock(), granted=True)  # fmt: skip
    assert server.measure(life.actor) == "allow"
    told = server.get("/guard/account", life.key, life.address).json
    assert (told["measure"], told["appeals"][-1]["outcome"]) == ("allow", "granted")
    whats = Counter(e.what for e in server.store.iter_audit(before, life.actor))
    assert whats[What.APPEAL_MADE] == whats[What.APPEAL_GRANTED] == 1
    assert ORDER[server.measure(life.actor)] == 0
