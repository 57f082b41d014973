"""The call that takes a change of an event back, and what it can't bring back."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from mcp_server.tools.google.calendar.events import span
from mcp_server.tools.google.calendar.target import Place
from mcp_server.tools.text import listed
from mcp_server.tools.undo import Undo
from providers.google import Event

_ROOM = 16_000
"""Bytes that a call which takes something back may take of an answer."""

_LEAST = (
    "description",
    "attendees",
    "add_attendees",
    "remove_attendees",
    "recurrence",
    "location",
    "summary",
)
"""What is left out first where that is too much."""


def reversal(
    before: Event, planned: Mapping[str, Any], where: Place, scope: Literal["this", "all"]
) -> tuple[Undo | None, str | None]:
    """The call that makes the event what it was before `planned`, and what it leaves as it is."""
    changes: dict[str, Any] = {}
    lost: list[str] = []
    for name in planned:
        if name in {"start", "end"}:
            changes |= times(before, where)
        elif name == "attendees":
            changes |= _guests(before, planned[name])
            if "add_attendees" in changes:
                lost.append("the answers of the guests who were taken off")
        elif name == "conferenceData":
            lost.append("that there was no Meet link")
        else:
            value = list(before.recurrence) if name == "recurrence" else getattr(before, name)
            if (name == "summary" and not value) or not exact(value):
                lost.append(f"the old {name}")
            else:
                changes[name] = value
    changes, dropped = fitting(changes)
    lost += [f"the old {name}" for name in dropped]
    said = f"{listed(lost).capitalize()}." if lost else None
    if not changes:
        return None, said
    arguments = {
        "event_id": before.id, "calendar_id": where.entry.id, "scope": scope, "changes": changes,
    }  # fmt: skip
    return Undo(tool="calendar_update_event", arguments=arguments), said


def times(event: Event, where: Place) -> dict[str, str]:
    """Start and end as arguments: RFC 3339 with an offset, or the first and the last day."""
    begin, over = span(event, where.local)
    if isinstance(begin, datetime) and begin.year == 1:  # what could not be read
        return {}
    return {"start": begin.isoformat(), "end": over.isoformat()}


def exact(value: str | list[str]) -> bool:
    """Whether a text of others can go through a model and come back as it was: nothing in it is unseen."""
    text = "".join(value)
    return not any(unicodedata.category(char) in {"Cc", "Cf", "Cs"} and char not in "\n\t" for char in text)


def fitting(arguments: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """As many of the arguments as an answer has room for, and the names of the others."""
    kept, dropped = dict(arguments), []
    for name in _LEAST:
        if len(json.dumps(kept, ensure_ascii=False).encode()) <= _ROOM:
            break
        if kept.pop(name, None) is not None:
            dropped.append(name)
    return kept, dropped


def _guests(before: Event, after: list[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Who must go again, and who must be invited again."""
    old = {guest.email.casefold(): guest.email for guest in before.attendees}
    new = {guest["email"].casefold(): guest["email"] for guest in after}
    came = [email for key, email in new.items() if key not in old]
    went = [email for key, email in old.items() if key not in new]
    return {
        name: rows
        for name, rows in (("remove_attendees", came), ("add_attendees", went))
        if rows and len(rows) <= 50 and exact(rows)
    }
