"""tasks_create_task, tasks_update_task, tasks_delete_task: what they change, and how that is put back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.mcp_server.desk import code_of, text_of
from tests.mcp_server.hall import Hall
from tests.mcp_server.test_tasks_lists import board, day, task

TOLD = ("title", "notes", "due", "status", "parent", "position")


def told(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row.get(name) for name in TOLD}


def order(hall: Hall, title: str) -> list[str]:
    rows = sorted(board(hall, title)["tasks"], key=lambda row: row["position"])
    return [row["title"] for row in rows if "parent" not in row and not row.get("deleted")]


async def back(client: Any, result: Any) -> Any:
    """Take a change back, as its answer says."""
    undo = result.structured_content["undo"]
    again = await client.call_tool(undo["tool"], undo["arguments"])
    assert not again.is_error, text_of(again)
    return again


async def test_a_task_is_added_and_taken_back(hall: Hall) -> None:
    async with hall.chat("ana", provider="google") as client:
        asked = {"title": "Buy sails ⛵", "list_id": "Groceries", "notes": "Two\nlines", "due_date": day(3)}
        result = await client.call_tool("tasks_create_task", asked)
        made = task(hall, "Buy sails ⛵", "Groceries")
        assert made["due"] == f"{day(3)}T00:00:00.000Z"
        assert made["notes"] == "Two\nlines"
        assert result.structured_content["task"]["notes"] == "Two\nlines"
        assert order(hall, "Groceries")[0] == "Buy sails ⛵"
        assert text_of(result) == f"Added to “Groceries”: “Buy sails ⛵”, due {day(3)}, id {made['id']}."
        await back(client, result)
        assert task(hall, "Buy sails ⛵", "Groceries")["deleted"] is True
        milk = task(hall, "Milk", "Groceries")["id"]
        under = await client.call_tool(
            "tasks_create_task", {"title": "Oat", "list_id": "Groceries", "parent": milk}
        )
        assert under.structured_content["task"]["parent"] == milk
        gone = task(hall, "Buy sails ⛵", "Groceries")["id"]
        refused = await client.call_tool(
            "tasks_create_task", {"title": "Oat", "list_id": "Groceries", "parent": gone}
        )
        assert code_of(refused) == "conflict"
        wrong = await client.call_tool("tasks_create_task", {"title": "Oat", "due_date": "tomorrow"})
        assert code_of(wrong) == "invalid_argument"


@pytest.mark.parametrize(
    ("changes", "changed"),
    [
        ({"title": "Renew it", "notes": "New", "due_date": "2027-03-28"}, ["title", "notes", "due_date"]),
        ({"notes": "", "due_date": ""}, ["notes", "due_date"]),
        ({"status": "done"}, ["status"]),
        ({"title": "Renew passport"}, []),
        ({"move_after": "first"}, []),
    ],
    ids=["fields", "cleared", "done", "same", "there"],
)
async def test_a_change_and_back(hall: Hall, changes: dict[str, Any], changed: list[str]) -> None:
    before = task(hall, "Renew passport")
    async with hall.chat("ana", provider="google") as client:
        result = await client.call_tool("tasks_update_task", {"task_id": before["id"], **changes})
        assert not result.is_error, text_of(result)
        assert result.structured_content["changed"] == changed
        assert result.structured_content["before"]["title"] == "Renew passport"
        after = next(row for row in board(hall)["tasks"] if row["id"] == before["id"])
        assert (told(after) != told(before)) == bool(changed)
        if changed:
            await back(client, result)
        else:
            assert "undo" not in result.structured_content
            assert not [line for line in hall.sent() if not line.startswith("GET ")]
    now = next(row for row in board(hall)["tasks"] if row["id"] == before["id"])
    assert told(now) == told(before)


async def test_a_task_is_moved_and_back(hall: Hall) -> None:
    first = order(hall, "Groceries")
    coffee, bread = (task(hall, title, "Groceries")["id"] for title in ("Coffee beans", "Bread"))
    async with hall.chat("ana", provider="google") as client:
        for behind, moved in (
            ("first", ["Coffee beans", "Bread", "Milk"]),
            (bread, ["Bread", "Coffee beans"]),
        ):
            asked = {"task_id": coffee, "list_id": "Groceries", "move_after": behind}
            result = await client.call_tool("tasks_update_task", asked)
            assert result.structured_content["changed"] == ["move_after"]
            assert order(hall, "Groceries")[: len(moved)] == moved
            await back(client, result)
            assert order(hall, "Groceries") == first
        for wrong in (coffee, "nothing", task(hall, "Renew passport")["id"]):
            refused = await client.call_tool("tasks_update_task", {**asked, "move_after": wrong})
            assert code_of(refused) == "invalid_argument"
        hall.fault("POST tasks.googleapis.com/*/move*", status=500)
        half = await client.call_tool("tasks_update_task", {**asked, "move_after": "first", "title": "Beans"})
    assert half.structured_content["changed"] == ["title"]
    assert "It was not moved" in text_of(half)
    assert order(hall, "Groceries") == ["Beans" if title == "Coffee beans" else title for title in first]


async def test_a_task_is_deleted_and_made_again(hall: Hall) -> None:
    before = task(hall, "Renew passport")
    async with hall.chat("ana", provider="google") as client:
        result = await client.call_tool("tasks_delete_task", {"task_id": before["id"]})
        assert task(hall, "Renew passport")["deleted"] is True
        assert "has no bin" in text_of(result)
        again = await client.call_tool("tasks_delete_task", {"task_id": before["id"]})
        assert again.structured_content["deleted"] is False
        changed = await client.call_tool("tasks_update_task", {"task_id": before["id"], "title": "a"})
        assert code_of(changed) == "not_found"
        await back(client, result)
        again = [row for row in board(hall)["tasks"] if row["title"] == "Renew passport"]
        [alive] = [row for row in again if not row.get("deleted")]
        assert alive["id"] != before["id"]
        assert {**told(alive), "position": 0} == {**told(before), "position": 0}
        boiler = task(hall, "Ask about the boiler, too")
        gone = await client.call_tool("tasks_delete_task", {"task_id": boiler["id"]})
        assert (await back(client, gone)).structured_content["task"]["parent"] == boiler["parent"]


async def test_a_person_who_wants_to_be_asked_is_asked_before_a_task_is_deleted(hall: Hall) -> None:
    who = await hall.resident("ana", provider="google")
    await hall.desk.approvals.switch(who.user_id, {"tasks"}, ())
    first = task(hall, "Renew passport")["id"]

    async def asked(client: Any) -> str:
        result = await client.call_tool("tasks_delete_task", {"task_id": first})
        assert code_of(result) == "approval_needed"
        assert result.meta["valet/approve"]["title"] == "Delete this task"
        shown = json.loads(result.content[1].text)["lines"]
        assert [row[0] for row in shown] == ["Task", "List", "Due"]
        assert shown[1][1] == "My Tasks"
        return str(result.meta["valet/approve"]["url"].partition("?h=")[2])

    async with hall.chat(who) as client:
        handle = await asked(client)
        assert await hall.desk.approvals.decide(handle, who.user_id, "yes")
        hall.emulator.control("tasks/change", account="ana", list=board(hall)["id"], task=first, notes="New")
        again = await asked(client)
        assert again != handle, "it is another version now"
        assert not [line for line in hall.sent() if line.startswith("DELETE")]
        assert await hall.desk.approvals.decide(again, who.user_id, "yes")
        result = await client.call_tool("tasks_delete_task", {"task_id": first})
        assert result.structured_content["deleted"] is True
        assert not (await client.call_tool("tasks_create_task", {"title": "Not asked for"})).is_error


async def test_what_is_not_deleted_for_it_could_not_be_put_back(hall: Hall) -> None:
    async with hall.chat("ana", provider="google") as client:
        plumber = await client.call_tool(
            "tasks_delete_task", {"task_id": task(hall, "Call the plumber")["id"]}
        )
        long = task(hall, "Renew passport")["id"]
        hall.emulator.control(
            "tasks/change", account="ana", list=board(hall)["id"], task=long, notes="🧵" * 8192
        )
        notes = await client.call_tool("tasks_delete_task", {"task_id": long})
        changed = await client.call_tool("tasks_update_task", {"task_id": long, "notes": "short"})
    assert "2 subtasks" in text_of(plumber)
    assert "too long to be put back" in text_of(notes)
    assert "too long to be handed back" in text_of(changed)
    assert "undo" not in changed.structured_content
    async with hall.chat("ana-work", provider="google") as client:
        brief = task(hall, "Comment on the brief", account="ana-work")["id"]
        assigned = await client.call_tool("tasks_delete_task", {"task_id": brief})
    assert "deleted there, too" in text_of(assigned)
    for refused in (plumber, notes, assigned):
        assert code_of(refused) == "conflict"
    assert not [line for line in hall.sent() if line.startswith("DELETE")]


async def test_what_changed_meanwhile_is_not_overwritten(hall: Hall) -> None:
    """Between our reading and our writing somebody else changes the task."""
    first = task(hall, "Renew passport")["id"]

    def meanwhile(answer: Any) -> Any:
        if answer.get("id") == first:
            hall.judge.bend = None
            hall.emulator.control(
                "tasks/change", account="ana", list=board(hall)["id"], task=first, title="Theirs"
            )
        return answer

    async with hall.chat("ana", provider="google") as client:
        hall.judge.bend = meanwhile
        result = await client.call_tool("tasks_update_task", {"task_id": first, "title": "Ours"})
        assert code_of(result) == "conflict"
        hall.judge.bend = meanwhile
        result = await client.call_tool("tasks_delete_task", {"task_id": first})
        assert code_of(result) == "conflict"
    assert task(hall, "Theirs")["id"] == first
    assert "deleted" not in task(hall, "Theirs")


async def test_a_lost_answer_is_told_as_what_it_is(hall: Hall) -> None:
    async with hall.chat("ana", provider="google") as client:
        hall.fault("POST tasks.googleapis.com/*", status=502)
        result = await client.call_tool("tasks_create_task", {"title": "Twice?"})
        nothing = await client.call_tool("tasks_update_task", {"task_id": "a"})
        unknown = await client.call_tool("tasks_update_task", {"task_id": "a/../b", "title": "a"})
    assert "look before you repeat it" in text_of(result)
    assert code_of(nothing) == "invalid_argument"
    assert code_of(unknown) == "not_found"
