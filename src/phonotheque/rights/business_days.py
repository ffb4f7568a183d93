"""Business days of the seat of an archive, for the windows in which a notice must be answered.

A day counts by its date at the seat, so a change of the clock never moves a window: the window is
computed in dates, and only its two ends become moments. Calendars are data (`holidays.toml`), each
with days known to be closed or open, checked when it is read.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from phonotheque.model.errors import FormatError, UsageError
from phonotheque.rights.rules import Mark

_DAY = timedelta(days=1)
_SATURDAY, _SUNDAY = 5, 6
MAX_DAYS = 1000


class _Vectors(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    closed: list[date]
    open: list[date]


class Holidays(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rules of one seat; the fields are explained at the head of `holidays.toml`."""

    source: str
    mark: Mark
    zone: str
    moved: str
    fixed: list[tuple[str, int]]
    vectors: _Vectors
    easter: list[int] = []
    nth: list[tuple[int, int, int, int]] = []
    before: list[tuple[int, int, int, int]] = []


@dataclass(frozen=True, slots=True)
class BusinessCalendar:
    """Which days count at one seat. `known`: False where only weekends are known to be free.

    `closed` are days of the operator's own list. Equal calendars give equal windows.
    """

    seat: str
    zone: str = "UTC"
    known: bool = False
    closed: frozenset[date] = field(default=frozenset())

    def is_open(self, day: date) -> bool:
        """Whether `day` counts."""
        if day.weekday() >= _SATURDAY or day in self.closed:
            return False
        return not self.known or day not in _holidays_around(self.seat, day.year)

    def day_of(self, at: datetime) -> date:
        """The date at the seat when it is `at` (aware)."""
        return at.astimezone(_zone(self.zone)).date()

    def after(self, start: date, count: int) -> date:
        """The `count`-th business day after `start`, which does not count itself.

        Raises:
            UsageError: the calendar has no such day within reach (every day is closed).
        """
        day, left = start, count
        for _ in range(MAX_DAYS):
            day += _DAY
            left -= self.is_open(day)
            if left == 0:
                return day
        raise UsageError(f"{self.seat}: no {count} business days within {MAX_DAYS} days; see to the"
                         " list of closed days")  # fmt: skip

    def end_of(self, day: date) -> datetime:
        """The moment (UTC) at which `day` is over at the seat."""
        midnight = datetime.combine(day + _DAY, time(), tzinfo=_zone(self.zone))
        return midnight.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Window:
    """When what was disabled is put back: from `opens` on and before `closes` (UTC).

    `tenth` and `fourteenth` are the dates at the seat that the two ends rest on.
    """

    opens: datetime
    closes: datetime
    tenth: date
    fourteenth: date


def put_back_window(
    calendar: BusinessCalendar, received: datetime, first: int = 10, last: int = 14
) -> Window:
    """The window after a counter-notice that came in at `received` (aware).

    17 U.S.C. 512(g)(2)(C): not less than 10, nor more than 14 business days after receipt. Taken
    strictly at both ends: the tenth day must be over, the fourteenth must not.
    """
    day = calendar.day_of(received)
    tenth, fourteenth = calendar.after(day, first), calendar.after(day, last)
    return Window(calendar.end_of(tenth), calendar.end_of(fourteenth), tenth, fourteenth)


def calendar_of(
    seat: str, *, zone: str | None = None, closed: frozenset[date] = frozenset()
) -> BusinessCalendar:
    """The calendar of a country, with the operator's own `zone` and `closed` days.

    Raises:
        UsageError: there is no time zone of that name.
    """
    rules = holiday_book().get(seat)
    name = zone or (rules.zone if rules else "UTC")
    _zone(name)
    return BusinessCalendar(seat, name, rules is not None, closed)


@cache
def holiday_book() -> dict[str, Holidays]:
    """The rules of every seat that has some, by country.

    Raises:
        FormatError: a rule is broken, or a day of its vectors is not as it says.
    """
    content = files(__package__).joinpath("holidays.toml").read_bytes()
    try:
        book = msgspec.toml.decode(content, type=dict[str, Holidays])
    except msgspec.ValidationError as error:
        raise FormatError(f"holidays.toml: {error}") from error
    for seat, rules in book.items():
        for day in rules.vectors.closed + rules.vectors.open:
            around = {d for year in (day.year, day.year + 1) for d in _days_of(rules, year)}
            if (day in around) is not (day in rules.vectors.closed):
                raise FormatError(f"holidays.toml: {seat}: {day} is not as its vectors say")
    return book


@lru_cache(maxsize=256)
def _holidays_around(seat: str, year: int) -> frozenset[date]:
    """Closed days of a year; New Year's Day of the next may be kept in it."""
    rules = holiday_book()[seat]
    return frozenset(day for y in (year, year + 1) for day in _days_of(rules, y))


def _days_of(rules: Holidays, year: int) -> set[date]:
    days = {easter(year) + timedelta(days=n) for n in rules.easter}
    days |= {_nth(year, *entry[:3]) for entry in rules.nth if year >= entry[3]}
    days |= {_before(year, *entry[:3]) for entry in rules.before if year >= entry[3]}
    fixed = sorted(date.fromisoformat(f"{year}-{md}") for md, since in rules.fixed if year >= since)
    return days | set(_observed(fixed, rules.moved, days))


def _observed(fixed: list[date], moved: str, taken: set[date]) -> Iterator[date]:
    """The days on which fixed holidays are kept; each that falls on a weekend goes its way."""
    used = taken | {day for day in fixed if day.weekday() < _SATURDAY}
    for day in fixed:
        kept = day
        if moved == "nearest" and day.weekday() >= _SATURDAY:
            kept = day - _DAY if day.weekday() == _SATURDAY else day + _DAY
        elif moved == "next" and day.weekday() >= _SATURDAY:
            while kept.weekday() >= _SATURDAY or kept in used:
                kept += _DAY
            used.add(kept)
        yield kept


def _nth(year: int, month: int, weekday: int, which: int) -> date:
    if which < 0:
        return _before(year + month // 12, month % 12 + 1, 1, weekday)
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (which - 1))


def _before(year: int, month: int, day: int, weekday: int) -> date:
    """The last `weekday` before a day."""
    last = date(year, month, day) - _DAY
    return last - timedelta(days=(last.weekday() - weekday) % 7)


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (the anonymous algorithm, Nature 13, 1876)."""
    golden, century, rest = year % 19, year // 100, year % 100
    shift = (century - (century + 8) // 25 + 1) // 3
    moon = (19 * golden + century - century // 4 - shift + 15) % 30
    week = (32 + 2 * (century % 4) + 2 * (rest // 4) - moon - rest % 4) % 7
    late = (golden + 11 * moon + 22 * week) // 451
    month, day = divmod(moon + week - 7 * late + 114, 31)
    return date(year, month, day + 1)


@cache
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(f"{name}: no such time zone on this system; name one of the IANA list, "
                         "or install the system's time zone data") from error  # fmt: skip
