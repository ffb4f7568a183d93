"""Which of several origins to ask next: all that deliver at once, those that fail after a rest.

An origin that fails rests, longer after each failure, or for as long as its `Retry-After` says up
to a limit. While one rests, the others are asked; threads spread over those that are well.
"""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

from phonotheque.mirror.origin import BusyError, MissingError, Origin
from phonotheque.model.errors import TransferError

LONGEST_REST_SECONDS = 60.0


@dataclass(slots=True)
class _Health:
    active: int = 0
    failures: int = 0  # one after the other
    misses: int = 0  # files that it does not have, less those it gave
    given: int = 0
    last: TransferError | None = None  # the last failure
    rests_until: float = 0.0


class Origins:
    """The origins of one run, and how they fare. Threads share one; the first is preferred."""

    def __init__(
        self,
        origins: Sequence[Origin],
        *,
        first_rest_seconds: float = 0.5,
        longest_rest_seconds: float = LONGEST_REST_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.all = tuple(origins)
        self._first_rest = first_rest_seconds
        self._longest_rest = longest_rest_seconds
        self._clock = clock
        self._lock = Lock()
        self._health = [_Health() for _ in self.all]

    def __len__(self) -> int:
        return len(self.all)

    def choose(self, but: Collection[int]) -> tuple[int, float] | None:
        """The number of the origin to ask, none of `but`, and the seconds until it has rested.

        None: `but` has all of them.
        """
        with self._lock:
            now = self._clock()

            def rank(number: int) -> tuple[float, bool, int, int]:
                health = self._health[number]
                rest = max(0.0, health.rests_until - now)
                return rest, health.misses > 0, health.active, number

            left = [number for number in range(len(self.all)) if number not in but]
            if not left:
                return None
            best = min(left, key=rank)
            return best, rank(best)[0]

    def silence(self, number: int, attempts: int) -> TransferError | None:
        """The last failure of origin `number`, where it gave nothing yet and has failed `attempts`
        times one after the other: it is not worth waiting for where others answer."""
        with self._lock:
            health = self._health[number]
            return health.last if not health.given and health.failures >= attempts else None

    def waits(self) -> str:
        """Who is being asked and who rests, in words; empty where neither."""
        with self._lock:
            now = self._clock()
            said = []
            for origin, health in zip(self.all, self._health, strict=True):
                if health.active:
                    said.append(f"{origin.address} ({health.active} files asked for)")
                elif health.rests_until > now:
                    rest = health.rests_until - now
                    said.append(f"{origin.address}, which failed and rests {rest:.0f} s more")
        return "; ".join(said)

    @contextmanager
    def asking(self, number: int) -> Iterator[Origin]:
        """Inside, origin `number` is asked; how it goes is remembered."""
        health = self._health[number]
        with self._lock:
            health.active += 1
        try:
            yield self.all[number]
        except MissingError:
            with self._lock:
                health.misses = min(health.misses + 1, 4)
            raise
        except TransferError as error:
            with self._lock:
                self._note_failure(health, error)
            raise
        else:
            with self._lock:
                health.failures = 0
                health.given += 1
                health.misses = max(health.misses - 1, 0)
        finally:
            with self._lock:
                health.active -= 1

    def _note_failure(self, health: _Health, error: TransferError) -> None:
        rest = self._first_rest * 2 ** min(health.failures, 16)
        if isinstance(error, BusyError):
            rest = max(rest, error.wait_seconds)
        health.failures += 1
        health.last = error
        health.rests_until = self._clock() + min(rest, self._longest_rest)
