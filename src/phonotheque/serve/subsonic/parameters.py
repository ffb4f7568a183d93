"""The parameters of a call: from the address, and from the body of a form. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

MAX_FIELDS = 25_000
MAX_FORM_BYTES = 4 << 20
MISSING, GENERIC, NO_ACCESS, NOT_FOUND = 10, 0, 50, 70
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_MS = 253_402_300_799_000  # the end of the year 9999


class CallError(Exception):
    """A call that cannot be answered: a code of the protocol, and why."""

    def __init__(self, code: int, message: str, help_path: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.help_path = code, message, help_path


def missing(name: str) -> CallError:
    """A parameter is not there."""
    return CallError(MISSING, f"Required parameter is missing: {name}")


def wrong(name: str, value: str, wanted: str) -> CallError:
    """A parameter makes no sense."""
    return CallError(GENERIC, f"{name}: {value[:80]!r} is not {wanted}")


def nothing(what: str) -> CallError:
    """What is asked for is not here."""
    return CallError(NOT_FOUND, f"{what[:80]}: there is nothing of this name here")


class Parameters:
    """The fields of one call; a name may come several times.

    Raises:
        CallError: there are more than 25,000 fields.
    """

    def __init__(self, query: bytes, form: bytes = b"") -> None:
        self._fields: dict[str, list[str]] = {}
        for part in (query, form):
            try:
                pairs = parse_qsl(
                    part.decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_FIELDS
                )
            except ValueError:
                raise CallError(GENERIC, f"more than {MAX_FIELDS} parameters") from None
            for name, value in pairs:
                self._fields.setdefault(name, []).append(value)

    def all(self, *names: str) -> list[str]:
        """Every value of these names, in order."""
        return [value for name in names for value in self._fields.get(name, [])]

    def get(self, name: str) -> str | None:
        """The first value of a name."""
        values = self._fields.get(name)
        return values[0] if values else None

    def text(self, name: str) -> str:
        """A value that must be there.

        Raises:
            CallError: it is not.
        """
        value = self.get(name)
        if value is None:
            raise missing(name)
        return value

    def number(self, name: str, default: int, *, least: int = 0, most: int = 2**31 - 1) -> int:
        """A whole number, brought within `least` and `most`.

        Raises:
            CallError: it is no number.
        """
        value = self.get(name)
        if value is None or not value.strip():
            return default
        try:
            return max(least, min(most, int(value[:20])))
        except ValueError:
            raise wrong(name, value, "a number") from None

    def numbers(self, name: str) -> list[int]:
        """Every value of a name as whole numbers from 0.

        Raises:
            CallError: one is none.
        """
        values = self.all(name)
        for value in values:
            if not (value.isascii() and value.isdigit() and len(value) < 10):
                raise wrong(name, value, "a number")
        return [int(value) for value in values]

    def flag(self, name: str, *, default: bool) -> bool:
        """``true`` or ``false``; anything else is the default."""
        return {"true": True, "false": False}.get((self.get(name) or "").lower(), default)

    def times(self, name: str, count: int, now: datetime) -> Sequence[datetime]:
        """Times in milliseconds since 1970, one for each of `count` things; none are `now`.

        Raises:
            CallError: one is no time.
        """
        values = self.all(name)
        for value in values:
            known = value.isascii() and value.isdigit() and len(value) <= 20
            if not (known and int(value) <= _LATEST_MS):
                raise wrong(name, value, "a time in milliseconds")
        given = [min(now, _EPOCH + timedelta(milliseconds=int(value))) for value in values[:count]]
        return given + [now] * (count - len(given))
