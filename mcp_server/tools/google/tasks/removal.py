"""tasks_delete_task."""

from __future__ import annotations

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import BaseModel

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.inject import AccountLabel, Confirm
from mcp_server.toolbox import tool
from mcp_server.tools.ends import BREAKS
from mcp_server.tools.google.client import TasksClient
from mcp_server.tools.google.tasks.view import ListId, TaskId, TaskView, place, undone, view
from mcp_server.tools.text import quoted
from mcp_server.tools.undo import Undo
from providers.base import NotFound, Unavailable
from providers.google.services import TASKS
from providers.google.taskanswers import Task
from providers.google.tasks import DEFAULT, Tasks


class TaskDeleted(BaseModel):
    """What was deleted; `deleted` is false where it was before."""

    task: TaskView
    deleted: bool
    undo: Undo | None = None


@tool(
    service="tasks",
    title="Delete a task",
    access="write",
    needs=(TASKS,),
    read_only=False,
    destructive=True,
    idempotent=True,
    asks=True,
)
async def tasks_delete_task(
    tasks: TasksClient,
    confirm: Confirm,
    task_id: TaskId,
    list_id: ListId = DEFAULT,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, TaskDeleted]:
    """Delete a task from Google Tasks. tasks_update_task ticks one off."""
    board = await place(tasks, list_id)
    task = await tasks.task(board.id, task_id)
    if task.deleted:
        return answer(TaskDeleted(task=view(task, 300), deleted=False), "It was deleted before.")
    await _alone(tasks, board.id, task)
    undo = undone(
        "tasks_create_task", account, title=task.title, list_id=board.id, notes=task.notes or None,
        due_date=task.day or None, parent=task.parent or None,
    )  # fmt: skip
    if undo is None:
        raise Refusal("conflict", "Its notes are too long to be put back. Only the person can delete it.")
    lines = [("Task", task.title), ("List", board.title), *([("Due", task.day)] if task.day else [])]
    await confirm("Delete this task", lines, same=(task.etag,))
    try:
        await tasks.delete(board.id, task)
    except Unavailable as error:
        if not error.ambiguous or not await _gone(tasks, board.id, task.id):
            raise
    done = " and not ticked off" if task.done else ""
    text = (
        f"Deleted {quoted(task.title)} from {quoted(board.title)}. Google Tasks has no bin: `undo` makes it "
        f"again with the same content, with another id, first in its place{done}."
    )
    return answer(TaskDeleted(task=view(task, 300), deleted=True, undo=undo), text)


async def _gone(tasks: Tasks, board: str, id_: str) -> bool:
    """Whether a task whose deletion was not answered is known to be deleted."""
    try:
        return (await tasks.task(board, id_)).deleted
    except NotFound:
        return True
    except BREAKS:
        return False


async def _alone(tasks: Tasks, board: str, task: Task) -> None:
    """See that nothing goes with it that could not be put back. Raises Refusal, ProviderError."""
    if task.assigned is not None:
        raise Refusal(
            "conflict",
            "It was assigned in a document or a chat, and would be deleted there, too. Only the person can do"
            " that, there; or tick it off with tasks_update_task.",
        )
    if task.parent:  # there is one level of subtasks
        return
    items, whole = await tasks.all(board)
    below = sum(1 for each in items if each.parent == task.id)
    if below or not whole:
        many = f"It has {below} subtasks" if below else "It may have subtasks on that long list"
        raise Refusal(
            "conflict", f"{many}, and Google deletes those with it. Delete each of them by itself first."
        )
