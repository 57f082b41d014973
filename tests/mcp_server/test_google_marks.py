"""Which tools of Google's ask their person first where that is wanted, and what a level lets a chat do."""

from __future__ import annotations

import pytest

from mcp_server.toolbox import Spec, asking, specs
from mcp_server.tools import MODULES
from providers.google import GOOGLE

SERVICES = {service.name: service for service in GOOGLE.services}
TOOLS: dict[str, Spec] = {name: spec for name, spec in specs(MODULES).items() if spec.service in SERVICES}

# What sends, shares, invites or deletes: what moves into a shared folder or is made there is shared, and an
# empty value deletes. An invitation that Google writes nobody about is one too.
ASK = {
    "calendar_create_event", "calendar_update_event", "calendar_delete_event", "calendar_respond_to_event",
    "gmail_send_draft", "gmail_send_message", "gmail_trash_thread",
    "drive_share_file", "drive_unshare_file", "drive_trash_file", "drive_update_file",
    "drive_create_file",
    "docs_edit", "sheets_clear_range", "sheets_update_range", "tasks_delete_task",
}  # fmt: skip

# Destructive by the protocol's word, which is any change that is no addition.
CHANGES = {
    "gmail_modify_labels": "labels can be put back, and nothing leaves the account",
    "tasks_update_task": "the answer says what it was",
    "contacts_save": "the answer says what it was",
}


@pytest.mark.parametrize("name", TOOLS)
def test_what_sends_shares_invites_or_deletes_asks(name: str) -> None:
    spec = TOOLS[name]
    assert not (spec.asks and name in CHANGES), "one reason or the other"
    assert spec.asks == (name in ASK), "a tool that asks stands in the list, and one that stands there asks"
    if spec.destructive:
        assert name in ASK | CHANGES.keys(), "a destructive tool asks, or it says here why it does not"
    if spec.asks:
        assert spec.access == "write" and not spec.app_only


def test_where_it_can_be_switched_on() -> None:
    assert TOOLS.keys() >= ASK | CHANGES.keys(), "a tool that is gone"
    assert asking(MODULES) == {name.partition("_")[0] for name in ASK}


@pytest.mark.parametrize("name", TOOLS)
def test_a_level_lets_a_chat_use_what_its_person_read_that_it_does(name: str) -> None:
    """Who lets a chat read reads what that may come to, also by scopes that are asked for later."""
    spec = TOOLS[name]
    assert spec.service is not None
    later = [access for each in GOOGLE.services for access in each.later if access.scopes & spec.needs]
    for access in later:
        assert access in SERVICES[spec.service].later, "the scope is another service's"
        assert spec.access == "write" or access.level == "read", (
            "a person who allowed reading did not read that"
        )
