"""The door before Valet: a reverse proxy, as in production, that notes what a chat client sends."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

_METHODS = ("GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH")
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}
_TELLING = {
    "grant_type",
    "resource",
    "redirect_uri",
    "scope",
    "code_challenge_method",
    "token_endpoint_auth_method",
    "redirect_uris",
    "client_name",
    "grant_types",
    "response_type",
    "token_type_hint",
    "prompt",
}
"""Parameters whose value is noted; of all others just the name."""


@dataclass(frozen=True)
class Seen:
    """One request of the protocol. `names` are all its parameters, `values` those that are no secret."""

    method: str
    path: str
    status: int
    auth: str
    version: str | None
    rpc: str | None
    names: frozenset[str]
    values: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        parts = [
            f"{self.method} {self.path}",
            self.rpc,
            self.values.get("grant_type"),
            self.auth,
            self.version,
        ]
        return " ".join(str(part) for part in parts if part) + f" -> {self.status}"


class Door:
    """Listens on `url`, hands every request to `back`, and notes those of MCP and OAuth in `seen`."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.seen: list[Seen] = []
        self._noted = asyncio.Condition()
        self._asked = 0
        self._idle = asyncio.Event()
        self._http: httpx2.AsyncClient | None = None
        self._server: uvicorn.Server | None = None
        self._running: asyncio.Task[None] | None = None

    async def open(self, back: str) -> None:
        """Begin to pass on to the server at `back`."""
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
        self._http = httpx2.AsyncClient(base_url=back, timeout=None, limits=limits, trust_env=False)
        app = Starlette(routes=[Route("/{path:path}", self._pass, methods=list(_METHODS))])
        config = uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._running = asyncio.create_task(self._server.serve([self._socket]))

    async def close(self) -> None:
        """Stop, whoever still waits."""
        if self._server is None or self._running is None or self._http is None:
            self._socket.close()
            return
        self._server.should_exit = True
        await self._running
        await self._http.aclose()

    async def __aenter__(self) -> Door:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def to(self, path: str) -> list[Seen]:
        return [seen for seen in self.seen if seen.path == path]

    async def idle(self) -> None:
        """Wait until everything that was asked has been answered, or its answer has begun."""
        await self._idle.wait()

    async def saw(self, path: str, times: int) -> None:
        """Wait until so many requests to that path were answered."""
        async with asyncio.timeout(60), self._noted:
            await self._noted.wait_for(lambda: len(self.to(path)) >= times)

    def refreshes(self) -> int:
        """How many refreshes were answered with tokens."""
        return sum(s.values.get("grant_type") == "refresh_token" and s.status == 200 for s in self.seen)

    async def _pass(self, request: Request) -> Response:
        assert self._http is not None
        body = await request.body()
        # The Host of the public address goes on, as behind any proxy that is set up right.
        headers = [(name, value) for name, value in request.headers.raw if name.decode() not in _HOP]
        url = httpx2.URL(path=request.url.path, query=request.scope["query_string"])
        wish = self._http.build_request(
            request.method, self._http.base_url.join(url), headers=headers, content=body
        )
        self._asked += 1
        self._idle.clear()
        try:
            answer = await self._http.send(wish, stream=True)
        finally:
            self._asked -= 1
            if not self._asked:
                self._idle.set()
        self._note(request, body, answer.status_code)
        async with self._noted:
            self._noted.notify_all()
        kept = [(name, value) for name, value in answer.headers.raw if name.decode().lower() not in _HOP]
        response = StreamingResponse(_stream(answer), status_code=answer.status_code)
        response.raw_headers = [(name.lower(), value) for name, value in kept]
        return response

    def _note(self, request: Request, body: bytes, status: int) -> None:
        path = request.url.path
        if "/.well-known/" not in path and path not in {
            "/mcp",
            "/register",
            "/authorize",
            "/token",
            "/revoke",
        }:
            return
        sent = _parameters(request, body)
        self.seen.append(
            Seen(
                method=request.method,
                path=path,
                status=status,
                auth=request.headers.get("authorization", "").partition(" ")[0],
                version=request.headers.get("mcp-protocol-version"),
                rpc=sent.get("method") if path == "/mcp" else None,
                names=frozenset(sent),
                values={name: value for name, value in sent.items() if name in _TELLING},
            )
        )


async def _stream(answer: httpx2.Response) -> AsyncIterator[bytes]:
    try:
        async for part in answer.aiter_raw():
            yield part
    finally:
        await answer.aclose()


def _parameters(request: Request, body: bytes) -> dict[str, Any]:
    """What was sent: in the query, as a form, or as JSON."""
    pairs: Iterable[tuple[str, Any]] = parse_qsl(request.url.query)
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return {**dict(pairs), **dict(parse_qsl(body.decode()))}
    try:
        sent = json.loads(body)
    except ValueError:
        return dict(pairs)
    return {**dict(pairs), **sent} if isinstance(sent, dict) else dict(pairs)
