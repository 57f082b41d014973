"""What a legacy client declared at `initialize`, carried by itself in a signed `Mcp-Session-Id`.

The server keeps no sessions, and a legacy client sends its capabilities only once. So the id says what
it can do (open links, render apps), until when, and is signed over the person and the client it was given
to. It is never authentication: the bearer token is, on every request. An id that is old, foreign or made
up is ignored, and the client then gets the plainest answers.

    v1.<capabilities>.<expiry, Unix seconds>.<random>.<HMAC-SHA256, base64url>     visible ASCII
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from typing import Any

from mcp_types import ClientCapabilities
from pydantic import ValidationError
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mcp_server.call import Call, Host

_HEADER = "mcp-session-id"
_LIFETIME = 30 * 24 * 3600
_LONGEST = 200


class SessionIds:
    """ASGI: gives legacy clients an id at `initialize`, and reads it on their later calls."""

    def __init__(self, app: ASGIApp, key: bytes, clock: Callable[[], float] = time.time) -> None:
        self._app = app
        self._key = key
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; the answer to `initialize` gets the header."""
        call = Call.of(scope)
        given = Headers(scope=scope).get(_HEADER)
        if given is not None:
            call.declared = self.read(given, call)
        host = _declared(call.body)
        if host is None:
            return await self._app(scope, receive, send)

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                MutableHeaders(scope=message)[_HEADER] = self.write(host, call)
            await send(message)

        return await self._app(scope, receive, watched)

    def write(self, host: Host, call: Call) -> str:
        """A fresh id for what `host` can do."""
        expiry = int(self._clock()) + _LIFETIME
        claims = f"v1.{'u' * host.url + 'i' * host.ui or '-'}.{expiry}.{secrets.token_urlsafe(12)}"
        return f"{claims}.{self._sign(claims, call)}"

    def read(self, session_id: str, call: Call) -> Host | None:
        """What an id says, or None where it is not a live one given to this person and client."""
        claims, _, signature = session_id[:_LONGEST].rpartition(".")
        parts = claims.split(".")
        if len(parts) != 4 or not hmac.compare_digest(signature.encode(), self._sign(claims, call).encode()):
            return None
        if int(parts[2]) < self._clock():
            return None
        return Host(url="u" in parts[1], ui="i" in parts[1])

    def _sign(self, claims: str, call: Call) -> str:
        text = json.dumps([claims, str(call.principal.user_id), call.principal.client_id])
        mac = hmac.new(self._key, text.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(mac).decode().rstrip("=")


def _declared(body: bytes) -> Host | None:
    """The capabilities in an `initialize` request, or None for every other body."""
    if b'"initialize"' not in body:
        return None
    try:
        message: Any = json.loads(body)
        if message["method"] != "initialize":
            return None
        return Host.of(ClientCapabilities.model_validate(message["params"]["capabilities"]))
    except (ValueError, KeyError, TypeError, RecursionError, ValidationError):
        return None
