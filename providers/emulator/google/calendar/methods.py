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
FREE = ("calendar", "calendar.events.freebusy", "calendar.freebusy", "calendar.readonly")
SETTINGS = "/users/me/settings"
SETTING = ("calendar", "calendar.readonly", "calendar.settings", "calendar.settings.readonly")
LISTS = ("calendar", "calendar.calendarlist", "calendar.calendarlist.readonly", "calendar.readonly")

SERVED: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("calendar.calendarList.list", "GET", LIST, LISTS),
    ("calendar.calendarList.get", "GET", f"{LIST}/{{calendar}}", (*LISTS, "calendar.app.created")),
    ("calendar.events.list", "GET", EVENTS, READING),
    ("calendar.events.get", "GET", EVENT, READING),
    ("calendar.events.insert", "POST", EVENTS, WRITING),
    ("calendar.events.patch", "PATCH", EVENT, WRITING),
    ("calendar.events.delete", "DELETE", EVENT, WRITING),
    ("calendar.events.instances", "GET", f"{EVENT}/instances", READING),
    ("calendar.freebusy.query", "POST", "/freeBusy", FREE),
    ("calendar.settings.list", "GET", SETTINGS, SETTING),
    ("calendar.settings.get", "GET", f"{SETTINGS}/{{setting}}", SETTING),
)

REST = f"""
    DELETE,GET,PATCH,PUT {CALENDAR}/acl/{{rule}}
    GET,POST {CALENDAR}/acl
    POST {CALENDAR}/acl/watch
    DELETE,PATCH,PUT {LIST}/{{calendar}}
    POST {LIST} {LIST}/watch
    POST {CALENDAR}/clear {CALENDAR}/transferOwnership /calendars /channels/stop
    DELETE,GET,PATCH,PUT {CALENDAR}
    GET /colors
    POST {EVENTS}/import {EVENTS}/quickAdd {EVENTS}/watch {EVENT}/move
    PUT {EVENT}
    POST /users/me/settings/watch
"""
"""The API has these; the emulator answers 501 until it does."""

UNBUILT = rest(REST)
