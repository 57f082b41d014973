"""The calls our tools make to the Google Tasks API, version 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.google.call import Caller, segment
from providers.google.services import TASKS, TASKS_READ
from providers.google.taskanswers import Task, TaskList, TaskLists, TaskPage
from providers.http import Params
from providers.model import read

DEFAULT = "@default"
_LISTS = "/users/@me/lists"
_LIST = "id,title,updated"
_TASK = (
    "id,etag,title,notes,due,status,completed,parent,position,deleted,hidden,webViewLink,"
    "assignmentInfo(surfaceType,linkToTask)"
)
_READ = frozenset({TASKS_READ})
_WRITE = frozenset({TASKS})
_LARGEST_PAGE = 100  # tasks.list, maxResults
_PAGES = 20


class Tasks(Caller):
    """Google Tasks with one person's credential. Every call raises ProviderError."""

    base = "https://tasks.googleapis.com/tasks/v1"

    async def lists(self, limit: int = 1000, page_token: str | None = None) -> TaskLists:
        """tasklists.list: at most 1000 in a page, and a person has at most 2000."""
        params: Params = {
            "maxResults": limit, "pageToken": page_token, "fields": f"nextPageToken,items({_LIST})",
        }  # fmt: skip
        return read(TaskLists, await self._call("lists", "GET", _LISTS, params, _READ))

    async def list(self, list_id: str) -> TaskList:
        """tasklists.get; `@default` is the list that a person begins with."""
        path = f"{_LISTS}/{segment(list_id)}"
        return read(TaskList, await self._call("list", "GET", path, {"fields": _LIST}, _READ))

    async def tasks(
        self,
        list_id: str,
        *,
        done: bool,
        limit: int = _LARGEST_PAGE,
        page_token: str | None = None,
        before: str | None = None,
    ) -> TaskPage:
        """tasks.list, those included that somebody assigned; `done`: what is ticked off, too.

        What is ticked off in Google's own programs is hidden, so it takes two parameters to see it. `before`
        is an RFC 3339 time: only what is due until then, and nothing that has no date.
        """
        params: Params = {
            "maxResults": limit, "pageToken": page_token, "dueMax": before, "showAssigned": "true",
            "showCompleted": "true" if done else "false", "showHidden": "true" if done else "false",
            "fields": f"nextPageToken,items({_TASK})",
        }  # fmt: skip
        path = f"/lists/{segment(list_id)}/tasks"
        return read(TaskPage, await self._call("tasks", "GET", path, params, _READ))

    async def all(self, list_id: str) -> tuple[tuple[Task, ...], bool]:
        """What is on a list, done or not, in at most 20 calls; and whether that was all."""
        items: list[Task] = []
        token: str | None = None
        for _ in range(_PAGES):
            page = await self.tasks(list_id, done=True, page_token=token)
            items.extend(page.items)
            token = page.next_page_token
            if not token:
                return tuple(items), True
        return tuple(items), False

    async def task(self, list_id: str, task_id: str) -> Task:
        """tasks.get. A deleted one is still there for a while, and says so."""
        path = f"/lists/{segment(list_id)}/tasks/{segment(task_id)}"
        return read(Task, await self._call("task", "GET", path, {"fields": _TASK}, _READ))

    async def insert(self, list_id: str, body: Mapping[str, Any], *, parent: str | None = None) -> Task:
        """tasks.insert, first on its list or under its parent."""
        params: Params = {"parent": parent, "fields": _TASK}
        path = f"/lists/{segment(list_id)}/tasks"
        return read(Task, await self._call("insert", "POST", path, params, _WRITE, dict(body)))

    async def patch(self, list_id: str, task: Task, body: Mapping[str, Any]) -> Task:
        """tasks.patch; null takes a field away. Conflict where the task is not as `task` any more."""
        path = f"/lists/{segment(list_id)}/tasks/{segment(task.id)}"
        answer = await self._call(
            "patch", "PATCH", path, {"fields": _TASK}, _WRITE, dict(body), etag=task.etag or None
        )
        return read(Task, answer)

    async def move(self, list_id: str, task: Task, previous: str | None) -> Task:
        """tasks.move: behind `previous` among its siblings, or in front of them all."""
        params: Params = {"parent": task.parent or None, "previous": previous, "fields": _TASK}
        path = f"/lists/{segment(list_id)}/tasks/{segment(task.id)}/move"
        return read(Task, await self._call("move", "POST", path, params, _WRITE))

    async def delete(self, list_id: str, task: Task) -> None:
        """tasks.delete. Conflict where the task is not as `task` any more."""
        path = f"/lists/{segment(list_id)}/tasks/{segment(task.id)}"
        await self._call("delete", "DELETE", path, None, _WRITE, etag=task.etag or None)
