"""What the program needs of the system it runs on, before any command begins."""

import gc
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from phonotheque.model.errors import UsageError
from phonotheque.storage.stores import StoreKeys


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


@contextmanager
def importing() -> Iterator[None]:
    """Inside, much is imported: a sixth faster when nobody looks for garbage meanwhile. What is
    there then stays, and is not looked through again."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def store_keys() -> StoreKeys:
    """What opens object storage: the variables that every client of S3 takes it from."""
    return StoreKeys(
        access_key_id=os.environ.get("AWS_ACCESS_KEY_ID", ""),
        secret_access_key=os.environ.get("AWS_SECRET_ACCESS_KEY", ""),
        session_token=os.environ.get("AWS_SESSION_TOKEN", ""),
    )


def tell_supervisor(state: str) -> None:
    """Tell systemd, where it started us as ``Type=notify``, how we are: ``READY=1`` (sd_notify(3)).
    Nobody there, or a socket that takes nothing: nothing happens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address.startswith(("/", "@")):
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as teller:
            teller.connect("\0" + address[1:] if address.startswith("@") else address)
            teller.sendall(state.encode())
