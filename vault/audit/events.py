"""The closed list of what is written down. docs/audit.md explains each; a test holds it to this file."""

from __future__ import annotations

from typing import Literal, get_args

Event = Literal[
    # a worker
    "worker_started",
    "worker_stopped",
    # a person at their browser
    "signed_in",
    "signin_refused",
    "page_refused",
    "signed_out_everywhere",
    "identity_linked",
    "identity_removed",
    "exported",
    "deleted",
    # what a chat may do
    "chat_allowed",
    "chat_denied",
    "chat_raised",
    "chat_cut_off",
    "call_approved",
    "call_declined",
    "asks_changed",
    "tokens_issued",
    "tokens_refreshed",
    "tokens_revoked",
    "tokens_refused",
    "token_made",
    "token_ended",
    # accounts at providers
    "connected",
    "disconnected",
    "refresh",
    "app_added",
    "app_changed",
    "app_removed",
    "file_downloaded",
    "file_uploaded",
    # at /mcp
    "tool_called",
    "bearer_refused",
    # anywhere
    "rate_limited",
    # whoever runs this Valet
    "setup_opened",
    "setup_refused",
    "setup_app_saved",
    "setup_app_removed",
    "guest_added",
    "guest_removed",
    "person_blocked",
    "person_unblocked",
    "link_made",
    "key_operation",
    "pruned",
]

EVENTS: frozenset[str] = frozenset(get_args(Event))

DENIALS: frozenset[str] = frozenset(
    {"signin_refused", "page_refused", "tokens_refused", "bearer_refused", "rate_limited", "setup_refused"}
)
"""Somebody was turned away. The first of a kind is written at once; the same again is counted for a while."""

LATER: frozenset[str] = frozenset({"tool_called", "refresh", "worker_started", "worker_stopped"})
"""What nobody waits for: written together with others, within a second. But for a call that was refused."""

REFUSED_CALLS: frozenset[str] = frozenset({"not_allowed"})
"""Outcomes of `tool_called` that are denials."""


def denied(event: str, outcome: str) -> bool:
    """Whether that is somebody being turned away."""
    return event in DENIALS or (event == "tool_called" and outcome in REFUSED_CALLS)


def later(event: str, outcome: str) -> bool:
    """Whether an answer may go out before that is written."""
    return event in LATER and not denied(event, outcome)
