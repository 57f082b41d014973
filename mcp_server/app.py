"""The ASGI app for exactly `/mcp`, from the outside in:

    hearing → CORS → Host and Origin → bearer check → bucket → one JSON POST → session id → 403 challenge
    → the SDK

Stateless and JSON only: any worker can serve any request, and a restart loses nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from mcp_server.bearer import Bearer
from mcp_server.buckets import Throttle
from mcp_server.challenge import Challenge
from mcp_server.door import MAX_BODY, Door, Hearing, Intake, is_loopback, security
from mcp_server.house import House
from mcp_server.ladder import Ladder
from mcp_server.server import ValetServer
from mcp_server.sessionid import SessionIds
from mcp_server.toolbox import Toolbox
from mcp_server.tools import MODULES

_LOOPBACK_ORIGIN = r"http://(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?"
_EXPOSED = ("WWW-Authenticate", "Mcp-Session-Id", "Retry-After")


class McpApp:
    """The MCP server as an ASGI app; it serves while `lifespan` is entered, which can be done once.

    As `app` it is a Starlette app of its own with the one route `/mcp`. A process that serves more than
    that mounts `Route("/mcp", endpoint=app.endpoint)` and enters `app.lifespan()` in its own lifespan.
    """

    def __init__(self, server: ValetServer, endpoint: ASGIApp) -> None:
        self.server = server
        self.endpoint = endpoint
        self._alone = Starlette(routes=[Route("/mcp", endpoint=endpoint)], lifespan=lambda _: self.lifespan())
        self._alone.router.redirect_slashes = False

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Serve until left."""
        async with self.server.session_manager.run():
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve `/mcp` alone."""
        await self._alone(scope, receive, send)


def build(house: House, toolbox: Toolbox | None = None, kind: type[ValetServer] = ValetServer) -> McpApp:
    """The MCP server of that house, with the tools of that toolbox; without one, with all there are."""
    ladder = Ladder(house.links, house.directory, house.public_url, house.patience)
    server = kind(house, toolbox or Toolbox(MODULES), ladder)
    settings = security(house.public_url, house.origins)
    server.streamable_http_app(
        json_response=True,
        stateless_http=True,
        max_request_body_size=MAX_BODY + 1,
        transport_security=settings,
    )
    app: ASGIApp = AuthContextMiddleware(server.session_manager.handle_request)
    app = Challenge(app, house.metadata_url)
    app = SessionIds(app, house.session_key)
    app = Intake(app)
    app = Throttle(app, house.buckets, house.witness)
    app = Bearer(app, house)
    app = Door(app, settings)
    return McpApp(server, Hearing(_cors(app, house)))


def _cors(app: ASGIApp, house: House) -> ASGIApp:
    """Outermost, so that a browser may read our 401 and preflights need no token."""
    return CORSMiddleware(
        app,
        allow_origins=[house.public_url, *house.origins],
        allow_origin_regex=_LOOPBACK_ORIGIN if is_loopback(house.public_url) else None,
        allow_methods=["POST"],
        allow_headers=["*"],
        expose_headers=_EXPOSED,
        max_age=3600,
    )
