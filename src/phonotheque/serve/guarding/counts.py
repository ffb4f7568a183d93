"""What the guard of one process counts, for its figures."""

from bisect import bisect_left
from typing import Final

BOUNDS_S: Final = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.1)
REFUSED: Final = ("redirect", "slow", "degrade", "suspend", "disable", "budget", "lost", "token")


class Counts:
    """Counts of one process; its thread that answers and its workers add to them, and a count lost
    between two threads is none that anybody decides by."""

    def __init__(self) -> None:
        self.refused = dict.fromkeys(REFUSED, 0)
        self.admitted = self.canaries = self.faults = 0
        self.decisions = [0] * (len(BOUNDS_S) + 1)
        self.decision_seconds = 0.0

    def took(self, seconds: float) -> None:
        """How long the guard took with one request."""
        self.decisions[bisect_left(BOUNDS_S, seconds)] += 1
        self.decision_seconds += seconds

    def share_within(self, seconds: float) -> float:
        """The share of requests with which the guard took at most `seconds`, one of `BOUNDS_S`."""
        total = sum(self.decisions)
        within = sum(self.decisions[: BOUNDS_S.index(seconds) + 1])
        return within / total if total else 1.0
