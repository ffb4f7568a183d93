"""What the guard's bench reads: histories in the forms people have them in."""

import json
from pathlib import Path

import numpy as np
import pytest
from bench import guard
from bench.__main__ import measure
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
    odd = [
        '{"user_id": 1, "listened_at": 16000',  # cut off
        "",
        json.dumps({"user_id": 2, "listened_at": 1_600_000_000}),
        json.dumps({**lines[0], "listened_at": None}),
        json.dumps({**lines[0], "listened_at": "soon", "track_metadata": ["no", "mapping"]}),
        json.dumps({"user_id": 5, "listened_at": 1_600_000_000,
                    "track_metadata": {"artist_name": " ", "track_name": "x"}}),
    ]  # fmt: skip
    texts = [json.dumps(line) for line in lines]
    file.write_text("\n".join([*texts[:70], *odd, *texts[70:]]) + "\n")
    return file


def write_export(path: Path) -> Path:
    """What users exported: a folder each, no user in the rows."""
    for u, t, a, r, n in rows():
        file = path / "exports" / u / "listens" / "2020" / "9.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        what = {"artist_name": a, "track_name": n, "release_name": r}
        line = {"listened_at": t, "inserted_at": t, "track_metadata": what}
        with file.open("a") as stream:
            stream.write(json.dumps(line) + "\n")
    (path / "exports" / "user1" / "feedback.jsonl").write_text('{"score": 1}\n')
    return path / "exports"


def write_last_fm(path: Path) -> Path:
    """Six columns, as in the set of 1,000 users."""
    folder = path / "lastfm-dataset-1K"
    folder.mkdir()
    file = folder / "userid-timestamp-artid-artname-traid-traname.tsv"
    stamp = np.datetime64(0, "s")
    lines = [f'{u}\t{stamp + t}Z\t\t{a}\tid\t"{n}' for u, t, a, _, n in rows()]
    odd = [
        "user_1\t2009-05-04",  # cut off
        "user_2\t2009-05-04T23:08:57Z\tid\tSome\tone\tid\tTab in the name",
        "user_3\tnever\tid\tArtist\tid\tTrack",
        "user_4\t2009-05-04T23:08:57Z\tid\tArtist\tid\t",
        "\t2009-05-04T23:08:57Z\tid\tArtist\tid\tTrack",
    ]
    file.write_text("\n".join([*odd[:1], *lines[:50], *odd[1:], *lines[50:]]) + "\n")
    profile = "#id\tgender\tage\tcountry\tregistered\nuser_1\tm\t\tJapan\tAug 13, 2006\n"
    (folder / "userid-profile.tsv").write_text(profile)
    return folder


def write_table(path: Path) -> Path:
    """A CSV with names of columns."""
    file = path / "plays.csv"
    lines = [f"{u},{t},{a},{r},{n}\n" for u, t, a, r, n in rows()]
    file.write_text(
        "username,timestamp,artist,album,track\n" + "".join([*lines, "user1,1600000000,,,\n"])
    )
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
    ("write", "left_out"),
    [(write_listenbrainz, 5), (write_export, 0), (write_last_fm, 5), (write_table, 1),
     (write_numbers, 0)],
    ids=lambda w: getattr(w, "__name__", str(w)),
)  # fmt: skip
def test_histories_are_read_and_split_by_user(
    write, left_out: int, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr("bench.guard_world.MOST_PLAYLISTS", 3)
    monkeypatch.setattr("bench.guard_world.MOST_GENRES", 2)
    split = read_split(write(tmp_path), np.random.default_rng(1))
    assert split.rows_left_out == left_out
    assert split.rows_read == USERS * PLAYS + left_out
    parts = (split.fit, split.held, split.test)
    assert sum(map(len, parts)) == USERS
    assert all(len(part) >= 10 for part in parts)
    assert sum(len(h.items) for part in parts for h in part) == USERS * PLAYS
    assert all((np.diff(h.times) >= 0).all() for part in parts for h in part)
    heard = np.unique(np.concatenate([h.items for part in parts for h in part]))
    assert heard.max() < len(heard) + 1 < split.world.size  # behind them lies what nobody played
    assert split.symbols(split.fit).shape[0] == len(split.fit)


@pytest.mark.full
def test_the_bench_runs_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(guard.SIZES, "small", (4, 8, 8, 1, 3, 4))
    result = measure("guard", "small", {"use": "shipped", "items": "30000"})
    assert result["ours"]["people_tested"] > 0
    assert {"delay_median_s1", "delay_median_s1_at_0.01", "campaign_loss_d1"} <= set(result["ours"])
    assert result["peers"]
