"""The tags of a file, read in the process of the test as a worker reads them."""

from pathlib import Path

from phonotheque.model.audio_tags import Tags
from phonotheque.model.findings import Finding
from phonotheque.vault import Examination, Wants
from phonotheque.vault.judge import read_tags_here


def look_at_tags(path: Path) -> Examination:
    """What is known of the file at `path` without decoding it."""
    return read_tags_here(path, path.name, Wants())


def read_tags(path: Path) -> Tags | Finding:
    """The tags of the file at `path`, or why there are none."""
    seen = look_at_tags(path)
    if seen.findings:
        return seen.findings[0]
    assert seen.description is not None
    return Tags(seen.description.tags, seen.description.tag_duration_ms)
