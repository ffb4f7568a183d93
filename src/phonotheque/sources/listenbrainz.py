"""The readers of ListenBrainz's dumps (docs/formats/dumps-listenbrainz.md)."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.sources.listenbrainz_cleaning import REASONS, Counts, Spill
from phonotheque.sources.listenbrainz_listens import Listens, MadeAt, Part, iter_listens
from phonotheque.sources.listenbrainz_popularity import iter_popularity, popularity_form
from phonotheque.sources.readers import Reader
from phonotheque.sources.records import Block
from phonotheque.sources.streams import is_tar, until_broken


def iter_listen_counts(path: Path, after: int) -> Iterator[Block | Finding]:
    """Blocks of kind listens: the counts of each recording, in the order of the keys.

    The rows that are counted are those of the result, so going on behind `after` of them means
    reading the whole dump again. What does not fit in memory goes to a directory of its own where
    Python makes temporary ones (``TMPDIR``), about 25 bytes for each listen; it is removed.
    """
    with TemporaryDirectory(prefix="phonotheque-listens-") as folder:
        work = Path(folder)
        spill = Spill(work)
        latest: int | None = None
        for part in _iter_parts(path):
            if isinstance(part, Listens):
                spill.add(part)
            elif isinstance(part, MadeAt):
                latest = max(latest or part.seconds, part.seconds)
            else:
                yield part
        counts = Counts(work, latest)
        try:
            for file in spill.finish():
                counts.add(file)
            yield from _left_out(counts, path.name, latest)
            yield from counts.iter_blocks(after)
        finally:
            counts.close()


def _iter_parts(path: Path) -> Iterator[Part]:
    """The listens of the file, or of the dumps in the folder; each is read as far as it goes."""
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if _is_named_so(file.name))
    for file in files:
        yield from until_broken(iter_listens(file), file.name)


def _is_named_so(name: str) -> bool:
    low = name.lower()
    dump = low.startswith("listenbrainz") and ("listens" in low or "spark" in low)
    return dump or ".listens" in low


def _left_out(counts: Counts, where: str, latest: int | None) -> Iterator[Finding]:
    for rule, reason in REASONS.items():
        if number := counts.left_out[rule]:
            yield _info(where, f"{number:,} listens left out ({rule}): {reason}")
    if latest is None:
        yield _info(where, "0 listens left out (late): no TIMESTAMP says when the dump was made")


def _info(where: str, message: str) -> Finding:
    return Finding(FindingCode.LISTENS_LEFT_OUT, Severity.INFO, where, message)


def _recognises_listens(path: Path, head: bytes) -> bool:
    if path.is_dir():
        return any(_is_named_so(file.name) for file in path.iterdir())
    if is_tar(head):
        return _is_named_so(path.name)
    first, complete, _ = head.partition(b"\n")
    return bool(complete) and first[:1] == b"{" and b'"track_metadata"' in first


LISTENBRAINZ_LISTENS = Reader(
    name="listenbrainz-listens",
    kind="listens",
    about="ListenBrainz dump of listens (listens or spark): cleaned, counted by recording",
    replaces=True,
    recognises=_recognises_listens,
    iter_blocks=iter_listen_counts,
)
LISTENBRAINZ_POPULARITY = Reader(
    name="listenbrainz-popularity",
    kind="listens",
    about="ListenBrainz popularity of recordings (JSON lines, CSV, Parquet): listens, listeners",
    replaces=True,
    recognises=lambda path, head: popularity_form(path, head) is not None,
    iter_blocks=iter_popularity,
)
