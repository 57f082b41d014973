"""What every request passes: written down, struck by a fault or not, saved before it is answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from providers.emulator.faults import Fault
from providers.emulator.journal import Entry, route
from providers.emulator.world import World

BODY_LIMIT = 64_000_000
SHOWN = 1_000_000
"""Bytes of a body that the journal keeps."""

GARBAGE = b"<!doctype html><title>Sorry</title><h1>Upstream connect error</h1>"

Json = dict[str, Any]
Hangup = Callable[[tuple[str, int], bool], None]
"""`(peer, reset)`: drop the connection of that peer, without a word."""


class Gate:
    """ASGI wrapper around the upstreams' routes."""

    def __init__(self, app: ASGIApp, world: World, hangup: Hangup) -> None:
        self._app = app
        self._world = world
        self._hangup = hangup

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"].startswith("/_control/"):
            await self._app(scope, receive, self._saving(scope, send))
            return
        body = await _read(receive)
        upstream = self._world.upstream_of(scope["path"])
        note = _note(body) if upstream and scope["path"] == upstream.token else ""
        template = upstream.template(scope["path"]) if upstream else scope["path"]
        purpose = route(scope["method"], template, note)
        private = upstream is not None and upstream.is_oauth(scope["path"])
        entry = self._write_down(scope, note if private else body[:SHOWN].decode(errors="replace"))
        self._world.journal.count(purpose)
        fault = self._world.faults.take(purpose)
        entry.fault = fault.kind if fault else None

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry.account = scope.get("emulator.account")
                self._world.journal.answered(purpose, entry, message["status"])
            await send(message)

        await self._serve(scope, _Replay(body, receive), answer, fault)

    async def _serve(self, scope: Scope, replay: _Replay, send: Send, fault: Fault | None) -> None:
        match fault.kind if fault else None:
            case None:
                await self._app(scope, replay.receive, self._saving(scope, send))
            case "status" | "garbage":
                assert fault is not None
                await _answer(send, fault, self._words(fault, scope["path"]))
            case "close" | "reset":
                self._drop(scope, reset=fault is not None and fault.kind == "reset")
            case "hang":
                await self._hold(replay)
                if fault is not None and fault.status is not None:
                    await _answer(send, fault, self._words(fault, scope["path"]))
                else:
                    await self._app(scope, replay.receive, self._saving(scope, send))
            case kind:
                messages = await self._collect(scope, replay)
                if kind == "late":
                    await self._hold(replay)
                await self._deliver(scope, messages, send, kind)

    async def _collect(self, scope: Scope, replay: _Replay) -> list[Message]:
        """Do it, and keep the answer: its start, and its body as one message."""
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self._app(scope, replay.receive, self._saving(scope, keep))
        body = b"".join(message.get("body", b"") for message in messages[1:])
        return [messages[0], {"type": "http.response.body", "body": body}]

    async def _deliver(self, scope: Scope, messages: list[Message], send: Send, kind: str | None) -> None:
        start, body = messages
        half = body["body"][: len(body["body"]) // 2]
        if kind == "truncated":
            headers = [(k, v) for k, v in start["headers"] if k != b"content-length"]
            start["headers"] = [*headers, (b"content-length", str(len(half)).encode())]
            body["body"] = half
        if kind in {"truncated", "late"}:
            await send(start)
            await send(body)
            return
        if kind == "cut":
            await send(start)
            await send({"type": "http.response.body", "body": half, "more_body": True})
        self._drop(scope, reset=False)

    async def _hold(self, replay: _Replay) -> None:
        gone = asyncio.Event()
        watcher = asyncio.create_task(replay.watch(gone))
        try:
            await self._world.faults.hold(gone)
        finally:
            watcher.cancel()

    def _drop(self, scope: Scope, *, reset: bool) -> None:
        self._hangup(scope["client"], reset)

    def _words(self, fault: Fault, path: str) -> Json:
        upstream = self._world.upstream_of(path)
        return upstream.fault(path, fault.status or 500, fault.reason) if upstream else {}

    def _write_down(self, scope: Scope, shown: str) -> Entry:
        query = scope["query_string"].decode("latin-1")
        url = "https:/" + scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
        return self._world.journal.open(scope["method"], url, dict(Headers(scope=scope)), shown)

    def _saving(self, scope: Scope, send: Send) -> Send:
        """State is on disk before anybody hears of it."""

        async def saved(message: Message) -> None:
            if message["type"] == "http.response.start" and scope.get("method") not in {"GET", "HEAD"}:
                self._world.save()
            await send(message)

        return saved


class _Replay:
    """The body that was read already, given again; afterwards the connection itself."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def receive(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def watch(self, gone: asyncio.Event) -> None:
        """Set `gone` when the caller hangs up."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        gone.set()


async def _read(receive: Receive) -> bytes:
    body = bytearray()
    while len(body) < BODY_LIMIT:
        message: dict[str, Any] = dict(await receive())
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return bytes(body)


def _note(body: bytes) -> str:
    """The grant type of a token request: it tells a sign-in from a refresh."""
    return parse_qs(body.decode(errors="replace")).get("grant_type", [""])[0]


async def _answer(send: Send, fault: Fault, words: Json) -> None:
    if fault.kind == "garbage":
        status, media_type, body = fault.status or 200, "text/html", GARBAGE
    else:
        status, media_type, body = fault.status or 500, "application/json", _body(fault, words)
    headers = {"content-type": media_type, "content-length": str(len(body)), **fault.headers}
    if fault.retry_after is not None:
        headers["retry-after"] = f"{fault.retry_after:g}"
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": body})


def _body(fault: Fault, words: Json) -> bytes:
    """The body given, else the host's own words."""
    if isinstance(fault.body, str):
        return fault.body.encode()
    return json.dumps(words if fault.body is None else fault.body).encode()
