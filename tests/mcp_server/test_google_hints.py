"""What Google's tools may do is what their hints say."""

from __future__ import annotations

from mcp_server.toolbox import specs
from mcp_server.tools import MODULES
from providers.google import GOOGLE

READING = {
    "calendar_list_calendars", "calendar_search_events", "calendar_get_event", "calendar_find_free_time",
    "gmail_search_threads", "gmail_get_thread", "gmail_get_attachment", "gmail_list_labels",
    "gmail_list_drafts", "drive_search_files", "drive_get_file", "drive_read_file", "docs_read",
    "sheets_get_spreadsheet",
    "sheets_read_range", "tasks_list_task_lists", "tasks_list_tasks", "contacts_search", "youtube_search",
    "youtube_get_videos", "youtube_list_playlist_items",
}  # fmt: skip
ADDING = {
    "calendar_create_event": True, "gmail_create_draft": False, "drive_create_file": False,
    "sheets_append_rows": False, "tasks_create_task": False, "youtube_add_to_playlist": False,
}  # fmt: skip
CHANGING = {
    "calendar_update_event": True, "calendar_delete_event": True, "calendar_respond_to_event": True,
    "gmail_modify_labels": True, "gmail_send_draft": False, "gmail_send_message": False,
    "gmail_trash_thread": True, "drive_update_file": True, "drive_share_file": False,
    "drive_unshare_file": True,
    "drive_trash_file": True, "docs_edit": False, "sheets_update_range": True, "sheets_clear_range": True,
    "tasks_update_task": True,
    "tasks_delete_task": True, "contacts_save": False,
}  # fmt: skip
"""What adds only, and what replaces, removes or goes out; and whether a second call changes nothing more."""

SERVICES = {service.name for service in GOOGLE.services}


TOOLS = {name: spec for name, spec in specs(MODULES).items() if spec.service in SERVICES}


def test_all_of_googles_tools_are_there() -> None:
    assert set(TOOLS) == {*READING, *ADDING, *CHANGING}
    assert len(TOOLS) == 44


def test_their_hints() -> None:
    for name, spec in TOOLS.items():
        assert spec.read_only is (name in READING), name
        assert spec.destructive is (name in CHANGING), name
        assert spec.idempotent is {**dict.fromkeys(READING, True), **ADDING, **CHANGING}[name], name
        assert spec.open_world, name
        assert spec.access == ("read" if name in READING else "write"), name
