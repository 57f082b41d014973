"""One SELECT a call: the token's row brings the account that the call is about, for a moment."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from mcp.shared.exceptions import MCPError

import mcp_server.bearer
import mcp_server.call
from tests.mcp_server.conftest import Serve
from tests.mcp_server.desk import MODERN, Browser, Desk, Resident, chat
from tests.mcp_server.spotifydouble import device, track
from vault.opaque import digest
from vault.store.callers import Caller, Callers
from vault.store.database import Database

BEFORE = "2025-11-25"
ERAS = pytest.mark.parametrize("era", [MODERN, BEFORE])
LOOK = "spotify_get_playback"


async def asked(desk: Desk, who: Resident, era: str, tool: str, **arguments: Any) -> dict[str, Any]:
    """The result of one bare request, for a client of the SDK's makes more of them."""
    params: dict[str, Any] = {"name": tool, "arguments": arguments}
    headers = {"mcp-protocol-version": era}
    if era == MODERN:
        params["_meta"] = {
            "io.modelcontextprotocol/protocolVersion": era,
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        headers |= {"mcp-method": "tools/call", "mcp-name": tool}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    result: dict[str, Any] = (await desk.post(body, token=who.token, headers=headers)).json()["result"]
    return result


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was read of tokens and of connections, statement by statement."""
    seen: list[str] = []
    execute = psycopg.AsyncCursor.execute

    async def counted(self: psycopg.AsyncCursor[Any], query: Any, *given: Any, **more: Any) -> Any:
        if query.startswith(("SELECT", "WITH")) and ("access_tokens" in query or "connections" in query):
            seen.append(query)
        return await execute(self, query, *given, **more)

    monkeypatch.setattr(psycopg.AsyncCursor, "execute", counted)
    return seen


@ERAS
async def test_a_call_is_one_select(serve: Serve, reads: list[str], era: str) -> None:
    async with serve() as desk:
        desk.spotify.devices = [device("Kitchen", active=True)]
        who = await desk.ready()
        desk.spotify.found = {"track": [track("Despacito", "Luis Fonsi")]}
        for name, arguments in (
            (LOOK, {}),
            ("spotify_play", {"query": "Despacito"}),
            (LOOK, {"account": ""}),
        ):
            reads.clear()
            result = await asked(desk, who, era, name, **arguments)
            assert not result["isError"] and len(reads) == 1, name
        reads.clear()
        result = await asked(desk, who, era, LOOK, account="private")
        assert not result["isError"] and len(reads) == 2, "a label is looked up"


async def test_both_default_accounts_come_with_the_token(serve: Serve) -> None:
    async with serve(google=True) as desk:
        who = await desk.ready()
        second = await desk.connect(who, label="second", token="other-token")
        google = await desk.connect(who, provider="google", scopes=frozenset({"openid"}))
        caller = await Callers(desk.database).look(digest(who.token))
        assert caller is not None and "private" not in repr(caller)
        labels = {name: row.label for name, row in caller.connections.items()}
        assert labels == {"spotify": "private", "google": "private"}
        assert all(row.owner == who.user_id for row in caller.connections.values())
        await desk.vault.prefer(who.user_id, second.id)
        await desk.vault.disconnect(who.user_id, google.id)
        caller = await Callers(desk.database).look(digest(who.token))
        assert caller is not None
        assert {name: row.label for name, row in caller.connections.items()} == {"spotify": "second"}
        nobody = await Callers(desk.database).look(digest((await desk.resident()).token))
        assert nobody is not None and nobody.connections == {}
        late = await desk.resident(lifetime="-1 second")
        assert await Callers(desk.database).look(digest(late.token)) is None


async def test_a_token_is_found_by_its_hash_however_few_are_live(
    empty_database: Database, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most rows are of tokens that have ended: there are fewer that have not than one would think."""
    async with empty_database.connection() as link:
        for statement in (
            "INSERT INTO users (id, display_name) VALUES (gen_random_uuid(), 'Ada')",
            "INSERT INTO clients (id, kind, name, redirect_uris, auth_method)"
            " VALUES ('chat', 'dcr', 'Chat', '{}', 'none')",
            "INSERT INTO grants (id, user_id, client_id, redirect_uri, scopes)"
            " SELECT gen_random_uuid(), id, 'chat', 'http://localhost/', '{}' FROM users",
            "INSERT INTO families (id, grant_id, resource) SELECT gen_random_uuid(), id, 'x' FROM grants",
            "INSERT INTO access_tokens (hash, family_id, expires_at)"
            " SELECT sha256(n::text::bytea), f.id, now() - interval '1 hour'"
            " FROM families f, generate_series(1, 20000) n",
            "ANALYZE",
        ):
            await link.execute(statement)
        execute, plans = psycopg.AsyncConnection.execute, []

        async def explained(self: psycopg.AsyncConnection[Any], query: Any, *given: Any, **more: Any) -> Any:
            if "access_tokens" in query:
                lines = await execute(self, "EXPLAIN " + query, *given, **more)
                plans.append("\n".join(line for (line,) in await lines.fetchall()))
            return await execute(self, query, *given, **more)

        monkeypatch.setattr(psycopg.AsyncConnection, "execute", explained)
        assert await Callers(empty_database).look(digest("no such token")) is None
    assert "access_tokens_pkey" in plans[0] and "access_tokens_expiry" not in plans[0], plans[0]


class Slow:
    """A token check that takes its time after it has read."""

    def __init__(self, database: Database, clock: list[float], seconds: float) -> None:
        self._callers = Callers(database)
        self._clock = clock
        self._seconds = seconds

    async def look(self, token_hash: bytes) -> Caller | None:
        caller = await self._callers.look(token_hash)
        self._clock[0] += self._seconds
        return caller


@ERAS
@pytest.mark.parametrize(("waited", "expected"), [(0.2, 1), (0.3, 2)])
async def test_what_was_read_a_while_ago_is_read_again(
    own_database: Database,
    serve: Serve,
    reads: list[str],
    monkeypatch: pytest.MonkeyPatch,
    era: str,
    waited: float,
    expected: int,
) -> None:
    """A body may come slowly, a check may wait for more than the row, and the person may do something."""
    clock = [100.0]
    for module in (mcp_server.call, mcp_server.bearer):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    async with serve(tokens=Slow(own_database, clock, waited)) as desk:
        who = await desk.ready()
        reads.clear()
        assert not (await asked(desk, who, era, LOOK))["isError"]
        assert len(reads) == expected


async def test_what_is_not_well_is_read_again(serve: Serve, reads: list[str]) -> None:
    """Its person may have mended it in this moment, and would be sent to mend it again."""
    async with serve() as desk:
        who = await desk.ready()
        async with desk.database.connection() as link:
            await link.execute("UPDATE connections SET status = 'needs_reauth', reason = 'revoked'")
        reads.clear()
        result = await asked(desk, who, BEFORE, LOOK)
        assert result["_meta"]["valet/error"]["code"] == "reauth_required" and len(reads) >= 2


@ERAS
async def test_a_disconnect_works_at_the_next_call(serve: Serve, era: str) -> None:
    async with serve() as desk:
        who = await desk.resident()
        connection = await desk.connect(who)
        assert not (await asked(desk, who, era, LOOK))["isError"]
        await desk.vault.disconnect(who.user_id, connection.id)
        before = len(desk.spotify.calls)
        result = await asked(desk, who, era, LOOK)
        assert result["_meta"]["valet/error"]["code"] == "not_connected"
        assert len(desk.spotify.calls) == before


async def test_a_row_of_somebody_else_or_of_another_provider_is_not_taken(serve: Serve) -> None:
    """Whatever a caller hands over: the vault reads the owner's own."""
    async with serve(google=True) as desk:
        ana, ben = await desk.resident(), await desk.resident()
        await desk.connect(ana, token="of-ana")
        await desk.connect(ben, token="of-ben")
        await desk.connect(ana, provider="google", token="of-google", scopes=frozenset({"openid"}))
        caller = await Callers(desk.database).look(digest(ana.token))
        assert caller is not None
        for row in caller.connections.values():
            got = await desk.vault.credential(ben.user_id, "spotify", read=row)
            assert got.access_token.get_secret_value() == "of-ben"
        got = await desk.vault.credential(ana.user_id, "spotify", read=caller.connections["google"])
        assert got.access_token.get_secret_value() == "of-ana"
        got = await desk.vault.credential(ana.user_id, "google", read=caller.connections["google"])
        assert got.access_token.get_secret_value() == "of-google"


@ERAS
async def test_what_a_person_mends_meanwhile_is_read_again(serve: Serve, era: str) -> None:
    """Within the request, and however fast they are."""
    async with serve(looks=3) as desk:
        who = await desk.resident()
        connection = await desk.connect(who, token="of-before")
        async with desk.database.connection() as link:
            await link.execute(
                "UPDATE connections SET status = 'needs_reauth', reason = 'revoked' WHERE id = %s",
                (connection.id,),
            )
        connected = desk.flows.connected

        async def finish(flow_handle: str, user_id: Any) -> bool:
            flow = await desk.flows.find_connect(flow_handle)
            assert flow is not None
            await desk.connect(who, token="of-after")
            await desk.flows.finish_connect(flow.id, who.user_id)
            return await connected(flow_handle, user_id)

        desk.flows.connected = finish  # type: ignore[method-assign]
        async with chat(desk, who, MODERN if era == MODERN else "legacy", Browser()) as client:
            if era != MODERN:
                with pytest.raises(MCPError):  # the link; the program calls again at once
                    await client.call_tool(LOOK, {})
            result = await client.call_tool(LOOK, {})
        assert not result.is_error and desk.spotify.tokens == ["Bearer of-after"]
