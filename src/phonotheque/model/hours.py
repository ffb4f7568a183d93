"""Hours of the day, in which something may be done."""

import re
from dataclasses import dataclass
from datetime import datetime, time
from typing import Final

from phonotheque.model.errors import FormatError

_HOURS: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class Hours:
    """A part of the day, which may go over midnight; `end` itself is outside."""

    begin: time
    end: time

    def holds(self, at: datetime) -> bool:
        """Whether the local time of `at` lies inside; equal ends mean all day."""
        clock = at.time().replace(tzinfo=None)
        if self.begin == self.end:
            return True
        if self.begin < self.end:
            return self.begin <= clock < self.end
        return clock >= self.begin or clock < self.end


def parse_hours(text: str) -> Hours:
    """The hours of ``23:00-07:00``.

    Raises:
        FormatError: the text is no such pair of times.
    """
    match = _HOURS.fullmatch(text)
    if match is None:
        raise FormatError(f"{text!r} are no hours; write them as 23:00-07:00")
    a, b, c, d = (int(group) for group in match.groups())
    return Hours(time(a, b), time(c, d))
