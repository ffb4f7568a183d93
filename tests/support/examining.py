"""Examine in the process of the test, as a worker does."""

from pathlib import Path

import msgspec

from phonotheque.vault import Examination, Wants
from phonotheque.vault.judge import examine_here as examine


def examine_here(path: Path, wants: Wants | None = None) -> Examination:
    """What a worker says of the file at `path`, said of that path."""
    seen = examine(path, path.name, wants or Wants())
    return msgspec.structs.replace(seen, path=str(path))
