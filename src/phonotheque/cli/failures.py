"""What a person is told, and which exit code is given, when something other than ours fails.

The rooms raise `PhonothequeError`. What the system or a library says otherwise (a full disk, a
tree that may not be written, a fault of ours) ends here, so that no command ends in a traceback
or in exit code 1, which means that the job was done.
"""

import errno
import os
import sqlite3
import traceback
from pathlib import Path

import phonotheque
from phonotheque.cli.console import Screen
from phonotheque.model.errors import ExitCode, PhonothequeError

_TRACE = "PHONOTHEQUE_TRACE"
_FULL = (errno.ENOSPC, errno.EDQUOT)
# DuckDB, SQLite, Arrow and RocksDB have no code for it, only words
_FULL_WORDS = ("no space left on device", "disk is full", "disk quota exceeded")
_NOT_ALLOWED = {
    errno.EACCES: "this user may not read or write it; change its permissions, or the user",
    errno.EPERM: "this user may not do that; change its permissions, or the user",
    errno.EROFS: "it lies on a read-only disk; mount it writable, or copy the tree to one that is",
}


def report_failure(error: Exception, screen: Screen) -> ExitCode:
    """Say in one line what failed and the way out; the exit code for it.

    With PHONOTHEQUE_TRACE set in the environment, the traceback as well.
    """
    text, code = describe_failure(error)
    screen.note(f"phonotheque: {text}")
    if os.environ.get(_TRACE):
        for line in "".join(traceback.format_exception(error)).splitlines():
            screen.note(line)
    return code


def describe_failure(error: Exception) -> tuple[str, ExitCode]:
    """The line and the exit code for an exception: ours says both itself."""
    if isinstance(error, PhonothequeError):
        return str(error), error.exit_code
    number = error.errno if isinstance(error, OSError) else None
    if number in _FULL or any(words in str(error).lower() for words in _FULL_WORDS):
        where = f"{_place(error)}: " if _place(error) else ""
        return f"{where}the disk is full; free some room and run this again", ExitCode.NO_SPACE
    if isinstance(error, OSError) and _place(error):
        reason = _NOT_ALLOWED.get(number or 0) or error.strerror or str(error)
        return f"{_place(error)}: {reason}", ExitCode.INTERNAL
    if isinstance(error, sqlite3.OperationalError):
        return f"a database of this tree: {error}; look at its permissions", ExitCode.INTERNAL
    return (
        f"{type(error).__name__}: {error} (at {_line(error)}). This should not have happened: run "
        f"the command again, and if it comes back, report it with what {_TRACE}=1 shows",
        ExitCode.INTERNAL,
    )


def _place(error: Exception) -> str:
    name = getattr(error, "filename", None)
    return os.fsdecode(name) if isinstance(name, str | bytes) else ""


def _line(error: Exception) -> str:
    """The innermost line of ours that was running."""
    ours = str(Path(phonotheque.__file__).parent)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(ours)]
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"
