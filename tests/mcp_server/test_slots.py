"""Working hours and what is left of them: weekdays, zones, and both changes of clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mcp_server.tools.google.calendar.hours import Span, read
from mcp_server.tools.google.calendar.slots import slots

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def found(
    low: str, high: str, *lines: str, busy: tuple[Span, ...] = (), least: timedelta = HOUR
) -> list[str]:
    rows = slots(at(low), at(high), busy, read(lines, BERLIN), least)
    return [f"{start:%d %H:%M}-{end:%H:%M}" for start, end in rows]


@pytest.mark.parametrize(
    ("low", "high", "line", "expected"),
    [
        # Berlin's nine o'clock is eight in UTC before the last Sunday of March, and seven after it.
        ("2027-03-27T00:00", "2027-03-30T00:00", "Sat-Mon 09:00-10:00",
         ["27 08:00-09:00", "28 07:00-08:00", "29 07:00-08:00"]),
        # The night that has an hour less, and the one that has one more.
        ("2027-03-27T12:00", "2027-03-28T12:00", "Sat 23:00-05:00", ["27 22:00-03:00"]),
        ("2027-10-30T12:00", "2027-10-31T12:00", "Sat 23:00-05:00", ["30 21:00-04:00"]),
        ("2027-10-30T00:00", "2027-11-02T00:00", "Sat-Mon 09:00-10:00",
         ["30 07:00-08:00", "31 08:00-09:00", "01 08:00-09:00"]),
        # Over the end of the week, a whole day, and another zone.
        ("2027-06-06T12:00", "2027-06-08T12:00", "sunday-monday 22:00-24:00",
         ["06 20:00-22:00", "07 20:00-22:00"]),
        ("2027-06-09T00:00", "2027-06-10T00:00", "Wed 00:00-24:00", ["09 00:00-22:00"]),
        ("2027-06-09T00:00", "2027-06-10T00:00", "Wed 09:00-17:00 Asia/Tokyo", ["09 00:00-08:00"]),
    ],
)  # fmt: skip
def test_hours_are_those_of_the_clock(low: str, high: str, line: str, expected: list[str]) -> None:
    assert found(low, high, line) == expected


def test_lines_of_one_zone_add_up_and_zones_must_all_agree() -> None:
    day = ("2027-06-09T00:00", "2027-06-10T00:00")
    assert found(*day, "Wed 09:00-12:00", "Wed 11:00-13:00", "Wed 15:00-16:00") == [
        "09 07:00-11:00", "09 13:00-14:00",
    ]  # fmt: skip
    both = "Mon-Fri 09:00-17:00", "Mon-Fri 09:00-17:00 America/New_York"
    assert found(*day, *both) == ["09 13:00-15:00"]
    assert found(*day) == ["09 00:00-00:00"], "no hours are all hours"


def test_busy_spans_are_taken_out_whatever_their_order() -> None:
    busy = (
        (at("2027-06-09T09:00"), at("2027-06-09T10:00")),
        (at("2027-06-09T06:00"), at("2027-06-09T07:30")),
        (at("2027-06-09T09:30"), at("2027-06-09T10:15")),
        (at("2027-06-09T14:00"), at("2027-06-09T20:00")),
        (at("2027-06-09T11:00"), at("2027-06-09T11:00")),
    )
    day = ("2027-06-09T00:00", "2027-06-10T00:00", "Wed 09:00-17:00")
    assert found(*day, busy=busy) == ["09 07:30-09:00", "09 10:15-14:00"]
    assert found(*day, busy=busy, least=timedelta(minutes=91)) == ["09 10:15-14:00"]
    assert found(*day, busy=((at("2027-06-08T00:00"), at("2027-06-11T00:00")),)) == []
