"""Search: speed and size of our index beside FTS5 and Tantivy, on the same catalogue in one run.

100,000 recordings small, 5 million large, or as many as ``--set documents=N`` says: those of
`phonotheque synth`, with real rows among them and their words in the others (editions.py). Each
class of queries is asked of each in a process of its own, twenty hits a page, ours with whole rows:
once after its files were dropped from the page cache (``cold``: 50 queries, the first ones of a new
process), then warm. The share of answers that the deadline cut is told apart (``partial``). Queries
a second are of all classes mixed that all are asked, by one process and by two. The classes that
are known items: questions.py; ``common_words`` are pairs of the commonest, ``no_hit`` words that do
not meet, ``prefix_N`` beginnings of N letters, ``hostile`` long and odd ones; phrases and filters
are asked of ours only.

Other options: ``edition=DIR`` and ``index=DIR`` of an archive in the place of made-up ones (then
queries are made of its own rows), ``data=DIR``, ``keep=DIR``, ``peers=none``, ``queries=N`` of a
class, ``seconds=N`` of asking for queries a second, ``cold=no``, ``memory=BYTES`` to build ours in.
"""

import os
import random
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from itertools import cycle
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from bench.asking import LIMIT, Answer, ask, times
from bench.engines import OURS, PEERS, Engine, Ours, Workshop, evict, watch
from bench.loads import OURS_ALONE, make_loads
from bench.planting import DATA_VARIABLE, ensure_planted, sample_items
from bench.questions import Question
from bench.search_quality import describe

DOCUMENTS = {"small": 100_000, "large": 5_000_000}
QUERIES = {"small": 200, "large": 500}
COLD_QUERIES = 50
SAMPLED = 20_000
LIMITS = {"p50_ms": 5.0, "p99_ms": 50.0, "bytes_per_recording": 64.0, "usable_bytes_per_track": 150}

Classes = dict[str, list[Question]]


def run(
    scale: str,
    *,
    documents: str = "",
    data: str = "",
    keep: str = "",
    edition: str = "",
    index: str = "",
    peers: str = ",".join(PEERS),
    queries: str = "",
    seconds: str = "5",
    cold: str = "yes",
    memory: str = "",
) -> dict[str, Any]:
    """Build all, ask all."""
    engines = [OURS, *(name for name in PEERS if name in peers.split(","))]
    with ExitStack() as stack:
        folder = keep or stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-search-"))
        Path(folder).mkdir(parents=True, exist_ok=True)
        workshop = Workshop.at(Path(folder), edition, index)
        if edition:
            collection = sample_items(workshop, SAMPLED)
        else:
            where = data or os.environ.get(DATA_VARIABLE, "")
            collection = ensure_planted(workshop, int(documents or DOCUMENTS[scale]), where)
        classes = make_loads(collection, int(queries or QUERIES[scale]))
        figures = describe(workshop, engines, memory)
        for name in engines:
            asked = {c: q for c, q in classes.items() if name == OURS or c not in OURS_ALONE}
            group, prefix = (OURS, "") if name == OURS else ("peers", f"{name}_")
            found = measure(workshop, name, asked, float(seconds), cold=cold == "yes")
            figures[group] |= {f"{prefix}{figure}": value for figure, value in found.items()}
    figures["limits"] = dict(LIMITS)
    figures["ratios"] = _ratios(figures, [name for name in engines if name != OURS], list(classes))
    return figures


def measure(
    workshop: Workshop, engine: str, classes: Classes, seconds: float, *, cold: bool
) -> dict[str, float]:
    """All there is to say of one engine."""
    figures: dict[str, float] = {}
    opening = []
    for name, asked in classes.items() if cold else ():
        evict([workshop.path(engine)])
        (open_ms, answers), _ = watch(_first_answers, workshop, engine, asked[:COLD_QUERIES])
        figures |= times(answers, f"{name}_cold_")
        opening.append(open_ms)
    if opening:
        figures["open_cold_ms"] = max(opening)
    found, taken = watch(_warm_answers, workshop, engine, classes)
    figures |= found
    figures["serving_peak_bytes"] = taken["peak_bytes"]
    mixed = [q.query for c, asked in classes.items() if c not in OURS_ALONE for q in asked]
    for processes in (1, 2):
        rate = per_second(workshop, engine, mixed, seconds, processes)
        figures[f"queries_per_s_{processes}_processes"] = rate
    return figures


def _first_answers(
    workshop: Workshop, engine: str, questions: Sequence[Question]
) -> tuple[float, list[Answer]]:
    started = time.perf_counter()
    opened = workshop.open(engine)
    open_ms = (time.perf_counter() - started) * 1e3
    answers = ask(opened, questions, warm=False)
    opened.close()
    return open_ms, answers


def _warm_answers(workshop: Workshop, engine: str, classes: Classes) -> dict[str, float]:
    started = time.perf_counter()
    opened = workshop.open(engine)
    figures = {"open_ms": (time.perf_counter() - started) * 1e3}
    for name, questions in classes.items():
        figures |= times(ask(opened, questions), f"{name}_")
        if isinstance(opened, Ours):
            figures[f"{name}_partial"] = opened.partial_share()
    opened.close()
    return figures


def per_second(
    workshop: Workshop, engine: str, queries: Sequence[str], seconds: float, processes: int
) -> float:
    """Queries a second of so many processes at once; each asks all, in an order of its own."""
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        rates = [
            pool.submit(_rate, workshop, engine, list(queries), seconds, seed)
            for seed in range(processes)
        ]
        return sum(rate.result() for rate in rates)


def _rate(workshop: Workshop, engine: str, queries: list[str], seconds: float, seed: int) -> float:
    opened = workshop.open(engine)
    random.Random(seed).shuffle(queries)
    _ask_for(opened, queries, seconds)  # warms
    rate = _ask_for(opened, queries, seconds)
    opened.close()
    return rate


def _ask_for(opened: Engine, queries: Sequence[str], seconds: float) -> float:
    """Answers a second, for so long."""
    started, count = time.perf_counter(), 0
    for query in cycle(queries):
        opened.search(query, LIMIT)
        count += 1
        if time.perf_counter() - started > seconds:
            break
    return count / (time.perf_counter() - started)


def _ratios(
    figures: dict[str, dict[str, Any]], peers: Sequence[str], classes: Sequence[str]
) -> dict[str, float]:
    """The time of the faster peer over ours: above 1, ours is faster."""
    out = {}
    for name in classes:
        for figure in (f"{name}_p50_ms", f"{name}_p99_ms"):
            theirs = [figures["peers"].get(f"{peer}_{figure}") for peer in peers]
            known = [ms for ms in theirs if ms]
            if known:
                out[figure.removesuffix("_ms")] = min(known) / figures[OURS][figure]
    return out
