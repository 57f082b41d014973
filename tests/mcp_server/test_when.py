"""Days, times and zones as people and models write them."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from mcp_server.errors import Refusal
from mcp_server.tools.google.when import begins, ends, moment, ordered, shown, zone

LISBON = ZoneInfo("Europe/Lisbon")
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2026-12-01T14:30", "2026-12-01T14:30:00+00:00"),
        ("2026-07-01T14:30", "2026-07-01T14:30:00+01:00"),
        (" 2026-07-01 14:30:15 ", "2026-07-01T14:30:15+01:00"),
        ("2026-12-01T14:30:00Z", "2026-12-01T14:30:00+00:00"),
        ("2026-12-01t14:30z", "2026-12-01T14:30:00+00:00"),
        ("2026-12-01T14:30:00-05:00", "2026-12-01T14:30:00-05:00"),
        ("2026-12-01T14:30:00.5+0530", "2026-12-01T14:30:00.500000+05:30"),
    ],
)
def test_a_time(text: str, iso: str) -> None:
    found = moment(text, "start", LISBON)
    assert isinstance(found, datetime)
    assert found.isoformat() == iso


def test_a_day() -> None:
    assert moment("2026-12-01", "start", LISBON) == date(2026, 12, 1)


@pytest.mark.parametrize(
    "text",
    ["", "tomorrow", "2026-13-01", "2026-02-30", "20261201", "2026-W49-1", "14:30", "2026-12-01T25:00",
     "2026-12-01T14:30+99:00", "2026-12-01T14:30 Europe/Lisbon", "２０２６-12-01", "0001-01-01T00:00+14:00"],
)  # fmt: skip
def test_what_is_no_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        moment(text, "start", LISBON)
    assert caught.value.code == "invalid_argument"
    assert "`start` is not understood. A day (2026-12-01)" in caught.value.sentence


def test_a_time_that_comes_twice_wants_an_offset() -> None:
    with pytest.raises(Refusal) as caught:
        moment("2026-10-25T01:30", "end", LISBON)
    assert "`end` names a time that comes twice in Europe/Lisbon" in caught.value.sentence
    for text in ("2026-10-25T01:30:00+01:00", "2026-10-25T01:30:00+00:00"):
        assert text in caught.value.sentence
        assert moment(text, "end", LISBON)
    assert moment("2026-10-25T02:00", "end", LISBON)


def test_a_time_that_clocks_skip_does_not_exist() -> None:
    with pytest.raises(Refusal) as caught:
        moment("2026-03-29T02:30", "start", BERLIN)
    assert "does not exist in Europe/Berlin" in caught.value.sentence
    assert moment("2026-03-29T02:30", "start", LISBON)
    assert moment("2026-03-29T03:00", "start", BERLIN)


@pytest.mark.parametrize(
    "name", ["", "Lisbon", "Europe/Nowhere", "../../etc/passwd", "/etc/passwd", "a\0b", "é"]
)
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(Refusal) as caught:
        zone(name)
    assert "IANA name" in caught.value.sentence


def test_a_day_lasts_until_the_next_begins_even_where_it_has_25_hours() -> None:
    day = date(2026, 10, 25)
    lasted = ends(day, BERLIN).timestamp() - begins(day, BERLIN).timestamp()
    assert lasted == 25 * 3600


@pytest.mark.parametrize(
    ("start", "end", "good"),
    [
        ("2026-12-01", "2026-12-01", True),
        ("2026-12-02", "2026-12-01", False),
        ("2026-12-01T10:00", "2026-12-01T10:00", False),
        ("2026-12-01T10:00", "2026-12-01T10:30", True),
        ("2026-12-01T10:00+02:00", "2026-12-01T09:00Z", True),
        ("2026-12-01T10:00", "2026-12-01", False),
        ("2026-12-01", "2026-12-01T10:00", False),
    ],
)
def test_the_end_comes_after_the_start(start: str, end: str, good: bool) -> None:
    pair = moment(start, "start", LISBON), moment(end, "end", LISBON)
    if good:
        ordered(*pair, LISBON)
    else:
        with pytest.raises(Refusal):
            ordered(*pair, LISBON)


def test_the_last_day_of_the_calendar() -> None:
    with pytest.raises(Refusal):
        ordered(date.max, date.max, LISBON)


def test_how_it_is_told() -> None:
    assert shown(date(2026, 11, 29)) == "Sun 29 Nov 2026"
    assert shown(datetime(2026, 11, 29, 9, 5, tzinfo=LISBON)) == "Sun 29 Nov 2026 09:05"
