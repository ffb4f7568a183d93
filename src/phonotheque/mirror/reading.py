"""Reading files of an origin for somebody who proves them himself."""

from collections.abc import Callable, Iterator
from time import sleep

from phonotheque.mirror.origin import MissingError, open_origin
from phonotheque.mirror.transfer import Limits
from phonotheque.model.errors import TransferError


def origin_reader(
    address: str, limits: Limits | None = None
) -> Callable[[str, int], Iterator[bytes]]:
    """A function from a path below the origin at `address` and its length to the bytes there,
    unproved; an answer that breaks off is asked for again from where it was.

    Raises (the function): TransferError: it did not arrive, or is not there.
    """
    bounds = limits or Limits()
    origin = open_origin(address, timeout_seconds=bounds.timeout_seconds)

    def read(path: str, size_bytes: int) -> Iterator[bytes]:
        position, failures = 0, 0
        while position < size_bytes:
            try:
                for chunk in origin.read(path, position, size_bytes - position):
                    position += len(chunk)
                    failures = 0
                    yield chunk
                if position < size_bytes:
                    raise TransferError(f"{address}: {path} ends too early")
            except MissingError:
                raise
            except TransferError:
                failures += 1
                if failures >= bounds.attempts:
                    raise
                sleep(bounds.backoff_seconds * 2 ** (failures - 1))

    return read
