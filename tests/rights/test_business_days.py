"""Windows of notices: counted in dates of the seat, over holidays, changes of the clock, 29 Feb."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.model.errors import UsageError
from phonotheque.rights import calendar_of, put_back_window
from phonotheque.rights.business_days import easter, holiday_book

SEATS = sorted([*holiday_book(), "JP"])
MOMENTS = st.integers(0, 100 * 365 * 24 * 60).map(
    lambda minutes: datetime(1990, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


@pytest.mark.parametrize(
    ("received", "tenth", "fourteenth"),
    [
        # 25 December and 1 January are closed, and both fall into the window
        ("2026-12-18T20:00Z", "2027-01-05", "2027-01-11"),
        # 25 December 2021 is a Saturday: kept on the 24th; 1 January 2022 on 31 December 2021
        ("2021-12-17T20:00Z", "2022-01-04", "2022-01-10"),
        # 29 February 2024 is a Thursday and counts
        ("2024-02-20T15:00Z", "2024-03-05", "2024-03-11"),
        # received on a Saturday and on a holiday: counting begins with the next open day
        ("2026-07-04T15:00Z", "2026-07-17", "2026-07-23"),
        ("2026-11-26T15:00Z", "2026-12-10", "2026-12-16"),
        # Columbus Day and Veterans Day
        ("2026-10-09T15:00Z", "2026-10-26", "2026-10-30"),
    ],
)
def test_windows_of_an_american_seat(received: str, tenth: str, fourteenth: str) -> None:
    window = put_back_window(calendar_of("US"), datetime.fromisoformat(received))
    assert (str(window.tenth), str(window.fourteenth)) == (tenth, fourteenth)


def test_the_date_is_that_of_the_seat() -> None:
    """03:00 UTC on 1 January is still 31 December in New York, and already new year in Berlin."""
    at = datetime(2027, 1, 1, 3, tzinfo=UTC)
    assert calendar_of("US").day_of(at) == date(2026, 12, 31)
    assert calendar_of("DE").day_of(at) == date(2027, 1, 1)


@pytest.mark.parametrize(
    ("received", "opens"),
    [
        # the clock goes forward on 8 March 2026 (UTC-5 to UTC-4) and back on 1 November
        (datetime(2026, 3, 2, 15, tzinfo=UTC), datetime(2026, 3, 17, 4, tzinfo=UTC)),
        (datetime(2026, 2, 13, 15, tzinfo=UTC), datetime(2026, 3, 3, 5, tzinfo=UTC)),
        (datetime(2026, 10, 26, 15, tzinfo=UTC), datetime(2026, 11, 10, 5, tzinfo=UTC)),
    ],
)
def test_a_change_of_the_clock_does_not_move_a_window(received: datetime, opens: datetime) -> None:
    assert put_back_window(calendar_of("US"), received).opens == opens


def test_days_of_the_operators_own_list_and_zone_count() -> None:
    received = datetime(2026, 12, 18, 20, tzinfo=UTC)
    closed = frozenset({date(2026, 12, 24), date(2026, 12, 31)})
    own = calendar_of("US", zone="America/Los_Angeles", closed=closed)
    assert put_back_window(own, received).tenth == date(2027, 1, 7)
    assert put_back_window(own, received).opens == datetime(2027, 1, 8, 8, tzinfo=UTC)


def test_a_seat_without_a_calendar_has_weekends_and_says_so() -> None:
    calendar = calendar_of("JP")
    assert not calendar.known and calendar.is_open(date(2027, 1, 1))
    with pytest.raises(UsageError, match="no such time zone"):
        calendar_of("JP", zone="Asia/Nowhere")


def test_a_calendar_in_which_every_day_is_closed_is_refused() -> None:
    every = frozenset(date(2026, 1, 1) + timedelta(days=n) for n in range(1200))
    with pytest.raises(UsageError, match="business days"):
        calendar_of("US", closed=every).after(date(2026, 1, 1), 1)


@pytest.mark.parametrize(
    ("year", "day"), [(1961, "1961-04-02"), (2000, "2000-04-23"), (2038, "2038-04-25")]
)
def test_easter(year: int, day: str) -> None:
    assert str(easter(year)) == day


@given(seat=st.sampled_from(SEATS), received=MOMENTS)
def test_a_window_has_ten_and_fourteen_open_days_behind_the_receipt(
    seat: str, received: datetime
) -> None:
    calendar = calendar_of(seat)
    window, day = put_back_window(calendar, received), calendar.day_of(received)

    def opened(last: date) -> int:
        days = (last - day).days
        return sum(calendar.is_open(day + timedelta(days=n)) for n in range(1, days + 1))

    assert opened(window.tenth) == 10 and opened(window.fourteenth) == 14
    assert calendar.is_open(window.tenth) and calendar.is_open(window.fourteenth)
    assert calendar.day_of(window.opens) == window.tenth + timedelta(days=1)
    assert window.opens - received > timedelta(days=10) and window.opens < window.closes


@given(
    seat=st.sampled_from(SEATS), received=MOMENTS, later=st.timedeltas(timedelta(0), timedelta(30))
)
def test_a_later_receipt_never_gives_an_earlier_window(
    seat: str, received: datetime, later: timedelta
) -> None:
    calendar = calendar_of(seat)
    one, two = put_back_window(calendar, received), put_back_window(calendar, received + later)
    assert one.opens <= two.opens and one.closes <= two.closes
