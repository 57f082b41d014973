"""No answer is larger than a model can read, whatever Google sends, and paging still reaches everything."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from providers.base import Account, App, TokenSet
from providers.google import CALENDAR_LIST, EVENTS
from providers.registry import PROVIDERS, Registry
from providers.transport import Transport
from tests.mcp_server.conftest import Serve
from tests.mcp_server.desk import chat, text_of

MOST = 30_000
SCOPES = frozenset({CALENDAR_LIST, EVENTS})
WIDE = '\\"ж' * 200


def calendars(count: int) -> dict[str, Any]:
    return {
        "items": [
            {
                "id": f"{number}-{'i' * 80}@group.calendar.google.com",
                "summary": f"{number} {WIDE}",
                "description": WIDE,
                "selected": True,
                "timeZone": "Europe/Lisbon",
                "accessRole": "owner",
            }
            for number in range(count)
        ]
    }


def event(calendar: str, number: int) -> dict[str, Any]:
    day = date(2027, 1, 1) + timedelta(days=number)
    return {
        "id": f"{calendar[:3]}{number}",
        "status": "x" * 500,
        "htmlLink": "https://www.google.com/" + "l" * 5000,
        "hangoutLink": "javascript:alert(1)",
        "summary": WIDE,
        "description": WIDE,
        "location": WIDE,
        "recurrence": ["R" * 1000] * 9,
        "start": {"date": day.isoformat()},
        "end": {"date": (day + timedelta(days=1)).isoformat()},
        "attendees": [
            {"email": f"{n}@{WIDE}", "displayName": WIDE, "responseStatus": "r" * 500} for n in range(30)
        ],
    }


class Wide:
    """A calendar API that says a lot. Page tokens are as long as they ever are."""

    def __init__(self, count: int, events: int = 12) -> None:
        self._list = calendars(count)
        self._events = events

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/calendarList"):
            return httpx2.Response(200, json=self._list)
        calendar = request.url.path.split("/")[-2]
        size = int(request.url.params["maxResults"])
        begin = int((request.url.params.get("pageToken") or "0").rstrip("t"))
        rows = [event(calendar, number) for number in range(begin, min(begin + size, self._events))]
        more = begin + size < self._events
        token = {"nextPageToken": f"{begin + size}{'t' * 250}"} if more else {}
        return httpx2.Response(200, json={"items": rows, **token})


async def asking(serve: Serve, upstream: Callable[[httpx2.Request], httpx2.Response], ask: Any) -> Any:
    registry = Registry(PROVIDERS, {"google": App("operator", "id")})
    async with serve(directory=registry, upstream=Transport(httpx2.MockTransport(upstream))) as desk:
        who = await desk.resident(("calendar:write",))
        tokens = TokenSet(SecretStr("a"), 3600, SecretStr("r"), SCOPES)
        account = Account("https://accounts.google.com", "1", "ana", nickname="ana")
        await desk.vault.save(who.user_id, "google", "operator", account, tokens, SCOPES, None)
        async with chat(desk, who) as client:
            return await ask(client)


def size(result: Any) -> int:
    assert not result.is_error, text_of(result)
    return len(result.model_dump_json(by_alias=True, exclude_none=True).encode())


@pytest.mark.parametrize("count", [0, 1, 30, 250])
async def test_calendars_come_in_pages_that_can_be_read(serve: Serve, count: int) -> None:
    async def ask(client: Any) -> None:
        seen: list[str] = []
        cursor: dict[str, str] = {}
        for _ in range(20):
            result = await client.call_tool("calendar_list_calendars", cursor)
            assert size(result) <= MOST
            assert result.structured_content["total"] == count
            seen += [row["id"] for row in result.structured_content["calendars"]]
            if "next_cursor" not in result.structured_content:
                break
            assert f"of {count} calendars" in text_of(result)
            cursor = {"cursor": result.structured_content["next_cursor"]}
        assert len(seen) == len(set(seen)) == count

    await asking(serve, Wide(count), ask)


@pytest.mark.parametrize(("count", "each"), [(1, 12), (3, 12), (10, 4), (25, 4)])
async def test_events_come_in_pages_that_can_be_read(serve: Serve, count: int, each: int) -> None:
    async def ask(client: Any) -> None:
        seen: list[tuple[str, str]] = []
        arguments: dict[str, Any] = {"start": "2027-01-01", "end": "2027-12-31", "limit": 50}
        for _ in range(200):
            result = await client.call_tool("calendar_search_events", arguments)
            assert size(result) <= MOST
            found = result.structured_content
            assert found["events"], "a page without events would end the paging"
            seen += [(row["calendar_id"], row["id"]) for row in found["events"]]
            if "cursor" not in arguments:
                assert len(found.get("not_searched", [])) == max(0, count - 10)
            if "next_cursor" not in found:
                break
            arguments["cursor"] = found["next_cursor"]
        assert len(seen) == len(set(seen)) == min(count, 10) * each

    await asking(serve, Wide(count, each), ask)


async def test_what_is_no_link_is_not_told(serve: Serve) -> None:
    async def ask(client: Any) -> None:
        result = await client.call_tool(
            "calendar_search_events", {"start": "2027-01-01", "end": "2027-12-31", "limit": 1}
        )
        [row] = result.structured_content["events"]
        assert not {"link", "meet_link"} & row.keys()
        assert "javascript" not in json.dumps(row)

    await asking(serve, Wide(1), ask)
