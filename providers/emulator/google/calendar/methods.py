"""The methods of calendar.v3, as its discovery document has them: name, verb, path, accepted scopes."""

from __future__ import annotations

from providers.emulator.google.api import rest

CALENDAR = "/calendars/{calendar}"
EVENTS = f"{CALENDAR}/events"
EVENT = f"{EVENTS}/{{event}}"
LIST = "/users/me/calendarList"

WRITING = ("calendar", "calendar.app.created", "calendar.events", "calendar.events.owned")
READING = (
    *WRITING,
    "calendar.events.freebusy",
    "calendar.events.owned.readonly",
    "calendar.events.public.readonly",
    "calendar.events.readonly",
    "calendar.readonly",
)
LISTS = ("calendar", "calendar.calendarlist", "calendar.calendarlist.readonly", "calendar.readonly")

SERVED: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("calendar.calendarList.list", "GET", LIST, LISTS),
    ("calendar.calendarList.get", "GET", f"{LIST}/{{calendar}}", (*LISTS, "calendar.app.created")),
    ("calendar.events.list", "GET", EVENTS, READING),
    ("calendar.events.get", "GET", EVENT, READING),
    ("calendar.events.insert", "POST", EVENTS, WRITING),
    ("calendar.events.patch", "PATCH", EVENT, WRITING),
    ("calendar.events.delete", "DELETE", EVENT, WRITING),
)

REST = f"""
    DELETE,GET,PATCH,PUT {CALENDAR}/acl/{{rule}}
    GET,POST {CALENDAR}/acl
    POST {CALENDAR}/acl/watch
    DELETE,PATCH,PUT {LIST}/{{calendar}}
    POST {LIST} {LIST}/watch
    POST {CALENDAR}/clear {CALENDAR}/transferOwnership /calendars /channels/stop /freeBusy
    DELETE,GET,PATCH,PUT {CALENDAR}
    GET /colors
    POST {EVENTS}/import {EVENTS}/quickAdd {EVENTS}/watch {EVENT}/move
    GET {EVENT}/instances
    PUT {EVENT}
    GET /users/me/settings /users/me/settings/{{setting}}
    POST /users/me/settings/watch
"""
"""The API has these; the emulator answers 501 until it does."""

UNBUILT = rest(REST)
