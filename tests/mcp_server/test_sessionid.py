"""The signed id of legacy clients: what it says, and whom it believes."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from mcp_server.call import Call, Host
from mcp_server.sessionid import SessionIds
from tests.mcp_server.conftest import Serve
from tests.mcp_server.desk import RESOURCE, Desk, Resident
from vault.ids import new_id
from vault.store.callers import Principal

URL = {"elicitation": {"form": {}, "url": {}}}
PROTOCOL = "2025-11-25"
UI = {"extensions": {"io.modelcontextprotocol/ui": {}}}


def call_of(client_id: str = "client", user: Any = None) -> Call:
    principal = Principal(
        user or new_id(), client_id, "Chat", new_id(), frozenset(), RESOURCE, datetime.now(UTC)
    )

    async def recheck() -> Principal | None:
        return principal

    return Call(principal, recheck)


async def nowhere(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError


def ids(now: float = 1_000.0, key: bytes = b"s" * 32) -> SessionIds:
    return SessionIds(nowhere, key, clock=lambda: now)


@pytest.mark.parametrize("host", [Host(), Host(url=True), Host(ui=True), Host(url=True, ui=True)])
def test_it_says_again_what_it_was_told(host: Host) -> None:
    call = call_of()
    written = ids().write(host, PROTOCOL, call)
    assert ids().read(written, call) == ids().read(written, call, PROTOCOL) == host
    assert re.fullmatch(r"[\x21-\x7e]{40,200}", written)
    assert str(call.principal.user_id) not in written
    assert written != ids().write(host, PROTOCOL, call)


def test_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    call = call_of()
    written = ids(now=0).write(Host(url=True), PROTOCOL, call)
    month = 30 * 24 * 3600
    assert ids(now=month).read(written, call) == Host(url=True)
    assert ids(now=month + 1).read(written, call) is None


def test_it_belongs_to_one_person_and_one_client() -> None:
    call = call_of()
    written = ids().write(Host(url=True), PROTOCOL, call)
    assert ids().read(written, call_of()) is None
    assert ids().read(written, call_of("another", call.principal.user_id)) is None
    assert ids(key=b"t" * 32).read(written, call) is None


def test_whatever_else_comes_is_ignored() -> None:
    call = call_of()
    written = ids().write(Host(), PROTOCOL, call)
    version, protocol, _, expiry, nonce, mac = written.split(".")
    for forged in (
        "",
        "." * 4,
        "v2.2025-11-25.u.9999999999.x.",
        f"{version}.{protocol}.u.{expiry}.{nonce}.{mac}",
        f"{version}.{protocol}.-.9999999999.{nonce}.{mac}",
        f"{version}.2025-06-18.-.{expiry}.{nonce}.{mac}",
        f"v1.{protocol}.-.{expiry}.{nonce}.{mac}",
        written[:-1],
        written + "x",
        "é" * 50,
        "x" * 5_000,
    ):
        assert ids().read(forged, call) is None


def test_it_says_which_protocol_was_agreed_on() -> None:
    call = call_of()
    for protocol, opens in (("2025-11-25", True), ("2025-06-18", False), ("2024-11-05", False)):
        written = ids().write(Host(url=True, ui=True), protocol, call)
        assert ids().read(written, call) == Host(url=opens, ui=True), "links are opened since 2025-11-25"
        assert ids().read(written, call, "2025-03-26") is None, "it is of another session"


async def initialize(
    desk: Desk, who: Resident, capabilities: dict[str, Any], protocol: str = PROTOCOL
) -> Any:
    params = {
        "protocolVersion": protocol,
        "capabilities": capabilities,
        "clientInfo": {"name": "chat", "version": "1"},
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    return await desk.post(body, token=who.token)


async def ask(desk: Desk, who: Resident, session: str | None, protocol: str | None = PROTOCOL) -> Any:
    body = {
        "jsonrpc": "2.0",
        "id": 2,
        "method": "tools/call",
        "params": {"name": "spotify_get_playback", "arguments": {}},
    }
    headers = {"mcp-protocol-version": protocol} if protocol else {}
    headers |= {"mcp-session-id": session} if session else {}
    response = await desk.post(body, token=who.token, headers=headers)
    assert response.status_code == 200
    return response.json()


async def test_on_the_wire(serve: Serve) -> None:
    async with serve() as desk:
        who, other = await desk.resident(), await desk.resident()
        with_url = (await initialize(desk, who, URL)).headers["mcp-session-id"]
        without = (await initialize(desk, who, UI)).headers["mcp-session-id"]
        assert (await ask(desk, who, with_url))["error"]["code"] == -32042
        for session in (without, None, "made-up", with_url[:-3] + "abc"):
            assert (await ask(desk, who, session))["result"]["isError"] is True
        # Somebody else's id is ignored, and it signs nobody in.
        assert (await ask(desk, other, with_url))["result"]["isError"] is True
        headers = {"mcp-session-id": with_url}
        assert (
            await desk.post({"jsonrpc": "2.0", "id": 1, "method": "ping"}, headers=headers)
        ).status_code == 401


@pytest.mark.parametrize(
    ("asked", "agreed", "opens"),
    [
        ("2025-11-25", "2025-11-25", True),
        ("2025-06-18", "2025-06-18", False),
        ("1999-01-01", "2025-11-25", True),
    ],
)
async def test_what_counts_is_what_was_agreed_on(serve: Serve, asked: str, agreed: str, opens: bool) -> None:
    async with serve() as desk:
        who = await desk.resident()
        begun = await initialize(desk, who, URL, asked)
        assert begun.json()["result"]["protocolVersion"] == agreed
        session = begun.headers["mcp-session-id"]
        assert session.split(".")[1] == agreed
        # Some clients leave the header out on later calls.
        answer = await ask(desk, who, session, None)
        assert ("error" in answer) is opens
        assert "error" not in await ask(desk, who, session, "2025-03-26")


async def test_any_worker_reads_what_another_wrote(serve: Serve) -> None:
    async with serve() as one, serve() as other:
        who, stranger = await one.resident(), await one.resident()
        session = (await initialize(one, who, URL)).headers["mcp-session-id"]
        assert (await ask(other, who, session))["error"]["code"] == -32042
        assert (await ask(other, stranger, session))["result"]["isError"] is True


async def test_an_id_that_ran_out_or_is_foreign_is_never_a_404(serve: Serve) -> None:
    async with serve() as desk:
        who, other = await desk.resident(), await desk.resident()
        foreign = (await initialize(desk, other, URL)).headers["mcp-session-id"]
        old = ids(now=0).write(Host(url=True), PROTOCOL, call_of(who.client_id, who.user_id))
        for session in (foreign, old, "x" * 500):
            answer = await ask(desk, who, session)
            assert "/connect/spotify?h=" in answer["result"]["content"][0]["text"]


async def test_only_initialize_gets_one(serve: Serve) -> None:
    async with serve() as desk:
        who = await desk.resident()
        tricky = {
            "jsonrpc": "2.0",
            "id": 2,
            "method": "tools/call",
            "params": {"name": "spotify_search", "arguments": {"query": '"initialize"'}},
        }
        response = await desk.post(tricky, token=who.token)
        broken = await initialize(desk, who, {"elicitation": "all of it"})
    assert "mcp-session-id" not in response.headers
    assert "mcp-session-id" not in broken.headers
