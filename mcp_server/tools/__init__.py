"""The tools, one line per module; the order is the order in which a model sees them.

This room owns what a model can ask for: names, descriptions, arguments, typed answers.

It refuses identities as arguments, permanent deletion, and prose of ours mixed with content of others.
"""

from __future__ import annotations

from types import ModuleType

from mcp_server.tools import connections
from mcp_server.tools.google.calendar import agenda, calendars
from mcp_server.tools.google.calendar import create as event_create
from mcp_server.tools.google.calendar import delete as event_delete
from mcp_server.tools.google.calendar import details as event_details
from mcp_server.tools.google.calendar import free as free_time
from mcp_server.tools.google.calendar import respond as event_respond
from mcp_server.tools.google.calendar import update as event_update
from mcp_server.tools.google.contacts import saving as contact_saving
from mcp_server.tools.google.contacts import search as contact_search
from mcp_server.tools.google.docs import editing as doc_editing
from mcp_server.tools.google.docs import reading as doc_reading
from mcp_server.tools.google.drive import changing as file_changing
from mcp_server.tools.google.drive import detail as file_detail
from mcp_server.tools.google.drive import making as file_making
from mcp_server.tools.google.drive import reading as file_reading
from mcp_server.tools.google.drive import search as file_search
from mcp_server.tools.google.drive import sharing as file_sharing
from mcp_server.tools.google.gmail import attachment as gmail_attachment
from mcp_server.tools.google.gmail import drafts as gmail_drafts
from mcp_server.tools.google.gmail import labels as gmail_labels
from mcp_server.tools.google.gmail import search as gmail_search
from mcp_server.tools.google.gmail import send as gmail_send
from mcp_server.tools.google.gmail import thread as gmail_thread
from mcp_server.tools.google.gmail import trash as gmail_trash
from mcp_server.tools.google.sheets import books as sheet_books
from mcp_server.tools.google.sheets import reading as sheet_reading
from mcp_server.tools.google.sheets import writing as sheet_writing
from mcp_server.tools.google.tasks import changes as task_changes
from mcp_server.tools.google.tasks import listing as task_lists
from mcp_server.tools.google.tasks import removal as task_removal
from mcp_server.tools.google.youtube import adding as youtube_adding
from mcp_server.tools.google.youtube import playlists as youtube_playlists
from mcp_server.tools.google.youtube import search as youtube_search
from mcp_server.tools.google.youtube import videos as youtube_videos
from mcp_server.tools.spotify import (
    card,
    catalogue,
    control,
    edits,
    library,
    listening,
    making,
    options,
    play,
    player,
    playlists,
    queue,
    removal,
    search,
    transfer,
)

MODULES: tuple[ModuleType, ...] = (
    connections,
    search,
    catalogue,
    listening,
    library,
    playlists,
    making,
    edits,
    removal,
    player,
    play,
    control,
    options,
    transfer,
    queue,
    card,
    calendars,
    agenda,
    event_details,
    free_time,
    event_create,
    event_update,
    event_delete,
    event_respond,
    gmail_search,
    gmail_thread,
    gmail_attachment,
    gmail_labels,
    gmail_drafts,
    gmail_send,
    gmail_trash,
    file_search,
    file_detail,
    file_reading,
    file_making,
    file_changing,
    file_sharing,
    doc_reading,
    doc_editing,
    sheet_books,
    sheet_reading,
    sheet_writing,
    task_lists,
    task_changes,
    task_removal,
    contact_search,
    contact_saving,
    youtube_search,
    youtube_videos,
    youtube_playlists,
    youtube_adding,
)
