"""The 403 of a call beyond the scopes, written from what the seam left in the request's call.

The status and the challenge are HTTP's, the body stays the seam's JSON-RPC error: a client that follows
MCP authorization steps up (RFC 6750 §3.1 insufficient_scope), any other shows the sentence.
"""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mcp_server.call import Call
from mcp_server.refusals import challenge


class Challenge:
    """ASGI: answers of calls that fell short of scopes leave as 403 with a challenge."""

    def __init__(self, app: ASGIApp, metadata_url: str) -> None:
        self._app = app
        self._metadata_url = metadata_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and watch the head of its answer."""
        call = Call.of(scope)

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start" and call.shortfall is not None:
                message["status"] = 403
                value = challenge(self._metadata_url, sorted(call.shortfall), "insufficient_scope")
                MutableHeaders(scope=message)["WWW-Authenticate"] = value
            await send(message)

        await self._app(scope, receive, watched)
