"""Verdicts on rights: one by one, and set by set for a whole catalogue; and whether both agree.

`bulk` decides every use in 15 territories for a catalogue in which many recordings share their set
of evidence, from the sets to a table with the levels of each recording. Its limit is DuckDB copying
that table. `disagreements` counts verdicts that differ from the core's in 100,000 random cases.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa
from tests.support.rights_cases import random_evidence

from phonotheque.archive.verdict_tables import Verdicts
from phonotheque.model.rights import Evidence, Use
from phonotheque.rights import Policy, check_rules, decide, facts_of, jurisdictions, level_in
from phonotheque.rights.bulk import YEAR_CLAIMS

SCALES = {"small": (1_000_000, 20_000, 200), "large": (20_000_000, 100_000, 500)}
"""Recordings, distinct sets of evidence, distinct heads among them."""
SINGLES = 5_000
CASES = 100_000
ON = date(2026, 11, 22)
POLICY = Policy(noncommercial=True)
_Sets = list[tuple[Evidence, ...]]


def run(scale: str) -> dict[str, Any]:
    """Verdicts per second of each way, the vectors of the rules, and disagreements."""
    recordings, sets, heads = SCALES[scale]
    with TemporaryDirectory(dir=os.environ.get("PHONOTHEQUE_BENCH_DIR")) as scratch:
        bulk, copy = _measure_bulk(Path(scratch), recordings, _catalogue(sets, heads))
    verdicts = recordings * len(jurisdictions()) * len(Use)
    compared, disagreements = _compare()
    single = _measure_single()
    return {
        "ours": {
            "single_per_s": single,
            "bulk_per_s": verdicts / bulk,
            "bulk_recordings": recordings,
            "bulk_sets": sets,
            "bulk_seconds": bulk,
            "vectors": check_rules(),
            "cases": compared,
            "disagreements": disagreements,
        },
        "limits": {"copy_per_s": verdicts / copy, "copy_seconds": copy},
        "ratios": {"bulk_vs_copy": copy / bulk, "bulk_vs_single": verdicts / bulk / single},
    }


def _catalogue(sets: int, heads: int) -> _Sets:
    """Sets of evidence as a catalogue has them: many years, few things said beside them."""
    random = Random(5)
    some = [
        [e for e in random_evidence(random) if e.claim not in YEAR_CLAIMS] for _ in range(heads)
    ]
    return [
        (*random.choice(some), *(e for e in random_evidence(random) if e.claim in YEAR_CLAIMS))
        for _ in range(sets)
    ]


@contextmanager
def _signatures(sets: _Sets, database: str = ":memory:") -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(database) as connection:
        rows = pa.table(
            {"signature": list(range(len(sets))), "text": [str(n) for n in range(len(sets))]}
        )
        connection.register("rows", rows)
        connection.execute("CREATE TABLE signatures AS FROM rows")
        connection.execute("SET memory_limit = '1GB'")
        yield connection


def _nth(sets: _Sets, text: str) -> tuple[Evidence, ...]:
    return sets[int(text)]


def _measure_bulk(scratch: Path, recordings: int, sets: _Sets) -> tuple[float, float]:
    """Seconds to decide, and to copy the table that came out."""
    with _signatures(sets, str(scratch / "bulk.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE signed AS SELECT range AS recording, "
            f"(hash(range) % {len(sets)})::BIGINT AS signature FROM range({recordings})"
        )
        start = time.perf_counter()
        tables = Verdicts(connection, partial(_nth, sets), POLICY)
        codes = sorted(jurisdictions())
        for code in codes:
            tables.decide(f"v_{code}", [code], ON)
        masks = ", ".join(f"v_{code}.mask AS {code}" for code in codes)
        joins = " ".join(f"JOIN v_{c} ON v_{c}.signature = s.signature" for c in codes)
        connection.execute(
            f"CREATE TABLE levels AS SELECT recording, {masks} FROM signed s {joins}"
        )
        decided = time.perf_counter()
        connection.execute("CREATE TABLE copied AS FROM levels")
        return decided - start, time.perf_counter() - decided


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
        sets = [random_evidence(random) for _ in range(each)]
        with _signatures(sets) as connection:
            Verdicts(connection, partial(_nth, sets), POLICY).decide("v", [code], on)
            found = connection.execute("SELECT signature, mask FROM v")
            for signature, mask in found.fetchall():
                facts = facts_of(sets[signature])
                for use in Use:
                    level = decide(facts, [code], on, use, POLICY).level
                    wrong += level is not level_in(mask, use)
                    compared += 1
    return compared, wrong
