"""The day of the tests, and the clock of python-tuf's client, which tests set.

What is signed runs out: the tests stand still on one day, so that they hold on every other.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timezone
from types import SimpleNamespace

import pytest
from tuf.ngclient._internal import trusted_metadata_set

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@dataclass
class TufClock:
    """What python-tuf's client takes for the time; it has no parameter for it."""

    now: datetime = NOW

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Stand in for the clock of this process."""
        day = SimpleNamespace(now=lambda zone: self.now)
        module = SimpleNamespace(datetime=day, timezone=timezone)
        monkeypatch.setattr(trusted_metadata_set, "datetime", module)
