"""Google: its record, its answers as types, and the calls our tools make.

This room owns what Valet knows of Google: endpoints, scopes and fields as in Google's discovery documents,
one module per API.
It refuses to know more of an account than a tool shows: every call names the fields it wants.
"""

from providers.google.answers import Attendee, CalendarEntry, Event, EventPage, FreeBusy, Moment
from providers.google.calendar import Calendar, SendUpdates
from providers.google.record import GOOGLE
from providers.google.services import CALENDAR_LIST, EVENTS, EVENTS_READ, FREE_BUSY

__all__ = [
    "CALENDAR_LIST",
    "EVENTS",
    "EVENTS_READ",
    "FREE_BUSY",
    "GOOGLE",
    "Attendee",
    "Calendar",
    "CalendarEntry",
    "Event",
    "EventPage",
    "FreeBusy",
    "Moment",
    "SendUpdates",
]
