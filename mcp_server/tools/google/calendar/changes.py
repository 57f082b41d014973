"""What is to become of an event: read once as absolute values, then compared with the event as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from mcp_server.errors import Refusal
from mcp_server.tools.google.calendar.arguments import Address, Rule
from mcp_server.tools.google.calendar.drafts import address, edge, rule
from mcp_server.tools.google.calendar.events import span
from mcp_server.tools.google.calendar.meet import asking
from mcp_server.tools.google.calendar.shift import shifted
from mcp_server.tools.google.calendar.target import Target
from mcp_server.tools.google.when import When, known_zone, moment, next_day, ordered, too_far
from providers.google import Attendee, Event, Moment


class Changes(BaseModel):
    """What is to be different; what is not named stays."""

    # Without a description: the argument has one, and every byte of it is read at every turn.
    model_config = ConfigDict(
        extra="forbid", json_schema_extra=lambda schema: schema.pop("description", None)
    )

    summary: Annotated[str | None, Field(max_length=300)] = None
    start: Annotated[str | None, Field(max_length=40)] = None
    end: Annotated[str | None, Field(max_length=40)] = None
    location: Annotated[str | None, Field(max_length=500, description="Empty: none.")] = None
    description: Annotated[str | None, Field(max_length=8000)] = None
    add_attendees: Annotated[list[Address] | None, Field(max_length=50)] = None
    remove_attendees: Annotated[list[Address] | None, Field(max_length=50)] = None
    recurrence: Annotated[list[Rule] | None, Field(max_length=5)] = None
    add_meet: bool | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """The same as absolute values of one event: `fields` as on the wire, guests by address."""

    fields: Mapping[str, Any]
    add: Mapping[str, str] = field(default_factory=dict)
    remove: frozenset[str] = frozenset()
    meet: bool = False


def wanted(meant: Target, changes: Changes) -> Wanted:
    """What the changes come to for that event. Raises Refusal."""
    fields: dict[str, Any] = {}
    for name in ("summary", "location", "description"):
        value = getattr(changes, name)
        if value is not None:
            fields[name] = value or None
    if changes.recurrence is not None:
        if meant.whole.recurring_event_id:
            raise Refusal("invalid_argument", "One date has no `recurrence` of its own: say `scope` all.")
        fields["recurrence"] = [rule(each) for each in changes.recurrence] or None
    if changes.start is not None or changes.end is not None:
        try:
            fields |= _edges(meant, changes)
        except OverflowError:  # an end or another date, moved beyond the calendar
            raise too_far() from None
    add = {
        each.casefold(): each for each in (address(a, "add_attendees") for a in changes.add_attendees or ())
    }
    gone = {address(each, "remove_attendees").casefold() for each in changes.remove_attendees or ()}
    if gone & add.keys():
        raise Refusal("invalid_argument", "The same address can't be added and removed at once.")
    return Wanted(fields, add, frozenset(gone), bool(changes.add_meet))


def patch(event: Event, want: Wanted) -> dict[str, Any]:
    """The body that makes `event` what is wanted; empty where it is so already. Raises Refusal."""
    body = {name: value for name, value in want.fields.items() if not holds(event, name, value)}
    guests = _guests(event, want)
    if guests is not None:
        body["attendees"] = guests
    if want.meet and not event.hangout_link and not event.pending:
        body["conferenceData"] = asking(f"valet{event.etag.strip(chr(34))}"[:32])
    return body


def holds(event: Event, name: str, value: Any) -> bool:
    """Whether a field of the wire has that value already."""
    if name in {"start", "end"}:
        return same(getattr(event, name), value)
    if name == "recurrence":
        return list(event.recurrence) == (value or [])
    return bool(getattr(event, name) == (value or ""))


def same(moment_: Moment, on_wire: Mapping[str, Any]) -> bool:
    """Whether a start or end of an answer is that one of a request."""
    if on_wire.get("date") or not moment_.date_time:
        return bool(moment_.date and moment_.date == on_wire.get("date"))
    try:
        return datetime.fromisoformat(moment_.date_time) == datetime.fromisoformat(on_wire["dateTime"])
    except (ValueError, TypeError, KeyError):
        return False


def _guests(event: Event, want: Wanted) -> list[dict[str, Any]] | None:
    """The whole list as it is to be, for a patch replaces it whole; None where it is so already."""
    there = {guest.email.casefold() for guest in event.attendees}
    new = [email for key, email in want.add.items() if key not in there]
    if not new and not want.remove & there:
        return None
    if event.attendees_omitted:
        raise Refusal(
            "conflict",
            "Google does not tell all guests of so large an event, so they can't be changed here.",
        )
    kept = [kept_guest(guest) for guest in event.attendees if guest.email.casefold() not in want.remove]
    return [*kept, *({"email": email} for email in new)]


def kept_guest(guest: Attendee) -> dict[str, Any]:
    """A guest as they go back in a list: with their answer and all, or they would be asked anew."""
    given = {
        "email": guest.email,
        "displayName": guest.display_name,
        "responseStatus": guest.response_status,
        "comment": guest.comment,
        "optional": guest.optional,
        "resource": guest.resource,
        "additionalGuests": guest.additional_guests,
    }
    return {name: value for name, value in given.items() if value}


def _edges(meant: Target, changes: Changes) -> dict[str, Any]:
    """Start and end on the wire.

    Of all dates of a recurring event each moves as the named date does: by as much, on the clock of its zone.
    """
    event, local = meant.whole, meant.place.local
    begin, over = _named(meant, local)
    start = moment(changes.start, "start", local) if changes.start is not None else begin
    if changes.end is not None:
        end = moment(changes.end, "end", local)
    elif isinstance(start, datetime) and isinstance(begin, datetime) and isinstance(over, datetime):
        end = (start.astimezone(UTC) + (over.astimezone(UTC) - begin.astimezone(UTC))).astimezone(local)
    elif isinstance(start, datetime) or isinstance(begin, datetime) or isinstance(over, datetime):
        raise Refusal("invalid_argument", "To make a day of a time, or a time of a day, give both ends.")
    else:
        end = start + (over - begin)
    ordered(start, end, local)
    own = known_zone(event.start.time_zone) or local
    if meant.asked is not event or meant.series:
        start, end = shifted(event, (begin, over), (start, end), own, again=changes.recurrence is not None)
    return {
        "start": _edge(start, own, event.start),
        "end": _edge(end if isinstance(end, datetime) else next_day(end), own, event.end),
    }


def _named(meant: Target, local: ZoneInfo) -> tuple[When, When]:
    """When the date that was named begins and ends by the series; an all-day one ends on its last day."""
    if meant.asked is meant.whole:
        return span(meant.whole, local)
    first, last = span(meant.whole, local)
    planned = meant.asked.original_start or meant.asked.start
    begin, _ = span(meant.asked.model_copy(update={"start": planned, "end": planned}), local)
    if isinstance(begin, datetime) and isinstance(first, datetime) and isinstance(last, datetime):
        length: timedelta = last.astimezone(UTC) - first.astimezone(UTC)
        return begin, (begin.astimezone(UTC) + length).astimezone(local)
    if isinstance(begin, datetime) or isinstance(first, datetime) or isinstance(last, datetime):
        return begin, begin
    return begin, begin + (last - first)


def _edge(when: When, zone: ZoneInfo, before: Moment) -> dict[str, Any]:
    """A patch merges into objects, so what the other kind has must be taken away by name."""
    other = {"date": None} if isinstance(when, datetime) else {"dateTime": None, "timeZone": None}
    there = before.date if isinstance(when, datetime) else before.date_time
    shown = when.astimezone(zone) if isinstance(when, datetime) else when
    return {**edge(shown, zone), **(other if there else {})}
