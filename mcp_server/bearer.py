"""The bearer check in front of everything: our token, for this server, in the Authorization header only.

The SDK's own check names an error even where no token came, and no scopes at all, so it is not used. What
the SDK reads later (`scope["user"]`, the principal of sealed request state) is set here.
"""

from __future__ import annotations

import math
import re
import time
from typing import TYPE_CHECKING

import structlog
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from starlette.authentication import AuthCredentials
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from mcp_server.call import Call
from mcp_server.house import House
from mcp_server.refusals import challenge, refuse
from vault.errors import Busy
from vault.opaque import digest

if TYPE_CHECKING:
    from vault.store.callers import Caller, Principal

_log = structlog.get_logger(__name__)
_CREDENTIALS = re.compile(rb"bearer +([A-Za-z0-9\-._~+/]{1,512}=*) *", re.IGNORECASE)
"""RFC 6750 §2.1 with a cap on the length; ours are shorter."""


class Bearer:
    """ASGI: only requests with a live token of ours pass, with their `Call` attached."""

    def __init__(self, app: ASGIApp, house: House) -> None:
        self._app = app
        self._house = house

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401 with a challenge, or 503 where the database is away."""
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        if not any(value.lower().startswith(b"bearer") for value in given):
            return await self._unauthorized(None)(scope, receive, send)
        found = _CREDENTIALS.fullmatch(given[0]) if len(given) == 1 else None
        if found is None:
            self._deny("malformed")
            return await self._unauthorized("invalid_token")(scope, receive, send)
        token_hash = digest(found[1].decode())
        seen = time.monotonic()
        try:
            caller = await self._caller(token_hash)
        except Busy as busy:
            return await _away(busy)(scope, receive, send)
        if caller is None:
            return await self._unauthorized("invalid_token")(scope, receive, send)
        principal, held = caller.principal, dict(caller.connections)
        Call(principal, lambda: self._principal(token_hash), held=held, seen=seen).attach(scope)
        scope["user"] = AuthenticatedUser(self._identity(principal))
        scope["auth"] = AuthCredentials(sorted(principal.scopes))
        return await self._app(scope, receive, send)

    async def _caller(self, token_hash: bytes) -> Caller | None:
        """Who comes with the token, if it was issued for this server (RFC 8707, MCP token audience)."""
        caller = await self._house.tokens.look(token_hash)
        if caller is None or caller.principal.resource != self._house.resource:
            reason = "unknown" if caller is None else "audience"
            _log.info("bearer_refused", reason=reason)
            self._deny(reason)
            return None
        return caller

    async def _principal(self, token_hash: bytes) -> Principal | None:
        caller = await self._caller(token_hash)
        return None if caller is None else caller.principal

    def _deny(self, reason: str) -> None:
        self._house.witness.note("bearer_refused", outcome="refused", detail=reason)

    def _identity(self, principal: Principal) -> AccessToken:
        """What the SDK binds sealed state to: client, issuer and subject. The token itself stays out."""
        return AccessToken(
            token="",
            client_id=principal.client_id,
            scopes=sorted(principal.scopes),
            resource=principal.resource,
            subject=str(principal.user_id),
            claims={"iss": self._house.public_url},
        )

    def _unauthorized(self, error: str | None) -> Response:
        sentence = (
            "This access token is not valid here: it is unknown, expired, revoked or meant for another "
            "server. Sign in again."
            if error
            else "This is an MCP server. Add this address to your chat program; it will ask you to sign in."
        )
        value = challenge(self._house.metadata_url, self._house.directory.scopes, error)
        return refuse(401, error or "unauthorized", sentence, {"WWW-Authenticate": value})


def _away(busy: Busy) -> Response:
    """The token may well be good, so it is not a 401: a client would throw it away."""
    _log.warning("bearer_unavailable")
    seconds = str(max(1, math.ceil(busy.retry_after)))
    return refuse(
        503,
        "temporarily_unavailable",
        "Valet can't check your sign-in right now. Try again in a moment.",
        {"Retry-After": seconds},
    )
