"""What a server says of itself: lines for people, or an object of JSON a line for programs."""

import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

import msgspec

FORMS = ("text", "json")
_MOST_A_MINUTE = 10


class JsonLines(logging.Formatter):
    """One object a line: time, level, logger, message, and the fields of the record."""

    def format(self, record: logging.LogRecord) -> str:
        """One record."""
        said: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            said["error"] = "".join(traceback.format_exception(*record.exc_info))
        return msgspec.json.encode(said).decode()


class TextLines(logging.Formatter):
    """A line for people; the fields of a record as ``name=value``."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """One record."""
        fields: dict[str, Any] = getattr(record, "fields", {})
        shown = "".join(f" {name}={_plain(value)}" for name, value in fields.items())
        return super().format(record) + shown


def _plain(value: object) -> str:
    """One word: what strangers put in must not look like a line of its own."""
    text = str(value)
    return text if text.isprintable() and " " not in text else repr(text)


class Thinned(logging.Filter):
    """Lets ten of the same message pass in a minute: what strangers can bring about must not fill
    the disk. Requests that are to be logged all pass."""

    def __init__(self) -> None:
        super().__init__()
        self._passed: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        if hasattr(record, "fields"):
            return True
        key = (record.name, str(record.msg))
        since, count = self._passed.get(key, (record.created, 0))
        if record.created - since >= 60:
            if count > _MOST_A_MINUTE:
                record.msg = f"{record.msg} ({count - _MOST_A_MINUTE} like this were not written)"
            since, count = record.created, 0
        if len(self._passed) > 1000:
            self._passed.clear()
        self._passed[key] = (since, count + 1)
        return count < _MOST_A_MINUTE


def set_up_logs(form: str) -> None:
    """Have this process write its log to standard error, in one of `FORMS`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    handler.addFilter(Thinned())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("phonotheque").setLevel(logging.INFO)
