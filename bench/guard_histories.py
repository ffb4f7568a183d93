"""People for the guard's bench: made up, or from real histories that lie on this disk.

Forms, told from the content: ListenBrainz listens (JSON lines with `listened_at` and
`track_metadata`, or the Parquet of its dumps), Last.fm as in its set of 1,000 users (six columns
separated by tabs) and as in LFM-1b (five columns of numbers), and any CSV, TSV or Parquet whose
columns are named as in `NAMES`. A folder is all its files. Nothing is fetched.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np

from bench.guard_people import DAY_S, DAYS, History, make_people, weight_of
from bench.guard_world import Floats, World, make_world, world_of
from phonotheque.guard import Requests, symbols_of

NAMES = {
    "who": ("user_id", "user_name", "user", "userid", "uid", "username", "listener"),
    "at": ("listened_at", "timestamp", "ts", "time", "uts", "utc_time", "date", "played_at"),
    "artist": ("artist_name", "artist", "artistname", "artist_id", "artist_mbid", "artname"),
    "title": ("track_name", "recording_name", "track", "trackname", "title", "track_id",
              "recording_mbid", "recording_msid", "item_id", "song", "song_id"),
    "release": ("release_name", "release", "album", "albumname", "album_name", "album_id",
                "release_mbid"),
}  # fmt: skip
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

    def turned(self) -> "Split":
        """Other people to learn from, for somebody who does not know ours: every second one of
        those tested."""
        found, fit, held = self.symbols(self.test), self.test[::2], self.test[1::2]
        return replace(self, fit=fit, held=held, known={id(fit): found[::2], id(held): found[1::2]})


def requests_of(world: World, history: History) -> Requests:
    """A history as the guard reads it."""
    items = history.items
    return Requests(
        items, history.times, world.artist[items], world.album[items], world.bucket[items]
    )


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
    con.execute(f"CREATE VIEW listens AS {_listens(con, path)}")
    con.execute(_NUMBERED)
    con.execute("CREATE TABLE played AS SELECT item, count(*) AS plays FROM heard"
                " WHERE part = 0 GROUP BY item")  # fmt: skip
    rows = con.execute(
        "SELECT artist, release, coalesce(plays, 0) FROM items LEFT JOIN played USING (item)"
        " ORDER BY item"
    ).fetchnumpy()
    artist, release, plays = (np.asarray(column) for column in rows.values())
    world = _world(rng, artist.astype(np.int64), release.astype(np.int64), plays.astype(np.float64))
    parts = [_histories(con, world, part) for part in range(3)]
    if min(map(len, parts)) < 10:
        raise SystemExit(f"{path}: fewer than ten stretches of thirty days in one of three parts")
    return Split(f"histories of {path.name}", world, *parts)


_NUMBERED = """
CREATE TABLE keyed AS
  SELECT who, moment, lower(artist) AS artist, lower(title) AS title,
    coalesce(lower(release), '') AS release
  FROM listens WHERE who IS NOT NULL AND moment > 0 AND artist IS NOT NULL AND title IS NOT NULL;
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


# ------------------------------------------------------------------------------ reading files


def _listens(con: duckdb.DuckDBPyConnection, path: Path) -> str:
    files = sorted(p for p in (path.rglob("*") if path.is_dir() else [path]) if p.is_file())
    queries = [_one(con, file) for file in files if not file.name.startswith((".", "README"))]
    if not queries:
        raise SystemExit(f"{path}: no histories here")
    return " UNION ALL ".join(queries)


def _one(con: duckdb.DuckDBPyConnection, file: Path) -> str:
    """A query for (who, at, artist, title, release) of one file."""
    quoted = "'" + str(file).replace("'", "''") + "'"
    plain = [s for s in file.suffixes if s not in (".gz", ".zst", ".bz2")]
    kind = plain[-1].lower() if plain else ""
    if kind == ".parquet":
        return _named(con, f"read_parquet({quoted})")
    if kind in (".json", ".jsonl", ".listens", ".ndjson"):
        source = f"read_json({quoted}, format = 'auto', maximum_depth = 3, union_by_name = true)"
        columns = _columns(con, source)
        if "track_metadata" in columns:
            who = next(c for c in ("user_id", "user_name") if c in columns)
            m = "to_json(track_metadata)"
            return (
                f"SELECT {who}::VARCHAR AS who, {_seconds('listened_at')} AS moment,"
                f" {m} ->> 'artist_name' AS artist, {m} ->> 'track_name' AS title,"
                f" {m} ->> 'release_name' AS release FROM {source}"
            )
        return _named(con, source)
    source = (
        f"read_csv({quoted}, all_varchar = true, ignore_errors = true, quote = '', delim = '\t')"
    )
    columns = _columns(con, source)
    if kind in (".csv",):
        return _named(con, f"read_csv({quoted}, all_varchar = true, header = true)")
    if set(NAMES["who"]) & set(columns):
        return _named(con, source)
    bare = source.replace(")", ", header = false)")
    columns = _columns(con, bare)
    if len(columns) >= 6:  # Last.fm, 1,000 users: user, time, artist id and name, track id and name
        a, t, _, artist, _, title = columns[:6]
        return (f"SELECT {a} AS who, {_seconds(t)} AS moment, {artist} AS artist, {title} AS title,"
                f" NULL AS release FROM {bare}")  # fmt: skip
    if len(columns) == 5:  # LFM-1b: user, artist, album, track, time
        a, artist, release, title, t = columns
        return (f"SELECT {a} AS who, {_seconds(t)} AS moment, {artist} AS artist, {title} AS title,"
                f" {release} AS release FROM {bare}")  # fmt: skip
    raise SystemExit(f"{file}: {len(columns)} columns without names; see bench/guard_histories.py")


def _columns(con: duckdb.DuckDBPyConnection, source: str) -> list[str]:
    return [row[0] for row in con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()]


def _seconds(column: str) -> str:
    """A time in seconds since 1970, from seconds, milliseconds or text."""
    number = f"try_cast({column}::VARCHAR AS DOUBLE)"
    text = f"epoch(try_cast({column}::VARCHAR AS TIMESTAMPTZ))"
    return f"coalesce(CASE WHEN {number} > 1e11 THEN {number} / 1000 ELSE {number} END, {text})"


def _named(con: duckdb.DuckDBPyConnection, source: str) -> str:
    columns = {c.lower(): c for c in _columns(con, source)}
    found = {
        want: next((columns[n] for n in names if n in columns), None)
        for want, names in NAMES.items()
    }
    if not (found["who"] and found["at"] and found["title"]):
        raise SystemExit(
            f"{source}: no columns for user, time and track among {', '.join(columns)}"
        )
    artist = f'"{found["artist"]}"::VARCHAR' if found["artist"] else f'"{found["title"]}"::VARCHAR'
    release = f'"{found["release"]}"::VARCHAR' if found["release"] else "NULL"
    who, title, at = (f'"{found[name]}"' for name in ("who", "title", "at"))
    return (
        f"SELECT {who}::VARCHAR AS who, {_seconds(at)} AS moment, {artist} AS artist,"
        f" {title}::VARCHAR AS title, {release} AS release FROM {source}"
    )


__all__ = ["DAYS", "DAY_S", "MADE_UP", "Split", "made_up", "read_split"]
