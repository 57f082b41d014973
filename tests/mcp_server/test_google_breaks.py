"""What breaks off in the middle of a call: whether its answer is true, and whether repeating it is safe."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mcp_server.desk import code_of, text_of
from tests.mcp_server.hall import Hall
from tests.mcp_server.test_calendar_reading import add, good
from tests.mcp_server.test_contacts import contact
from tests.mcp_server.test_docs_read import file
from tests.mcp_server.test_tasks_lists import board, task
from tests.mcp_server.test_youtube import playlist, video

EVENT = "{} www.googleapis.com/calendar/v3/calendars/*/events*"
LOOK = "look before you repeat it"


async def test_a_grant_that_ends_between_two_videos_leaves_the_first_told(hall: Hall) -> None:
    insert = "POST youtube.googleapis.com/youtube/v3/playlistItems*"
    ids, where = [video(hall, "土と火"), video(hall, "Raku firing, step by step")], playlist(hall, "Empty")
    async with hall.chat("ana", provider="google") as client:
        hall.fault(insert, status=401, skip=1, times=None)
        result = await client.call_tool("youtube_add_to_playlist", {"video_ids": ids, "new_title": "Fire"})
        assert [row["outcome"] for row in result.structured_content["items"]] == ["added", "not_tried"]
        assert "connected again" in text_of(result)
        hall.fault(insert, status=401, times=None)
        none = await client.call_tool("youtube_add_to_playlist", {"video_ids": ids, "playlist_id": where})
        assert code_of(none) == "reauth_required"


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"kind": "lost"}, "It may have been moved"),
        ({"status": 503}, "It was not moved."),
        ({"status": 401, "times": None}, "once Google is connected again"),
    ],
    ids=["lost", "away", "ended"],
)
async def test_a_task_that_was_changed_and_perhaps_moved(
    hall: Hall, fault: dict[str, Any], says: str
) -> None:
    first = task(hall, "Renew passport")
    last = [row for row in board(hall)["tasks"] if not row.get("parent")][-1]
    async with hall.chat("ana", provider="google") as client:
        hall.fault("POST tasks.googleapis.com/*/move*", **fault)
        asked = {"task_id": first["id"], "title": "Passport", "move_after": last["id"]}
        result = await client.call_tool("tasks_update_task", asked)
        assert says in text_of(result)
        assert result.structured_content["changed"] == ["title"]
        moved = task(hall, "Passport")["position"] != first["position"]
        assert moved == ("may" in says)
        if moved:
            undo = result.structured_content["undo"]
            await client.call_tool(undo["tool"], undo["arguments"])
            assert task(hall, "Renew passport")["position"] == first["position"]


async def test_a_deleted_task_whose_answer_got_lost_can_be_made_again(hall: Hall) -> None:
    async with hall.chat("ana", provider="google") as client:
        plants = task(hall, "Water the plants")
        hall.fault("DELETE tasks.googleapis.com/*", kind="lost")
        result = await client.call_tool("tasks_delete_task", {"task_id": plants["id"]})
        assert result.structured_content["deleted"] is True
        undo = result.structured_content["undo"]
        assert undo["arguments"]["title"] == "Water the plants"
        books = task(hall, "Return library books")
        hall.fault("DELETE tasks.googleapis.com/*", kind="lost")
        hall.fault("GET tasks.googleapis.com/*/tasks/*", status=503, skip=1, times=None)
        unknown = await client.call_tool("tasks_delete_task", {"task_id": books["id"]})
    assert LOOK in text_of(unknown)


async def test_what_nobody_could_look_at_may_have_happened(hall: Hall) -> None:
    """A lost answer, and then nothing but refusals: of an event that was added, changed, deleted."""
    refusals: list[dict[str, Any]] = [{"status": 503}, {"status": 403, "reason": "forbidden"}]
    async with hall.chat("ana", provider="google") as client:
        made = await add(client, "09T10:00", "09T11:00")
        at = {"event_id": made["id"]}
        for number, refusal in enumerate(refusals):
            when = {"start": f"2027-06-1{number}T10:00", "end": f"2027-06-1{number}T11:00"}
            for method, tool, arguments in (
                ("POST", "calendar_create_event", {"summary": "Y", **when}),
                ("PATCH", "calendar_update_event", {**at, "changes": {"summary": f"X{number}"}}),
                ("DELETE", "calendar_delete_event", {"event_id": made["id"]}),
            ):
                hall.fault(EVENT.format(method), kind="lost")
                then, skip = ("DELETE", 0) if method == "DELETE" else ("GET", int(method == "PATCH"))
                hall.fault(EVENT.format(then), times=None, skip=skip, **refusal)
                result = await client.call_tool(tool, arguments)
                hall.emulator.clear_faults()
                assert LOOK in text_of(result), (tool, refusal)
            made = await add(client, f"2{number}T10:00", f"2{number}T11:00")
            at = {"event_id": made["id"]}


async def test_an_event_is_added_though_nobody_could_wait_for_its_meet_link(hall: Hall) -> None:
    def pending(answer: Any) -> Any:
        if answer.get("summary") == "Call":
            answer["conferenceData"] = {"createRequest": {"status": {"statusCode": "pending"}}}
        return answer

    async with hall.chat("ana", provider="google") as client:
        hall.judge.bend = pending
        hall.fault(EVENT.format("GET"), status=401, times=None)
        made = await good(
            client, "create_event", summary="Call", start="2027-06-09T10:00", end="2027-06-09T11:00",
            add_meet=True,
        )  # fmt: skip
    assert made["created"] is True


async def test_a_second_company_is_not_written_over_by_taking_back(hall: Hall) -> None:
    name = contact(hall, "Plumber")["resourceName"]
    rows = [{"name": "Pipes", "title": "master"}, {"name": "Choir"}]

    async def cleared(client: Any) -> Any:
        return await client.call_tool("contacts_save", {"resource_name": name, "organization": ""})

    async with hall.chat("ana", provider="google") as client:
        for known, undoes, says in (
            (rows, False, "can't be put back by one call"),
            (rows[:1], True, "puts the words back, but no title"),
            (rows[1:], True, "“Plumber”"),
        ):
            hall.emulator.control("people/change", account="ana", resource_name=name, organizations=known)
            result = await cleared(client)
            assert ("undo" in result.structured_content) == undoes
            assert says in text_of(result)
            assert ("no title" in text_of(result)) == ("no title" in says)


async def test_an_id_of_google_s_that_has_no_end_is_no_end_of_the_answer(hall: Hall) -> None:
    """Of a file the id that was asked for is told; of a task there is then no way back."""
    book, paper = file(hall, "Household budget"), file(hall, "Family recipes")

    def endless(answer: Any) -> Any:
        wide = "w" * 40_000
        if "updates" in answer:
            return {"updates": {"updatedRange": wide}}
        ids = {"spreadsheetId", "documentId", "id"} & set(answer) if answer.get("title") != "My Tasks" else ()
        return {**answer, **dict.fromkeys(ids, wide)}

    async with hall.chat("ana", provider="google") as client:
        hall.judge.bend = endless
        for tool, asked in (
            ("sheets_get_spreadsheet", {"spreadsheet_id": book}),
            ("docs_read", {"document_id": paper}),
            ("sheets_append_rows", {"spreadsheet_id": book, "range": "Budget", "rows": [[1]]}),
            ("tasks_create_task", {"title": "Endless"}),
        ):
            result = await client.call_tool(tool, asked)
            assert not result.is_error, (tool, text_of(result))
            assert len(result.model_dump_json(by_alias=True, exclude_none=True).encode()) <= 30_000
    assert "undo" not in result.structured_content
