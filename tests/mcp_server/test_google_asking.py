"""With “Ask me first” on, no tool that sends, shares, invites or deletes changes anything before a yes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp.client import Client

from mcp_server.toolbox import asking
from mcp_server.tools import MODULES
from tests.mcp_server.desk import GOOGLE_LATER, GOOGLE_UPSTREAM, Resident, code_of, text_of
from tests.mcp_server.hall import Hall
from tests.mcp_server.test_calendar_reading import ANA, BEN
from tests.mcp_server.test_docs_read import file
from tests.mcp_server.test_gmail_reading import calls as mail_calls
from tests.mcp_server.test_google_marks import ASK
from tests.mcp_server.test_tasks_lists import calls as task_calls

WHEN = {"start": "2027-06-09T10:00", "end": "2027-06-09T11:00", "time_zone": "Europe/Lisbon"}
LOOKS = ("GET ", "POST www.googleapis.com/calendar/v3/freeBusy")


async def good(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, (tool, text_of(result))
    found: dict[str, Any] = result.structured_content or {}
    return found


async def event(client: Client, summary: str, guest: str) -> str:
    """The id of an event to which somebody is invited."""
    invited = {"summary": summary, **WHEN, "attendees": [guest]}
    made: str = (await good(client, "calendar_create_event", **invited))["event"]["id"]
    return made


async def arranged(hall: Hall, client: Client) -> dict[str, Mapping[str, Any]]:
    """A call of each tool that asks, of which each would change something."""
    mail, tasks = mail_calls(hall), task_calls(hall)
    async with hall.chat("ben", provider="google") as ben:
        invitation = await event(ben, "Tea", ANA)
    walk, swim = await event(client, "Walk", BEN), await event(client, "Swim", BEN)
    document, book = file(hall, "Family recipes"), file(hall, "Household budget")
    without = {"op": "replace_all", "find": "cinnamon", "text": ""}
    return {
        "calendar_create_event": {"summary": "Run", **WHEN, "attendees": [BEN]},
        "calendar_update_event": {"event_id": walk, "changes": {"summary": "Run"}, "notify": "all"},
        "calendar_delete_event": {"event_id": swim},
        "calendar_respond_to_event": {"event_id": invitation, "response": "accepted"},
        "docs_edit": {"document_id": document, "operations": [without]},
        "sheets_update_range": {"spreadsheet_id": book, "range": "Budget!A1", "values": [["", "x"]]},
        "sheets_clear_range": {"spreadsheet_id": book, "range": "Budget!A1:B3"},
        "tasks_delete_task": tasks["tasks_delete_task"],
        **{name: mail[name] for name in ("gmail_send_draft", "gmail_send_message", "gmail_trash_thread")},
        **await _shared(client),
    }


async def _shared(client: Client) -> dict[str, Mapping[str, Any]]:
    plan = {"type": "doc", "content": "Words"}
    ids = [
        (await good(client, "drive_create_file", name=f"Plan {n}", **plan))["file"]["id"] for n in range(3)
    ]
    who = {"email": BEN, "role": "reader"}
    shared = await good(client, "drive_share_file", file_id=ids[1], **who)
    folder = (await good(client, "drive_create_file", name="Ours", type="folder"))["file"]["id"]
    await good(client, "drive_share_file", file_id=folder, **who)
    return {
        "drive_share_file": {"file_id": ids[0], **who},
        "drive_create_file": {"name": "Plan", **plan, "folder_id": folder},
        "drive_update_file": {"file_id": ids[0], "move_to": folder},
        "drive_unshare_file": {"file_id": ids[1], "permission_id": shared["permission"]["permission_id"]},
        "drive_trash_file": {"file_id": ids[2]},
    }


async def test_nothing_is_changed_before_the_yes_and_then_it_is(hall: Hall) -> None:
    who = await hall.resident("ana", provider="google", upstream=GOOGLE_UPSTREAM | GOOGLE_LATER)
    async with hall.chat(who) as client:
        calls = await arranged(hall, client)
        assert calls.keys() == ASK, "a call of each tool that asks"
        await hall.desk.approvals.switch(who.user_id, asking(MODULES), ())
        for tool, arguments in calls.items():
            await _asked_first(hall, client, who, tool, dict(arguments))


async def _asked_first(
    hall: Hall, client: Client, who: Resident, tool: str, arguments: dict[str, Any]
) -> None:
    before = len(hall.judge.calls)
    result = await client.call_tool(tool, arguments)
    assert code_of(result) == "approval_needed", (tool, text_of(result))
    changes = [line for line, _ in hall.judge.calls[before:] if not line.startswith(LOOKS)]
    assert changes == [], f"{tool} changed something before the yes"
    handle = result.meta["valet/approve"]["url"].partition("?h=")[2]
    question = await hall.desk.approvals.look(handle, who.user_id)
    assert question is not None and question.preview is not None
    assert question.preview.lines and all(word and said for word, said in question.preview.lines), tool
    assert question.row.account == "ana", "with which account"
    assert await hall.desk.approvals.decide(handle, who.user_id, "yes")
    done = await client.call_tool(tool, arguments)
    assert not done.is_error, (tool, text_of(done))
    changes = [line for line, _ in hall.judge.calls[before:] if not line.startswith(LOOKS)]
    assert changes, f"{tool} changed nothing after the yes"
