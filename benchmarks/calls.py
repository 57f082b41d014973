"""CPU time per tool call: Valet beside the bare SDK's async echo tool, in one run, in one process.

    .venv/bin/python benchmarks/calls.py [calls]

Valet's side is the real thing: bearer check and credential from a real PostgreSQL, the call to the
emulator on loopback (its CPU time is its own process's and not counted). Both are asked over ASGI in this
process with the same JSON-RPC requests of protocol 2026-07-28, in turns, so a drifting machine drifts for
both.
"""

from __future__ import annotations

import asyncio
import json
import logging
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from itertools import cycle
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
from mcp.server.mcpserver import MCPServer
from pydantic import SecretStr

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mcp_server.buckets import BURST
from providers.base import Account, TokenSet
from providers.registry import PROVIDERS
from tests.support.emulator import EmulatorProcess
from valet.assembly import assemble
from valet.embedded import Supervisor
from valet.logging import configure
from valet.settings import apps, load
from vault.ids import new_id
from vault.opaque import digest, mint
from vault.rings.file import FileKeyRing
from vault.store.database import Database
from vault.store.migrate import migrate
from vault.upstream import Upstream
from vault.vault import open_vault

ROUNDS = 5
SCOPES = ("user-read-playback-state", "user-modify-playback-state")
ORIGIN = "http://127.0.0.1:8420"


class NoUpstream(Upstream):
    """Nothing is refreshed here: the token lives an hour."""


def request(tool: str, arguments: dict[str, Any]) -> tuple[dict[str, str], bytes]:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    params = {"name": tool, "arguments": arguments, "_meta": meta}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": tool,
    }
    return headers, json.dumps(body).encode()


async def measure(
    http: httpx2.AsyncClient, tokens: Iterator[str], tool: str, arguments: dict[str, Any], n: int
) -> float:
    """CPU milliseconds per call, user and system, of this process."""
    headers, body = request(tool, arguments)
    started = time.process_time()
    for _ in range(n):
        headers["Authorization"] = f"Bearer {next(tokens)}"
        answer = await http.post("/mcp", headers=headers, content=body)
        assert answer.status_code == 200 and not answer.json()["result"].get("isError"), answer.text
    return (time.process_time() - started) * 1000 / n


def bare() -> MCPServer[Any]:
    server: MCPServer[Any] = MCPServer("echo")

    @server.tool()
    async def echo(text: str) -> str:
        return text

    return server


async def seed(database: Database, vault: Any, emulator: EmulatorProcess, chats: int) -> list[str]:
    """One person with a connection and the access tokens of so many chats: each may call only so often."""
    user = new_id()
    issued = emulator.sign_in(*SCOPES)
    async with database.connection() as link:
        for statement, values in (
            ("INSERT INTO users (id, display_name) VALUES (%s, 'Bench')", (user,)),
            (
                "INSERT INTO clients (id, kind, name, redirect_uris, auth_method)"
                " VALUES ('bench', 'dcr', 'bench', '{http://127.0.0.1/}', 'none')",
                (),
            ),
        ):
            await link.execute(statement, values)
    held = [await chat(database, user, number) for number in range(chats)]
    tokens = TokenSet(SecretStr(issued["access_token"]), 3600, SecretStr(issued["refresh_token"]))
    account = Account("https://accounts.spotify.com", "bench", "Bench")
    await vault.save(user, "spotify", "operator", account, tokens, frozenset(SCOPES), None)
    return held


async def chat(database: Database, user: UUID, number: int) -> str:
    """The access token of one more chat."""
    grant, family, token = new_id(), new_id(), mint("vlt_at_").get_secret_value()
    async with database.connection() as link:
        for statement, values in (
            (
                "INSERT INTO grants (id, user_id, client_id, redirect_uri, scopes)"
                " VALUES (%s, %s, 'bench', %s, '{spotify:read,spotify:write}')",
                (grant, user, f"http://127.0.0.1/{number}"),
            ),
            (
                "INSERT INTO families (id, grant_id, resource) VALUES (%s, %s, %s)",
                (family, grant, f"{ORIGIN}/mcp"),
            ),
            (
                "INSERT INTO access_tokens (hash, family_id, expires_at)"
                " VALUES (%s, %s, now() + interval '1 hour')",
                (digest(token), family),
            ),
        ):
            await link.execute(statement, values)
    return token


async def compare(folder: Path, url: SecretStr, emulator: EmulatorProcess, n: int) -> None:
    values = {
        "VALET_EMULATOR_ORIGIN": emulator.origin,
        "SPOTIFY_CLIENT_ID": "emulator-spotify",
        "SPOTIFY_CLIENT_SECRET": "emulator-secret",
    }
    async with AsyncExitStack() as stack:
        database = Database(url.get_secret_value())
        await database.open()
        stack.push_async_callback(database.close)
        ring = folder / "keyring.json"
        vault = await open_vault(database, FileKeyRing.create(ring), NoUpstream())  # type: ignore[abstract]
        # Three cases, each a warm-up and the rounds.
        chats = 3 * (ROUNDS + 1) * n // BURST + 1
        tokens = cycle(await seed(database, vault, emulator, chats))
        house = await assemble(load(values, PROVIDERS), apps(values, PROVIDERS), url, ring, "demo")
        stack.push_async_callback(house.close)
        echo = bare().streamable_http_app(json_response=True, stateless_http=True)
        sides = {}
        for name, app in (("valet", house.app), ("bare", echo)):
            await stack.enter_async_context(app.router.lifespan_context(app))
            transport = httpx2.ASGITransport(app=app)
            sides[name] = await stack.enter_async_context(
                httpx2.AsyncClient(transport=transport, base_url=ORIGIN)
            )
        cases = {
            "bare SDK, async echo": (sides["bare"], "echo", {"text": "x"}),
            "Valet, connections_list": (sides["valet"], "connections_list", {}),
            "Valet, spotify_get_playback": (sides["valet"], "spotify_get_playback", {}),
            "Valet, spotify_search": (sides["valet"], "spotify_search", {"query": "Despacito"}),
        }
        rows: dict[str, list[float]] = {name: [] for name in cases}
        for round_ in range(ROUNDS + 1):
            for name, (http, tool, arguments) in cases.items():
                took = await measure(http, tokens, tool, arguments, n)
                if round_:  # the first round warms up
                    rows[name].append(took)
    show(rows, n)


def show(rows: dict[str, list[float]], n: int) -> None:
    print(f"Python {platform.python_version()}, {n} calls a round, {ROUNDS} rounds; CPU ms per call")
    base = statistics.median(rows["bare SDK, async echo"])
    for name, took in rows.items():
        middle = statistics.median(took)
        print(f"{name:<30} {middle:6.2f}  ({min(took):.2f} to {max(took):.2f})  {middle / base:4.1f} x")


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    configure("ERROR", "console")
    folder = Path(tempfile.mkdtemp(prefix="valet-bench-"))
    folder.chmod(0o755)
    try:
        with Supervisor(folder) as urls, EmulatorProcess() as emulator:
            migrate(urls.owner.get_secret_value(), app_role="valet_app")
            asyncio.run(compare(folder, urls.app, emulator, n))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    logging.getLogger().setLevel(logging.ERROR)
    main()
