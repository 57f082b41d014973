"""tasks_create_task, tasks_update_task."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.inject import AccountLabel
from mcp_server.toolbox import tool
from mcp_server.tools.ends import BREAKS, GRANT_ENDED
from mcp_server.tools.google.client import TasksClient
from mcp_server.tools.google.tasks.view import ListId, TaskId, TaskView, day, line, place, undone, view
from mcp_server.tools.text import clip, listed, quoted
from mcp_server.tools.undo import Undo
from providers.base import Unavailable
from providers.google.services import TASKS
from providers.google.taskanswers import Task
from providers.google.tasks import DEFAULT, Tasks

FIRST = "first"
_NOTES = 300


class TaskAdded(BaseModel):
    """The task as it stands on its list now."""

    task: TaskView
    list_name: str
    undo: Undo | None = None


class TaskChanged(BaseModel):
    """The task before and after."""

    task: TaskView
    before: TaskView
    changed: list[str]
    not_done: str | None = None
    undo: Undo | None = None


@tool(
    service="tasks",
    title="Add a task",
    access="write",
    needs=(TASKS,),
    read_only=False,
    destructive=False,
    idempotent=False,
)
async def tasks_create_task(
    tasks: TasksClient,
    title: Annotated[str, Field(max_length=1024, description="What to do.")],
    list_id: ListId = DEFAULT,
    notes: Annotated[str | None, Field(max_length=8192, description="Details.")] = None,
    due_date: Annotated[str | None, Field(max_length=10, description="YYYY-MM-DD.")] = None,
    parent: Annotated[str | None, Field(max_length=300, description="Makes it a subtask of this id.")] = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, TaskAdded]:
    """Add a task to Google Tasks, at the top of a list: with a day, never a time."""
    body = {"title": title, "notes": notes, "due": day(due_date, "due_date") if due_date else None}
    board = await place(tasks, list_id)
    if parent is not None:
        await _parent(tasks, board.id, parent)
    made = await tasks.insert(board.id, {k: v for k, v in body.items() if v}, parent=parent)
    undo = undone("tasks_delete_task", account, task_id=made.id, list_id=board.id)
    result = TaskAdded(task=view(made, _NOTES), list_name=clip(board.title), undo=undo)
    return answer(result, f"Added to {quoted(board.title)}: {line(result.task)}.")


async def _parent(tasks: Tasks, board: str, id_: str) -> None:
    """See that a task can have subtasks. Raises Refusal, ProviderError."""
    above = await tasks.task(board, id_)
    if above.deleted or above.hidden or above.assigned:
        raise Refusal("conflict", "`parent` can't have subtasks: it is deleted, cleared away or assigned.")


@tool(
    service="tasks",
    title="Change a task",
    access="write",
    needs=(TASKS,),
    read_only=False,
    destructive=True,
    idempotent=True,
)
async def tasks_update_task(
    tasks: TasksClient,
    task_id: TaskId,
    list_id: ListId = DEFAULT,
    title: Annotated[str | None, Field(max_length=1024, description="The new one.")] = None,
    notes: Annotated[str | None, Field(max_length=8192, description="'' clears.")] = None,
    due_date: Annotated[str | None, Field(max_length=10, description="YYYY-MM-DD; '' clears.")] = None,
    status: Annotated[Literal["open", "done"] | None, Field(description="done ticks it off.")] = None,
    move_after: Annotated[
        str | None, Field(max_length=300, description="Id of the task to stand behind, or 'first'.")
    ] = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, TaskChanged]:
    """Change, tick off or move a task in Google Tasks. What is left out stays as it is."""
    body = _body(title, notes, due_date, status)
    if not body and move_after is None:
        raise Refusal("invalid_argument", "Say what to change: title, notes, due_date, status or move_after.")
    board = await place(tasks, list_id)
    before = await tasks.task(board.id, task_id)
    if before.deleted:
        raise Refusal("not_found", "That task was deleted. Add it again with tasks_create_task.")
    body = {name: value for name, value in body.items() if value != _value(before, name)}
    stood = await _stands(tasks, board.id, before, move_after) if move_after is not None else None
    moves = stood is not None and stood != move_after
    after, failed, unsure = before, None, False
    if body:
        after = await tasks.patch(board.id, before, body)
    if moves:
        try:
            after = await tasks.move(board.id, after, None if move_after == FIRST else move_after)
        except BREAKS as error:
            if not body:
                raise
            failed, unsure = _unmoved(error)
    changed = [_NAMES[name] for name in body] + (["move_after"] if moves and failed is None else [])
    old = {_NAMES[name]: _old(before, name) for name in body} | (
        {"move_after": stood} if "move_after" in changed or unsure else {}
    )
    undo = undone("tasks_update_task", account, task_id=before.id, list_id=board.id, **old)
    result = TaskChanged(
        task=view(after, _NOTES),
        before=view(before, _NOTES),
        changed=changed,
        not_done=failed,
        undo=undo if changed else None,
    )
    what = f"Changed {listed(changed)} of" if changed else "Nothing had to be changed of"
    lost = " The notes it had are too long to be handed back." if changed and undo is None else ""
    return answer(result, f"{what} {line(result.task)}.{lost} {failed or ''}".strip())


def _unmoved(error: BaseException) -> tuple[str, bool]:
    """What is said of a move that failed, and whether it may have happened all the same."""
    if isinstance(error, Unavailable) and error.ambiguous:
        return "It may have been moved: see tasks_list_tasks before you try again.", True
    first = " once Google is connected again" if isinstance(error, GRANT_ENDED) else ""
    return f"It was not moved. Try again with move_after alone{first}.", False


_NAMES = {"title": "title", "notes": "notes", "due": "due_date", "status": "status"}


def _body(title: str | None, notes: str | None, due: str | None, status: str | None) -> dict[str, Any]:
    """What is asked for, as the wire has it; null takes a field away."""
    body: dict[str, Any] = {}
    if title is not None:
        body["title"] = title
    if notes is not None:
        body["notes"] = notes or None
    if due is not None:
        body["due"] = day(due, "due_date") if due else None
    if status is not None:
        body["status"] = "completed" if status == "done" else "needsAction"
    return body


def _value(task: Task, name: str) -> str | None:
    """What stands in a field now, as the wire has it."""
    if name == "due":
        return f"{task.day}T00:00:00.000Z" if task.day else None
    return {"title": task.title, "notes": task.notes or None, "status": task.status}[name]


def _old(task: Task, name: str) -> str:
    """What stood in a field, as our argument has it."""
    done = "done" if task.done else "open"
    return {"title": task.title, "notes": task.notes, "due": task.day, "status": done}[name]


async def _stands(tasks: Tasks, board: str, task: Task, target: str) -> str:
    """The task that this one stands behind now, or `first`. Raises Refusal where it can't stand behind
    `target`.
    """
    if task.hidden:
        raise Refusal("conflict", "A task that was cleared away can't be moved: open it first.")
    items, whole = await tasks.all(board)
    if not whole:
        raise Refusal("conflict", "That list is too long to be put in order here.")
    family = [each for each in items if each.parent == task.parent and not each.hidden]
    order = [each.id for each in sorted(family, key=lambda each: each.position)]
    if target != FIRST and (target not in order or target == task.id):
        raise Refusal("invalid_argument", "`move_after` must be another task of that list and level.")
    at = order.index(task.id) if task.id in order else 0
    return order[at - 1] if at else FIRST
