"""Changing, deleting and answering events, from a chat to the emulated Google and back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mcp.client import Client

from tests.mcp_server.desk import code_of, text_of
from tests.mcp_server.hall import Hall
from tests.mcp_server.test_calendar_reading import ANA, BEN, WIDE, add, good, ids

GUESTS = ["nuno@tea.example", BEN]
SERIES = {"recurrence": ["RRULE:FREQ=WEEKLY;COUNT=4"], "start": "2027-10-18T09:00", "end": "2027-10-18T10:00"}
"""Mondays in Lisbon, two before the clocks go back on 31 October, and two after."""
WEEKS = {"start": "2027-10-01", "end": "2027-11-30"}


def sent(hall: Hall) -> list[dict[str, Any]]:
    return list(hall.emulator.read("calendar/mail", upstream="google"))


def patches(hall: Hall) -> list[dict[str, Any]]:
    return [json.loads(body) for line, body in hall.judge.calls if line.startswith("PATCH")]


async def starts(client: Client, query: str) -> list[str]:
    found = await good(client, "search_events", **WEEKS, query=query)
    return [event["start"] for event in found["events"]]


async def series(client: Client, **more: Any) -> dict[str, Any]:
    """A recurring event."""
    made: dict[str, Any] = (await good(client, "create_event", summary="Class", **SERIES, **more))["event"]
    return made


async def undone(client: Client, answer: dict[str, Any]) -> dict[str, Any]:
    undo = answer["undo"]
    return await good(client, undo["tool"].removeprefix("calendar_"), **undo["arguments"])


# Changing


async def test_what_is_changed_is_told_and_taken_back(hall: Hall) -> None:
    async with hall.chat("ana", provider="google") as client:
        made = await add(client, "09T10:00", "09T11:00", location="Here", description="Old\nlines")
        result = await client.call_tool(
            "calendar_update_event",
            {
                "event_id": made["id"],
                "changes": {
                    "summary": "Y",
                    "start": "2027-06-09T12:00",
                    "location": "",
                    "description": "New",
                },
            },
        )
        changed = result.structured_content
        assert (changed["event"]["title"], "location" in changed["event"]) == ("Y", False)
        assert changed["event"]["start"] == "2027-06-09T12:00:00+01:00"
        assert changed["event"]["end"] == "2027-06-09T13:00:00+01:00", "as long as before"
        assert changed["changed"] == ["description", "end", "location", "start", "summary"]
        assert "Changed description, end, location, start and summary: " in text_of(result)
        assert (changed["time_zone"], changed["mail_sent_to"]) == ("Europe/Lisbon", "none")
        again = await client.call_tool(
            "calendar_update_event", {"event_id": made["id"], "changes": {"summary": "Y"}}
        )
        assert again.structured_content["changed"] == []
        assert text_of(again).startswith("It is so already, so nothing was changed: ")
        assert len(patches(hall)) == 1
        await undone(client, changed)
        after = await good(client, "get_event", event_id=made["id"])
        assert {**after["event"], "description": ""} == {
            **after["event"], **made, "description": "",
        }  # fmt: skip
        assert after["event"]["description"] == "Old\nlines"


async def test_days_become_times_and_times_days_only_whole(hall: Hall) -> None:
    async with hall.chat("ana", provider="google") as client:
        made = await add(client, "09", "10")
        await good(client, "update_event", event_id=made["id"], changes={"start": "2027-06-12"})
        moved = await good(client, "get_event", event_id=made["id"])
        assert (moved["event"]["start"], moved["event"]["end"]) == ("2027-06-12", "2027-06-13")
        half = {"event_id": made["id"], "changes": {"start": "2027-06-12T10:00"}}
        refused = await client.call_tool("calendar_update_event", half)
        assert "give both ends" in text_of(refused)
        whole = {"start": "2027-06-12T10:00", "end": "2027-06-12T12:00:00+02:00"}
        timed = await good(client, "update_event", event_id=made["id"], changes=whole)
        assert (timed["event"]["start"], timed["event"]["end"]) == (
            "2027-06-12T10:00:00+01:00", "2027-06-12T11:00:00+01:00",
        )  # fmt: skip
        back = await undone(client, timed)
        assert (back["event"]["all_day"], back["event"]["end"]) == (True, "2027-06-13")


async def test_guests_stay_with_their_answers(hall: Hall) -> None:
    async with (
        hall.chat("ben", provider="google") as ben,
        hall.chat("ana", provider="google") as client,
    ):
        made = await add(client, "09T10:00", "09T11:00", attendees=GUESTS, notify="all")
        at = {"event_id": made["id"]}
        await good(ben, "respond_to_event", **at, response="accepted", comment="Gladly", notify="all")
        changed = await good(
            client, "update_event", **at, notify="all",
            changes={"add_attendees": ["inês@x.example", BEN.title()],
                     "remove_attendees": ["NUNO@tea.example"]},
        )  # fmt: skip
        seen = (await good(client, "get_event", **at))["event"]["guests"]
        assert seen == [
            {"email": BEN, "response": "accepted", "comment": "Gladly"},
            {"email": "inês@x.example", "response": "needsAction"},
        ]
        assert [(mail["what"], mail["to"]) for mail in sent(hall)] == [
            ("invitation", GUESTS), ("reply", [ANA]), ("update", [BEN, "inês@x.example"]),
            ("cancellation", ["nuno@tea.example"]),
        ]  # fmt: skip
        assert changed["not_undone"] == "The answers of the guests who were taken off."
        await undone(client, changed)
        seen = (await good(client, "get_event", **at))["event"]["guests"]
        assert [(guest["email"], guest["response"]) for guest in seen] == [
            (BEN, "accepted"), ("nuno@tea.example", "needsAction"),
        ]  # fmt: skip
        assert (await good(client, "update_event", **at, changes={"add_attendees": [BEN]}))["changed"] == []


async def test_one_date_or_all_over_the_change_of_clocks(hall: Hall) -> None:
    async with hall.chat("ana", provider="google") as client:
        made = await series(client)
        dates = (await good(client, "search_events", **WEEKS, query="class"))["events"]
        one = await good(
            client, "update_event", event_id=dates[1]["id"], changes={"start": "2027-10-26T14:00"}
        )
        assert await starts(client, "class") == [
            "2027-10-18T09:00:00+01:00", "2027-10-26T14:00:00+01:00",
            "2027-11-01T09:00:00+00:00", "2027-11-08T09:00:00+00:00",
        ]  # fmt: skip
        await undone(client, one)
        # By the id of a date after the change: each moves by an hour, on the clock.
        result = await client.call_tool(
            "calendar_update_event",
            {"event_id": dates[3]["id"], "scope": "all",
             "changes": {"start": "2027-11-08T10:00", "end": "2027-11-08T11:30"}},
        )  # fmt: skip
        every = result.structured_content
        assert every["event"]["id"] == made["id"]
        assert "All dates moved" in text_of(result)
        rows = (await good(client, "search_events", **WEEKS, query="class"))["events"]
        assert [(row["start"], row["end"][11:16]) for row in rows if row["id"] != dates[1]["id"]] == [
            ("2027-10-18T10:00:00+01:00", "11:30"), ("2027-10-25T10:00:00+01:00", "11:30"),
            ("2027-11-01T10:00:00+00:00", "11:30"), ("2027-11-08T10:00:00+00:00", "11:30"),
        ]  # fmt: skip
        await undone(client, every)
        assert (await starts(client, "class"))[0] == "2027-10-18T09:00:00+01:00"
        # The rule says Mondays in no word: with BYDAY it must come along.
        weekly = {"start": "2027-10-19T09:00"}
        ask = {"event_id": made["id"], "scope": "all"}
        await good(
            client, "update_event", **ask, changes={"recurrence": ["RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=2"]}
        )
        refused = await client.call_tool("calendar_update_event", {**ask, "changes": weekly})
        assert "on which days it comes" in text_of(refused)
        rule = ["RRULE:FREQ=WEEKLY;BYDAY=TU;COUNT=2", "EXDATE;TZID=Europe/Lisbon:20271026T090000"]
        await good(client, "update_event", **ask, changes={**weekly, "recurrence": rule})
        assert "2027-10-19T09:00:00+01:00" in await starts(client, "class")
        shifted = {**ask, "changes": {"start": "2027-10-19T10:00"}}
        assert "which dates are left out" in text_of(await client.call_tool("calendar_update_event", shifted))


async def test_somebody_quicker_is_not_overwritten(hall: Hall) -> None:
    async with (
        hall.chat("ben", provider="google") as ben,
        hall.chat("ana", provider="google") as client,
    ):
        made = await add(client, "09T10:00", "09T11:00", attendees=GUESTS, location="Here")
        at = {"event_id": made["id"]}
        stale = {"error": {"code": 412, "message": "x", "errors": [{"reason": "conditionNotMet"}]}}
        hall.judge.trusting = True
        target = "PATCH www.googleapis.com/calendar/v3/calendars/{id}/events/{id}"
        # What was answered meanwhile stays, and the change is made.
        hall.emulator.fault(target, "status", status=412, body=stale)
        await good(ben, "respond_to_event", **at, response="declined")
        hall.emulator.fault(target, "status", status=412, body=stale)
        done = await good(client, "update_event", **at, changes={"location": "There"})
        assert done["event"]["location"] == "There"
        assert (await good(client, "get_event", **at))["event"]["guests"][1]["response"] == "declined"
        assert [line for line in hall.sent() if line.startswith("GET") and made["id"] in line][-3:]
        # A lost answer is looked for; it happened once.
        for kind in ("lost", "close"):
            hall.fault(target, kind=kind)
            done = await good(client, "update_event", **at, changes={"location": kind}, notify="all")
            assert done["event"]["location"] == kind
        assert [mail["what"] for mail in sent(hall)] == ["update", "update"]


class Meanwhile:
    """Somebody else changes the event between our look and our write."""

    def __init__(self, hall: Hall, event_id: str, **change: Any) -> None:
        self.hall, self.event_id, self.change = hall, event_id, change

    def __call__(self, answer: Any) -> Any:
        if answer.get("id") == self.event_id and answer.get("etag"):
            self.hall.judge.bend = self.after
            return {**answer, "etag": '"older"'}
        return answer

    def after(self, answer: Any) -> Any:
        return {**answer, **self.change} if answer.get("id") == self.event_id else answer


async def test_the_same_changed_by_another_meanwhile_is_left_alone(hall: Hall) -> None:
    async with hall.chat("ana", provider="google") as client:
        made = await add(client, "09T10:00", "09T11:00", location="Here")
        at = {"event_id": made["id"]}
        hall.judge.trusting = True
        hall.judge.bend = Meanwhile(hall, made["id"], location="Elsewhere")
        result = await client.call_tool("calendar_update_event", {**at, "changes": {"location": "There"}})
        assert code_of(result) == "conflict"
        assert "Somebody changed the event's location meanwhile, so nothing was changed." in text_of(result)
        hall.judge.bend = Meanwhile(hall, made["id"], summary="Other")
        await good(client, "update_event", **at, changes={"location": "There"})
        hall.judge.bend = Meanwhile(hall, made["id"])
        gone = await client.call_tool("calendar_delete_event", at)
        assert code_of(gone) == "conflict"
        assert "was not deleted" in text_of(gone)
        hall.judge.bend = Meanwhile(hall, made["id"], status="cancelled")
        lost = await client.call_tool("calendar_update_event", {**at, "changes": {"summary": "Z"}})
        assert code_of(lost) == "not_found"


async def test_a_meet_link_comes_a_moment_later_and_is_waited_for(hall: Hall) -> None:
    async with hall.chat("ana", provider="google") as client:
        made = await add(client, "09T10:00", "09T11:00")
        done = await good(client, "update_event", event_id=made["id"], changes={"add_meet": True})
        assert done["event"]["meet_link"].startswith("https://meet.google.com/")
        assert done["changed"] == ["add_meet"]
        assert hall.desk.pauses == [0.3]
        assert (await good(client, "update_event", event_id=made["id"], changes={"add_meet": True}))[
            "changed"
        ] == []
        hall.judge.trusting = True
        pending = {"createRequest": {"status": {"statusCode": "pending"}}}
        hall.judge.bend = lambda answer: {**answer, "conferenceData": pending} if "etag" in answer else answer
        result = await client.call_tool(
            "calendar_create_event",
            {"summary": "Slow", "start": "2027-06-10T10:00", "end": "2027-06-10T11:00", "add_meet": True},
        )
        assert "Its Meet link is still being made" in text_of(result)


# Deleting


async def test_deleted_once_and_once_more_and_added_again(hall: Hall) -> None:
    async with hall.chat("ana", provider="google") as client:
        made = await add(client, "09T10:00", "09T11:00", summary="Party", attendees=GUESTS, location="Here")
        at = {"event_id": made["id"]}
        first = await client.call_tool("calendar_delete_event", {**at, "notify": "all"})
        gone = first.structured_content
        assert (gone["deleted"], gone["mail_sent_to"], gone["title"]) == (True, "all", "Party")
        assert "For 30 days the person can restore it in Google Calendar, under Trash" in gone["restore"]
        assert text_of(first).startswith("Deleted “Party”, Wed 9 Jun 2027 10:00. All guests get mail")
        again = await good(client, "delete_event", **at)
        assert (again["deleted"], again["mail_sent_to"], "undo" in again) == (False, "none", False)
        assert [mail["what"] for mail in sent(hall)] == ["cancellation"]
        back = await undone(client, gone)
        assert (back["created"], back["event"]["guests"], back["event"]["location"]) == (True, GUESTS, "Here")
        # A lost answer, and one that came too late.
        hall.fault("DELETE www.googleapis.com/*", kind="lost")
        assert (await good(client, "delete_event", event_id=back["event"]["id"]))["deleted"] is True


async def test_one_date_is_deleted_or_all(hall: Hall) -> None:
    async with hall.chat("ana", provider="google") as client:
        made = await series(client)
        dates = (await good(client, "search_events", **WEEKS, query="class"))["events"]
        one = await good(client, "delete_event", event_id=dates[1]["id"])
        assert "would add a single event beside" in one["restore"]
        assert len(await starts(client, "class")) == 3
        refused = await client.call_tool("calendar_delete_event", {"event_id": made["id"]})
        assert code_of(refused) == "invalid_argument"
        assert "That id is the whole recurring event" in text_of(refused)
        every = await good(client, "delete_event", event_id=dates[2]["id"], scope="all")
        assert (every["all_dates"], every["event_id"]) == (True, made["id"])
        assert await starts(client, "class") == []
        assert (await good(client, "delete_event", event_id=made["id"]))["deleted"] is False
        back = await undone(client, every)
        assert back["event"]["recurrence"] == SERIES["recurrence"]


# Answering


async def test_an_answer_is_ones_own_and_the_organizer_sees_it(hall: Hall) -> None:
    async with (
        hall.chat("ben", provider="google") as ben,
        hall.chat("ana", provider="google") as client,
    ):
        made = await series(ben, attendees=[ANA, "nuno@tea.example"])
        at = {"event_id": made["id"]}
        result = await client.call_tool("calendar_respond_to_event", {**at, "response": "accepted"})
        told = result.structured_content
        assert (told["before"], told["response"], told["changed"]) == ("needsAction", "accepted", True)
        assert (told["start"], told["time_zone"], "undo" in told) == (
            "2027-10-18T09:00:00+01:00", "Europe/Lisbon", False,
        )  # fmt: skip
        assert text_of(result).startswith("Answered “Class”, all dates from Mon 18 Oct 2027 09:00: accepted.")
        dates = (await good(client, "search_events", **WEEKS, query="class"))["events"]
        answer = {"event_id": dates[1]["id"], "response": "declined", "comment": "Away", "notify": "all"}
        changed = await good(client, "respond_to_event", **answer)
        assert (await good(client, "respond_to_event", **answer))["changed"] is False
        seen = (await good(ben, "search_events", **WEEKS, query="class"))["events"]
        assert [row["guests"][0]["response"] for row in seen] == [
            "accepted",
            "declined",
            "accepted",
            "accepted",
        ]
        assert [row["guests"][1]["response"] for row in seen] == ["needsAction"] * 4
        detail = await good(ben, "get_event", event_id=dates[1]["id"])
        assert detail["event"]["guests"][0]["comment"] == "Away"
        assert [(mail["what"], mail["to"]) for mail in sent(hall)] == [("reply", [BEN])]
        assert (await undone(client, changed))["response"] == "accepted"
        # Who is not asked, and who organizes.
        other = await client.call_tool(
            "calendar_update_event", {**at, "changes": {"summary": "Mine"}, "scope": "all"}
        )
        assert code_of(other) == "conflict"
        assert f"Only “{BEN}”, who organizes that event, can change it for everybody." in text_of(other)
        declined = await good(client, "delete_event", **at, scope="all")
        assert "its organizer now sees that this person declined" in declined["restore"]
        assert (await good(ben, "get_event", **at))["event"]["guests"][0]["response"] == "declined"
        late = await client.call_tool("calendar_respond_to_event", {**at, "response": "accepted"})
        assert code_of(late) == "not_found"


async def test_of_a_very_large_event_only_the_own_answer_is_touched(hall: Hall) -> None:
    async with hall.chat("ana", provider="google") as client:
        made = await add(client, "09T10:00", "09T11:00", attendees=[ANA, *GUESTS])
        at = {"event_id": made["id"]}
        hall.judge.bend = lambda answer: (
            {**answer, "attendees": [row for row in answer["attendees"] if row["email"] == ANA],
             "attendeesOmitted": True} if "attendees" in answer else answer
        )  # fmt: skip
        assert (await good(client, "respond_to_event", **at, response="declined"))["changed"] is True
        full = await client.call_tool(
            "calendar_update_event", {**at, "changes": {"add_attendees": ["a@b.example"]}}
        )
        assert "does not tell all guests" in text_of(full)
        hall.judge.bend = None
        seen = (await good(client, "get_event", **at))["event"]
    assert (seen["my_response"], [guest["email"] for guest in seen["guests"]]) == ("declined", GUESTS)


# Refusals


async def test_what_can_t_be_changed_is_said(hall: Hall) -> None:
    known = ids(hall)
    dentist, choir = {"event_id": known["Dentist"]}, {"event_id": known["Choir rehearsal"]}
    holiday = {"event_id": known["Christmas Day"], "calendar_id": "Holidays in Portugal"}
    changing: list[tuple[dict[str, Any], dict[str, Any], str, str]] = [
        (dentist, {"end": "2020-01-01T10:00"}, "invalid_argument", "must come after"),
        (dentist, {"start": "noon"}, "invalid_argument", "`start` is not understood"),
        (dentist, {"recurrence": ["weekly"]}, "invalid_argument", "`recurrence` must be lines"),
        (dentist, {"recurrence": ["RRULE:FREQ=NEVER"]}, "invalid_argument", "does not take this change"),
        (dentist, {"add_attendees": ["Ben"]}, "invalid_argument", "`add_attendees` must be mail addresses"),
        (dentist, {"add_attendees": ["a@b.example"], "remove_attendees": ["A@b.example"]}, "invalid_argument",
         "added and removed at once"),
        (dentist, {"owner": "ben"}, "invalid_argument", "`changes`"),
        (choir, {"summary": "X"}, "invalid_argument", "That id is the whole recurring event"),
        ({"event_id": "nothing"}, {"summary": "X"}, "not_found", "nothing under that id"),
        ({"event_id": "../../x"}, {"summary": "X"}, "not_found", "nothing under that id"),
        ({"event_id": ".."}, {"summary": "X"}, "invalid_argument", "can't be sent"),
        ({**dentist, "calendar_id": "Nowhere"}, {"summary": "X"}, "not_found", "No calendar here"),
        (holiday, {"summary": "X"}, "conflict", "may look at that calendar but not change it"),
    ]  # fmt: skip
    async with hall.chat("ana", provider="google") as client:
        for target, changes, code, says in changing:
            result = await client.call_tool("calendar_update_event", {**target, "changes": changes})
            assert (code_of(result), says in text_of(result)) == (code, True), (changes, text_of(result))
        for tool, arguments in (
            ("delete_event", {}), ("respond_to_event", {"response": "accepted"}), ("get_event", {}),
        ):  # fmt: skip
            result = await client.call_tool(f"calendar_{tool}", {"event_id": "nothing", **arguments})
            assert code_of(result) == "not_found", tool
        uninvited = await client.call_tool("calendar_respond_to_event", {**dentist, "response": "accepted"})
        assert "This account is not invited to that event" in text_of(uninvited)
        readonly = await client.call_tool("calendar_delete_event", holiday)
        assert "may look at that calendar but not change it" in text_of(readonly)
        gone = await good(client, "delete_event", **dentist)
        assert gone["deleted"]
        late = await client.call_tool("calendar_update_event", {**dentist, "changes": {"summary": "X"}})
        assert "That event was deleted" in text_of(late)


async def test_no_answer_is_larger_than_a_model_can_read(hall: Hall) -> None:
    known = ids(hall)
    lunch = {"event_id": known["Lunch with Ben and Cleo"]}
    wide = {"summary": WIDE, "description": WIDE * 20, "location": WIDE, "recurrence": ["R" * 500] * 5}
    many = [
        {
            "email": f"{n}{'x' * 60}@example.org",
            "displayName": WIDE,
            "responseStatus": "accepted",
            "comment": WIDE,
        }
        for n in range(60)
    ]
    async with hall.chat("ana", provider="google") as client:
        hall.judge.trusting = True
        hall.judge.bend = lambda answer: (
            {**answer, **wide, "attendees": [*many, *answer["attendees"]]}
            if "attendees" in answer
            else answer
        )
        changes = {"description": "d" * 8000, "location": "l" * 500, "summary": "s" * 300}
        for tool, arguments in (
            ("respond_to_event", {"response": "tentative"}),
            ("update_event", {"changes": changes, "scope": "all"}),
            ("delete_event", {"scope": "all"}),
        ):
            result = await client.call_tool(f"calendar_{tool}", {**lunch, **arguments})
            size = len(result.model_dump_json(by_alias=True, exclude_none=True).encode())
            assert (result.is_error, size <= 30_000) == (False, True), (tool, size, text_of(result)[:300])


@pytest.mark.parametrize("decision", ["yes", "no"])
async def test_whoever_wants_to_be_asked_is_shown_what_is_about_to_happen(hall: Hall, decision: Any) -> None:
    who = await hall.resident("ana", provider="google")
    async with hall.chat(who) as client:
        made = await add(client, "09T10:00", "09T11:00", summary="Party")
        known = ids(hall)
        await hall.desk.approvals.switch(who.user_id, {"calendar"}, ())
        quiet = await good(client, "update_event", event_id=made["id"], changes={"summary": "Feast"})
        assert quiet["changed"] == ["summary"], "nobody else hears of it"
        asking: list[tuple[str, dict[str, Any]]] = [
            ("create_event", {"summary": "Tea", "start": "2027-06-10T10:00", "end": "2027-06-10T11:00",
                              "attendees": [BEN], "recurrence": ["RRULE:FREQ=WEEKLY;COUNT=9"],
                              "location": "At ours", "description": "Bring cake"}),
            ("update_event", {"event_id": made["id"], "notify": "all",
                              "changes": {"add_attendees": [BEN], "add_meet": True}}),
            ("delete_event", {"event_id": made["id"]}),
            ("respond_to_event", {"event_id": known["Lunch with Ben and Cleo"], "response": "declined"}),
        ]  # fmt: skip
        shown = iter((["FREQ=WEEKLY;COUNT=9", "At ours", "Bring cake", f"1: {BEN}"],
                      ["Google Meet", f"1: {BEN}"], ["Feast"], ["declined"]))  # fmt: skip
        for tool, arguments in asking:
            before = len(hall.judge.calls)
            first = await client.call_tool(f"calendar_{tool}", arguments)
            assert first.is_error
            for word in next(shown):
                assert word in first.content[1].text, (tool, word)
            writes = [line for line, _ in hall.judge.calls[before:] if not line.startswith("GET")]
            assert writes == [], tool
            handle = first.meta["valet/approve"]["url"].rpartition("=")[2]
            await hall.desk.approvals.decide(handle, who.user_id, decision)
            then = await client.call_tool(f"calendar_{tool}", arguments)
            assert then.is_error is (decision == "no"), (tool, text_of(then))
    assert [mail["what"] for mail in sent(hall)] == (["update"] if decision == "yes" else [])


async def test_a_yes_is_for_those_guests(hall: Hall) -> None:
    """Who was invited between the question and the write was in no question."""
    who = await hall.resident("ana", provider="google")
    async with hall.chat(who) as client:
        made = await add(client, "09T10:00", "09T11:00", attendees=[BEN])
        await hall.desk.approvals.switch(who.user_id, {"calendar"}, ())
        changes = {"location": "There", "remove_attendees": GUESTS[:1]}
        call = {"event_id": made["id"], "changes": changes, "notify": "all"}
        hall.judge.trusting = True
        for guests, code in (([BEN, "eve@example.com"], "conflict"), ([BEN, *GUESTS[:1]], None)):
            change = Meanwhile(hall, made["id"], attendees=[{"email": each} for each in guests])
            hall.judge.bend = change
            first = await client.call_tool("calendar_update_event", call)
            handle = first.meta["valet/approve"]["url"].rpartition("=")[2]
            await hall.desk.approvals.decide(handle, who.user_id, "yes")
            hall.judge.bend = change
            then = await client.call_tool("calendar_update_event", call)
            hall.judge.bend = None
            assert code_of(then) == code, text_of(then)


async def test_guests_whom_google_does_not_tell_are_guests(hall: Hall) -> None:
    who = await hall.resident("ana", provider="google")
    async with hall.chat(who) as client:
        made = await add(client, "09T10:00", "09T11:00", attendees=[BEN])
        await hall.desk.approvals.switch(who.user_id, {"calendar"}, ())
        hall.judge.trusting = True
        hall.judge.bend = lambda answer: (
            {**answer, "attendees": [], "attendeesOmitted": True}
            if answer.get("id") == made["id"]
            else answer
        )
        for tool, more in (("update_event", {"changes": {"location": "There"}}), ("delete_event", {})):
            call: dict[str, Any] = {"event_id": made["id"], "notify": "all", **more}
            first = await client.call_tool(f"calendar_{tool}", call)
            assert code_of(first) == "approval_needed", tool
            assert '["Guests","more than Google tells"]' in first.content[1].text
            handle = first.meta["valet/approve"]["url"].rpartition("=")[2]
            await hall.desk.approvals.decide(handle, who.user_id, "yes")
            assert (await good(client, tool, **call))["mail_sent_to"] == "all"
