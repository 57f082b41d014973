"""calendar_list_calendars."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.inject import AccountLabel
from mcp_server.toolbox import tool
from mcp_server.tools.google.client import CalendarClient
from mcp_server.tools.text import clip, quoted
from providers.google import CALENDAR_LIST, CalendarEntry

_PAGE = 25
_OFFSET = re.compile(r"o([1-9][0-9]{0,3})")


class Listed(BaseModel):
    """A calendar."""

    id: str
    name: str
    access: Literal["write", "read", "free_busy"]
    primary: bool = False
    selected: Annotated[bool, Field(description="Searched.")] = False
    time_zone: str | None = None
    description: str | None = None


class Calendars(BaseModel):
    """The primary one first."""

    calendars: list[Listed]
    total: int
    next_cursor: Annotated[str | None, Field(description="Pass it as `cursor`.")] = None


@tool(
    service="calendar",
    title="List calendars",
    needs=(CALENDAR_LIST,),
    read_only=True,
    destructive=False,
    idempotent=True,
)
async def calendar_list_calendars(
    calendar: CalendarClient,
    cursor: Annotated[str | None, Field(description="`next_cursor`.", max_length=8)] = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Calendars]:
    """List the person's Google calendars: ids, names, zones, what is allowed."""
    begin = _offset(cursor)
    entries = await calendar.calendars()
    rows = [_listed(entry) for entry in entries[begin : begin + _PAGE]]
    after = begin + len(rows)
    result = Calendars(
        calendars=rows, total=len(entries), next_cursor=f"o{after}" if rows and after < len(entries) else None
    )
    lines = [f"{quoted(row.name)}, {_role(row)}, id {clip(row.id, 120)}" for row in rows]
    more = [f"More with cursor {result.next_cursor}."] if result.next_cursor else []
    head = f"{len(rows)} of {result.total} calendars:"
    return answer(result, "\n".join([head, *lines, *more]) if rows else "There is no calendar.")


def _offset(cursor: str | None) -> int:
    if not cursor:
        return 0
    found = _OFFSET.fullmatch(cursor)
    if found is None:
        raise Refusal("invalid_argument", "`cursor` must be the `next_cursor` of an earlier answer.")
    return int(found[1])


def _listed(entry: CalendarEntry) -> Listed:
    return Listed(
        id=clip(entry.id, 300),
        name=clip(entry.name, 80),
        access=_access(entry),
        primary=entry.primary,
        selected=entry.selected,
        time_zone=clip(entry.time_zone, 60) or None,
        description=clip(entry.description, 120) or None,
    )


def _access(entry: CalendarEntry) -> Literal["write", "read", "free_busy"]:
    if entry.writable:
        return "write"
    return "free_busy" if entry.access_role == "freeBusyReader" else "read"


def _role(row: Listed) -> str:
    role = {"write": "events can be added", "read": "read only", "free_busy": "free or busy only"}[row.access]
    return f"primary, {role}" if row.primary else role
