"""Identity without codes: precision and recall on labelled pairs, against simpler comparisons.

The pairs are those of tests/catalogue/labelled (README.md there). Two rows meet when their
`text_match` is equal, both say enough, and their durations, where both are known, are within
max(3 s, 2 %) of the longer. Peers decide on the same pairs by the same duration rule: equality of
the normalised artist and title; token-set similarity of artist and title (the share of common words
among those of the shorter) of at least 0.9; and DuckDB's jaro_winkler_similarity of "artist title"
of at least 0.95. Rows per CPU-second of `match_columns` are on blocks of 65,536 rows made of the
titles of the pairs (hard: most say more than a name) and of those that are plain (ordinary).
"""

import csv
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from phonotheque.model.matching import match_columns
from phonotheque.model.plain_titles import lines_of, plain_keys
from phonotheque.model.text import normalise

LABELLED = Path(__file__).parents[1] / "tests" / "catalogue" / "labelled"
BLOCK = 65_536
BLOCKS = {"small": 4, "large": 40}
ALIKE = 0.9
JARO = 0.95

Verdicts = np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Labelled pairs of one set; all of length n."""

    rows: list[dict[str, str]]

    def texts(self, side: str) -> list[tuple[str, str]]:
        """(artist, title) of the side "a" or "b"."""
        return [(row[f"artist_{side}"], row[f"title_{side}"]) for row in self.rows]

    @property
    def same(self) -> Verdicts:
        """The labels."""
        return np.array([row["same"] == "1" for row in self.rows])

    @property
    def durations_agree(self) -> Verdicts:
        """Within max(3 s, 2 %), or unknown."""
        return np.array([_agree(row["seconds_a"], row["seconds_b"]) for row in self.rows])


def run(scale: str) -> dict[str, Any]:
    """Precision and recall per set and in all, ours and of the peers; speed."""
    sets = {path.stem: _read(path) for path in sorted(LABELLED.glob("*.csv"))}
    sets["all"] = Pairs([row for pairs in sets.values() for row in pairs.rows])
    for half in ("tuning", "held_out"):
        sets[half] = Pairs([row for row in sets["all"].rows if _half(row) == half])
    ours: dict[str, float] = {"identity_pairs": len(sets["all"].rows)}
    for name, pairs in sets.items():
        ours |= _scores(f"identity_{name}".replace("-", "_"), by_keys(pairs), pairs)
    ours["identity_precision"] = ours.pop("identity_all_precision")
    ours["identity_recall"] = ours.pop("identity_all_recall")
    peers: dict[str, float] = {}
    for name, way in PEERS.items():
        peers |= _scores(name, way(sets["all"]), sets["all"])
    ours |= _speed(sets["all"], BLOCKS[scale])
    return {"ours": ours, "peers": peers}


def by_keys(pairs: Pairs) -> Verdicts:
    """Equal `text_match`, both usable."""
    a, b = (
        match_columns([t for _, t in texts], [artist for artist, _ in texts])
        for texts in (pairs.texts("a"), pairs.texts("b"))
    )
    met: Verdicts = (a.text_match == b.text_match) & a.text_usable & b.text_usable
    return met


def by_equality(pairs: Pairs) -> Verdicts:
    """Equal normalised artist and title."""
    sides = ([(normalise(a), normalise(t)) for a, t in pairs.texts(side)] for side in "ab")
    return np.array([a == b for a, b in zip(*sides, strict=True)])


def by_token_sets(pairs: Pairs) -> Verdicts:
    """Words of artist and of title alike."""
    return np.array(
        [
            min(_common(a[0], b[0]), _common(a[1], b[1])) >= ALIKE
            for a, b in zip(pairs.texts("a"), pairs.texts("b"), strict=True)
        ]
    )


def by_jaro_winkler(pairs: Pairs) -> Verdicts:
    """DuckDB's similarity of the normalised texts."""
    table = pa.table(
        {side: [f"{normalise(a)} {normalise(t)}" for a, t in pairs.texts(side)] for side in "ab"}
    )
    with duckdb.connect() as connection:
        connection.register("pairs", table)
        found = connection.execute(f"SELECT jaro_winkler_similarity(a, b) >= {JARO} FROM pairs")
        return np.array([row[0] for row in found.fetchall()])


PEERS: dict[str, Callable[[Pairs], Verdicts]] = {
    "equality": by_equality,
    "token_set": by_token_sets,
    "jaro_winkler": by_jaro_winkler,
}


def _read(path: Path) -> Pairs:
    with path.open(encoding="utf-8", newline="") as stream:
        return Pairs(list(csv.DictReader(stream)))


def _half(row: dict[str, str]) -> str:
    said = row["artist_a"] + row["title_a"] + row["artist_b"] + row["title_b"]
    return "held_out" if hashlib.sha256(said.encode()).digest()[0] & 1 else "tuning"


def _agree(a: str, b: str) -> bool:
    if not a or not b:
        return True
    return abs(float(a) - float(b)) <= max(3, 0.02 * max(float(a), float(b)))


def _common(a: str, b: str) -> float:
    left, right = set(normalise(a).split()), set(normalise(b).split())
    return len(left & right) / (min(len(left), len(right)) or 1)


def _scores(name: str, met: Verdicts, pairs: Pairs) -> dict[str, float]:
    met, same = met & pairs.durations_agree, pairs.same
    right = int((met & same).sum())
    return {
        f"{name}_precision": round(right / max(int(met.sum()), 1), 4),
        f"{name}_recall": round(right / max(int(same.sum()), 1), 4),
    }


def _speed(pairs: Pairs, blocks: int) -> dict[str, float]:
    texts = pairs.texts("a") + pairs.texts("b")
    plain = plain_keys(lines_of([title for _, title in texts]))
    ordinary = [text for text, key in zip(texts, plain, strict=True) if key is not None]
    return {
        "hard_rows_per_cpu_second": _rows_per_cpu_second(texts, blocks),
        "ordinary_rows_per_cpu_second": _rows_per_cpu_second(ordinary, blocks),
    }


def _rows_per_cpu_second(texts: list[tuple[str, str]], blocks: int) -> int:
    block = (texts * (BLOCK // len(texts) + 1))[:BLOCK]
    titles, credits = [title for _, title in block], [artist for artist, _ in block]
    best = 0.0
    for _ in range(blocks):
        start = time.process_time()
        match_columns(titles, credits)
        best = max(best, BLOCK / (time.process_time() - start))
    return round(best)
