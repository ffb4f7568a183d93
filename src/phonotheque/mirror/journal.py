"""A verification that takes weeks: what is due in it, and what an earlier part of it has read.

One *round* is one verification with its wishes, however often it is stopped. Its journal stands
in `state.sqlite` (docs/formats/mirror.md): a row for each place that was gone through, and for each
file of the place where it stands. What the journal names counts as read in this round only while
the file's size and time of change are those it was proved with; a damaged file is read again.
"""

import json
import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from os import stat_result

from phonotheque.mirror.sampling import draws
from phonotheque.mirror.state import Proved, State

_KEEP_FILES, _KEEP_SECONDS = 16, 0.5  # what a kill can cost, besides files that are being read
_SYNC_SECONDS = 10.0  # what a power cut can cost


class Due(Enum):
    """What a verification is to do with a file that is there, with the right length."""

    READ = "read"
    CARRIED = "carried"  # an earlier part of this round read it: sound
    PROVED = "proved"  # not read; it was proved before, and is untouched since
    LEFT = "left"  # not read


class VerifyMode(StrEnum):
    """How much is read."""

    FULL = "full"  # every byte
    SAMPLE = "sample"  # a random share of the files; the rest is not checked
    CHANGED = "changed"  # what was never proved, changed since, or was proved too long ago
    QUICK = "quick"  # lengths only; nothing counts as sound


@dataclass(frozen=True, slots=True)
class Wishes:
    """What to verify. `share` is of a sample, 0 to 1; `seed` makes it repeatable; with
    `suspects` nothing is read but what an earlier verification found not to be sound."""

    mode: VerifyMode = VerifyMode.FULL
    volumes: Collection[str] | None = None
    share: float = 1.0
    seed: int | None = None
    days: float | None = None
    suspects: bool = False

    @property
    def key(self) -> str:
        """The same for the same wishes: a round goes on where they are the same."""
        named = None if self.volumes is None else sorted(self.volumes)
        return json.dumps([self.mode.value, named, self.share, self.seed, self.days])


class Round:
    """One verification under way. Without a state (an archive) nothing is written down."""

    def __init__(
        self, state: State | None, wishes: Wishes, now: datetime, *, afresh: bool = False,
        journal: bool = True,
    ) -> None:  # fmt: skip
        self.started_at = now
        self.went_on = False
        self._state, self._wishes, self._now = state, wishes, now
        self._seed = secrets.randbits(63) if wishes.seed is None else wishes.seed
        self._id: int | None = None
        self._proved: dict[str, Proved] = {}
        self._read: frozenset[str] | None = frozenset()  # of this place, in this round; None: all
        self._suspects: frozenset[str] = frozenset()
        self._waiting: list[tuple[str, str, stat_result]] = []
        self._kept = self._synced = time.monotonic()
        if state is not None and journal and wishes.mode is not VerifyMode.QUICK:
            self._begin(state, afresh=afresh)

    def _begin(self, state: State, *, afresh: bool) -> None:
        found = None if afresh else state.open_round(self._wishes.key)
        if found is None:
            self._id = state.begin_round(self._wishes.key, self._seed, self._now)
            return
        self._id, self._seed, self.started_at = found
        self.went_on = True

    def enter(self, place: str) -> None:
        """The files of `place` are next."""
        if self._state is None:
            return
        self._proved = self._state.proved_below(place)
        if self._wishes.suspects:
            self._suspects = self._state.suspects_below(place)
        if self._id is not None:
            self._read = self._state.read_in_round(self._id, place)

    def due(self, where: str, stat: stat_result, sha256: str | None) -> Due:
        """What to do with the file at `where` in the tree; `sha256` is what it should have."""
        known = self._proved.get(where)
        if known is not None and not known.is_of(stat, sha256):
            known = None
        wishes = self._wishes
        if wishes.suspects:
            wanted = where in self._suspects
        elif wishes.mode is VerifyMode.SAMPLE:
            wanted = draws(self._seed, where, wishes.share)
        else:
            wanted = wishes.mode is not VerifyMode.QUICK
        if not wanted:
            return Due.PROVED if known else Due.LEFT
        if known is not None and self._id is not None and self._is_read(where):
            return Due.CARRIED
        if wishes.mode is VerifyMode.CHANGED and known is not None and not self._is_old(known):
            return Due.PROVED
        return Due.READ

    def _is_read(self, where: str) -> bool:
        return self._read is None or where in self._read

    def _is_old(self, known: Proved) -> bool:
        days = self._wishes.days
        return days is not None and self._now - known.verified_at >= timedelta(days=days)

    def prove(self, where: str, sha256: str, stat: stat_result) -> None:
        """The file at `where` was read and is sound; `stat` is from before it was read."""
        if self._state is None:
            return
        self._waiting.append((where, sha256, stat))
        late = time.monotonic() - self._kept > _KEEP_SECONDS
        if late or len(self._waiting) >= _KEEP_FILES:
            self.keep()

    def keep(self) -> None:
        """Write down what was proved since the last time."""
        if self._state is not None and self._waiting:
            self._state.prove_all(self._waiting, self._now, self._id)
            self._waiting = []
            if time.monotonic() - self._synced > _SYNC_SECONDS:
                self._state.sync()
                self._synced = time.monotonic()
        self._kept = time.monotonic()

    def leave(self, place: str, bad: Collection[str]) -> None:
        """All of `place` was gone through; `bad` of it (paths in the place) is not sound."""
        self.keep()
        if self._state is not None:
            self._state.leave_place(self._id, place, [f"{place}/{path}" for path in bad], self._now)

    def finish(self) -> None:
        """Everything was gone through: the next verification with these wishes begins anew."""
        if self._state is not None and self._id is not None:
            self._state.end_round(self._id, self._now)
