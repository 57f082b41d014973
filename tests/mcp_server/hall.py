"""A whole MCP server on a loopback port, with the emulator behind it and the published contracts in between.

    async with hall.chat("ana") as client:
        result = await client.call_tool("spotify_get_playback", {})
    async with hall.chat("ana", provider="google", upstream=GOOGLE_UPSTREAM | {GMAIL_READ}) as client:
        result = await client.call_tool("gmail_search_threads", {"query": "invoice"})

The client speaks streamable HTTP over a socket. Each request that the tools send, and each answer to it, is
judged: of Spotify by its OpenAPI file (tests/providers/spec.py; where that is absent they go on unjudged, and
a test says so), of Google by its discovery documents (tests/providers/discovery.py), the scopes of the token
included, and by google-api-python-client, which must ask in the same words (tests/providers/twin.py).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import uvicorn
from mcp.client import Client, advertise
from mcp.client.streamable_http import streamable_http_client
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID

from providers.transport import Transport
from tests.mcp_server.desk import (
    ALL_UPSTREAM,
    BOTH,
    GOOGLE_BOTH,
    GOOGLE_UPSTREAM,
    MODERN,
    Desk,
    Resident,
)
from tests.providers import discovery, spec, twin
from tests.support.emulator import EmulatorProcess

HOST = "api.spotify.com"
_REMADE = frozenset({"content-encoding", "content-length"})


class Judge(httpx2.AsyncBaseTransport):
    """The road to the emulator. What is not valid against the contract is remembered, and fails the test.

    A refusal on purpose is an answer too: it must have the shape of the API's errors. `calls` has each
    request as `METHOD /path?query` (of Google: `METHOD host/path?query`), and its body. `trusting`: answers
    are bent on purpose, and not judged. `bend` changes what a 200 says, after it was judged. `scopes` are
    those of each token of Google's.
    """

    def __init__(self, emulator: EmulatorProcess) -> None:
        self._emulator = emulator
        self._road = httpx2.AsyncHTTPTransport(trust_env=False)
        self._contract = spec.available()
        self.calls: list[tuple[str, bytes]] = []
        self.faults: list[str] = []
        self.scopes: dict[str, frozenset[str]] = {}
        self.trusting = False
        self.bend: Callable[[Any], Any] | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        body = await request.aread()
        real = request.url
        there = self._emulator.url(str(real))
        headers = [(name, value) for name, value in request.headers.multi_items() if name != "host"]
        sent = httpx2.Request(request.method, there, headers=headers, content=body)
        answer = await self._road.handle_async_request(sent)
        content = await answer.aread()
        if real.host == HOST or real.host.endswith(".googleapis.com"):
            line = str(real).partition("/v1" if real.host == HOST else "://")[2]
            self.calls.append((f"{request.method} {line}", body))
            self._judge(request, body, answer, content)
            if self.bend is not None and answer.status_code == 200 and content[:1] in {b"{", b"["}:
                content = json.dumps(self.bend(json.loads(content))).encode()
        kept = [(name, value) for name, value in answer.headers.multi_items() if name not in _REMADE]
        return httpx2.Response(answer.status_code, headers=kept, content=content)

    def _judge(self, request: httpx2.Request, body: bytes, answer: httpx2.Response, content: bytes) -> None:
        try:
            if request.url.host == HOST:
                self._by_spotify(request, body, answer, content)
            else:
                self._by_google(request, body, answer, content)
        except AssertionError as fault:
            self.faults.append(str(fault))

    def _by_spotify(
        self, request: httpx2.Request, body: bytes, answer: httpx2.Response, content: bytes
    ) -> None:
        if self._contract is None:
            return
        self._contract.assert_request_valid(request.method, str(request.url), request.headers, body)
        if not self.trusting:
            judge = spec.of_answers(request.url.params) or self._contract
            judge.assert_answer_valid(
                request.method, request.url.path, answer.status_code, answer.headers, content
            )

    def _by_google(
        self, request: httpx2.Request, body: bytes, answer: httpx2.Response, content: bytes
    ) -> None:
        if "upload_id" in request.url.params:
            return  # the address of an upload under way is the API's own, and no document describes it
        url, path = str(request.url), request.url.raw_path.decode().partition("?")[0]
        contract = discovery.of(url)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        # Whether a scope is missing is for the emulator to say.
        scopes = (
            self.scopes.get(token, frozenset())
            if answer.status_code != 403
            else contract.accepted(request.method, path)
        )
        contract.assert_request_valid(request.method, url, request.headers, body, scopes)
        twin.assert_same(contract, request.method, url, request.headers, body)
        # What begins an upload in pieces is answered by an address alone.
        begins = request.url.params.get("uploadType") == "resumable" and answer.status_code == 200
        if not self.trusting and not begins:
            media = request.url.params.get("alt") == "media"
            contract.assert_answer_valid(
                request.method, path, answer.status_code, answer.headers, content, media
            )

    async def __aenter__(self) -> Judge:
        return self

    async def aclose(self) -> None:
        await self._road.aclose()


@dataclass
class Hall:
    """The server, the people in it, and the emulator behind it."""

    desk: Desk
    emulator: EmulatorProcess
    judge: Judge
    url: str
    _known: dict[tuple[str, str, frozenset[str], frozenset[str]], Resident] = field(default_factory=dict)

    async def resident(
        self,
        account: str = "ana",
        *,
        provider: str = "spotify",
        scopes: Iterable[str] | None = None,
        upstream: frozenset[str] | None = None,
    ) -> Resident:
        """Somebody whose chat holds `scopes`, with that emulated account connected with `upstream` scopes.

        Default: everything that connecting asks for.
        """
        google = provider == "google"
        ours = frozenset(scopes) if scopes is not None else GOOGLE_BOTH if google else BOTH
        granted = upstream if upstream is not None else GOOGLE_UPSTREAM if google else ALL_UPSTREAM
        key = (provider, account, ours, granted)
        if key not in self._known:
            who = await self.desk.resident(ours, resource=self.url)
            await self.connect(who, account, provider=provider, upstream=granted)
            self._known[key] = who
        return self._known[key]

    async def connect(
        self,
        who: Resident,
        account: str,
        *,
        provider: str,
        upstream: frozenset[str],
        label: str | None = None,
    ) -> None:
        """Connect that emulated account, called `label` (default: its key)."""
        issued = await asyncio.to_thread(
            self.emulator.sign_in, *sorted(upstream), account=account, upstream=provider
        )
        token = issued["access_token"]
        self.judge.scopes[token] = frozenset(issued["scope"].split())
        await self.desk.connect(who, scopes=upstream, label=label or account, token=token, provider=provider)

    @asynccontextmanager
    async def chat(
        self, account: str | Resident = "ana", mode: str = MODERN, *, ui: bool = False, **how: Any
    ) -> AsyncIterator[Client]:
        """A chat program of that person (see `resident`), of that era, over the socket."""
        who = account if isinstance(account, Resident) else await self.resident(account, **how)
        headers = {"authorization": f"Bearer {who.token}"}
        async with httpx2.AsyncClient(headers=headers, trust_env=False, timeout=60) as http:
            transport = streamable_http_client(self.url, http_client=http)
            extensions = [advertise(EXTENSION_ID, {"mimeTypes": [APP_MIME_TYPE]})] if ui else None
            async with Client(transport, mode=mode, extensions=extensions, cache=None) as client:
                yield client

    def fault(self, match: str, kind: str = "status", **values: Any) -> None:
        """Let the emulator misbehave (tests/support/emulator.py); its answers are not judged from then on."""
        self.judge.trusting = True
        self.emulator.fault(f"{match}", kind=kind, **values)

    def sent(self) -> list[str]:
        """The requests to the APIs so far, without the looks at Spotify's player."""
        return [line for line, _ in self.judge.calls if not line.startswith("GET /me/player?")]


@asynccontextmanager
async def open_hall(desk: Desk, emulator: EmulatorProcess, judge: Judge, port: int) -> AsyncIterator[Hall]:
    """Serve the desk's app on that port for the block. Fails where anything was against the contract."""
    config = uvicorn.Config(desk.app, port=port, lifespan="off", log_config=None, access_log=False, ws="none")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())  # without the signals, which are pytest's
    try:
        while not server.started:
            assert not serving.done(), "the server did not start"
            await asyncio.sleep(0.005)
        yield Hall(desk, emulator, judge, f"http://127.0.0.1:{port}/mcp")
    finally:
        server.should_exit = True
        await serving
    assert not judge.faults, judge.faults[0]


def road(judge: Judge) -> Transport:
    """What the desk's `upstream` takes."""
    return Transport(judge)
