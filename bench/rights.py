"""Verdicts on rights: one by one, and set by set for a whole catalogue; and whether both agree.

Evidence is planted for each recording (bench/planted_evidence.py). `sign` finds the distinct sets
and how often each is listened to; `decide` decides every use in 15 territories, `write` writes
the levels of each recording; its limit is DuckDB copying what was written, `copy`. `year` asks what
changes on a 1 January in the world set of an archive, `review` makes the work list. `disagreements`
counts verdicts that differ from the core's in 100,000 random cases.

``--set archive=DIR`` takes the recordings and their listens from the current build of an archive;
it is only read. ``--set recordings=N`` says how many, without it. ``--set memory=4GB``: of DuckDB.
"""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
from tests.support.rights_cases import random_evidence
from tests.support.set_verdicts import masks, stated_sets

from bench.planted_evidence import planted_signatures
from phonotheque.archive.foreseeing import foresee, list_work
from phonotheque.archive.stated_sets import StatedSets, bounded_cursor
from phonotheque.archive.verdict_tables import Asked
from phonotheque.catalogue import current_build, open_build
from phonotheque.model.numbers import IdKey
from phonotheque.model.rights import Use
from phonotheque.rights import Policy, check_rules, decide, facts_of, jurisdictions, level_in
from phonotheque.storage.layout import Tree

SCALES = {"small": 1_000_000, "large": 20_000_000}
SINGLES = 5_000
CASES = 100_000
ON = date(2026, 11, 22)
POLICY = Policy(noncommercial=True)
WORLD = ("US", "EU", "GB", "CA", "JP", "AU", "MX", "ZZ")


def run(
    scale: str, *, archive: str = "", recordings: str = "", memory: str = "2GB"
) -> dict[str, Any]:
    """Verdicts per second of each way, the vectors of the rules, and disagreements."""
    with TemporaryDirectory(dir=os.environ.get("PHONOTHEQUE_BENCH_DIR")) as scratch:
        asked = recordings or ("" if archive else str(SCALES[scale]))
        with _catalogue(Path(scratch), archive, asked, memory) as (cursor, highest):
            bulk = _measure_bulk(cursor, Path(scratch), highest)
    compared, disagreements = _compare()
    single = _measure_single()
    verdicts = bulk["recordings"] * len(jurisdictions()) * len(Use)
    wall, cpu = (
        sum(bulk[f"{step}_{unit}"] for step in ("sign", "decide", "write"))
        for unit in ("seconds", "cpu_seconds")
    )
    return {
        "ours": {
            "single_per_s": single,
            "bulk_per_s": verdicts / wall,
            "bulk_per_cpu_s": verdicts / cpu,
            **bulk,
            "vectors": check_rules(),
            "cases": compared,
            "disagreements": disagreements,
        },
        "limits": {"copy_per_s": verdicts / bulk["copy_seconds"]},
        "ratios": {"bulk_vs_single": verdicts / cpu / single},
    }


@contextmanager
def _catalogue(
    scratch: Path, archive: str, recordings: str, memory: str
) -> Iterator[tuple[duckdb.DuckDBPyConnection, int]]:
    """A cursor with the views `recordings` and `standing`, and the highest number."""
    if archive:
        found = current_build(Tree(Path(archive)))
        if found is None:
            raise SystemExit(f"{archive}: no build there")
        manifest, directory = found
        reader = open_build(directory, manifest)
        try:
            cursor = bounded_cursor(reader, scratch, memory)
            ((highest,),) = cursor.execute("SELECT max(number) FROM recordings").fetchall()
            yield cursor, min(highest, int(recordings or highest))
        finally:
            reader.close()
        return
    with duckdb.connect() as connection:
        connection.execute(f"SET memory_limit = '{memory}'")
        connection.execute(f"SET temp_directory = '{scratch}/spill'")
        numbers = f"FROM range(1, {int(recordings) + 1})"
        connection.execute(
            "CREATE VIEW recordings AS SELECT range AS number, range::VARCHAR AS title, "
            f"'Somebody' AS artist_credit {numbers}"
        )
        connection.execute(
            "CREATE VIEW standing AS SELECT range AS number, 1000000000 // range AS listens "
            + numbers
        )
        yield connection, int(recordings)


class _Clock:
    """Seconds and CPU-seconds of the steps of a run, and the height of private memory in them."""

    def __init__(self) -> None:
        self.figures: dict[str, float] = {}
        self._peak = 0
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            with Path("/proc/self/status").open() as status:
                told = dict(line.split(":", 1) for line in status)
            self._peak = max(self._peak, int(told.get("RssAnon", "0").split()[0]) * 1024)
            time.sleep(0.5)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        wall, cpu, self._peak = time.perf_counter(), time.process_time(), 0
        yield
        self.figures[f"{name}_seconds"] = time.perf_counter() - wall
        self.figures[f"{name}_cpu_seconds"] = time.process_time() - cpu
        self.figures[f"{name}_memory_gb"] = self._peak / 1e9
        print(name, {k: round(v, 2) for k, v in self.figures.items() if name in k}, file=sys.stderr)


def _measure_bulk(
    cursor: duckdb.DuckDBPyConnection, scratch: Path, recordings: int
) -> dict[str, Any]:
    """What each step takes, and how many sets and parts of sets there are."""
    clock = _Clock()
    policy = replace(POLICY, territories=WORLD)
    batches = planted_signatures(recordings)
    with clock.step("sign"):
        sets = StatedSets(cursor, batches, [], policy, scratch / "signed")
    codes = sorted(jurisdictions())
    with clock.step("decide"):
        sets.verdicts.decide("every", [Asked((code,), ON) for code in codes])
    with clock.step("year"):
        report = foresee(sets, date(2027, 1, 1))
    with clock.step("review"):
        list_work(sets, Use.STREAM, Asked(WORLD, ON), IdKey(bytes(16)))
    levels = scratch / "levels.parquet"
    with clock.step("write"):
        columns = ", ".join(f"v.mask_{n} AS {code}" for n, code in enumerate(codes))
        cursor.execute(
            f"COPY (SELECT c.recording, {columns} FROM {sets.verdicts.members('every')}) "
            f"TO '{levels}' (FORMAT parquet)"
        )
    with clock.step("copy"):
        cursor.execute(f"COPY (FROM '{levels}') TO '{levels}.copy' (FORMAT parquet)")
    size = levels.stat().st_size
    counts = {
        name: cursor.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0]
        for name in ("sets", "parts_head", "parts_recorded", "parts_written")
    }
    return {
        "recordings": sets.recordings, **counts, "level_bytes": size,
        "risen": sum(one.allowed + one.to_review for one in report.verdicts), **clock.figures,
    }  # fmt: skip


def _measure_single() -> float:
    """Verdicts per second of `decide`, of facts that are known."""
    random = Random(6)
    facts = [facts_of(random_evidence(random)) for _ in range(SINGLES)]
    codes = [[code] for code in jurisdictions()]
    asked = [(one, random.choice(codes), random.choice(list(Use))) for one in facts]
    best = 0.0
    for _ in range(3):
        start = time.perf_counter()
        for one, where, use in asked:
            decide(one, where, ON, use, POLICY)
        best = max(best, len(asked) / (time.perf_counter() - start))
    return best


def _compare() -> tuple[int, int]:
    """Cases compared, and those in which the set-wise verdict is not that of the core."""
    random = Random(7)
    codes = sorted(jurisdictions())
    each = CASES // (len(codes) * len(Use)) + 1
    compared = wrong = 0
    for code in codes:
        on = date(random.choice([2014, 2024, 2026, 2027, 2034, 2047, 2067]), 1, 1)
        evidences = [random_evidence(random) for _ in range(each)]
        with stated_sets(evidences, POLICY) as sets:
            for number, mask in masks(sets, Asked((code,), on)):
                facts = facts_of(evidences[number])
                for use in Use:
                    level = decide(facts, [code], on, use, POLICY).level
                    wrong += level is not level_in(mask, use)
                    compared += 1
    return compared, wrong
