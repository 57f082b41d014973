"""Every call leaves a note: the tool, the account, how it ended; never what was asked or answered."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from types import ModuleType

import pytest
from mcp.shared.exceptions import MCPError

from tests.mcp_server import oddtools
from tests.mcp_server.conftest import Serve
from tests.mcp_server.desk import MODERN, Browser, Desk, Resident, chat
from tests.mcp_server.oddtools import CANARY
from vault.store.activity import Activity, Entry, Note
from vault.store.database import Database

ODD: tuple[ModuleType, ...] = (oddtools,)
ERAS = pytest.mark.parametrize("mode", [MODERN, "legacy"])


async def notes(desk: Desk, who: Resident) -> list[Entry]:
    await desk.diary.flush()
    return [entry async for entry in desk.activity.all(who.user_id)]


@ERAS
async def test_a_call_is_noted_with_its_account_and_its_chat(serve: Serve, mode: str) -> None:
    async with serve() as desk:
        who = await desk.ready()
        await desk.connect(who, label="work")
        async with chat(desk, who, mode) as client:
            await client.call_tool("spotify_get_playback", {})
            await client.call_tool("spotify_get_playback", {"account": "WORK"})
            await client.call_tool("connections_list", {})
        entries = await notes(desk, who)
    assert sorted((each.action, each.provider or "", each.account or "") for each in entries) == [
        ("connections_list", "", ""),
        ("spotify_get_playback", "spotify", "private"),
        ("spotify_get_playback", "spotify", "work"),
    ]
    for each in entries:
        assert (each.grant_id, each.client_id, each.client_name) == (who.grant_id, who.client_id, "Chat")
        assert (each.client_kind, each.redirect_uri) == ("dcr", "http://localhost/cb")
        assert each.outcome == "ok"
        assert each.milliseconds is not None and 0 <= each.milliseconds < 60_000


async def test_a_disconnect_is_noted_with_the_account_that_it_ended(serve: Serve) -> None:
    async with serve() as desk:
        who = await desk.resident()
        await desk.connect(who, label="work")
        async with chat(desk, who) as client:
            await client.call_tool("connections_disconnect", {"connection": "work"})
            await client.call_tool("connections_disconnect", {"connection": "work"})
        [again, ended] = await notes(desk, who)
    assert (ended.action, ended.provider, ended.account, ended.outcome) == (
        "connections_disconnect",
        "spotify",
        "work",
        "ok",
    )
    assert (again.account, again.outcome) == (None, "not_found")


async def test_a_failure_is_noted_by_its_code(serve: Serve) -> None:
    async with serve(modules=ODD) as desk:
        who = await desk.ready(frozenset({"spotify:read"}))
        async with chat(desk, who) as client:
            for how in ("not_found", "premium", "crash"):
                await client.call_tool("odd_fail", {"how": how})
            await client.call_tool("odd_strict", {"count": CANARY})
            with pytest.raises(MCPError):
                await client.call_tool("odd_act", {})
            with pytest.raises(MCPError):
                await client.call_tool(f"odd_{CANARY}", {})
        entries = await notes(desk, who)
    assert sorted((each.action, each.outcome) for each in entries) == [
        ("odd_act", "not_allowed"),
        ("odd_fail", "not_found"),
        ("odd_fail", "premium_required"),
        ("odd_fail", "provider_error"),
        ("odd_strict", "invalid_argument"),
    ], "a tool that does not exist is a stranger's word, and not noted"


@ERAS
async def test_a_question_to_the_person_is_noted_as_one(serve: Serve, mode: str) -> None:
    async with serve() as desk:
        who = await desk.resident()
        async with chat(desk, who, mode, Browser("decline")) as client:
            with suppress(MCPError):
                await client.call_tool("spotify_get_playback", {})
        entries = await notes(desk, who)
    assert "input_required" in {each.outcome for each in entries}
    assert {each.account for each in entries} == {None}


async def test_nothing_said_is_ever_noted(serve: Serve, own_database: Database) -> None:
    async with serve() as desk:
        who = await desk.ready()
        async with chat(desk, who) as client:
            await client.call_tool("spotify_search", {"query": CANARY})
            await client.call_tool("spotify_get_playback", {"account": CANARY})
            await client.call_tool("spotify_play", {"query": CANARY, CANARY: CANARY})
            await client.call_tool("connections_disconnect", {"connection": CANARY})
        assert len(await notes(desk, who)) == 4
    async with own_database.connection() as link:
        rows = await (await link.execute("SELECT a::text FROM activity a")).fetchall()
    assert len(rows) >= 4
    assert not [row for (row,) in rows if CANARY in row]


async def test_a_call_that_nobody_waits_for_is_noted_too(serve: Serve) -> None:
    held = asyncio.Event()

    async with serve() as desk:
        who = await desk.ready()

        async def hang(*_: object, **__: object) -> None:
            held.set()
            await asyncio.Event().wait()

        desk.app.server._ladder.resume = hang  # type: ignore[method-assign,assignment]
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "name": "spotify_get_playback", "arguments": {}, "_meta": {
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientCapabilities": {},
            }}}  # fmt: skip
        call = asyncio.create_task(
            desk.post(
                body, token=who.token,
                headers={"mcp-protocol-version": MODERN, "mcp-method": "tools/call",
                         "mcp-name": "spotify_get_playback"},
            )
        )  # fmt: skip
        await asyncio.wait_for(held.wait(), 10)
        call.cancel()
        await asyncio.wait({call})
        [entry] = await _some(desk, who)
    assert entry.outcome == "cancelled"


async def _some(desk: Desk, who: Resident) -> list[Entry]:
    while not (entries := await notes(desk, who)):
        await asyncio.sleep(0.01)
    return entries


async def test_a_note_that_cannot_be_kept_costs_the_call_nothing(
    serve: Serve, own_database: Database
) -> None:
    class Broken(Activity):
        async def write(self, notes: Sequence[Note]) -> None:
            raise RuntimeError("no disk")

    async with serve(activity=Broken(own_database)) as desk:
        who = await desk.ready()
        async with chat(desk, who) as client:
            for _ in range(2):
                assert not (await client.call_tool("spotify_get_playback", {})).is_error
        assert await notes(desk, who) == []
