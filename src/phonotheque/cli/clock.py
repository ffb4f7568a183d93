"""The clock of the command line: the only place where the program asks what time it is."""

import os
from datetime import UTC, datetime

from phonotheque.model.errors import UsageError


def now() -> datetime:
    """The time, aware, in UTC, whole seconds; `SOURCE_DATE_EPOCH` stands in for it where set.

    Raises:
        UsageError: `SOURCE_DATE_EPOCH` is set to something that is no number of seconds.
    """
    fixed = os.environ.get("SOURCE_DATE_EPOCH")
    if fixed is None:
        return datetime.now(UTC).replace(microsecond=0)
    try:
        return datetime.fromtimestamp(int(fixed), UTC)
    except (ValueError, OverflowError, OSError):
        raise UsageError(f"SOURCE_DATE_EPOCH is {fixed!r}, not a number of seconds") from None
