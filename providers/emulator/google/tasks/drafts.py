"""What somebody sends as a task or a list, checked as Google checks it."""

from __future__ import annotations

from typing import Any

from providers.emulator.google.errors import invalid
from providers.emulator.google.query import parse_instant

Json = dict[str, Any]
TITLE, NOTES = 1024, 8192
STATUSES = ("needsAction", "completed")
WRITABLE = ("title", "notes", "due", "status", "completed", "deleted")


def merged(before: Json, body: Json, now: str, *, whole: bool = False) -> Json:
    """A task after a write; `whole`: what is not in the body goes. Raises ApiError 400."""
    task = {name: value for name, value in before.items() if not whole or name not in WRITABLE}
    for name in WRITABLE:
        if name in body:
            task[name] = _checked(name, body[name])
    kept = {name: value for name, value in task.items() if value not in (None, "", False)}
    kept["title"] = task.get("title") or ""
    kept["status"] = task.get("status") or STATUSES[0]
    if kept["status"] == "completed":
        kept.setdefault("completed", now)
    else:
        kept.pop("completed", None)
        kept.pop("hidden", None)
    return kept


def title(body: Json) -> str:
    """The title of a list. Raises ApiError 400."""
    return str(_checked("title", body.get("title")) or "")


def _checked(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name == "deleted":
        if not isinstance(value, bool):
            raise invalid("Invalid Value", name)
        return value
    if not isinstance(value, str):
        raise invalid("Invalid Value", name)
    if len(value) > {"title": TITLE, "notes": NOTES}.get(name, NOTES):
        raise invalid(f"{name.capitalize()} too long", name)
    if name == "status" and value not in STATUSES:
        raise invalid("Invalid Value", name)
    if name in {"due", "completed"} and value:
        try:
            parse_instant(value)
        except ValueError:
            raise invalid("Invalid Value", name) from None
        return f"{value[:10]}T00:00:00.000Z" if name == "due" else value  # only the date is recorded
    return value
