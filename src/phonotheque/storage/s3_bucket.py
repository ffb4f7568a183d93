"""A bucket of S3-compatible object storage, asked with patience: the only module that uses the
library (`obstore`), which is loaded when the first bucket is.

What fails for a moment (no answer, an answer cut off, 5xx) is asked for again, with pauses that
grow; what stays is a `TransferError` that names the object and the way out.
"""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, TypeVar

import msgspec

from phonotheque.model.errors import NotFoundError, TransferError, UsageError
from phonotheque.storage.stores import CHUNK_BYTES, StoreKeys

T = TypeVar("T")
_PARTS_AT_ONCE = 3
_PAGE = 1000
_NO_BUCKET = "NoSuchBucket"
_CONNECT_S, _REQUEST_S, _RETRY_S = 10, 900, 180


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long a store is asked again that does not answer, or answers with 5xx.

    Each request is made up to `requests` times by the library, with pauses that double from
    `first_pause_s` to `longest_pause_s` with jitter; what fails then (or is not safe to be repeated
    blindly) is done anew up to `attempts` times.
    """

    requests: int = 6
    attempts: int = 4
    first_pause_s: float = 0.2
    longest_pause_s: float = 15.0
    read_timeout_s: float = 60.0


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a bucket is, and who asks. No `endpoint`: that of AWS for the `region`."""

    bucket: str
    endpoint: str = ""
    region: str = ""
    allow_http: bool = False
    keys: StoreKeys = StoreKeys()
    patience: Patience = Patience()


class AlreadyThereError(Exception):
    """A conditional put found something under its key."""


class Bucket:
    """One bucket. Keys are whole keys. Safe for several threads."""

    def __init__(self, place: Place) -> None:
        import obstore  # noqa: PLC0415
        import obstore.exceptions  # noqa: PLC0415

        self._library: Any = obstore
        self._errors: Any = obstore.exceptions
        self._name = f"s3://{place.bucket}"
        self._patience = place.patience
        self._store = _connect(place)

    def put_whole(self, key: str, content: bytes) -> str:
        """Make the object unless there is one; returns its ETag.

        Raises:
            AlreadyThereError: there is one.
        """

        def send() -> str:
            made = self._library.put(self._store, key, content, mode="create", use_multipart=False)
            return str(made["e_tag"]).strip('"')

        return self._patiently(send, key)

    def put_parts(self, key: str, parts: Callable[[], Iterator[bytes]], part_bytes: int) -> str:
        """Make the object of `parts()`, which may be asked for anew; returns its ETag. Every part
        but the last has `part_bytes`; what `parts` raises gives the upload up."""

        def send() -> str:
            made = self._library.put(
                self._store,
                key,
                parts(),
                use_multipart=True,
                chunk_size=part_bytes,
                max_concurrency=_PARTS_AT_ONCE,
            )
            return str(made["e_tag"]).strip('"')

        return self._patiently(send, key)

    def size(self, key: str) -> int | None:
        """Its size in bytes; None when there is no such object."""

        def ask() -> int | None:
            try:
                return int(self._library.head(self._store, key)["size"])
            except FileNotFoundError:
                return None

        return self._patiently(ask, key)

    def delete(self, key: str) -> None:
        """Delete the object, if there is one."""
        self._patiently(lambda: self._library.delete(self._store, key), key)

    def iter_bytes(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Its bytes, `CHUNK_BYTES` at most at a time; an answer that breaks off is asked for again
        from there on.

        Raises:
            NotFoundError: there is no such object.
        """
        position, end = start, None
        if start or length is not None:
            size = self.size(key)
            if size is None:
                raise NotFoundError(f"{self._name}/{key}: there is no such object")
            end = size if length is None else min(size, start + length)
        failures = 0
        while end is None or position < end:
            try:
                whole, chunks = self._get(key, position, end)
                end = whole if end is None else end
                for chunk in chunks:
                    position += len(chunk)
                    failures = 0
                    yield chunk
                if position < end:
                    raise self._errors.GenericError("the answer is too short")
            except FileNotFoundError:
                raise NotFoundError(f"{self._name}/{key}: there is no such object") from None
            except self._errors.BaseError as error:
                failures += 1
                self._pause_or_give_up(error, failures, key)

    def _get(self, key: str, start: int, end: int | None) -> tuple[int, Iterator[bytes]]:
        """(Size of the whole object, its bytes in [start, end))."""
        options = {} if end is None else {"options": {"range": (start, end)}}
        answer = self._library.get(self._store, key, **options)
        return int(answer.meta["size"]), _slices(answer.stream(min_chunk_size=CHUNK_BYTES // 4))

    def iter_keys(self, prefix: str, after: str = "") -> Iterator[tuple[str, int]]:
        """(key, size) of all objects below the folder `prefix` and behind `after`, in order.

        Raises:
            TransferError: the store lists in no order.
        """
        failures = 0
        while True:
            try:
                for page in self._library.list(
                    self._store, prefix=prefix, offset=after or None, chunk_size=_PAGE
                ):
                    for meta in page:
                        if meta["path"] <= after:
                            text = "lists its objects in no order; it cannot keep a vault"
                            raise TransferError(f"{self._name}: {text}")
                        after = meta["path"]
                        failures = 0
                        yield after, int(meta["size"])
                return
            except (self._errors.BaseError, FileNotFoundError) as error:
                failures += 1
                self._pause_or_give_up(error, failures, prefix)

    def _patiently(self, action: Callable[[], T], key: str) -> T:
        failures = 0
        while True:
            try:
                return action()
            except self._errors.AlreadyExistsError:
                raise AlreadyThereError(key) from None
            except (self._errors.BaseError, FileNotFoundError) as error:
                failures += 1
                self._pause_or_give_up(error, failures, key)

    def _pause_or_give_up(self, error: Exception, failures: int, key: str) -> None:
        where, said = f"{self._name}/{key}", str(error).partition("\n")[0]
        if isinstance(
            error, self._errors.PermissionDeniedError | self._errors.UnauthenticatedError
        ):
            text = "not allowed there; look at the credentials and at the rules of the bucket"
            raise TransferError(f"{where}: {text} ({said})") from error
        if isinstance(error, FileNotFoundError) or _NO_BUCKET in str(error):
            text = "there is no such bucket; make it, or correct [vault] store in archive.toml"
            raise TransferError(f"{where}: {text}") from error
        if failures >= self._patience.attempts:
            text = f"the store does not answer as it should ({said}); run this again later"
            raise TransferError(f"{where}: {text}") from error
        pause = self._patience.first_pause_s * 2**failures
        time.sleep(min(pause, self._patience.longest_pause_s))


def parse_store_url(url: str) -> tuple[str, str]:
    """Bucket and prefix of ``s3://BUCKET/PREFIX``.

    Raises:
        UsageError: it is no such URL.
    """
    scheme, _, rest = url.partition("://")
    bucket, _, prefix = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise UsageError(f"{url!r} is not a store; write s3://BUCKET/PREFIX")
    return bucket, prefix.strip("/")


def _connect(place: Place) -> Any:
    from obstore.store import S3Store  # noqa: PLC0415

    config: dict[str, Any] = {"checksum_algorithm": "SHA256", "conditional_put": "etag"}
    said = {"endpoint": place.endpoint, "region": place.region}
    said |= msgspec.structs.asdict(place.keys)
    config |= {name: value for name, value in said.items() if value}
    patience = place.patience
    build: Any = S3Store
    return build(
        place.bucket,
        config=config,
        client_options={
            "allow_http": place.allow_http,
            "connect_timeout": timedelta(seconds=_CONNECT_S),
            "read_timeout": timedelta(seconds=patience.read_timeout_s),
            "timeout": timedelta(seconds=_REQUEST_S),
        },
        retry_config={
            "max_retries": max(patience.requests - 1, 0),
            "backoff": {
                "init_backoff": timedelta(seconds=patience.first_pause_s),
                "max_backoff": timedelta(seconds=patience.longest_pause_s),
                "base": 2,
            },
            "retry_timeout": timedelta(seconds=_RETRY_S),
        },
    )


def _slices(buffers: Iterator[Any]) -> Iterator[bytes]:
    for buffer in buffers:
        view = memoryview(buffer)
        for at in range(0, len(view), CHUNK_BYTES):
            yield bytes(view[at : at + CHUNK_BYTES])
