"""A year of monthly editions, with an archive that grows and drifts: what was published stays as it
is, and those who follow fetch what is really new, each thing once, and give up what is withdrawn.

Songs take 0.4 MB, a ninth of what real ones do: what comes beside them weighs nine times as much.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from phonotheque.model.edition import EditionManifest, Revocations
from phonotheque.storage.documents import read_document
from phonotheque.storage.layout import Tree
from tests.support.months import (
    TABLES,
    Fetched,
    GrowingArchive,
    MonthlyFollower,
    Pace,
    manifest_of,
    program,
    really_new,
)
from tests.support.origin import WebServer
from tests.whole.program import tree_digests

pytestmark = [pytest.mark.full, pytest.mark.timeout(3600)]
AIM = 1.05
SETTINGS = {"max_files": 60, "rows_per_shard": 500}
PACE = Pace(settings=SETTINGS, mended_rows=8, shorter=100)
LATE = 7
SOMETIMES = (1, 5, 6, 12)


@dataclass
class Year:
    """What happened: fetched by follower and month, digests of what was out each month."""

    archive: GrowingArchive
    mirrors: dict[str, Tree]
    fetched: dict[str, dict[int, Fetched]] = field(default_factory=dict)
    served: dict[str, list[str]] = field(default_factory=dict)  # paths, by follower
    out: list[dict[str, str]] = field(default_factory=list)  # path: sha256, by month

    @property
    def tree(self) -> Tree:
        return self.archive.tree

    def name(self, month: int) -> str:
        return f"month-{month:02d}"

    @cached_property
    def manifests(self) -> list[EditionManifest]:
        return [manifest_of(self.tree, self.name(m)) for m in range(1, len(self.out) + 1)]

    def new(self, since: int, until: int, scratch: Path) -> int:
        """Bytes really new in the months after `since`, up to `until`."""
        names = [self.name(month) for month in range(since + 1, until + 1)]
        return really_new(self.tree, names, scratch).bytes


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Year]:
    """Twelve months, and three who follow: every month, from the seventh on, and now and then."""
    folder = tmp_path_factory.mktemp("year")
    archive = GrowingArchive(folder, PACE)
    when = {
        "always": range(1, 13),
        "late": range(LATE, 13),
        "sometimes": SOMETIMES,
    }
    year = Year(archive, {name: Tree(folder / name) for name in when})
    with WebServer(archive.tree.root) as server:
        for month in range(1, 13):
            archive.next_month()
            published = tree_digests(archive.tree.root)
            year.out.append({p: d for p, d in published.items() if p.startswith(("ed", "vol"))})
            for name, months in when.items():
                if month not in months:
                    continue
                begun = len(server.served)
                follower = MonthlyFollower(archive, server, year.mirrors[name].root)
                year.fetched.setdefault(name, {})[month] = follower.follow()
                paths = [served.path for served in server.served[begun:]]
                year.served.setdefault(name, []).extend(paths)
        yield year


def test_nothing_that_was_published_ever_changes(year: Year) -> None:
    for before, after in pairwise(year.out):
        assert before.items() <= after.items()
    assert len(year.out[-1]) > 2 * len(year.out[0])


def test_what_no_row_touched_keeps_its_file(year: Year) -> None:
    kept = 0
    for before, after in pairwise(year.manifests):
        touched = _touched(year.tree.edition(after.name), after.rows_per_shard)
        old = {(s.table, s.shard, s.layer): s.path for s in before.shards}
        for shard in after.shards:
            if (shard.table, shard.shard) in touched or shard.table not in TABLES.values():
                continue
            assert shard.path == old[shard.table, shard.shard, shard.layer]
            kept += 1
    assert kept > 0


def _touched(edition: Path, rows_per_shard: int) -> set[tuple[str, int]]:
    rows = pq.read_table(edition / "changes" / "changes.parquet").to_pylist()
    return {(TABLES[r["kind"]], r["number"] // rows_per_shard) for r in rows if r["kind"] in TABLES}


def test_a_follower_fetches_little_more_than_what_is_really_new(year: Year, tmp_path: Path) -> None:
    told = []
    for month, fetched in year.fetched["always"].items():
        new = year.new(month - 1, month, tmp_path)
        told.append((month, fetched.bytes, new, round(fetched.bytes / new, 4), fetched.by_kind))
        assert fetched.bytes <= AIM * new, told[-1]
    print(*told, sep="\n")


def test_one_who_comes_late_or_skips_months_fetches_no_more(year: Year, tmp_path: Path) -> None:
    for follower in ("late", "sometimes"):
        since = 0
        for month, fetched in year.fetched[follower].items():
            assert fetched.bytes <= AIM * year.new(since, month, tmp_path), (follower, month)
            since = month


def test_nothing_is_fetched_twice(year: Year) -> None:
    digests = {
        f"editions/{manifest.name}/{entry.path}": entry.sha256
        for manifest in year.manifests
        for entry in manifest.contents
    }
    for follower, paths in year.served.items():
        fetched = [path for path in paths if path.startswith(("volumes/", "editions/"))]
        twice = Counter(digests.get(path, path) for path in fetched)
        repeated = {what: count for what, count in twice.items() if count > 1}
        planned = {path for path in fetched if path.endswith(("/volumes.parquet", "/edition.json"))}
        assert not repeated.keys() - planned - {digests.get(path, "") for path in planned}
        assert max(repeated.values(), default=1) <= 2, "read once to plan, and once to keep"
        assert follower != "sometimes" or not [p for p in fetched if "month-03" in p]


def test_every_mirror_holds_what_the_origin_says_and_nothing_withdrawn(year: Year) -> None:
    origin = year.out[-1]
    revoked = read_document(year.tree.revocations_json, Revocations).files
    gone = {f"volumes/{file.volume}/{file.path}" for file in revoked}
    assert len(gone) == len(year.archive.withdrawn) == 20
    for follower, tree in year.mirrors.items():
        held = tree_digests(tree.root)
        volumes = {p: d for p, d in origin.items() if p.startswith("volumes/") and p not in gone}
        assert {p: d for p, d in held.items() if p.startswith("volumes/")} == volumes
        newest = f"editions/{year.name(12)}/"
        unsigned = (f"{newest}metadata/",)
        tables = {p: d for p, d in origin.items() if p.startswith(newest)}
        tables = {p: d for p, d in tables.items() if not p.startswith(unsigned)}
        assert {p: d for p, d in held.items() if p.startswith(newest)} == tables
        fetched = set(year.served[follower])
        assert follower != "late" or not fetched & _withdrawn_before(year, LATE)


def _withdrawn_before(year: Year, month: int) -> set[str]:
    stones = pq.read_table(year.tree.edition(year.name(month)) / "tombstones.parquet").to_pylist()
    return {f"volumes/{row['volume']}/{row['path']}" for row in stones}


def test_tombstones_are_written_and_deletions_are_told(year: Year) -> None:
    stones = pq.read_table(year.tree.edition(year.name(12)) / "tombstones.parquet").to_pylist()
    assert len(stones) == 20 and all(row["volume"] for row in stones)
    deleted = [path for f in year.fetched["always"].values() for path in f.sync["files_deleted"]]
    assert sorted(deleted) == sorted(f"volumes/{r['volume']}/{r['path']}" for r in stones)


def test_everything_at_rest_is_sound(year: Year) -> None:
    now = year.archive.now
    for tree in (year.tree, *year.mirrors.values()):
        assert program("verify", tree.root, now=now)["clean"]
        report = program("verify", tree.root, "--edition", year.name(12), now=now)
        assert not [f for f in report["findings"] if f["severity"] == "error"]


def test_few_volumes_are_part_filled_where_remainders_wait(
    year: Year, tmp_path_factory: pytest.TempPathFactory
) -> None:
    held = SETTINGS | {"min_fill_percent": 50.0, "hold_editions": 3}
    waiting = GrowingArchive(tmp_path_factory.mktemp("held"), replace(PACE, settings=held))
    for _ in range(12):
        waiting.next_month()
    at_once, later = _fill(year.archive), _fill(waiting)
    print(at_once, later)
    assert later["volumes"] < 0.8 * at_once["volumes"]
    assert later["mean_fill"] > 1.2 * at_once["mean_fill"]
    taken_back = at_once["files"] - later["files"] - later["waiting"]
    assert 0 <= taken_back <= 20, "what is withdrawn while it waits never comes out"


def _fill(archive: GrowingArchive) -> dict[str, Any]:
    """Volumes of the newest edition, and how full they are of the 60 files they may hold."""
    counts = manifest_of(archive.tree, archive.edition).counts
    table = pq.read_table(archive.tree.edition(archive.edition) / "volumes.parquet")
    files = table.column("files").to_pylist()
    return {
        "volumes": len(files),
        "files": sum(files),
        "mean_fill": sum(files) / 60 / len(files),
        "below_half": sum(count < 30 for count in files),
        "waiting": counts.waiting,
    }
