"""`accounts.sqlite` at hand."""

from pathlib import Path

from phonotheque.accounts.migrations import STEPS
from phonotheque.storage.database import Database, Form, from_us, maybe_from_us, to_us

__all__ = ["FILE_NAME", "Database", "from_us", "maybe_from_us", "open_database", "to_us"]

FILE_NAME = "accounts.sqlite"


def open_database(path: Path, *, create: bool) -> Database:
    """The accounts at `path`.

    Raises:
        NotFoundError: there are none, and they are not to be made.
        FormatError: a newer program wrote them, or it is no database.
    """
    return Database(path, Form(STEPS, "accounts", "docs/accounts.md"), create=create)
