"""What may not leave any more: `revocations.json`, read again whenever it changes."""

import logging
import threading
from dataclasses import dataclass
from pathlib import Path

from phonotheque.model.edition import Revocations, RevokedFile
from phonotheque.model.errors import PhonothequeError
from phonotheque.storage.documents import read_document

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RevocationSet:
    """One reading of the list; `sequence` is 0 where there is none."""

    sequence: int
    by_file: dict[tuple[str, str], RevokedFile]  # (volume, path)
    by_recording: dict[str, RevokedFile]  # public id
    digests: frozenset[str]  # sha256


def make_set(document: Revocations) -> RevocationSet:
    """The list in the forms it is asked in."""
    return RevocationSet(
        sequence=document.sequence,
        by_file={(f.volume, f.path): f for f in document.files if f.volume},
        by_recording={f.recording: f for f in document.files},
        digests=frozenset(f.sha256 for f in document.files if f.sha256),
    )


NONE_REVOKED = RevocationSet(0, {}, {}, frozenset())


class RevocationList:
    """The list at `path`, as it stands now. A look costs one `stat`.

    A list that was there stays in force when its file vanishes or breaks: a fault must never
    bring back what was withdrawn.

    Raises:
        PhonothequeError: on opening, when a list exists and cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp = self._look()
        self._current = make_set(read_document(path, Revocations)) if self._stamp else NONE_REVOKED

    def current(self) -> RevocationSet:
        """The newest readable list."""
        stamp = self._look()
        if stamp is not None and stamp != self._stamp:
            with self._lock:
                self._read_again(stamp)
        return self._current

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read_again(self, stamp: tuple[int, int, int]) -> None:
        try:
            self._current = make_set(read_document(self._path, Revocations))
        except PhonothequeError as error:
            _LOG.error("%s; the list read before stays in force", error)
        self._stamp = stamp
