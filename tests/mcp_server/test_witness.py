"""What happens at /mcp stands in the audit: refusals before their answer goes out, calls behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse

from connect.address import Proxies
from mcp_server.buckets import Buckets
from tests.mcp_server.conftest import Serve
from tests.mcp_server.desk import MODERN, PUBLIC, Desk, Resident, chat
from valet.doors import Doors
from vault.audit.audit import Audit
from vault.audit.row import Row
from vault.store.audit import AuditRows
from vault.store.database import Database
from vault.vault import Vault

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
NEVER = 3600.0


def call(tool: str) -> dict[str, Any]:
    return {
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": tool, "arguments": {"query": "x"}},
    }  # fmt: skip


class Gated(AuditRows):
    """A table that takes nothing before it is let."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.let = asyncio.Event()
        self.asked = asyncio.Event()
        self.kept: list[Row] = []

    async def append(self, rows: Sequence[Row]) -> None:
        self.asked.set()
        await self.let.wait()
        await super().append(rows)
        self.kept += rows


class Port:
    """One port of a Valet whose audit is gated, as the composition root puts it together."""

    def __init__(self, desk: Desk, audit: Audit, table: Gated) -> None:
        self.desk, self.audit, self.table = desk, audit, table
        doors = Doors(desk.app.endpoint, _sidecar, _fresh, audit, Proxies.read(["127.0.0.1"]))
        self.http = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(Starlette(routes=[doors])), base_url=PUBLIC, timeout=60
        )

    async def post(self, body: object, token: str, **headers: str) -> httpx2.Response:
        given = {
            "accept": "application/json, text/event-stream",
            "authorization": f"Bearer {token}",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return await self.http.post("/mcp", json=body, headers=given)

    async def rows(self, event: str) -> list[Row]:
        await self.audit.flush()
        return [row for row in self.table.kept if row.event == event]


async def _fresh() -> None:
    return


async def _sidecar(scope: Any, receive: Any, send: Any) -> None:
    await PlainTextResponse("sidecar")(scope, receive, send)


@pytest.fixture
def opened(serve: Serve, own_database: Database, vault: Vault) -> Any:
    @asynccontextmanager
    async def port(**more: Any) -> AsyncIterator[Port]:
        table = Gated(own_database)
        table.let.set()
        audit = Audit(table, gather=NEVER, patience=NEVER)
        audit.begin(vault)
        await audit.flush()
        async with serve(audit=audit, **more) as desk:
            port = Port(desk, audit, table)
            async with port.http:
                yield port
        await audit.close()

    return port


async def test_a_refused_token_is_written_before_the_answer(opened: Any) -> None:
    async with opened() as port:
        port.table.let.clear()
        port.table.asked.clear()
        answer = asyncio.create_task(port.post(LIST, "vlt_at_canary"))
        await port.table.asked.wait()
        await asyncio.wait({answer}, timeout=0.05)
        assert not answer.done(), "its row is not there yet"
        port.table.let.set()
        assert (await answer).status_code == 401
        [row] = [row for row in port.table.kept if row.event == "bearer_refused"]
        assert (row.outcome, row.detail, row.person, row.client) == ("refused", "unknown", None, None)
        assert row.address is not None and len(row.address) == 16


async def test_a_call_that_the_chat_may_not_make_is_written_before_the_answer(opened: Any) -> None:
    """The tool runs in tasks of the SDK's own: what it notes belongs to the request all the same."""
    async with opened() as port:
        who = await port.desk.resident(["spotify:read"])
        await port.desk.connect(who)
        port.table.let.clear()
        port.table.asked.clear()
        answer = asyncio.create_task(_called(port, who, "spotify_play"))
        await port.table.asked.wait()
        await asyncio.wait({answer}, timeout=0.05)
        assert not answer.done()
        port.table.let.set()
        assert (await answer).status_code == 403
        [row] = [row for row in port.table.kept if row.event == "tool_called"]
        assert (row.tool, row.outcome, row.provider) == ("spotify_play", "not_allowed", "spotify")
        assert None not in (row.person, row.client, row.address)


async def _called(port: Port, who: Resident, tool: str) -> httpx2.Response:
    seen: list[httpx2.Response] = []

    async def note(response: httpx2.Response) -> None:
        seen.append(response)

    port.http.event_hooks["response"] = [note]
    return await port.post(call(tool), who.token, mcp_protocol_version="2025-11-25")


async def test_a_call_waits_for_no_row(opened: Any) -> None:
    async with opened() as port:
        who = await port.desk.ready()
        port.table.let.clear()
        async with chat(port.desk, who, MODERN) as client:
            for _ in range(3):
                await client.call_tool("spotify_get_playback", {})
        assert port.table.kept[-1].event == "worker_started", "nothing was written yet, and all is answered"
        port.table.let.set()
        rows = await port.rows("tool_called")
        assert [(row.tool, row.outcome, row.provider) for row in rows] == [
            ("spotify_get_playback", "ok", "spotify")
        ] * 3
        assert len({(row.person, row.client) for row in rows}) == 1
        assert len({row.batch for row in rows}) == 1


async def test_it_is_the_persons_address_and_not_the_proxys(opened: Any) -> None:
    async with opened() as port:
        who = await port.desk.resident([])
        for address in ("198.51.100.1", "198.51.100.2", "198.51.100.1"):
            await port.post(call("spotify_play"), who.token, x_forwarded_for=address)
        for address in ("198.51.100.1", "203.0.113.9"):
            await port.post(LIST, "vlt_at_canary", x_forwarded_for=address)
        calls, refused = await port.rows("tool_called"), await port.rows("bearer_refused")
        assert sorted(row.times for row in calls) == [1, 1, 1]
        assert len({row.address for row in calls}) == 2
        assert len({row.address for row in refused}) == 2
        assert not {row.address for row in calls} & {row.address for row in refused}
        assert "198.51" not in str(port.table.kept)


async def test_why_a_token_was_refused(serve: Serve) -> None:
    async with serve() as desk:
        elsewhere = await desk.resident(resource="https://other.example/mcp")
        await desk.post(LIST, token=elsewhere.token)
        await desk.post(LIST, token="two words")
        await desk.post(LIST, token="x" * 43)
        await desk.post(LIST)
    assert [said["detail"] for said in desk.witness.of("bearer_refused")] == [
        "audience",
        "malformed",
        "unknown",
    ]
    assert desk.witness.events == ["bearer_refused"] * 3, "who brings no token is refused nothing"


async def test_a_chat_that_asks_too_much(serve: Serve) -> None:
    async with serve(buckets=Buckets(burst=1, per_second=0.001)) as desk:
        who = await desk.resident()
        for _ in range(2):
            await desk.post(LIST, token=who.token)
    assert desk.witness.told == [
        (
            "rate_limited",
            {"outcome": "refused", "user_id": who.user_id, "client_id": who.client_id, "detail": "calls"},
        )
    ]


async def test_a_disconnect_by_a_chat(serve: Serve) -> None:
    async with serve() as desk:
        who = await desk.ready()
        async with chat(desk, who) as client:
            await client.call_tool("connections_disconnect", {"connection": "private"})
    assert desk.witness.told == [
        ("disconnected", {"user_id": who.user_id, "client_id": who.client_id, "provider": "spotify"})
    ]
