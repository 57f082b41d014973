"""Moving all dates of a recurring event: by how much one of them moves, on the clock of its own zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from mcp_server.errors import Refusal
from mcp_server.tools.google.calendar.events import span
from mcp_server.tools.google.when import When
from providers.google import Event

_BY = re.compile(r"RRULE:.*\bBY(?:DAY|MONTHDAY|YEARDAY|MONTH|WEEKNO|SETPOS)=")
_DATES = re.compile(r"(?:EXDATE|RDATE)\b")


def shifted(
    event: Event, before: tuple[When, When], after: tuple[When, When], zone: ZoneInfo, *, again: bool
) -> tuple[When, When]:
    """Where the first date goes when the one at `before` goes to `after`. `again`: the rule comes along anew.

    Raises Refusal where the rule would no longer fit: its days are written in it, and so are its exceptions.
    """
    first, last = span(event, zone)
    (old, old_end), (new, new_end) = ([_wall(each, zone) for each in pair] for pair in (before, after))
    moved = new - old
    if not again and moved:
        other_day = new.date() != old.date()
        if other_day and any(_BY.search(line) for line in event.recurrence):
            raise _unfit("on which days it comes")
        if any(_DATES.match(line) for line in event.recurrence):
            raise _unfit("which dates are left out or added")
    start, longer = _wall(first, zone) + moved, (new_end - new) - (old_end - old)
    end = _wall(last, zone) + moved + longer
    if isinstance(after[0], datetime):
        return _moment(start, zone), _moment(end, zone)
    return start.date(), end.date()


def _wall(when: When, zone: ZoneInfo) -> datetime:
    """The time on the zone's clock, without a zone."""
    if isinstance(when, datetime):
        return when.astimezone(zone).replace(tzinfo=None)
    return datetime(when.year, when.month, when.day)  # noqa: DTZ001


def _moment(wall: datetime, zone: ZoneInfo) -> datetime:
    return wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone)


def _unfit(what: str) -> Refusal:
    return Refusal(
        "invalid_argument",
        f"Its recurrence says {what}, so it must move with it: give `recurrence` as it is to be, too. "
        "calendar_get_event of the whole recurring event shows it.",
    )
