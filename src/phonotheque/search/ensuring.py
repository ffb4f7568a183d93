"""Having an index: there already, or made."""

from pathlib import Path

from phonotheque.model.progress import Progress
from phonotheque.search.standing import DEFAULT_MEMORY_BYTES, find_index, report_of
from phonotheque.search.values import IndexReport


def ensure_index(
    edition_dir: Path,
    index_dir: Path,
    progress: Progress,
    *,
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
) -> IndexReport:
    """Make the index (`build.build_index`), unless `index_dir` has one of this very edition already
    (and, in a mirror of a part, of the tables that are here now)."""
    found = find_index(edition_dir, index_dir)
    if found is None:
        from phonotheque.search.build import build_index  # noqa: PLC0415 - half the imports of all

        return build_index(edition_dir, index_dir, progress, memory_bytes=memory_bytes)
    return report_of(index_dir, found, rebuilt=False)
