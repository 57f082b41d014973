"""Arguments that several of the calendar's tools take, and what the tools say of mail and zones."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mcp_server.tools.google.when import START
from providers.google import SendUpdates

Start = Annotated[str, Field(description=START, max_length=40)]
End = Annotated[str, Field(description="A day counts whole.", max_length=40)]
EventId = Annotated[str, Field(description="From a search.", max_length=1024)]
CalendarId = Annotated[str, Field(description="Id or name.", max_length=300)]
CalendarName = Annotated[str, Field(max_length=300)]
Address = Annotated[str, Field(max_length=254)]
Rule = Annotated[str, Field(max_length=300)]
Scope = Annotated[Literal["this", "all"], Field(description="Of a recurring event.")]
Notified = Literal["all", "external", "none"]
Notify = Annotated[Notified, Field(description="Who gets mail.")]
ZoneFrom = Literal["argument", "calendar"]

MAIL: dict[Notified, SendUpdates] = {"all": "all", "external": "externalOnly", "none": "none"}
"""The word on the wire (events.insert, `sendUpdates`)."""


def mailed(notify: Notified) -> str:
    """A sentence on who gets mail."""
    return {
        "all": "All guests get mail about it.",
        "external": "Guests who do not use Google Calendar get mail about it.",
        "none": "Nobody gets mail about it.",
    }[notify]
