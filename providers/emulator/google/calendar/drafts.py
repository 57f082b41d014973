"""What a body asks an event to be: checked, and merged into what it was."""

from __future__ import annotations

import re
import secrets
import string
from typing import Any
from zoneinfo import ZoneInfo

from providers.emulator.google.calendar import recurring, times
from providers.emulator.google.errors import ApiError, invalid
from providers.emulator.google.people import Person

Json = dict[str, Any]
ID = re.compile(r"[a-v0-9]{5,1024}")
EMAIL = re.compile(r"[^\s@<>,]+@[^\s@<>,]+")
GUEST = ("email", "displayName", "optional", "responseStatus", "comment", "additionalGuests", "resource")
ANSWERS = frozenset({"needsAction", "declined", "tentative", "accepted"})
TEXTS = ("summary", "description", "location", "colorId")
CHOICES = {
    "transparency": {"opaque", "transparent"},
    "visibility": {"default", "public", "private", "confidential"},
    "status": {"confirmed", "tentative", "cancelled"},
    "eventType": {"default", "focusTime", "outOfOffice", "workingLocation"},
}
KINDS = ("focusTimeProperties", "outOfOfficeProperties", "workingLocationProperties")
"""What events of a kind of their own have besides; Google makes and keeps them only in calendars of a
Workspace account's own (developers.google.com, Calendar: "Manage focus time, out of office, and working
location events")."""
SWITCHES = ("anyoneCanAddSelf", "guestsCanInviteOthers", "guestsCanModify", "guestsCanSeeOtherGuests")
OBJECTS = ("reminders", "source", "extendedProperties", *KINDS)


def merged(before: Json, body: Json, zone: ZoneInfo, person: Person, *, meet: bool) -> Json:
    """The event that `body` makes of `before`; null removes, arrays are replaced. Raises ApiError.

    `meet`: the request says conferenceDataVersion=1, without which conference data is ignored.
    """
    event = dict(before)
    for name in (*TEXTS, *CHOICES, *SWITCHES, *OBJECTS):
        if name in body:
            _set(event, name, _checked(name, body[name]))
    if event["eventType"] != before["eventType"] and "etag" in before:
        raise invalid("Event type cannot be changed.", reason="eventTypeRestriction")
    _check_kind(event, person)
    for name in ("start", "end"):
        if name in body:
            event[name] = times.read(_overlaid(before.get(name), body[name]), name)
        elif name not in event:
            raise invalid(f"Missing {name} time.", reason="required")
    times.check(event["start"], event["end"])
    if body.get("recurrence") and "recurringEventId" in before:
        raise invalid("Cannot turn an instance of a recurring event into a recurring event itself.")
    if "recurrence" in body:
        _set(event, "recurrence", _lines(body["recurrence"]))
    if "recurrence" in event:
        recurring.check(event, zone)
    if "attendees" in body:
        _set(event, "attendees", _invited(before, body, person))
    if meet and body.get("conferenceData") is not None:
        event |= _conference(body["conferenceData"], before.get("conferenceData"))
    return event


def _check_kind(event: Json, person: Person) -> None:
    """Whether somebody may have an event of that kind in that form. Raises ApiError."""
    kind = event["eventType"]
    if kind == "default":
        return
    own = event["organizer"]["email"] == person.email and person.domain is not None
    if not own or f"{kind}Properties" not in event:
        raise invalid("The event type is not allowed here.", reason="eventTypeRestriction")
    if kind == "workingLocation" and event.get("transparency") != "transparent":
        raise invalid("A working location event must be transparent.", reason="malformedWorkingLocationEvent")


def _invited(before: Json, body: Json, person: Person) -> list[Json] | None:
    """The guests that a body asks for; with attendeesOmitted it only speaks of who asks (Event)."""
    guests = _guests(body["attendees"], person)
    host = before["organizer"]["email"]
    if body.get("attendeesOmitted") is True:
        own = {guest["email"]: guest for guest in guests or [] if guest["email"] == person.email}
        return [own.get(guest["email"], guest) for guest in before.get("attendees", [])]
    return [
        {**guest, "organizer": True} if guest["email"] == host else guest for guest in guests or []
    ] or None


def own_id(body: Json) -> str | None:
    """The id a client chose for its event. Raises ApiError where it cannot be one."""
    id_ = body.get("id")
    if id_ is not None and (not isinstance(id_, str) or not ID.fullmatch(id_)):
        raise invalid("Invalid resource id value.")
    return id_


def _set(event: Json, name: str, value: Any) -> None:
    if value is None:
        event.pop(name, None)
    else:
        event[name] = value


def _checked(name: str, value: Any) -> Any:
    kind: type = bool if name in SWITCHES else dict if name in OBJECTS else str
    if value is not None and not isinstance(value, kind):
        raise ApiError(400, "Parse Error", "parseError")
    if value is not None and name in CHOICES and value not in CHOICES[name]:
        raise invalid(f"Invalid value for: {value} is not a valid value", name)
    return value


def _overlaid(before: Json | None, value: Any) -> Any:
    """A patch merges into objects too; where it changes the kind, the other kind's fields go."""
    if not isinstance(value, dict) or before is None:
        return value
    whole = {name: inner for name, inner in {**before, **value}.items() if inner is not None}
    if value.get("date"):
        whole.pop("dateTime", None)
    elif value.get("dateTime"):
        whole.pop("date", None)
    return whole


def _lines(value: Any) -> list[str] | None:
    if value is None or value == []:
        return None
    if not isinstance(value, list) or not all(isinstance(line, str) for line in value):
        raise ApiError(400, "Parse Error", "parseError")
    return value


def _guests(value: Any, person: Person) -> list[Json] | None:
    if value is None or value == []:
        return None
    if not isinstance(value, list) or not all(isinstance(guest, dict) for guest in value):
        raise ApiError(400, "Parse Error", "parseError")
    return [_guest(guest, person) for guest in value]


def _guest(guest: Json, person: Person) -> Json:
    email = guest.get("email")
    if not isinstance(email, str) or not EMAIL.fullmatch(email):
        raise invalid("Invalid attendee email.")
    mine = email == person.email
    kept = {name: guest[name] for name in GUEST if guest.get(name) is not None}
    kept.setdefault("responseStatus", "accepted" if mine else "needsAction")
    if kept["responseStatus"] not in ANSWERS:
        raise invalid("Invalid attendee response status.")
    return kept


def ready(event: Json) -> Json | None:
    """The event with its Meet call there, where that was only asked for until now."""
    data = event.get("conferenceData", {})
    asked = data.get("createRequest", {})
    if asked.get("status") != {"statusCode": "pending"}:
        return None
    letters = "".join(secrets.choice(string.ascii_lowercase) for _ in range(10))
    code = f"{letters[:3]}-{letters[3:7]}-{letters[7:]}"
    link = f"https://meet.google.com/{code}"
    made = {
        "createRequest": {**asked, "status": {"statusCode": "success"}},
        "entryPoints": [{"entryPointType": "video", "uri": link, "label": f"meet.google.com/{code}"}],
        "conferenceSolution": {"key": {"type": "hangoutsMeet"}, "name": "Google Meet"},
        "conferenceId": code,
    }
    return {**event, "hangoutLink": link, "conferenceData": made}


def _conference(data: Any, before: Json | None) -> Json:
    """A Meet call that is asked for, and made a little later; the same request again is ignored
    (CreateConferenceRequest). Only a createRequest makes one.
    """
    asked = data.get("createRequest") if isinstance(data, dict) else None
    if not isinstance(asked, dict):
        raise invalid("Invalid conference data.")
    if asked.get("conferenceSolutionKey") != {"type": "hangoutsMeet"}:
        raise invalid("Invalid conference type value.")
    if not asked.get("requestId"):
        raise invalid("Missing conference create request id.", reason="required")
    request = {"requestId": asked["requestId"], "conferenceSolutionKey": {"type": "hangoutsMeet"}}
    if before and before.get("createRequest", {}).get("requestId") == asked["requestId"]:
        return {}
    return {"conferenceData": {"createRequest": {**request, "status": {"statusCode": "pending"}}}}
