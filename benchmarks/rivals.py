"""What a tool call of Valet's is measured beside: each a process of its own, as its authors mean it.

    .venv/bin/python benchmarks/rivals.py NAME < settings.json      prints its port, serves until told to end

    echo        the official SDK's server with one async tool that says what it is told; nobody signs in
    tool        the same server with Valet's tool by the letter: the token looked up in PostgreSQL, the
                upstream asked by httpx2, its answer read and told by the same models; no vault, nothing else
    floor       the SDK's low-level server: the same SELECT and request, answered by two words of what came;
                nothing is validated but the protocol's own messages
    starlette   no MCP at all: the token looked up in PostgreSQL, the upstream asked, its answer passed on
    fastmcp     FastMCP with its OAuthProxy, whose tool asks the same upstream; the token sets lie encrypted
                in memory, and that an upstream token is good costs nothing to find out
    fastmcp-asking   the same, asking the upstream for that at each call, as its providers for opaque tokens
                (GitHub, Google) do as they come

All run on uvicorn as it comes, which is uvloop and httptools, without an access log.

    .venv/bin/python benchmarks/rivals.py parts < settings.json     prints CPU ms of a request, of a SELECT
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import httpx2
import uvicorn
import uvloop
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

ACCESS = "BQ" + "a" * 200
# Who a token speaks for, without the accounts that `vault/store/callers.py` brings along.
WHO = (
    "SELECT g.user_id, g.client_id, c.name, g.id, g.scopes, f.resource, t.expires_at"
    " FROM access_tokens t JOIN families f ON f.id = t.family_id"
    " JOIN grants g ON g.id = f.grant_id JOIN clients c ON c.id = g.client_id"
    " JOIN users u ON u.id = g.user_id"
    " WHERE t.hash = %s AND t.expires_at > now() AND f.revoked_at IS NULL"
    " AND g.revoked_at IS NULL AND u.blocked_at IS NULL"
)
INDEXED = "SELECT family_id, expires_at FROM access_tokens WHERE hash = %s"


def digest(token: str) -> bytes:
    return sha256(token.encode()).digest()


def pool_of(url: str) -> AsyncConnectionPool[Any]:
    return AsyncConnectionPool(url, kwargs={"autocommit": True}, min_size=1, max_size=10, open=False)


async def asked(http: httpx2.AsyncClient, url: str) -> Any:
    answer = await http.get(url, headers={"Authorization": f"Bearer {ACCESS}"})
    assert answer.status_code == 200
    return answer.json()


def echo(_: dict[str, Any]) -> Starlette:
    from mcp.server.mcpserver import MCPServer

    server: MCPServer[Any] = MCPServer("echo", log_level="WARNING")

    @server.tool()
    async def echo(text: str) -> str:
        return text

    return server.streamable_http_app(json_response=True, stateless_http=True)


def tool(given: dict[str, Any]) -> Starlette:
    from mcp.server.mcpserver import MCPServer
    from mcp_types import CallToolResult

    from mcp_server.answers import answer
    from mcp_server.tools.spotify.views import Now, now, report
    from providers.spotify.answers import Playback

    pool, http = pool_of(given["database"]), httpx2.AsyncClient(trust_env=False)
    server: MCPServer[Any] = MCPServer("tool", log_level="WARNING")

    async def spotify_get_playback(include_queue: bool = False, account: str | None = None) -> Any:
        view = now(Playback.model_validate(await asked(http, given["upstream"])))
        return answer(view, report(view))

    # Names of this function, which the SDK could not look up.
    spotify_get_playback.__annotations__["return"] = Annotated[CallToolResult, Now]
    server.tool()(spotify_get_playback)

    return known(server.streamable_http_app(json_response=True, stateless_http=True), pool, http)


def known(app: Starlette, pool: AsyncConnectionPool[Any], http: httpx2.AsyncClient) -> Starlette:
    """The app, the token of each request looked up before."""

    class Known:
        def __init__(self, app: ASGIApp) -> None:
            self._app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                token = Headers(scope=scope)["authorization"].removeprefix("Bearer ")
                async with pool.connection() as link:
                    row = await (await link.execute(WHO, (digest(token),))).fetchone()
                assert row is not None
            await self._app(scope, receive, send)

    app.add_middleware(Known)
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(served: Starlette) -> AsyncIterator[Any]:
        async with pool, http, inner(served) as state:
            yield state

    app.router.lifespan_context = lifespan
    return app


def floor(given: dict[str, Any]) -> Starlette:
    from mcp.server.lowlevel import Server
    from mcp_types import CallToolResult, ListToolsResult, TextContent, Tool

    pool, http = pool_of(given["database"]), httpx2.AsyncClient(trust_env=False)

    async def listed(*_: Any) -> ListToolsResult:
        return ListToolsResult(tools=[Tool(name="spotify_get_playback", input_schema={"type": "object"})])

    async def called(*_: Any) -> CallToolResult:
        name = (await asked(http, given["upstream"]))["item"]["name"]
        said = TextContent(type="text", text=f"{name} is playing")
        return CallToolResult(content=[said], structured_content={"name": name})

    server: Server[Any] = Server("floor", on_list_tools=listed, on_call_tool=called)
    return known(server.streamable_http_app(json_response=True, stateless_http=True), pool, http)


def starlette(given: dict[str, Any]) -> Starlette:
    pool, http = pool_of(given["database"]), httpx2.AsyncClient(trust_env=False)

    async def call(request: Request) -> Response:
        token = request.headers["authorization"].removeprefix("Bearer ")
        asking = await request.json()
        async with pool.connection() as link:
            row = await (await link.execute(WHO, (digest(token),))).fetchone()
        if row is None:
            return JSONResponse({"error": "invalid_token"}, 401)
        found = await asked(http, given["upstream"])
        return JSONResponse({"jsonrpc": "2.0", "id": asking["id"], "result": {"isError": False, **found}})

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with pool, http:
            yield

    return Starlette(routes=[Route("/mcp", call, methods=["POST"])], lifespan=lifespan)


async def people(proxy: Any, path: Path) -> None:
    """Some who have signed in at that OAuthProxy; their access tokens into the file."""
    from fastmcp.server.auth.oauth_proxy.models import JTIMapping, UpstreamTokenSet

    now, tokens = time.time(), []
    for number in range(20):
        jti = name = f"person-{number}"
        token_set = UpstreamTokenSet(
            upstream_token_id=name,
            access_token=ACCESS,
            refresh_token="AQ" + "r" * 128,
            refresh_token_expires_at=None,
            expires_at=now + 86_400,
            token_type="Bearer",
            scope="playback",
            client_id="bench",
            created_at=now,
        )
        await proxy._upstream_token_store.put(key=name, value=token_set, ttl=86_400)
        mapping = JTIMapping(jti=jti, upstream_token_id=name, created_at=now)
        await proxy._jti_mapping_store.put(key=jti, value=mapping, ttl=86_400)
        tokens.append(proxy.jwt_issuer.issue_access_token("bench", ["playback"], jti, 86_400))
    path.write_text(json.dumps(tokens))  # noqa: ASYNC240


def fastmcp(given: dict[str, Any], *, asking: bool = False) -> Starlette:
    import fastmcp as package
    from cryptography.fernet import Fernet
    from fastmcp.server.auth.auth import AccessToken, TokenVerifier
    from fastmcp.server.auth.oauth_proxy import OAuthProxy
    from key_value.aio.stores.memory import MemoryStore
    from key_value.aio.wrappers.encryption import FernetEncryptionWrapper

    http = httpx2.AsyncClient(trust_env=False)

    class Verifier(TokenVerifier):
        async def verify_token(self, token: str) -> AccessToken | None:
            if asking:
                await asked(http, given["upstream"])
            return AccessToken(token=token, client_id="bench", scopes=["playback"], expires_at=None)

    proxy = OAuthProxy(
        upstream_authorization_endpoint="https://upstream.example/authorize",
        upstream_token_endpoint="https://upstream.example/token",
        upstream_client_id="bench",
        upstream_client_secret="secret-of-the-benchmark",
        token_verifier=Verifier(),
        base_url="http://127.0.0.1:8420",
        client_storage=FernetEncryptionWrapper(MemoryStore(), fernet=Fernet(Fernet.generate_key())),
    )
    server = package.FastMCP("bench", auth=proxy)

    @server.tool()
    async def spotify_get_playback() -> dict[str, Any]:
        return dict(await asked(http, given["upstream"]))

    app = server.http_app(json_response=True, stateless_http=True)
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(served: Starlette) -> AsyncIterator[Any]:
        await people(proxy, Path(given["tokens"]))
        async with inner(served) as state:
            yield state

    app.router.lifespan_context = lifespan
    return app


def fastmcp_asking(given: dict[str, Any]) -> Starlette:
    return fastmcp(given, asking=True)


SERVERS: dict[str, Callable[[dict[str, Any]], Starlette]] = {
    "echo": echo,
    "tool": tool,
    "floor": floor,
    "starlette": starlette,
    "fastmcp": fastmcp,
    "fastmcp-asking": fastmcp_asking,
}


async def part(work: Callable[[], Awaitable[object]], calls: int, lines: int) -> float:
    """CPU milliseconds of one, so many at a time."""

    async def line(number: int) -> None:
        for _ in range(number):
            await work()

    await line(200)
    used = time.process_time()
    await asyncio.gather(*(line(calls // lines) for _ in range(lines)))
    return (time.process_time() - used) * 1000 / (calls // lines * lines)


async def parts(given: dict[str, Any]) -> list[float]:
    pool, hashed = pool_of(given["database"]), digest(given["token"])

    async def select() -> None:
        async with pool.connection() as link:
            assert await (await link.execute(INDEXED, (hashed,))).fetchone() is not None

    async with pool, httpx2.AsyncClient(trust_env=False) as http:
        request = await part(lambda: asked(http, given["upstream"]), given["calls"], given["lines"])
        return [request, await part(select, given["calls"], given["lines"])]


def main() -> None:
    given = json.load(sys.stdin)
    name = sys.argv[1]
    logging.basicConfig(level=logging.WARNING)
    if name == "parts":
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            print(json.dumps(runner.run(parts(given))))
        return
    listening = socket.create_server(("127.0.0.1", 0))

    class Announcing(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            print(listening.getsockname()[1], flush=True)

    config = uvicorn.Config(SERVERS[name](given), access_log=False, log_level="warning", http=given["http"])
    Announcing(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
