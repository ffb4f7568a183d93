"""What the program needs of the system it runs on, before any command begins."""

import sys

from phonotheque.model.errors import UsageError


def check_encoding() -> None:
    """Music has names in every script, and formats fix their bytes: UTF-8 or nothing.

    Raises:
        UsageError: the locale has Python write file names in something else.
    """
    encoding = sys.getfilesystemencoding()
    if encoding != "utf-8":
        raise UsageError(
            f"this locale writes file names in {encoding}, and an archive needs UTF-8; set "
            "PYTHONUTF8=1, or a locale of UTF-8 such as LC_ALL=C.UTF-8"
        )
