"""From the processes that answer to the one that keeps: messages over a socket they inherit.

Nobody waits: where the keeper is so far behind that the socket is full, a message is dropped and
counted.
"""

import logging
import socket
import threading
import time
from collections.abc import Callable
from typing import Final

import msgspec

from phonotheque.serve.guarding.told import Message, decode, encode

_LOG = logging.getLogger(__name__)
_BUFFER_BYTES: Final = 4 << 20
_LONGEST: Final = 8192
_LOOK_S: Final = 0.02


def make_pair() -> tuple[socket.socket, socket.socket]:
    """(where messages go in, where they come out)."""
    sending, receiving = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sending.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
    return sending, receiving


class Outlet:
    """The way to the keeper, over the descriptor `handle`. For any number of threads."""

    def __init__(self, handle: int) -> None:
        self._socket = socket.socket(fileno=handle)
        self._socket.setblocking(False)
        self.lost = 0

    def tell(self, message: Message) -> None:
        """Hand a message on."""
        try:
            self._socket.send(encode(message))
        except OSError:
            self.lost += 1

    def close(self) -> None:
        """Let go of it."""
        self._socket.close()


class Inlet:
    """Hands what comes out of `receiving` to `tell`, from a thread that looks every `_LOOK_S`
    seconds: one that waited would be woken by each message, often on the core of the process that
    sent it, in the middle of its answer."""

    def __init__(self, receiving: socket.socket, tell: Callable[[Message], None]) -> None:
        self._socket, self._tell = receiving, tell
        self._socket.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="phonotheque-inlet", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Take what is there, and end; the other ends have to be closed."""
        if self._thread.is_alive():
            self._thread.join(5)
        self._socket.close()

    def _receive(self) -> bytes | None:
        """One message; None: there is none yet; nothing: there will be none any more."""
        try:
            return self._socket.recv(_LONGEST)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def _run(self) -> None:
        while (content := self._receive()) != b"":
            if content is None:
                time.sleep(_LOOK_S)
                continue
            try:
                self._tell(decode(content))
            except msgspec.DecodeError as error:
                _LOG.error("a process told the guard what it does not understand: %s", error)
            except Exception:
                _LOG.exception("the guard failed at one request; it goes on with the next")
