"""The methods of tasks.v1, as its discovery document has them: name, verb, path, accepted scopes."""

from __future__ import annotations

LISTS = "/users/@me/lists"
LIST = f"{LISTS}/{{tasklist}}"
TASKS = "/lists/{tasklist}/tasks"
TASK = f"{TASKS}/{{task}}"

WRITING = ("tasks",)
READING = ("tasks", "tasks.readonly")

SERVED: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("tasks.tasklists.list", "GET", LISTS, READING),
    ("tasks.tasklists.get", "GET", LIST, READING),
    ("tasks.tasklists.insert", "POST", LISTS, WRITING),
    ("tasks.tasklists.patch", "PATCH", LIST, WRITING),
    ("tasks.tasklists.update", "PUT", LIST, WRITING),
    ("tasks.tasklists.delete", "DELETE", LIST, WRITING),
    ("tasks.tasks.list", "GET", TASKS, READING),
    ("tasks.tasks.get", "GET", TASK, READING),
    ("tasks.tasks.insert", "POST", TASKS, WRITING),
    ("tasks.tasks.patch", "PATCH", TASK, WRITING),
    ("tasks.tasks.update", "PUT", TASK, WRITING),
    ("tasks.tasks.move", "POST", f"{TASK}/move", WRITING),
    ("tasks.tasks.delete", "DELETE", TASK, WRITING),
    ("tasks.tasks.clear", "POST", "/lists/{tasklist}/clear", WRITING),
)
