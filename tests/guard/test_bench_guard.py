"""What the guard's bench reads: histories in the forms people have them in."""

import json
from pathlib import Path

import numpy as np
import pytest
from bench.guard_histories import read_split

USERS, PLAYS = 60, 30


def rows() -> list[tuple[str, int, str, str, str]]:
    """User, time, artist, release and title of made-up listens."""
    rng = np.random.default_rng(1)
    return [
        (f"user{user}", 1_600_000_000 + 1000 * place, f"Artist {which // 10}",
         f"Release {which // 5}", f"Track {which}")
        for user in range(USERS) for place, which in enumerate(rng.integers(0, 200, PLAYS))
    ]  # fmt: skip


def write_listenbrainz(path: Path) -> Path:
    """JSON lines as in a dump."""
    lines = [
        {"user_id": int(u[4:]), "listened_at": t,
         "track_metadata": {"artist_name": a, "track_name": n, "release_name": r}}
        for u, t, a, r, n in rows()
    ]  # fmt: skip
    file = path / "1.listens"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def write_last_fm(path: Path) -> Path:
    """Six columns, as in the set of 1,000 users."""
    file = path / "userid-timestamp-artid-artname-traid-traname.tsv"
    stamp = np.datetime64(0, "s")
    file.write_text("".join(f"{u}\t{stamp + t}Z\tid\t{a}\tid\t{n}\n" for u, t, a, _, n in rows()))
    return file


def write_table(path: Path) -> Path:
    """A CSV with names of columns."""
    file = path / "plays.csv"
    lines = [f"{u},{t},{a},{r},{n}\n" for u, t, a, r, n in rows()]
    file.write_text("username,timestamp,artist,album,track\n" + "".join(lines))
    return file


def write_numbers(path: Path) -> Path:
    """Five columns of numbers, as in LFM-1b: user, artist, album, track, time."""
    file = path / "LEs.txt"
    file.write_text(
        "".join(
            f"{u[4:]}\t{a.split()[1]}\t{r.split()[1]}\t{n.split()[1]}\t{t}\n"
            for u, t, a, r, n in rows()
        )
    )
    return file


@pytest.mark.parametrize(
    "write",
    [write_listenbrainz, write_last_fm, write_table, write_numbers],
    ids=lambda w: w.__name__,
)
def test_histories_are_read_and_split_by_user(write, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("bench.guard_world.PLAYLISTS", 3)
    monkeypatch.setattr("bench.guard_world.GENRES", 2)
    split = read_split(write(tmp_path), np.random.default_rng(1))
    parts = (split.fit, split.held, split.test)
    assert sum(map(len, parts)) == USERS
    assert all(len(part) >= 10 for part in parts)
    assert sum(len(h.items) for part in parts for h in part) == USERS * PLAYS
    assert all((np.diff(h.times) >= 0).all() for part in parts for h in part)
    heard = np.unique(np.concatenate([h.items for part in parts for h in part]))
    assert heard.max() < len(heard) + 1 < split.world.size  # behind them lies what nobody played
    assert split.symbols(split.fit).shape[0] == len(split.fit)
