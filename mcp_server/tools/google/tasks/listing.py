"""tasks_list_task_lists, tasks_list_tasks."""

from __future__ import annotations

from typing import Annotated, Literal

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.inject import AccountLabel
from mcp_server.toolbox import tool
from mcp_server.tools.google.client import TasksClient
from mcp_server.tools.google.paging import following, reach, resumed
from mcp_server.tools.google.rows import Cursor, More, part, told
from mcp_server.tools.google.tasks.view import ListId, TaskView, boards, day, line, place, view
from mcp_server.tools.room import fitting
from mcp_server.tools.text import clip, quoted
from providers.google.services import TASKS_READ
from providers.google.taskanswers import Task
from providers.google.tasks import DEFAULT

_PAGE = 100
_PAGES = 20


class ListView(BaseModel):
    """A list of tasks."""

    id: str
    name: str


class TaskListRows(BaseModel):
    """The lists, the default one first."""

    lists: list[ListView]
    total: int


class TaskRows(BaseModel):
    """Tasks of one list."""

    list_name: str
    list_id: str
    tasks: list[TaskView]
    next_cursor: More = None


@tool(
    service="tasks",
    title="List task lists",
    needs=(TASKS_READ,),
    read_only=True,
    destructive=False,
    idempotent=True,
)
async def tasks_list_task_lists(
    tasks: TasksClient, account: AccountLabel = None
) -> Annotated[CallToolResult, TaskListRows]:
    """List the person's lists in Google Tasks. The first is the default one."""
    known = await boards(tasks)
    views = [ListView(id=clip(each.id, 300), name=clip(each.title)) for each in known]
    made = [(row, f"{quoted(row.name)}, id {row.id}") for row in views]
    count = fitting(made)
    more = "" if count == len(made) else " The others are found by their names."
    head = f"{count} of {len(made)} lists:{more}" if made else "There are no lists."
    result = TaskListRows(lists=views[:count], total=len(made))
    return answer(result, "\n".join([head, *(line for _, line in made[:count])]))


@tool(
    service="tasks",
    title="List tasks",
    needs=(TASKS_READ,),
    read_only=True,
    destructive=False,
    idempotent=True,
)
async def tasks_list_tasks(
    tasks: TasksClient,
    list_id: ListId = DEFAULT,
    status: Annotated[Literal["open", "done", "all"], Field(description="Which ones.")] = "open",
    due_before: Annotated[str | None, Field(max_length=10, description="YYYY-MM-DD, excluded.")] = None,
    limit: Annotated[int, Field(ge=1, le=100)] = 50,
    cursor: Cursor = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, TaskRows]:
    """List the tasks of one list in Google Tasks. They have days and no times."""
    before = day(due_before, "due_before") if due_before else None
    token, behind = resumed(cursor)
    board = await place(tasks, list_id)
    size = _PAGE if status == "done" else reach(behind, limit, _PAGE)  # done ones are few among the others

    def wanted(task: Task) -> bool:
        # Whether Google counts the day itself is not documented.
        early = before is None or bool(task.day and task.day < before[:10])
        return early and (status == "all" or task.done == (status == "done"))

    for _ in range(_PAGES):
        with following(token):
            page = await tasks.tasks(
                board.id, done=status != "open", limit=size, page_token=token, before=before
            )
        rows = [(n, view(task)) for n, task in enumerate(page.items) if n >= behind and wanted(task)]
        if rows or not page.next_page_token:
            break
        token, behind = page.next_page_token, 0
    shown = part(
        [(n, row, line(row)) for n, row in rows], (token, len(page.items), page.next_page_token), limit
    )
    result = TaskRows(
        list_name=clip(board.title),
        list_id=clip(board.id, 300),
        tasks=shown.rows,
        next_cursor=shown.next_cursor,
    )
    where = f"on {quoted(board.title)}"
    what = {"open": "open tasks", "done": "done tasks", "all": "tasks"}[status]
    text = told(
        f"{what} {where}", shown.lines, shown.next_cursor, empty=f"No {what} {where}.", resumed=cursor
    )
    return answer(result, text)
