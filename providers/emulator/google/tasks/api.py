"""tasks.googleapis.com/tasks/v1: lists of tasks, and what is in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from providers.emulator.google import query
from providers.emulator.google.api import Api
from providers.emulator.google.errors import ApiError, invalid
from providers.emulator.google.guard import Handler
from providers.emulator.google.people import Person
from providers.emulator.google.quota import Bucket
from providers.emulator.google.tasks import drafts
from providers.emulator.google.tasks.data import furnish
from providers.emulator.google.tasks.methods import SERVED
from providers.emulator.google.tasks.model import Boards, TaskList, etag
from providers.emulator.upstream import Reads, Writes

Json = dict[str, Any]
BOUNDS = (
    ("due", "dueMin", "dueMax"),
    ("completed", "completedMin", "completedMax"),
    ("updated", "updatedMin", ""),
)
"""Which field of a task lies between which parameters."""


class TasksApi(Api):
    """Lists and tasks. All of the API is served."""

    name = "tasks"
    base = "/tasks.googleapis.com/tasks/v1"
    served = SERVED
    hosts = frozenset({"tasks.googleapis.com"})
    ids = re.compile(r"/(lists|tasks)/[^/]+")
    buckets = (Bucket("tasks", 600),)

    state: Boards

    def settle(self, now: float) -> None:
        """Everybody's lists as of today."""
        self.state = Boards(self.google.clock)
        furnish(self.state, self.google.people, now)

    def handlers(self) -> Mapping[str, Handler]:
        """What is served."""
        return {
            "tasks.tasklists.list": self._lists,
            "tasks.tasklists.get": self._list,
            "tasks.tasklists.insert": self._new_list,
            "tasks.tasklists.patch": self._rename,
            "tasks.tasklists.update": self._rename,
            "tasks.tasklists.delete": self._drop_list,
            "tasks.tasks.list": self._tasks,
            "tasks.tasks.get": self._task,
            "tasks.tasks.insert": self._insert,
            "tasks.tasks.patch": self._change,
            "tasks.tasks.update": self._change,
            "tasks.tasks.move": self._move,
            "tasks.tasks.delete": self._delete,
            "tasks.tasks.clear": self._clear,
        }

    def reads(self) -> Reads:
        """`tasks/lists`: what somebody truly has, `?account=`."""
        return {"tasks/lists": lambda query: [
            {**board.head(), "tasks": [board.shown(task) for task in board.tasks]}
            for board in self.state.lists[query["account"]]
        ]}  # fmt: skip

    def writes(self) -> Writes:
        """`tasks/change` {account, list, task, …}: change a task behind the API's back."""
        return {"tasks/change": self._behind}

    def dump(self) -> Json:
        """The lists."""
        return self.state.dump()

    def load(self, data: Mapping[str, Any]) -> None:
        """What `dump` gave."""
        self.state.load(data)

    def _behind(self, body: Json) -> Json:
        board = self.state.open(body["account"], body["list"])
        task = board.find(body["task"])
        task |= {name: value for name, value in body.items() if name not in {"account", "list", "task"}}
        self.state.touched(board, task)
        return board.shown(task)

    # Lists

    async def _lists(self, request: Request, person: Person) -> Response:
        rows = [board.head() for board in self.state.lists[person.key]]
        some, token = query.page(request, rows, query.whole(request, "maxResults", 1000, 1000))
        return self._page(request, "tasks#taskLists", some, token)

    async def _list(self, request: Request, person: Person) -> Response:
        return _one(request, self._open(request, person).head())

    async def _new_list(self, request: Request, person: Person) -> Response:
        title = drafts.title(await query.body(request))
        board = TaskList(self.state.new_id(), title, self.state.stamp())
        self.state.lists[person.key].append(board)
        return _one(request, board.head())

    async def _rename(self, request: Request, person: Person) -> Response:
        board = self._open(request, person)
        _unchanged(request, board.head())
        board.title = drafts.title(await query.body(request))
        self.state.touched(board)
        return _one(request, board.head())

    async def _drop_list(self, request: Request, person: Person) -> Response:
        board, mine = self._open(request, person), self.state.lists[person.key]
        if board is mine[0]:
            raise invalid("Invalid Value")  # the default list stays
        mine.remove(board)
        return Response(status_code=204)

    # Tasks

    async def _tasks(self, request: Request, person: Person) -> Response:
        board = self._open(request, person)
        rows = [board.shown(task) for task in board.tasks if _asked(request, task)]
        some, token = query.page(request, rows, query.whole(request, "maxResults", 20, 100))
        return self._page(request, "tasks#tasks", some, token)

    async def _task(self, request: Request, person: Person) -> Response:
        board = self._open(request, person)
        return _one(request, board.shown(board.find(request.path_params["task"])))

    async def _insert(self, request: Request, person: Person) -> Response:
        board, now = self._open(request, person), self.state.stamp()
        task = {
            "id": self.state.new_id(),
            "updated": now,
            **drafts.merged({}, await query.body(request), now),
        }
        board.place(task, *_where(request))
        self.state.touched(board, task)
        return _one(request, board.shown(task))

    async def _change(self, request: Request, person: Person) -> Response:
        board = self._open(request, person)
        before = board.find(request.path_params["task"])
        _unchanged(request, board.shown(before))
        whole = request.method == "PUT"
        after = drafts.merged(before, await query.body(request), self.state.stamp(), whole=whole)
        before.clear()
        before |= after
        self.state.touched(board, before)
        return _one(request, board.shown(before))

    async def _move(self, request: Request, person: Person) -> Response:
        board = self._open(request, person)
        task = board.find(request.path_params["task"])
        named = request.query_params.get("destinationTasklist")
        target = board if named is None else self.state.open(person.key, named)
        if target is not board:
            target.place(task, *_where(request))
            board.tasks.remove(task)
            self.state.touched(board)
        else:
            board.place(task, *_where(request))
        self.state.touched(target, task)
        return _one(request, target.shown(task))

    async def _delete(self, request: Request, person: Person) -> Response:
        """It stays, marked as deleted; so do its subtasks, as in Google's own programs."""
        board = self._open(request, person)
        task = board.find(request.path_params["task"])
        _unchanged(request, board.shown(task))
        for each in [task, *board.siblings(task["id"])]:
            each["deleted"] = True
            self.state.touched(board, each)
        return Response(status_code=204)

    async def _clear(self, request: Request, person: Person) -> Response:
        board = self._open(request, person)
        for task in board.tasks:
            if task["status"] == "completed":
                task["hidden"] = True
                self.state.touched(board, task)
        return Response(status_code=204)

    def _open(self, request: Request, person: Person) -> TaskList:
        return self.state.open(person.key, request.path_params["tasklist"])

    def _page(self, request: Request, kind: str, rows: list[Json], token: str | None) -> Response:
        more = {"nextPageToken": token} if token else {}
        return _one(request, {"kind": kind, "etag": etag({"rows": rows}), **more, "items": rows})


def _one(request: Request, row: Json) -> Response:
    return JSONResponse(query.selected(request, row), headers={"etag": row["etag"]})


def _where(request: Request) -> tuple[str | None, str | None]:
    return request.query_params.get("parent"), request.query_params.get("previous")


def _unchanged(request: Request, row: Json) -> None:
    if request.headers.get("if-match") not in {None, "*", row["etag"]}:
        raise ApiError(412, "Precondition Failed", "conditionNotMet")


def _asked(request: Request, task: Json) -> bool:
    """Whether tasks.list shows a task: done ones by default, hidden, deleted and assigned ones when asked."""
    completed = "showCompleted" not in request.query_params or query.flag(request, "showCompleted")
    shown = (
        (completed or task["status"] != "completed")
        and (query.flag(request, "showHidden") or not task.get("hidden"))
        and (query.flag(request, "showDeleted") or not task.get("deleted"))
        and (query.flag(request, "showAssigned") or "assignmentInfo" not in task)
    )
    bounds = [
        ("due", "dueMin", "dueMax"),
        ("completed", "completedMin", "completedMax"),
        ("updated", "updatedMin", ""),
    ]
    for field, least, most in bounds:
        low, high = query.instant(request, least), query.instant(request, most) if most else None
        at = datetime.fromisoformat(task[field]) if field in task else None
        if (low or high) and at is None:
            return False
        if at is not None and ((low and at < low) or (high and at > high)):
            return False
    return shown
