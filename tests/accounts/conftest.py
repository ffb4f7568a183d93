"""An empty file of accounts, and a clock that stands."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from phonotheque.accounts import ACCOUNTS_FILE, CHEAP, Accounts, Passwords

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "tree-STATE" / ACCOUNTS_FILE


@pytest.fixture
def accounts(place: Path) -> Iterator[Accounts]:
    with Accounts(place, create=True, passwords=Passwords(CHEAP)) as opened:
        yield opened
