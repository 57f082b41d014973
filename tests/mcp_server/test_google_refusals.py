"""What may stand in the way of a tool of Google's: every call of the tables that are put together here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mcp_server import toolbox
from mcp_server.toolbox import Spec
from mcp_server.tools import MODULES
from providers.google import GOOGLE
from tests.mcp_server import mailbox
from tests.mcp_server import test_calendar_reading as calendar
from tests.mcp_server import test_contacts as contacts
from tests.mcp_server import test_docs_read as docs
from tests.mcp_server import test_drive_finding as drive
from tests.mcp_server import test_gmail_reading as gmail
from tests.mcp_server import test_sheets_read as sheets
from tests.mcp_server import test_tasks_lists as tasks
from tests.mcp_server import test_youtube as youtube
from tests.mcp_server.desk import GOOGLE_LATER, GOOGLE_UPSTREAM, code_of, text_of
from tests.mcp_server.hall import Hall

Calls = dict[str, dict[str, Any]]
TABLES: dict[str, Callable[[Hall], Calls]] = {
    "calendar": calendar.calls,
    "contacts": contacts.calls,
    "drive": drive.calls,
    "gmail": gmail.calls,
    "docs": docs.calls,
    "sheets": sheets.calls,
    "tasks": tasks.calls,
    "youtube": youtube.calls,
}
HOSTS = {
    "calendar": "www.googleapis.com/calendar",
    "contacts": "people.googleapis.com",
    "drive": "www.googleapis.com",
    "docs": "docs.googleapis.com",
    "gmail": "gmail.googleapis.com",
    "sheets": "sheets.googleapis.com",
    "tasks": "tasks.googleapis.com",
    "youtube": "youtube.googleapis.com",
}


UPSTREAM = {"gmail": mailbox.UPSTREAM}
"""What its account has allowed, where that is more than what connecting asks for."""


def allowed(service: str) -> frozenset[str]:
    return UPSTREAM.get(service, GOOGLE_UPSTREAM)


@pytest.fixture(params=sorted(TABLES))
def service(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def specs(service: str) -> dict[str, Spec]:
    """What is said of a service's tools; no schema is made for it."""
    return {name: spec for name, spec in toolbox.specs(MODULES).items() if spec.service == service}


async def test_no_tool_is_left_out_and_each_says_what_it_lacks(hall: Hall, service: str) -> None:
    """Before anything is sent."""
    calls, known = TABLES[service](hall), specs(service)
    assert calls.keys() == known.keys()
    assert TABLES.keys() == {each.name for each in GOOGLE.services}
    for scope in sorted(frozenset().union(*(spec.needs for spec in known.values()))):
        rest = frozenset(each for each in allowed(service) if scope not in GOOGLE.widened({each}))
        async with hall.chat("ana", provider="google", upstream=rest) as client:
            for name in [name for name in calls if scope in known[name].needs]:
                result = await client.call_tool(name, calls[name])
                assert code_of(result) == "scope_missing", (name, scope)
                assert result.meta["valet/connect"]["provider"] == "google"
    assert hall.judge.calls == []


async def test_what_a_tool_says_it_needs_is_enough(hall: Hall, service: str) -> None:
    """A call is done with those scopes and no others; the judge holds them to each request."""
    calls, known = TABLES[service](hall), specs(service)
    for needs in sorted({spec.needs for spec in known.values()}, key=sorted):
        async with hall.chat("ana", provider="google", upstream=frozenset(needs)) as client:
            for name in [name for name in calls if known[name].needs == needs]:
                result = await client.call_tool(name, calls[name])
                assert not result.is_error, (name, text_of(result))


async def test_a_chat_that_may_only_look_is_shown_no_more(hall: Hall, service: str) -> None:
    async with hall.chat("ana", provider="google", scopes=(f"{service}:read",)) as client:
        listed = {tool.name for tool in (await client.list_tools()).tools}
    reading = {name for name, spec in specs(service).items() if spec.access == "read"}
    assert {name for name in listed if name.startswith(f"{service}_")} == reading


async def test_limits_short_and_long_and_a_grant_that_has_died(hall: Hall, service: str) -> None:
    """A short limit is waited for once, a long one is told."""
    calls, every = TABLES[service](hall), f"* {HOSTS[service]}/*"
    async with hall.chat("ana", provider="google", upstream=allowed(service)) as client:
        for name, arguments in calls.items():
            hall.fault(every, status=429, retry_after=2)
            result = await client.call_tool(name, arguments)
            assert not result.is_error, (name, text_of(result))
            assert hall.desk.pauses.pop() == 2.0, name
        calls = TABLES[service](hall)
        hall.fault(every, status=429, retry_after=600, times=None)
        for name, arguments in calls.items():
            result = await client.call_tool(name, arguments)
            assert code_of(result) == "rate_limited", name
            assert result.meta["valet/error"]["retry_after"] > 590
        hall.emulator.clear_faults()
        hall.emulator.revoke("ana", upstream="google")
        for name, arguments in calls.items():
            result = await client.call_tool(name, arguments)
            assert code_of(result) == "reauth_required", name
            assert result.meta["valet/connect"]["provider"] == "google"


async def test_what_is_not_there_is_told_as_that(hall: Hall, service: str) -> None:
    """Whatever a tool is told by an id: one that nothing has is never a success, nor a fault of ours."""
    calls, nowhere = TABLES[service](hall), "nothing0has0this0id0at0all0000000000000000000"
    async with hall.chat("ana", provider="google", upstream=GOOGLE_UPSTREAM | GOOGLE_LATER) as client:
        listed = {tool.name: tool.input_schema["properties"] for tool in (await client.list_tools()).tools}
        for name, arguments in calls.items():
            for one in [key for key in listed[name] if key.endswith(("_id", "_ids", "resource_name"))]:
                wrong = {one: [nowhere] if one.endswith("s") else nowhere}
                result = await client.call_tool(name, {**arguments, **wrong})
                assert result.is_error, (name, one)
                assert code_of(result) in {"not_found", "invalid_argument", "conflict"}, (name, one)


async def test_strange_arguments_are_named(hall: Hall, service: str) -> None:
    calls = TABLES[service](hall)
    async with hall.chat("ana", provider="google", upstream=allowed(service)) as client:
        listed = {tool.name: tool.input_schema["properties"] for tool in (await client.list_tools()).tools}
        for name, arguments in calls.items():
            strange: list[dict[str, Any]] = [{"user_id": "ben"}, {"account": "ben"}, {"account": "\u202e"}]
            strange += [{"limit": 0}] if "limit" in listed[name] else []
            strange += [{"cursor": "z7"}] if "cursor" in listed[name] else []
            for wrong in strange:
                result = await client.call_tool(name, {**arguments, **wrong})
                assert code_of(result) == "invalid_argument", (name, wrong)
                assert next(iter(wrong)) in text_of(result)
    assert hall.judge.calls == []
