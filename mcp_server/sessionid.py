"""What a legacy client declared at `initialize`, carried by itself in a signed `Mcp-Session-Id`.

The server keeps no sessions, and a legacy client sends its capabilities only once. So the id says what
it can do (open links, render apps), until when, and is signed over the person and the client it was given
to. It is never authentication: the bearer token is, on every request. An id that is old, foreign or made
up is ignored, and the client then gets the plainest answers.

    v2.<negotiated protocol>.<capabilities>.<expiry, Unix seconds>.<random>.<HMAC-SHA256, base64url>

in visible ASCII. The protocol is the one of the answer to `initialize`. Links are opened since 2025-11-25, so
what an id of before says about them does not count; nor does an id beside a header that names another
protocol.
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
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, is_version_at_least
from pydantic import ValidationError
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mcp_server.call import Call, Host

_HEADER = "mcp-session-id"
_PROTOCOL = "mcp-protocol-version"
_VERSION = "v2"
_LINKS_SINCE = "2025-11-25"
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
        headers = Headers(scope=scope)
        if _HEADER in headers:
            call.declared = self.read(headers[_HEADER], call, headers.get(_PROTOCOL))
        host = _declared(call.body)
        if host is None:
            return await self._app(scope, receive, send)

        start: Message | None = None

        async def watched(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and message["status"] == 200:
                # What was negotiated stands in the body, so the head waits for it.
                start = message
                return
            if start is not None:
                protocol = _negotiated(message.get("body", b""))
                if protocol is not None:
                    MutableHeaders(scope=start)[_HEADER] = self.write(host, protocol, call)
                await send(start)
                start = None
            await send(message)

        return await self._app(scope, receive, watched)

    def write(self, host: Host, protocol: str, call: Call) -> str:
        """A fresh id for what `host` can do in that protocol."""
        expiry = int(self._clock()) + _LIFETIME
        flags = "u" * host.url + "i" * host.ui or "-"
        claims = f"{_VERSION}.{protocol}.{flags}.{expiry}.{secrets.token_urlsafe(12)}"
        return f"{claims}.{self._sign(claims, call)}"

    def read(self, session_id: str, call: Call, protocol: str | None = None) -> Host | None:
        """What an id says, or None where it is not a live one given to this person and client.

        `protocol` is the one that the request names, if it does.
        """
        claims, _, signature = session_id[:_LONGEST].rpartition(".")
        parts = claims.split(".")
        if len(parts) != 5 or not hmac.compare_digest(signature.encode(), self._sign(claims, call).encode()):
            return None
        version, negotiated, flags, expiry, _ = parts
        if version != _VERSION or int(expiry) < self._clock() or protocol not in {None, negotiated}:
            return None
        return Host(url="u" in flags and is_version_at_least(negotiated, _LINKS_SINCE), ui="i" in flags)

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


def _negotiated(body: bytes) -> str | None:
    """The protocol in the answer to `initialize`, or None where it is an error or no whole answer."""
    try:
        version: Any = json.loads(body)["result"]["protocolVersion"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return version if version in HANDSHAKE_PROTOCOL_VERSIONS else None
