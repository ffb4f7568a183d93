"""One request to the API and its answer: retries, refusals as exceptions, streams line by line."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar
from urllib.parse import urlencode

import msgspec
import urllib3

from phonotheque import __version__
from phonotheque.model.answers import ProblemAnswer
from phonotheque.model.errors import FormatError, PhonothequeError, TransferError

T = TypeVar("T")
Values = Mapping[str, str | int | bool | Sequence[str] | None]
LINES = "application/x-ndjson"
_CHUNK_BYTES = 64 << 10
_LONGEST_LINE = 16 << 20
_BUSY = (429, 502, 503, 504)
_ATTEMPTS = 4
_LONGEST_WAIT = 60.0


class ApiError(PhonothequeError):
    """The server answered with a problem (RFC 9457); `problem` has it."""

    def __init__(self, problem: ProblemAnswer) -> None:
        super().__init__(f"{problem.status} {problem.title}: {problem.detail}")
        self.problem = problem


class Asker:
    """Asks one server. Connections are kept; for any number of threads.

    A server that is busy, or whose limit is reached, is asked again up to three times, after as
    long as it says and at most a minute.
    """

    def __init__(
        self,
        base: str,
        key: str | None,
        *,
        timeout_seconds: float,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._base, self._pause = base.rstrip("/"), pause
        headers = {
            "user-agent": f"phonotheque/{__version__}",
            "accept-encoding": "gzip",
        }
        if key is not None:
            headers["authorization"] = f"Bearer {key}"
        self._pool = urllib3.PoolManager(
            headers=headers,
            timeout=urllib3.Timeout(connect=timeout_seconds, read=timeout_seconds),
            retries=False,
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._pool.clear()

    def ask(self, path: str, values: Values, kind: type[T], body: object = None) -> T:
        """The answer at `path` with the query `values`, as a `kind`.

        Raises:
            ApiError: the server refused. TransferError: it did not answer. FormatError: its
                answer is none of this API.
        """
        answer = self._send(path, values, "application/json", body)
        try:
            return msgspec.json.decode(answer.data, type=kind)
        except msgspec.MsgspecError as error:
            raise FormatError(f"{self._base}{path}: no answer of this API ({error})") from None
        except urllib3.exceptions.HTTPError as error:
            raise TransferError(f"{self._base}{path}: {error}; try again") from None

    def stream(self, path: str, values: Values, kind: type[T], body: object = None) -> Iterator[T]:
        """As `ask`, for an answer that is given row by row; one is held at a time."""
        answer = self._send(path, values, LINES, body)
        decoder = msgspec.json.Decoder(kind)
        try:
            for line in _lines(answer):
                yield decoder.decode(line)
        except msgspec.MsgspecError as error:
            raise FormatError(f"{self._base}{path}: no answer of this API ({error})") from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise TransferError(f"{self._base}{path}: broken off ({error}); try again") from None
        finally:
            answer.close()

    def _send(
        self, path: str, values: Values, accept: str, body: object
    ) -> urllib3.BaseHTTPResponse:
        address = f"{self._base}{path}{_query(values)}"
        for attempt in range(1, _ATTEMPTS + 1):
            answer = self._once(address, accept, body)
            if answer.status not in _BUSY or attempt == _ATTEMPTS:
                break
            answer.drain_conn()
            self._pause(_wait(answer.headers.get("retry-after"), attempt))
        if answer.status == 200:
            return answer
        raise _refusal(address, answer)

    def _once(self, address: str, accept: str, body: object) -> urllib3.BaseHTTPResponse:
        headers = {**self._pool.headers, "accept": accept}
        content = None
        if body is not None:
            content, headers["content-type"] = msgspec.json.encode(body), "application/json"
        try:
            return self._pool.request(
                "GET" if body is None else "POST",
                address,
                body=content,
                headers=headers,
                preload_content=False,
                redirect=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise TransferError(
                f"{address}: no answer ({error}); is the server up, and the address right?"
            ) from None


def _query(values: Values) -> str:
    pairs: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, bool):
            pairs += [(name, "true")] if value else []
        elif isinstance(value, (str, int)):
            pairs.append((name, str(value)))
        else:
            pairs += [(name, one) for one in value or ()]
    return f"?{urlencode(pairs)}" if pairs else ""


def _wait(told: str | None, attempt: int) -> float:
    seconds = float(told) if told and told.isascii() and told.isdigit() else 0.5 * 2**attempt
    return min(seconds, _LONGEST_WAIT)


def _refusal(address: str, answer: urllib3.BaseHTTPResponse) -> PhonothequeError:
    try:
        return ApiError(msgspec.json.decode(answer.data, type=ProblemAnswer))
    except (msgspec.MsgspecError, urllib3.exceptions.HTTPError):
        return TransferError(f"{address}: answered {answer.status}; is it the right address?")


def _lines(answer: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    held = b""
    for piece in answer.stream(_CHUNK_BYTES, decode_content=True):
        *whole, held = (held + piece).split(b"\n")
        yield from (line for line in whole if line)
        if len(held) > _LONGEST_LINE:
            raise FormatError(f"a line of more than {_LONGEST_LINE} bytes: no answer of this API")
    if held:
        yield held
