"""People for the guard's bench: made up, or from real histories that lie on this disk.

Forms of files: bench/guard_files.py. Nothing is fetched.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np

from bench.guard_files import listens
from bench.guard_people import DAY_S, DAYS, History, make_people, weight_of
from bench.guard_world import Floats, World, make_world, world_of
from phonotheque.guard import Requests, symbols_of

SHORTEST = 10
UNHEARD = 0.22
"""Share of the catalogue that nobody played: Luminate, 2025."""


@dataclass(frozen=True)
class Split:
    """People in three parts that share nobody."""

    source: str
    world: World
    fit: list[History]
    held: list[History]
    test: list[History]
    rows_read: int = 0
    rows_left_out: int = 0  # without user, time, artist or track, or not to be read
    known: dict[int, np.ndarray] = field(default_factory=dict)

    def symbols(self, people: list[History]) -> np.ndarray:
        """The symbols of one of the parts, made once."""
        if id(people) not in self.known:
            self.known[id(people)] = symbols(self.world, people)
        return self.known[id(people)]

    def weights_of(self, people: list[History]) -> Floats:
        """What each account stands for: strata are drawn alike, and weigh as in life."""
        sizes: dict[str, int] = {}
        for one in people:
            sizes[one.stratum] = sizes.get(one.stratum, 0) + 1
        if self.source != MADE_UP:
            return np.ones(len(people))
        return np.array([weight_of(one.stratum) / sizes[one.stratum] for one in people])

    def turned(self, most: int) -> "Split":
        """Other people to learn from, for somebody who does not know ours: of those tested, every
        second one of at most twice `most`."""
        each = 2 * max(1, -(-len(self.test) // (2 * most)))
        found, fit, held = self.symbols(self.test), self.test[::each], self.test[1::each]
        known = {id(fit): found[::each], id(held): found[1::each]}
        return replace(self, fit=fit, held=held, known=known)

    def thinned(self, most: int) -> "Split":
        """At most `most` of each of those held and tested, evenly."""
        parts, known = [], {id(self.fit): self.symbols(self.fit)}
        for part in (self.held, self.test):
            every = max(1, -(-len(part) // most))
            parts.append(part[::every])
            known[id(parts[-1])] = self.symbols(part)[::every]
        return replace(self, held=parts[0], test=parts[1], known=known)


def requests_of(world: World, history: History) -> Requests:
    """A history as the guard reads it."""
    items = history.items
    return Requests(
        items, history.times, world.artist[items], world.album[items], world.bucket[items],
        world.rank[items],
    )  # fmt: skip


def symbols(world: World, histories: Sequence[History]) -> np.ndarray:
    """The symbols of histories."""
    return symbols_of([requests_of(world, h) for h in histories])


MADE_UP = "made-up people (bench/guard_people.py)"


def made_up(rng: np.random.Generator, items: int, sizes: tuple[int, int, int]) -> Split:
    """People of every stratum, so many of each for fitting, holding and testing."""
    world = make_world(rng, items)
    fit, held, test = (make_people(rng, world, size) for size in sizes)
    return Split(MADE_UP, world, fit, held, test)


def read_split(path: Path, rng: np.random.Generator) -> Split:
    """Histories below `path`: 40 % of users to learn from, 30 % for levels, 30 % to report on;
    each stretch of thirty days of a user is one account. Ranks are those of the first part."""
    con = duckdb.connect()
    con.execute("SET memory_limit = '4GB'")
    query, rows = listens(con, path)
    con.execute(f"CREATE VIEW listens AS {query}")
    con.execute(_NUMBERED)
    kept = con.execute("SELECT count(*) FROM heard").fetchall()[0][0]
    con.execute("CREATE TABLE played AS SELECT item, count(*) AS plays FROM heard"
                " WHERE part = 0 GROUP BY item")  # fmt: skip
    columns = con.execute(
        "SELECT artist, release, coalesce(plays, 0) FROM items LEFT JOIN played USING (item)"
        " ORDER BY item"
    ).fetchnumpy()
    artist, release, plays = (np.asarray(column) for column in columns.values())
    world = _world(rng, artist.astype(np.int64), release.astype(np.int64), plays.astype(np.float64))
    parts = [_histories(con, world, part) for part in range(3)]
    if min(map(len, parts)) < 10:
        raise SystemExit(f"{path}: fewer than ten stretches of thirty days in one of three parts")
    return Split(
        f"histories of {path.name}", world, *parts, rows_read=rows, rows_left_out=rows - kept
    )


_NUMBERED = """
CREATE TABLE keyed AS
  SELECT who, moment, lower(artist) AS artist, lower(title) AS title,
    coalesce(lower(release), '') AS release
  FROM listens
  WHERE who <> '' AND moment > 0 AND isfinite(moment) AND trim(artist) <> '' AND trim(title) <> '';
CREATE TABLE items AS
  WITH first AS (
    SELECT artist, title, arg_min(release, moment) AS release, min(moment) AS moment FROM keyed
    GROUP BY artist, title)
  SELECT artist AS artist_name, title AS title_name,
    row_number() OVER (ORDER BY artist, release, moment, title) - 1 AS item,
    dense_rank() OVER (ORDER BY artist) - 1 AS artist,
    dense_rank() OVER (
      ORDER BY artist, release, CASE WHEN release = '' THEN title END) - 1 AS release
  FROM first;
CREATE TABLE heard AS
  WITH users AS (SELECT who, min(moment) AS begun, hash(who::VARCHAR) % 10 AS tenth
                 FROM keyed GROUP BY who)
  SELECT who, item, moment, ((moment - begun) // 2592000)::INTEGER AS stretch,
    CASE WHEN tenth < 4 THEN 0 WHEN tenth < 7 THEN 1 ELSE 2 END AS part
  FROM keyed JOIN users USING (who)
  JOIN items ON keyed.artist = items.artist_name AND keyed.title = items.title_name;
"""


def _world(
    rng: np.random.Generator, artist: np.ndarray, release: np.ndarray, plays: np.ndarray
) -> World:
    """The catalogue of what was heard, and what nobody plays behind it: releases of ten."""
    heard = len(artist)
    extra = np.arange(int(heard * UNHEARD / (1 - UNHEARD)))
    artist = np.r_[artist, artist.max() + 1 + extra // 20]
    release = np.r_[release, release.max() + 1 + extra // 10]
    plays = np.r_[plays, np.zeros(len(extra))]
    return world_of(np.arange(len(artist)), artist, release, plays, rng)


def _histories(con: duckdb.DuckDBPyConnection, world: World, part: int) -> list[History]:
    rows = con.execute(
        f"SELECT dense_rank() OVER (ORDER BY who, stretch) AS account, stretch, item, moment"
        f" FROM heard WHERE part = {part} ORDER BY account, moment, item"
    ).fetchnumpy()
    account, stretch, items, times = (np.asarray(column) for column in rows.values())
    bounds = np.r_[0, np.flatnonzero(np.diff(account)) + 1, len(account)]
    found = []
    for first, after in pairwise(bounds.tolist()):
        if after - first >= SHORTEST:
            one = items[first:after].astype(np.int64)
            name = _stratum(world, one, int(stretch[first]))
            found.append(History(name, one, times[first:after].astype(np.float64)))
    return found


def _stratum(world: World, items: np.ndarray, stretch: int) -> str:
    """What kind of listener, by what was heard; accounts of a first month are new."""
    repeats = 1 - len(np.unique(items)) / len(items)
    tail = float((world.bucket[items] >= 6).mean())
    if len(items) > 4000:
        return "heavy"
    if tail > 0.5 and repeats < 0.3:
        return "diggers"
    if repeats < 0.3:
        return "explorers"
    return "new accounts" if stretch == 0 else "ordinary"


__all__ = ["DAYS", "DAY_S", "MADE_UP", "Split", "made_up", "read_split"]
