"""Examine in the process of the test, as a worker does."""

from pathlib import Path

import msgspec

from phonotheque.vault import Examination, Wants, judge


def examine_here(path: Path, wants: Wants | None = None) -> Examination:
    """What a worker says of the file at `path`, said of that path."""
    seen = judge.examine_here(path, path.name, wants or Wants())
    return msgspec.structs.replace(seen, path=str(path))
