"""Passwords, kept as Argon2id (RFC 9106).

Each check takes memory and time, so few run at once, few wait, and more are turned away: strangers
who send passwords use up neither the server's memory nor its threads.
"""

import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import argon2

from phonotheque.accounts.credentials import NotAuthenticatedError
from phonotheque.model.errors import UsageError

SHORTEST, LONGEST = 12, 256
MOST_AT_ONCE, MOST_WAITING = 2, 6
_NOBODY = "$argon2id$v=19$m={m},t={t},p=1$AAAAAAAAAAAAAAAAAAAAAA$" + "A" * 43


@dataclass(frozen=True, slots=True)
class Cost:
    """What one check costs: passes over so many KiB of memory."""

    memory_kib: int
    passes: int


USUAL = Cost(memory_kib=46 << 10, passes=1)
"""46 MiB in one pass. Hashes of another cost are made anew when they are used."""
CHEAP = Cost(memory_kib=1 << 10, passes=1)
"""For tests of what comes after a password."""


class Passwords:
    """Makes and checks hashes. For any number of threads."""

    def __init__(self, cost: Cost = USUAL) -> None:
        self._hasher = argon2.PasswordHasher(
            time_cost=cost.passes, memory_cost=cost.memory_kib, parallelism=1
        )
        self._nobody = _NOBODY.format(m=cost.memory_kib, t=cost.passes)
        self._running = threading.BoundedSemaphore(MOST_AT_ONCE)
        self._queue = threading.BoundedSemaphore(MOST_AT_ONCE + MOST_WAITING)

    def hash(self, password: str) -> str:
        """The hash that is kept, with its salt and its cost.

        Raises:
            UsageError: the password is too short or too long.
        """
        prepared = _prepare(password)
        if not SHORTEST <= len(prepared) <= LONGEST:
            raise UsageError(f"a password has {SHORTEST} to {LONGEST} characters")
        with self._running:
            return self._hasher.hash(prepared)

    def matches(self, kept: str | None, password: str) -> bool:
        """Whether the password is the one kept. With nothing kept it takes as long, and is not.

        Raises:
            NotAuthenticatedError: too many ask at once.
        """
        prepared = _prepare(password[: LONGEST + 1])
        if len(prepared) > LONGEST:
            return False
        with self._turn():
            try:
                return self._hasher.verify(kept or self._nobody, prepared)
            except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
                return False

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._queue.acquire(blocking=False):
            raise NotAuthenticatedError("too many passwords are being checked; try again")
        try:
            with self._running:
                yield
        finally:
            self._queue.release()

    def is_outdated(self, kept: str) -> bool:
        """Whether the hash was made with another cost."""
        return self._hasher.check_needs_rehash(kept)


def _prepare(password: str) -> str:
    """NFC, as RFC 8265 has it for passwords: one password, however it was typed."""
    return unicodedata.normalize("NFC", password)
