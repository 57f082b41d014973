"""Google's services: what a person switches on, the upstream scopes behind it, and which are asked for later.

The scopes are the least that Google's discovery documents accept for what our tools call. Those that Google
calls restricted (reading mail, all of the Drive) are never part of connecting: a tool that needs one asks for
it then (developers.google.com/identity/protocols/oauth2/web-server, "Incremental authorization").
"""

from __future__ import annotations

from collections.abc import Mapping

from providers.base import Access, Service

_AUTH = "https://www.googleapis.com/auth/"

CALENDAR_LIST = f"{_AUTH}calendar.calendarlist.readonly"
EVENTS_READ = f"{_AUTH}calendar.events.readonly"
EVENTS = f"{_AUTH}calendar.events"
FREE_BUSY = f"{_AUTH}calendar.events.freebusy"
GMAIL_LABELS = f"{_AUTH}gmail.labels"
GMAIL_SEND = f"{_AUTH}gmail.send"
GMAIL_READ = f"{_AUTH}gmail.readonly"
GMAIL_COMPOSE = f"{_AUTH}gmail.compose"
GMAIL_MODIFY = f"{_AUTH}gmail.modify"
DRIVE_FILE = f"{_AUTH}drive.file"
DRIVE_METADATA = f"{_AUTH}drive.metadata.readonly"
DRIVE_READ = f"{_AUTH}drive.readonly"
DOCS_READ = f"{_AUTH}documents.readonly"
DOCS = f"{_AUTH}documents"
SHEETS_READ = f"{_AUTH}spreadsheets.readonly"
SHEETS = f"{_AUTH}spreadsheets"
TASKS_READ = f"{_AUTH}tasks.readonly"
TASKS = f"{_AUTH}tasks"
CONTACTS_READ = f"{_AUTH}contacts.readonly"
CONTACTS = f"{_AUTH}contacts"
OTHER_CONTACTS = f"{_AUTH}contacts.other.readonly"
DIRECTORY = f"{_AUTH}directory.readonly"
YOUTUBE_READ = f"{_AUTH}youtube.readonly"
YOUTUBE = f"{_AUTH}youtube"

COVERS: Mapping[str, frozenset[str]] = {
    EVENTS: frozenset({EVENTS_READ}),
    GMAIL_MODIFY: frozenset({GMAIL_READ, GMAIL_COMPOSE, GMAIL_SEND, GMAIL_LABELS}),
    GMAIL_COMPOSE: frozenset({GMAIL_SEND}),
    DRIVE_READ: frozenset({DRIVE_METADATA}),
    DOCS: frozenset({DOCS_READ}),
    SHEETS: frozenset({SHEETS_READ}),
    TASKS: frozenset({TASKS_READ}),
    CONTACTS: frozenset({CONTACTS_READ}),
    YOUTUBE: frozenset({YOUTUBE_READ}),
}
"""A scope that was granted is as good as these, for every method that our tools call."""

SERVICES = (
    Service(
        name="calendar",
        title="Google Calendar",
        read=Access(
            frozenset({CALENDAR_LIST, EVENTS_READ, FREE_BUSY}),
            "See your calendars, the events in them, and when people are free.",
        ),
        write=Access(frozenset({EVENTS}), "Add, change and cancel events, and invite people to them."),
    ),
    Service(
        name="gmail",
        title="Gmail",
        read=Access(
            frozenset({GMAIL_LABELS}),
            "See and edit the labels of your mail.",
            chat="See the labels of your mail.",
        ),
        write=Access(frozenset({GMAIL_SEND}), "Send mail as you."),
        later=(
            Access(frozenset({GMAIL_READ}), "Read all of your mail."),
            Access(frozenset({GMAIL_COMPOSE}), "See, write and send drafts of mail.", "write"),
            Access(frozenset({GMAIL_MODIFY}), "Read, label, file away and trash all of your mail.", "write"),
        ),
    ),
    Service(
        name="drive",
        title="Google Drive",
        read=Access(frozenset({DRIVE_FILE}), "See the files that were made or opened with Valet."),
        write=Access(frozenset({DRIVE_FILE}), "Make files, and change and share those made with Valet."),
        later=(
            Access(frozenset({DRIVE_METADATA}), "See the names of all files in your Drive."),
            Access(frozenset({DRIVE_READ}), "Read all files in your Drive."),
        ),
    ),
    Service(
        name="docs",
        title="Google Docs",
        read=Access(frozenset({DOCS_READ}), "Read your documents."),
        write=Access(frozenset({DOCS}), "Change your documents."),
    ),
    Service(
        name="sheets",
        title="Google Sheets",
        read=Access(frozenset({SHEETS_READ}), "Read your spreadsheets."),
        write=Access(frozenset({SHEETS}), "Change your spreadsheets."),
    ),
    Service(
        name="tasks",
        title="Google Tasks",
        read=Access(frozenset({TASKS_READ}), "See your tasks."),
        write=Access(frozenset({TASKS}), "Add, change and delete tasks."),
    ),
    Service(
        name="contacts",
        title="Google Contacts",
        read=Access(frozenset({CONTACTS_READ}), "Look people up in your contacts."),
        write=Access(frozenset({CONTACTS}), "Add and change contacts."),
        later=(
            Access(frozenset({OTHER_CONTACTS}), "See people you only wrote to."),
            Access(frozenset({DIRECTORY}), "See the directory of your organisation."),
        ),
    ),
    Service(
        name="youtube",
        title="YouTube",
        read=Access(frozenset({YOUTUBE_READ}), "See your YouTube playlists, and search videos."),
        write=Access(frozenset({YOUTUBE}), "Make playlists and add videos to them."),
    ),
)
