"""Names of editions."""

import re
from datetime import date

from phonotheque.model.errors import UsageError
from phonotheque.storage.layout import Tree

_NAME = re.compile(r"[0-9a-z][0-9a-z.-]{0,39}")


def check_edition_name(name: str) -> None:
    """Raise `UsageError` unless `name` can be a directory and part of an address anywhere."""
    if not _NAME.fullmatch(name) or name.endswith("."):
        raise UsageError(
            f"{name!r} cannot name an edition; use lower-case letters, digits, dots and hyphens"
        )


def free_edition_name(tree: Tree, today: date) -> str:
    """The date, followed by ``.2``, ``.3`` … when there is an edition of that name."""
    name, count = today.isoformat(), 1
    while tree.edition(name).exists():
        count += 1
        name = f"{today.isoformat()}.{count}"
    return name
