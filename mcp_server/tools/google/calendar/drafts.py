"""A new event on its way to the API: its body, and the id that makes adding it twice add it once."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from mcp_server.errors import Refusal
from mcp_server.tools.ends import BREAKS
from mcp_server.tools.google.calendar.meet import asking
from mcp_server.tools.google.when import When, instant, next_day
from mcp_server.tools.text import clip
from providers.base import Conflict, NotFound, Rejected, Unavailable
from providers.google import Calendar, Event, Moment, SendUpdates

_ADDRESS = re.compile(r"[^\s@,;<>\"]{1,64}@[^\s@,;<>\"]{1,190}")
_RULE = re.compile(r"(RRULE|RDATE|EXDATE|EXRULE)[:;][\x21-\x7e]+")
_TRIES = 8


def draft(
    summary: str,
    start: When,
    end: When,
    local: ZoneInfo,
    *,
    attendees: Sequence[str] | None,
    recurrence: Sequence[str] | None,
    location: str | None,
    description: str | None,
    meet: bool,
) -> dict[str, Any]:
    """The body of a new event, without its id. Raises Refusal for what is no address or no rule."""
    guests = {each.casefold(): each for each in map(address, attendees or ())}
    given: dict[str, Any] = {
        "summary": summary,
        "start": edge(start, local),
        # The wire names the day after the last one.
        "end": edge(end if isinstance(end, datetime) else next_day(end), local),
        "location": location or None,
        "description": description or None,
        "attendees": [{"email": each} for each in guests.values()] or None,
        "recurrence": [rule(each) for each in recurrence or ()] or None,
    }
    body = {name: value for name, value in given.items() if value is not None}
    if meet:
        body["conferenceData"] = asking(_digest(body, "meet")[:32])
    return body


async def added(
    calendar: Calendar, calendar_id: str, body: Mapping[str, Any], mail: SendUpdates
) -> tuple[Event, bool]:
    """Add the event once: the one that is there, and whether this call put it there.

    Its id is a digest of what it says, so the same event asked for again is a Conflict. Google keeps the id
    of an event that was deleted, and of one that was moved or renamed since; then the next id is taken.
    Raises Refusal where that happened again and again, or Google takes no such event, and ProviderError.
    """
    for number in range(_TRIES):
        event_id = _digest(body, f"{calendar_id} {number}")
        inserted = await _inserted(calendar, calendar_id, {"id": event_id, **body}, mail)
        if inserted is not None:
            return inserted, True
        found = await calendar.event(calendar_id, event_id)
        if found.status != "cancelled" and _same(found, body):
            return found, False
    raise Refusal(
        "conflict",
        "An event like this was added, and then changed or deleted, many times, so nothing was added. Change "
        "its title a little to add it once more.",
    )


async def _inserted(
    calendar: Calendar, calendar_id: str, event: Mapping[str, Any], mail: SendUpdates
) -> Event | None:
    """The event that this call put there, or None where its id was taken before.

    An answer that got lost leaves it open whether it is there: its id is ours, so looking tells, and asking
    once more is safe.
    """
    try:
        return await calendar.insert(calendar_id, event, send_updates=mail)
    except Conflict:
        return None
    except Rejected as error:
        raise (_refused() if error.reason == "HTTP_400" else error) from None
    except Unavailable as error:
        if not error.ambiguous:
            raise
        lost = error
    try:
        found = await calendar.event(calendar_id, event["id"])
    except NotFound:
        return await calendar.insert(calendar_id, event, send_updates=mail)
    except BREAKS:  # nobody could look, so it may be there
        raise lost from None
    return found if found.status != "cancelled" and _same(found, event) else None


def _refused() -> Refusal:
    return Refusal(
        "invalid_argument",
        "Google Calendar does not take such an event, so nothing was added. Check the times, the recurrence "
        "rule and the guests' addresses.",
    )


def _same(event: Event, body: Mapping[str, Any]) -> bool:
    """Whether an event still is what its draft said: by title, beginning and end."""
    edges = ((event.start, body["start"]), (event.end, body["end"]))
    return event.summary == body["summary"] and all(_meets(moment, end) for moment, end in edges)


def _meets(moment: Moment, edge: Mapping[str, str]) -> bool:
    if "date" in edge or not moment.date_time:
        return moment.date == edge.get("date")
    try:
        return datetime.fromisoformat(moment.date_time) == datetime.fromisoformat(edge["dateTime"])
    except (ValueError, TypeError):
        return False


def _digest(body: Mapping[str, Any], salt: str) -> str:
    """An event id: base32hex, 0-9 and a-v only (events.insert, `id`).

    What means the same has the same one: moments count in UTC, guests in any order, and the zone only where
    it decides when the event comes again.
    """
    said = {name: value for name, value in body.items() if name != "conferenceData"}
    said["attendees"] = sorted(guest["email"].casefold() for guest in body.get("attendees", ()))
    for name in ("start", "end"):
        edge = body[name]
        moment = edge.get("date") or instant(datetime.fromisoformat(edge["dateTime"]))
        said[name] = [moment, edge.get("timeZone") if "recurrence" in body else None]
    text = json.dumps([salt, "conferenceData" in body, said], sort_keys=True)
    return base64.b32hexencode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=").lower()


def edge(when: When, local: ZoneInfo) -> dict[str, str]:
    """A start or an end on the wire.

    A recurring event needs the zone's name as well as the offset, so every timed one has it. RFC 3339
    has no offsets with seconds, as zones had them long ago.
    """
    if not isinstance(when, datetime):
        return {"date": when.isoformat()}
    offset = when.utcoffset()
    odd = offset is None or offset.total_seconds() % 60
    return {"dateTime": instant(when) if odd else when.isoformat(), "timeZone": str(local)}


def address(text: str, field: str = "attendees") -> str:
    """An address as it will be shown: nothing in it that a reader can't see. Raises Refusal."""
    given = text.strip()
    if not _ADDRESS.fullmatch(given) or clip(given, 300) != given or not given.isprintable():
        raise Refusal("invalid_argument", f"`{field}` must be mail addresses such as ana@example.org.")
    return given


def rule(text: str) -> str:
    """A line of a recurrence. Raises Refusal."""
    line = text.strip()
    if not _RULE.fullmatch(line):
        raise Refusal(
            "invalid_argument",
            "`recurrence` must be lines such as RRULE:FREQ=WEEKLY;COUNT=10 or EXDATE;VALUE=DATE:20261224.",
        )
    return line
