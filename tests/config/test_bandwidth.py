"""Rates by the hours of the day, by the clock on the wall."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.config.bandwidth import Bandwidth, Window, parse_bandwidth

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = parse_bandwidth({"default": "10MB/s", "08:00-18:00": "1MB/s"})


def at(text: str, zone: ZoneInfo = BERLIN, fold: int = 0) -> float:
    """Seconds since 1970 of a local time."""
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp()


@pytest.mark.parametrize(
    ("when", "rate"),
    [
        ("2026-11-20T07:59:59", 10_000_000),
        ("2026-11-20T08:00:00", 1_000_000),
        ("2026-11-20T17:59:59", 1_000_000),
        ("2026-11-20T18:00:00", 10_000_000),
        ("2026-07-01T08:00:00", 1_000_000),
        ("2026-07-01T18:00:00", 10_000_000),
    ],
)
def test_a_rate_holds_from_its_first_minute_to_its_last(when: str, rate: int) -> None:
    """In summer and in winter alike."""
    assert OFFICE.rate(at(when), BERLIN) == rate


def test_hours_over_midnight() -> None:
    """The night belongs together."""
    night = parse_bandwidth({"22:00-06:00": "5MB/s"})
    found = [night.rate(at(f"2026-11-20T{h:02}:30:00"), BERLIN) for h in (21, 22, 23, 0, 5, 6)]
    assert found == [None, 5_000_000, 5_000_000, 5_000_000, 5_000_000, None]


def test_hours_that_the_clock_leaves_out() -> None:
    """In spring the clock goes from 02:00 to 03:00: what is left of the window holds."""
    early = parse_bandwidth({"default": "9MB/s", "02:30-03:30": "1MB/s"})
    before = at("2026-03-29T01:59:59")
    found = [early.rate(before + seconds, BERLIN) for seconds in (0, 1, 1800, 1801)]
    assert found == [9_000_000, 1_000_000, 1_000_000, 9_000_000]


def test_hours_that_the_clock_shows_twice() -> None:
    """In autumn it shows 02:30 twice, and the rate holds both times."""
    early = parse_bandwidth({"default": "9MB/s", "02:00-03:00": "1MB/s"})
    first = at("2026-10-25T02:30:00", fold=0)
    second = at("2026-10-25T02:30:00", fold=1)
    assert second - first == 3600
    assert early.rate(first, BERLIN) == early.rate(second, BERLIN) == 1_000_000
    assert early.rate(second + 1800, BERLIN) == 9_000_000


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2037, 1, 1)),
    st.sampled_from(["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "UTC"]),
)
def test_a_rate_is_that_of_what_the_clock_shows(moment: datetime, name: str) -> None:
    """At any moment, in any zone."""
    now = moment.replace(tzinfo=UTC).timestamp()
    shown = datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(name))
    office = timedelta(hours=8) <= timedelta(hours=shown.hour) < timedelta(hours=18)
    assert OFFICE.rate(now, ZoneInfo(name)) == (1_000_000 if office else 10_000_000)


def test_one_rate_holds_all_day() -> None:
    """The short form."""
    assert parse_bandwidth("10MB/s") == Bandwidth(10_000_000)
    assert parse_bandwidth("10MB/s").rate(0.0) == 10_000_000


def test_the_slowest_rate_of_the_day() -> None:
    """It is what the size of a piece follows from."""
    assert OFFICE.slowest == 1_000_000
    assert parse_bandwidth({"08:00-09:00": "2MB/s", "09:00-10:00": "3MB/s"}).slowest == 2_000_000


def test_the_whole_day_may_be_named() -> None:
    """Midnight is 00:00 as a start and 24:00 as an end."""
    assert parse_bandwidth({"00:00-24:00": "1MB/s"}).windows == (Window(0, 1440, 1_000_000),)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("10MB", "is not a rate"),
        ("0MB/s", "must be more than 0"),
        ({}, "give hours too"),
        ({"default": "1MB/s"}, "or the rate alone"),
        ({"8-18": "1MB/s"}, "is neither hours"),
        ({"08:00-18:60": "1MB/s"}, "is not a time of day"),
        ({"08:00-25:00": "1MB/s"}, "is not a time of day"),
        ({"08:00-08:00": "1MB/s"}, "has no length"),
        ({"08:00-18:00": 5}, "is not a rate"),
        ({"08:00-12:00": "1MB/s", "11:30-13:00": "2MB/s"}, "two rates apply at 11:30"),
        ({"22:00-06:00": "1MB/s", "05:59-07:00": "2MB/s"}, "two rates apply at 05:59"),
        (["10MB/s"], "is not a rate"),
        (True, "is not a rate"),
    ],
)
def test_what_is_not_understood_is_refused(value: object, said: str) -> None:
    """With what to write instead."""
    with pytest.raises(ValueError, match=said):
        parse_bandwidth(value)
