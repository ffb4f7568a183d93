"""Asking an engine the questions of a class: how soon, and how right."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter, process_time

import numpy as np

from bench.engines import Engine
from bench.questions import Question

LIMIT = 20
TOP = 10
SECONDS = 60.0
FEWEST = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What came for one question: its time and that of the processor, the place (from 1) of the
    first that is right or 0, and the first numbers."""

    question: Question
    ms: float
    cpu_ms: float
    place: int
    numbers: tuple[int, ...]

    @property
    def success(self) -> bool:
        """Among the first ten."""
        return 0 < self.place <= TOP


def ask(
    engine: Engine, questions: Sequence[Question], *, warm: bool = True, seconds: float = SECONDS
) -> list[Answer]:
    """Every question once; with `warm`, after all have been asked before. A slow engine is asked
    the first of them only, for so many seconds (and as many before)."""
    started = perf_counter()
    for question in questions if warm else ():
        engine.search(question.query, LIMIT)
        if perf_counter() - started > seconds:
            break
    answers: list[Answer] = []
    begun = perf_counter()
    for question in questions:
        started, cpu = perf_counter(), process_time()
        found = engine.search(question.query, LIMIT)
        ms, cpu_ms = (perf_counter() - started) * 1e3, (process_time() - cpu) * 1e3
        places = [at for at, number in enumerate(found, 1) if number in question.right]
        answers.append(Answer(question, ms, cpu_ms, min(places, default=0), tuple(found[:3])))
        if perf_counter() - begun > seconds and len(answers) >= FEWEST:
            break
    return answers


def times(answers: Sequence[Answer], prefix: str) -> dict[str, float]:
    """p50, p95 and p99 in milliseconds; and of processor time, which other work on the machine
    changes less."""
    ms, cpu = [answer.ms for answer in answers], [answer.cpu_ms for answer in answers]
    return {
        **{f"{prefix}p{p}_ms": float(np.percentile(ms, p)) for p in (50, 95, 99)},
        **{f"{prefix}cpu_p{p}_ms": float(np.percentile(cpu, p)) for p in (50, 99)},
    }


def rightness(answers: Sequence[Answer], prefix: str) -> dict[str, float]:
    """Success among the first ten, and the mean of 1 / place (0 where it is not found)."""
    return {
        f"{prefix}success_at_10": sum(a.success for a in answers) / len(answers),
        f"{prefix}mrr": sum(1 / a.place for a in answers if a.success) / len(answers),
    }
