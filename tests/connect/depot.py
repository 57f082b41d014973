"""A Drive and a Gmail of a few lines behind a real socket, as slow, broken or forgetful as a test wants.

How Google's look on good days is the emulator's to say (`tests/connect/test_files_google.py`). This one
counts what it was asked for, and makes 25 MB out of nothing.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP

import uvicorn
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from tests.support.ports import free_port

PIECE = 20_000
_SPAN = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


def letters(size: int) -> bytes:
    """So many bytes that are not all the same."""
    return bytes(range(256)) * (size // 256) + bytes(range(size % 256))


@dataclass
class Session:
    """An upload under way."""

    about: dict[str, object]
    kind: str
    target: str
    held: int = 0
    digest: object = field(default_factory=hashlib.sha256)


@dataclass
class Depot:
    """`files` by id, in bytes or as a number of them. `refuse` may answer in the place of an answer."""

    files: dict[str, bytes | int] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    stored: list[tuple[str, int, str, str]] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=lambda: {"first"})
    draft: EmailMessage = field(default_factory=EmailMessage)
    drafts: list[bytes] = field(default_factory=list)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event | None = None
    breaks_at: int | None = None
    lengthless: bool = False
    refuse: Callable[[str], Response | None] = lambda line: None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive, send)
        path = request.url.path[1:].partition("/")[2]
        self.calls.append(f"{request.method} {path}")
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            answer: Response | None = fault(401, "authError")
        else:
            answer = self.refuse(self.calls[-1])
        if answer is None and request.method == "GET" and not path.startswith("gmail/v1/users/me/drafts"):
            await self._give(path, request, send)
            return
        if answer is None:
            answer = await self._take(path, request)
        await answer(scope, receive, send)

    # Out

    async def _give(self, path: str, request: Request, send: Send) -> None:
        name = re.split(r"[/?]", path)[3 if path.startswith("drive") else 7]
        if path.startswith("gmail"):
            name = path.split("/")[-1]
        content = self.files.get(name)
        if content is None:
            await fault(404, "notFound")(request.scope, request.receive, send)
            return
        size = content if isinstance(content, int) else len(content)
        encoded = path.startswith("gmail")
        head, tail = (b'{\n "size": %d,\n "data": "' % size, b'"\n}\n') if encoded else (b"", b"")
        whole = len(head) + (-(-size * 4 // 3) if encoded else size) + len(tail)
        headers = [(b"content-type", b"text/html")]
        if not self.lengthless:
            headers.append((b"content-length", str(whole).encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if head:
            await send({"type": "http.response.body", "body": head, "more_body": True})
        at = 0
        for start in range(0, size, PIECE * 3):
            step = min(PIECE * 3, size - start)
            piece = letters(step) if isinstance(content, int) else content[start : start + step]
            if self.breaks_at is not None and at + step > self.breaks_at:
                return
            if encoded:
                piece = base64.urlsafe_b64encode(piece).rstrip(b"=")
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            at += step
            if self.go_on is not None:
                await self.go_on.wait()
        await send({"type": "http.response.body", "body": tail, "more_body": False})

    # In

    async def _take(self, path: str, request: Request) -> Response:
        if path.startswith("gmail/v1/users/me/drafts"):
            raw = base64.urlsafe_b64encode(self.draft.as_bytes(policy=SMTP)).decode()
            return JSONResponse({"message": {"raw": raw, "threadId": "t1"}})
        if path.startswith("upload/gmail"):
            self.drafts.append(await request.body())
            return JSONResponse({"id": "d1"})
        key = request.query_params.get("upload_id")
        if key is None:
            key = f"s{len(self.sessions)}"
            kind = request.headers["x-upload-content-type"]
            self.sessions[key] = Session(await request.json(), kind, f"{request.method} {path}")
            return Response(headers={"location": f"{request.url}&upload_id={key}"})
        if request.method == "DELETE":
            self.cancelled.append(key)
            return Response(status_code=499)
        return await self._chunk(self.sessions[key], request)

    async def _chunk(self, session: Session, request: Request) -> Response:
        span = _SPAN.fullmatch(request.headers.get("content-range", "bytes */0"))
        assert span is not None
        try:
            body = await request.body()
        except ClientDisconnect:
            self.hung_up.set()
            return Response(status_code=400)
        if span[1] is not None:
            assert int(span[1]) == session.held, "a gap"
            assert int(span[2]) - int(span[1]) + 1 == len(body)
            assert span[3] != "*" or len(body) % (256 * 1024) == 0
            session.held += len(body)
            session.digest.update(body)  # type: ignore[attr-defined]
        if span[3] == str(session.held):
            digest = session.digest.hexdigest()  # type: ignore[attr-defined]
            self.stored.append((session.target, session.held, session.kind, digest))
            name = session.about.get("name", "Plan.pdf")
            return JSONResponse({"id": "n1", "name": name, "webViewLink": "https://drive.example/n1"})
        held = {"range": f"bytes=0-{session.held - 1}"} if session.held else {}
        return Response(status_code=308, headers=held)


def fault(status: int, reason: str, **headers: str) -> Response:
    """A refusal in Google's older shape."""
    one = {"domain": "global", "reason": reason, "message": "canary"}
    body = {"error": {"code": status, "message": "canary", "errors": [one]}}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(json.dumps(body), status, named, "application/json")


@asynccontextmanager
async def served(app: object, port: int | None = None) -> AsyncIterator[str]:
    """That app on a loopback port, as `valet serve` has it; its origin."""
    port = port or free_port()
    config = uvicorn.Config(
        app,
        port=port,
        lifespan="off",
        log_config=None,
        access_log=False,
        ws="none",
        http="h11",  # type: ignore[arg-type]
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())  # without the signals, which are pytest's
    try:
        while not server.started:
            assert not serving.done(), "the server did not start"
            await asyncio.sleep(0.005)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = server.force_exit = True
        await serving
