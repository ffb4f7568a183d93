"""Having an edition ready before it is shown: its index, its list of files, its statistics.

While a server shows one edition, a process of its own makes the next one ready; the server goes on
as it is until that is done.
"""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from phonotheque.model.errors import ArchiveBusyError, PhonothequeError
from phonotheque.model.progress import Progress, Silent
from phonotheque.search import ensure_file_keys, ensure_index
from phonotheque.serve.counting import COUNTED_AT_ONCE
from phonotheque.serve.publication import read_edition
from phonotheque.statistics import ensure_statistics
from phonotheque.storage.layout import Tree

LOOK_SECONDS = 5.0
_AGAIN_SECONDS = 60.0
_NICENESS = 5
_LOG = logging.getLogger(__name__)


def make_ready(tree: Tree, name: str, progress: Progress) -> None:
    """Make what serving edition `name` needs: seconds for a small one, minutes for a large one,
    nothing where it is made. Statistics are not needed (`Counting`).

    Raises:
        NotFoundError, FormatError: no such edition, or it cannot be read.
        ArchiveBusyError: another process is making the same index.
    """
    edition, index = tree.edition(name), tree.edition_index(name)
    ensure_index(edition, index, progress)
    try:
        ensure_file_keys(edition, index)
    except (OSError, ArchiveBusyError) as error:  # files are not found by digest then
        _LOG.warning("%s: the list of files by digest is not made: %s", index, error)


def main() -> None:
    """A process that makes the newest edition of the tree named by its argument ready."""
    os.nice(_NICENESS)
    tree = Tree(Path(sys.argv[1]))
    try:
        manifest, _ = read_edition(tree, None)
        make_ready(tree, manifest.name, Silent())
    except (PhonothequeError, OSError) as error:
        sys.exit(str(error))
    if manifest.counts.recordings > COUNTED_AT_ONCE:
        with suppress(PhonothequeError, OSError):  # then they are counted when they are asked for
            folder = tree.edition_statistics(manifest.name)
            ensure_statistics(tree.edition(manifest.name), folder)


def make_ready_apart(tree: Tree) -> None:
    """Have a process make the newest edition ready, at low priority.

    Raises:
        PhonothequeError: it could not.
    """
    start = "from phonotheque.serve.readiness import main; main()"
    command = (sys.executable, "-P", "-c", start, str(tree.root))
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    if ran.returncode:
        said = ran.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise PhonothequeError(f"{tree.root}: the newest edition was not made ready: {said}")


class EditionWatch:
    """Sees `latest.json` change, has the edition made ready, then tells; a context manager.

    What cannot be made ready is tried again every minute, and the old edition is served meanwhile.
    """

    def __init__(
        self,
        tree: Tree,
        tell: Callable[[], None],
        make: Callable[[Tree], None] = make_ready_apart,
        *,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._tree, self._tell, self._make = tree, tell, make
        self._look_seconds = look_seconds
        self._wake, self._ended = threading.Event(), threading.Event()
        self._seen = self._stamp()
        self._thread = threading.Thread(target=self._run, name="phonotheque-editions", daemon=True)

    def look(self) -> None:
        """Look now, and tell in any case. For any thread, and for handlers of signals."""
        self._seen = None
        self._wake.set()

    def __enter__(self) -> "EditionWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._wake.set()

    def _run(self) -> None:
        pause = self._look_seconds
        while not self._ended.is_set():
            self._wake.wait(pause)
            self._wake.clear()
            stamp = self._stamp()
            if self._ended.is_set() or stamp is None or stamp == self._seen:
                continue
            try:
                self._make(self._tree)
            except (PhonothequeError, OSError) as error:
                _LOG.error("%s", error)
                pause = _AGAIN_SECONDS
                continue
            self._seen, pause = stamp, self._look_seconds
            self._tell()

    def _stamp(self) -> tuple[int, int] | None:
        try:
            found = self._tree.latest_json.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns
