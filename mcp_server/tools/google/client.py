"""The Google clients that a tool is handed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from mcp.server.mcpserver.resolve import Resolve

from mcp_server.inject import connected, reached
from providers.google import Calendar
from providers.google.contacts import Contacts
from providers.google.docs import Docs
from providers.google.drive import Drive
from providers.google.gmail import Gmail
from providers.google.sheets import Sheets
from providers.google.tasks import Tasks
from providers.google.youtube import YouTube

CalendarClient = Annotated[Calendar, Resolve(connected("google", Calendar))]
ContactsClient = Annotated[Contacts, Resolve(connected("google", Contacts))]
DocsClient = Annotated[Docs, Resolve(connected("google", Docs))]
GmailClient = Annotated[Gmail, Resolve(connected("google", Gmail))]
DriveClient = Annotated[Drive, Resolve(connected("google", Drive))]
SheetsClient = Annotated[Sheets, Resolve(connected("google", Sheets))]
TasksClient = Annotated[Tasks, Resolve(connected("google", Tasks))]
YouTubeClient = Annotated[YouTube, Resolve(connected("google", YouTube))]
OtherCalendars = Annotated[Callable[[str], Awaitable[Calendar]], Resolve(reached("google", Calendar))]
"""From the label of another account to its calendars."""
