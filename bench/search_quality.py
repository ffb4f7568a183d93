"""Search quality: real recordings looked for among made-up ones, ours beside FTS5 and Tantivy.

100,000 recordings small, 5 million large, or as many as ``--set documents=N`` says. The planted
rows are of open data in the folder ``--set data=DIR`` (known_items.py); what is asked, and what is
right, says questions.py; how the peers are set up, fts5.py and tantivy_peer.py. All answer the same
queries over the same texts in one run. Figures by class: success_at_10, mrr (over the first ten),
p50_ms, p95_ms, p99_ms when warm; ``_uniform`` and ``_popular`` by how items were drawn. Ratios are
ours over the best of the peers: at least 1 is aimed at.

Other options: ``half=held`` (what nobody tunes by; ``tune`` otherwise), ``queries=N`` of a class,
``keep=DIR`` to make everything there and use it again, ``peers=fts5,tantivy`` (or ``none``),
``memory=BYTES`` for building ours, and ``misses=FILE``: the worst queries of the half that may be
looked at. A class that takes an engine more than a minute is asked in part (``answered``).
"""

import os
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.asking import Answer, ask, rightness, times
from bench.engines import OURS, PEERS, Workshop, size_of, sizes
from bench.known_items import HALVES
from bench.misses import write_misses
from bench.planting import DATA_VARIABLE, counts, ensure_planted
from bench.questions import make_questions

DOCUMENTS = {"small": 100_000, "large": 5_000_000}
QUERIES = {"small": 200, "large": 500}
LIMITS = {
    **dict.fromkeys(("artist_title", "accents", "typo_1", "transposed", "truncated"), 0.99),
    "title": 0.97,
}

Asked = dict[str, dict[str, list[Answer]]]


def run(
    scale: str,
    *,
    documents: str = "",
    data: str = "",
    half: str = "tune",
    queries: str = "",
    keep: str = "",
    peers: str = ",".join(PEERS),
    memory: str = "",
    misses: str = "",
) -> dict[str, Any]:
    """Plant, build, ask.

    Raises:
        ValueError: an option makes no sense.
    """
    if half not in HALVES:
        raise ValueError(f"half: {' or '.join(HALVES)}, not {half}")
    if misses and half != "tune":
        raise ValueError("misses are shown of the half `tune` alone")
    engines = [OURS, *(name for name in PEERS if name in peers.split(","))]
    with ExitStack() as stack:
        folder = keep or stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-quality-"))
        Path(folder).mkdir(parents=True, exist_ok=True)
        workshop = Workshop.at(Path(folder))
        collection = ensure_planted(
            workshop, int(documents or DOCUMENTS[scale]), data or os.environ.get(DATA_VARIABLE, "")
        )
        questions = make_questions(collection, half, int(queries or QUERIES[scale]))
        questions = {name: asked for name, asked in questions.items() if asked}
        figures = describe(workshop, engines, memory)
        asked: Asked = {}
        for name in engines:
            engine = workshop.open(name)
            asked[name] = {c: ask(engine, q) for c, q in questions.items()}
            engine.close()
        if misses:
            write_misses(Path(misses), workshop.edition, collection, asked)
    figures[OURS]["half"] = half
    for name in engines:
        group, prefix = (OURS, "") if name == OURS else ("peers", f"{name}_")
        for kind, answers in asked[name].items():
            figures[group] |= _figures(f"{prefix}{kind}_", answers, detailed=name == OURS)
    figures["limits"] = {f"{name}_success_at_10": value for name, value in LIMITS.items()}
    figures["ratios"] = _ratios(asked)
    return figures


def describe(
    workshop: Workshop, engines: Sequence[str], memory: str = ""
) -> dict[str, dict[str, Any]]:
    """Make the engines, ours within `memory` (bytes); speed, memory and size of each."""
    recordings, tracks = counts(workshop)
    figures: dict[str, dict[str, Any]] = {OURS: {"documents": recordings}, "peers": {}}
    for name in engines:
        made = workshop.ensure(name, int(float(memory or 0)))
        group, prefix = (OURS, "") if name == OURS else ("peers", f"{name}_")
        if made:
            figures[group] |= {
                f"{prefix}build_s": made["seconds"],
                f"{prefix}docs_per_s": recordings / made["seconds"],
                f"{prefix}docs_per_cpu_second": recordings / made["cpu_seconds"],
                f"{prefix}build_peak_bytes": made["peak_bytes"],
            }
        if name == OURS:
            figures[OURS] |= sizes(workshop, recordings, tracks)
        else:
            size = size_of(workshop.path(name))
            figures["peers"][f"{name}_bytes_per_recording"] = size / recordings
    return figures


def _figures(prefix: str, answers: Sequence[Answer], *, detailed: bool) -> dict[str, float]:
    figures: dict[str, float] = {f"{prefix}answered": len(answers), **rightness(answers, prefix)}
    figures |= times(answers, prefix)
    for drawn in ("uniform", "popular") if detailed else ():
        some = [answer for answer in answers if answer.question.drawn == drawn]
        figures |= rightness(some, f"{prefix}{drawn}_") if some else {}
    return figures


def _ratios(asked: Asked) -> dict[str, float | None]:
    out: dict[str, float | None] = {}
    for kind in asked[OURS]:
        known = min(len(answers[kind]) for answers in asked.values())
        found = {name: rightness(answers[kind][:known], "") for name, answers in asked.items()}
        for figure, ours in found.pop(OURS).items():
            best = max((theirs[figure] for theirs in found.values()), default=0.0)
            out[f"{kind}_{figure}"] = ours / best if best else None
    return out
