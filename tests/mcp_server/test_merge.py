"""Several calendars as one list: nothing twice, nothing lost, always in order, whatever the pages are."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.errors import Refusal
from mcp_server.tools.google.calendar.merge import Part, Place, cursor, merged, resumed

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
Item = tuple[int, str]


def key(item: Item) -> tuple[datetime, str]:
    return NOON + timedelta(minutes=item[0]), item[1]


def page(calendar: list[Item], place: Place, size: int) -> Part[Item]:
    """What an API does with a page token: here it is the number of items before."""
    begin = int(place.page or 0)
    after = str(begin + size) if begin + size < len(calendar) else None
    return Part(place, tuple(calendar[begin : begin + size]), after)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 30), max_size=12), min_size=1, max_size=4),
    st.integers(1, 5),
    st.integers(1, 7),
)
def test_all_pages_together_are_the_whole_list(starts: list[list[int]], size: int, limit: int) -> None:
    calendars = {
        f"c{number}": [(start, f"c{number}-{at:02}") for at, start in enumerate(sorted(row))]
        for number, row in enumerate(starts)
    }
    seen: list[Item] = []
    left = [Place(name) for name in calendars]
    word: str | None = None
    for _ in range(200):
        if word is not None:
            size, left = resumed(word)
        room = iter(range(limit))
        taken, rest = merged(
            [page(calendars[place.calendar_id], place, size) for place in left],
            key,
            lambda _, room=room: next(room, None) is not None,
        )
        assert all(item[1].startswith(calendar) for item, calendar in taken)
        seen += [item for item, _ in taken]
        word = cursor(size, rest)
        if word is None:
            break
    assert word is None
    assert seen == sorted((item for row in calendars.values() for item in row), key=key)


def test_it_waits_for_the_next_page_of_one_calendar_before_going_on_with_another() -> None:
    busy: Part[Item] = Part(Place("busy"), ((0, "a"), (1, "b")), "next")
    calm: Part[Item] = Part(Place("calm"), ((50, "z"),), None)
    taken, rest = merged([busy, calm], key, lambda _: True)
    assert [item[1] for item, _ in taken] == ["a", "b"]
    assert rest == [Place("busy", "next"), Place("calm", None, 0)]


def test_nothing_left_is_no_cursor() -> None:
    assert cursor(10, []) is None
    places = [Place("c@x", None, 3), Place("#holiday", "tok=en", 0)]
    assert resumed(cursor(10, places) or "") == (10, places)


def word(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "%%%", "é", "=" * 9, word([]), word({}), word([10]), word([10, []]), word([10, [["a"]]]),
        word([10, [["a", 1, 0]]]), word([10, [[1, None, 0]]]), word([10, [["a", None, -1]]]),
        word([10, [["a", None, True]]]), word([10, [["a", None, 99999]]]), word([0, [["a", None, 0]]]),
        word([51, [["a", None, 0]]]), word([True, [["a", None, 0]]]), word(["10", [["a", None, 0]]]),
        word([10, [["a", None, 0]] * 51]), word([10, "abc"]), word("[" * 100), "W" * 8000,
        base64.urlsafe_b64encode(b"[" * 5000).decode().rstrip("="),
    ],
)  # fmt: skip
def test_what_is_no_cursor_of_ours_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        resumed(text)
    assert caught.value.code == "invalid_argument"
