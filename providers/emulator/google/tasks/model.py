"""Lists of tasks, and how a task is kept, ordered and shown."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from providers.emulator.clock import Clock
from providers.emulator.google.errors import ApiError

Json = dict[str, Any]
DEFAULT = "@default"
BASE = "https://www.googleapis.com/tasks/v1"


@dataclass
class TaskList:
    """A list; `tasks` in the order of the person, each as the API shows it but for what is worked out."""

    id: str
    title: str
    updated: str
    tasks: list[Json] = field(default_factory=list)

    def find(self, id_: str) -> Json:
        """A task, also a deleted one. Raises ApiError 404."""
        found = next((task for task in self.tasks if task["id"] == id_), None)
        if found is None:
            raise ApiError(404, "Task not found.", "notFound")
        return found

    def siblings(self, parent: str | None) -> Iterator[Json]:
        """What stands under the same task, or on top, in order."""
        return (task for task in self.tasks if task.get("parent") == parent and not task.get("deleted"))

    def place(self, task: Json, parent: str | None, previous: str | None) -> None:
        """Put a task first among its siblings, or behind `previous`. Raises ApiError 400."""
        if parent is not None:
            above = self._present(parent, "parent")
            if "assignmentInfo" in above or "assignmentInfo" in task or above is task:
                raise ApiError(400, "Invalid Value", "invalid", about="parent")
        if previous is not None:
            before = self._present(previous, "previous")
            if before.get("parent") != parent or before is task:
                raise ApiError(400, "Invalid Value", "invalid", about="previous")
        self.tasks = [each for each in self.tasks if each is not task]
        at = 0
        if previous is not None:
            at = 1 + next(index for index, each in enumerate(self.tasks) if each["id"] == previous)
        self.tasks.insert(at, task)
        task.pop("parent", None)
        if parent is not None:
            task["parent"] = parent

    def _present(self, id_: str, name: str) -> Json:
        found = next((task for task in self.tasks if task["id"] == id_), None)
        if found is None or found.get("deleted") or found.get("hidden"):
            raise ApiError(400, "Invalid Value", "invalid", about=name)
        return found

    def shown(self, task: Json) -> Json:
        """A task as the API shows it."""
        place = [each["id"] for each in self.siblings(task.get("parent"))]
        rank = place.index(task["id"]) if task["id"] in place else 0
        link = f"https://tasks.google.com/task/{task['id']}"
        more = {"position": f"{rank:020}", "selfLink": f"{BASE}/lists/{self.id}/tasks/{task['id']}",
                "webViewLink": link, "links": []}  # fmt: skip
        return {"kind": "tasks#task", "etag": etag(task | more), **task, **more}

    def head(self) -> Json:
        """The list as the API shows it."""
        row = {"id": self.id, "title": self.title, "updated": self.updated}
        link = f"{BASE}/users/@me/lists/{self.id}"
        return {"kind": "tasks#taskList", "etag": etag(row), **row, "selfLink": link}


class Boards:
    """Everybody's lists, by account; the first of each is the default one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._made = 0
        self.lists: dict[str, list[TaskList]] = {}

    def stamp(self) -> str:
        """Now, as Google writes it."""
        return stamp(self._clock.now())

    def new_id(self) -> str:
        """An id that nobody has."""
        self._made += 1
        return identifier(f"new {self._made}")

    def open(self, account: str, id_: str) -> TaskList:
        """Somebody's list. Raises ApiError 404."""
        mine = self.lists[account]
        found = mine[0] if id_ == DEFAULT else next((each for each in mine if each.id == id_), None)
        if found is None:
            raise ApiError(404, "Task list not found.", "notFound")
        return found

    def touched(self, board: TaskList, task: Json | None = None) -> None:
        """Note that it changed now."""
        board.updated = self.stamp()
        if task is not None:
            task["updated"] = board.updated

    def dump(self) -> Json:
        """Everything, as JSON-ready values."""
        rows = {account: [asdict(board) for board in boards] for account, boards in self.lists.items()}
        return {"made": self._made, "lists": rows}

    def load(self, data: Mapping[str, Any]) -> None:
        """What `dump` gave."""
        self._made = int(data["made"])
        self.lists = {
            account: [TaskList(**board) for board in boards] for account, boards in data["lists"].items()
        }


def stamp(now: float) -> str:
    """RFC 3339 with milliseconds."""
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def identifier(seed: str) -> str:
    """22 characters, as Google's ids of tasks are."""
    digest = hashlib.sha256(f"tasks:{seed}".encode()).digest()[:16]
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def etag(row: Json) -> str:
    """A version that changes with what it is of."""
    return f'"{hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()[:22]}"'
