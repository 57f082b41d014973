"""The calendar's tools at the edges: of time, of zones, of what Google answers, of how many there are."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mcp_server.desk import code_of, text_of
from tests.mcp_server.hall import Hall
from tests.mcp_server.test_calendar_reading import BEN, DAY, add, good


@pytest.mark.parametrize(
    ("start", "end", "changes"),
    [
        ("09T10:00", "09T11:00", {"start": "9999-12-31T23:30"}),
        ("09", "11", {"start": "9999-12-30"}),
        ("09T10:00", "09T11:00", {"end": "0001-01-01T00:30"}),
    ],
    ids=["time", "day", "first"],
)
async def test_what_is_beyond_the_calendar_is_said(
    hall: Hall, start: str, end: str, changes: dict[str, str]
) -> None:
    async with hall.chat("ana", provider="google") as client:
        made = await add(client, start, end)
        asked = {"event_id": made["id"], "changes": changes}
        result = await client.call_tool("calendar_update_event", asked)
    assert code_of(result) == "invalid_argument"
    assert "too far away" in text_of(result)


async def test_what_others_wrote_leads_nobody_beyond_the_calendar(hall: Hall) -> None:
    """An event that lasts eight thousand years, moved by some."""

    def endless(answer: Any) -> Any:
        if answer.get("summary") == "X":
            answer["end"] = {"dateTime": "9998-06-09T10:00:00Z", "timeZone": "UTC"}
        return answer

    async with hall.chat("ana", provider="google") as client:
        made = await add(client, "09T10:00", "09T11:00")
        hall.judge.bend = endless
        asked = {"event_id": made["id"], "changes": {"start": "5000-01-01T10:00"}}
        result = await client.call_tool("calendar_update_event", asked)
    assert "too far away" in text_of(result)


async def test_free_time_at_both_ends_of_the_calendar_is_refused_in_words(hall: Hall) -> None:
    def eastern(answer: Any) -> Any:
        for entry in answer.get("items", []):
            entry["timeZone"] = "Asia/Tokyo"
        return answer

    async with hall.chat("ana", provider="google") as client:
        hall.judge.bend = eastern
        for day in ("0001-01-01", "9999-12-31"):
            asked = {
                "start": day,
                "end": day,
                "duration_min": 30,
                "hours": ["Mon-Sun 09:00-17:00 Asia/Tokyo"],
            }
            result = await client.call_tool("calendar_find_free_time", asked)
            assert code_of(result) == "invalid_argument", day


async def test_a_deleted_series_comes_back_on_the_clock_of_its_own_zone(hall: Hall) -> None:
    """The clocks of New York go forward two weeks before those of Lisbon."""

    async def starts() -> list[str]:
        found = await good(client, "search_events", start="2027-02-20", end="2027-05-30", query="Standup")
        return [event["start"] for event in found["events"]]

    async with hall.chat("ana", provider="google") as client:
        made = await good(
            client, "create_event", summary="Standup", start="2027-03-01T09:00", end="2027-03-01T10:00",
            time_zone="America/New_York", recurrence=["RRULE:FREQ=WEEKLY;COUNT=6"],
        )  # fmt: skip
        before = await starts()
        deleted = await good(client, "delete_event", event_id=made["event"]["id"], scope="all")
        assert await starts() == []
        undo = deleted["undo"]
        await good(client, undo["tool"].removeprefix("calendar_"), **undo["arguments"])
        assert await starts() == before
    assert {start[10:] for start in before} == {"T14:00:00+00:00", "T13:00:00+00:00", "T14:00:00+01:00"}


async def test_what_adding_it_again_leaves_out_is_said(hall: Hall) -> None:
    """Least of all may a private event come back for all to see without a word."""

    def rich(answer: Any) -> Any:
        if answer.get("summary") == "X":
            answer |= {"visibility": "private", "transparency": "transparent"}
            answer["attendees"] = [{"email": "room@resource.calendar.google.com", "resource": True}]
            answer["attachments"] = [{"title": "Plan", "fileUrl": "https://drive.google.com/open?id=1"}]
        return answer

    async with hall.chat("ana", provider="google") as client:
        made = await add(client, "09T10:00", "09T11:00")
        hall.judge.bend = rich
        result = await client.call_tool("calendar_delete_event", {"event_id": made["id"]})
        assert "adds a new one without its visibility, free time, rooms and files." in text_of(result)
        hall.judge.bend = None
        plain = await add(client, "10T10:00", "10T11:00")
        result = await client.call_tool("calendar_delete_event", {"event_id": plain["id"]})
        assert "`undo` adds a new one." in text_of(result)


async def test_the_note_of_an_answer_is_taken_back_with_it(hall: Hall) -> None:
    async with (
        hall.chat("ben", provider="google") as ben,
        hall.chat("ana", provider="google") as client,
    ):
        made = await add(client, "09T10:00", "09T11:00", attendees=[BEN])
        at = {"event_id": made["id"]}

        async def told() -> list[dict[str, Any]]:
            return list((await good(client, "get_event", **at))["event"]["guests"])

        await good(ben, "respond_to_event", **at, response="accepted", comment="Gladly")
        before = await told()
        for response, comment in (("declined", "Ill"), ("accepted", "Only the first hour")):
            answered = await good(ben, "respond_to_event", **at, response=response, comment=comment)
            assert (await told())[0]["comment"] == comment
            await good(ben, "respond_to_event", **answered["undo"]["arguments"])
            assert await told() == before


async def test_a_search_that_no_calendar_answers_is_no_empty_one(hall: Hall) -> None:
    events = "GET www.googleapis.com/calendar/v3/calendars/{id}/events"
    async with hall.chat("ana", provider="google") as client:
        hall.fault(events, status=403, reason="forbidden", times=None)
        result = await client.call_tool("calendar_search_events", DAY)
        assert code_of(result) == "conflict"
        hall.emulator.clear_faults()
        hall.fault(events, status=403, reason="forbidden")
        found = await good(client, "search_events", **DAY)
    [silent] = found["not_searched"]
    assert len(found["calendars"]) == 2
    assert silent not in found["calendars"]


async def test_calendars_beyond_what_one_question_may_have_are_not_taken_for_free(hall: Hall) -> None:
    def many(answer: Any) -> Any:
        if "items" in answer:
            answer["items"] += [
                {"id": f"own{number}@group.calendar.google.com", "summary": f"Own {number}",
                 "accessRole": "owner", "selected": True}
                for number in range(12)
            ]  # fmt: skip
        return answer

    async with hall.chat("ana", provider="google") as client:
        hall.judge.bend = many
        result = await client.call_tool("calendar_find_free_time", {**DAY, "duration_min": 30})
    missed = result.structured_content["not_seen"]
    assert missed[0]["why"] == "too many calendars at once"
    assert missed[0]["who"] in {"3 more calendars", "4 more calendars"}
    assert missed[0]["who"] in text_of(result)
