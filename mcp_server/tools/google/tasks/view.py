"""What is said of a task, and which list is meant."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from mcp_server.errors import Refusal
from mcp_server.tools.google.rows import block, link
from mcp_server.tools.text import clip, quoted
from mcp_server.tools.undo import Undo
from providers.google.taskanswers import Task, TaskList
from providers.google.tasks import DEFAULT, Tasks

ListId = Annotated[str, Field(max_length=300, description="Id or name.")]
TaskId = Annotated[str, Field(max_length=300, description="Its id.")]

MOST_UNDO = 20_000
"""Bytes that the earlier text of a task may take in an answer."""

_MOST_LISTS = 2  # pages of 1000: a person has at most 2000 (tasklists.list)


class TaskView(BaseModel):
    """A task. It has a day and no time: Google keeps none."""

    id: str
    title: str
    status: Literal["open", "done"]
    due_date: str | None = None
    notes: str | None = None
    parent: Annotated[str | None, Field(description="The task that this is a subtask of.")] = None
    assigned_in: Annotated[str | None, Field(description="The document or chat it was assigned in.")] = None
    link: str | None = None


def view(task: Task, most: int = 2000) -> TaskView:
    """A task with at most `most` characters of its notes."""
    return TaskView(
        id=clip(task.id, 300),
        title=clip(task.title, 300),
        status="done" if task.done else "open",
        due_date=clip(task.day, 10) or None,
        notes=block(task.notes, most) or None,
        parent=clip(task.parent, 300) or None,
        assigned_in=(link(task.assigned.link) or clip(task.assigned.surface, 40)) if task.assigned else None,
        link=link(task.link),
    )


def line(task: TaskView) -> str:
    """One task on one line, for a reader."""
    due = f", due {task.due_date}" if task.due_date else ""
    more = ", done" if task.status == "done" else ""
    under = ", a subtask" if task.parent else ""
    return f"{quoted(task.title)}{due}{more}{under}, id {task.id}"


def day(text: str, name: str) -> str:
    """A day as Google wants it, at midnight. Raises Refusal."""
    try:
        return f"{date.fromisoformat(text)}T00:00:00.000Z"
    except ValueError:
        raise Refusal("invalid_argument", f"`{name}` must be a day of the calendar, YYYY-MM-DD.") from None


async def boards(tasks: Tasks) -> list[TaskList]:
    """All lists of the person, the default one first. Raises ProviderError."""
    known: list[TaskList] = []
    token: str | None = None
    for _ in range(_MOST_LISTS):
        page = await tasks.lists(page_token=token)
        known.extend(page.items)
        token = page.next_page_token
        if not token:
            break
    return known


async def place(tasks: Tasks, given: str) -> TaskList:
    """The list that an id or a name means. Raises Refusal, ProviderError."""
    if given == DEFAULT:
        return await tasks.list(DEFAULT)
    known = await boards(tasks)
    named = [each for each in known if each.title.casefold() == given.strip().casefold()]
    found = [each for each in known if each.id == given] or named
    if not found:
        raise Refusal("not_found", "There is no such list: take one that tasks_list_task_lists shows.")
    if len(found) > 1:
        raise Refusal("invalid_argument", "Several lists have that name: give the id instead.")
    return found[0]


def undone(tool: str, account: str | None, **arguments: Any) -> Undo | None:
    """The call that takes a change back; None where what it must say is too long for an answer."""
    call = Undo(tool=tool, arguments={k: v for k, v in arguments.items() if v is not None}).at(account)
    return call if len(call.model_dump_json().encode()) <= MOST_UNDO else None
