"""The two doors of one port, and what every request goes through whichever it is for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connect.address import Proxies, client_address
from valet.record import Record
from vault.audit.audit import Audit


class Doors(BaseRoute):
    """Exactly /mcp belongs to the MCP server, everything else to the sidecar (as in nginx.conf).

    By comparison, not by a pattern: a pattern's `.` does not match a line break, and what fell between the
    doors would get neither's headers nor its check of the Host. `fresh` looks up what was set up meanwhile.
    A process that has one door only answers 421 for the other.
    No answer begins before what the request has to have in the audit is written there, or its time is over.
    `record` is told of each.
    """

    def __init__(
        self,
        mcp: ASGIApp | None,
        sidecar: ASGIApp | None,
        fresh: Callable[[], Awaitable[None]],
        audit: Audit,
        proxies: Proxies,
        record: Record | None = None,
    ) -> None:
        self._mcp = mcp
        self._sidecar = sidecar
        self._fresh = fresh
        self._audit = audit
        self._proxies = proxies
        self._app: ASGIApp = self._pass if record is None else record.wrapped(self._pass)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Every request is for one of the two."""
        return Match.FULL, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on."""
        await self._app(scope, receive, send)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != "/healthz":  # which has to say that we are alive also while the database is away
            await self._fresh()
        with self._audit.visit(client_address(Request(scope), self._proxies)) as visit:

            async def settled(message: Message) -> None:
                if message["type"] == "http.response.start":
                    await self._audit.settled(visit)
                await send(message)

            door = self._mcp if scope["path"] == "/mcp" else self._sidecar
            await (door or _elsewhere)(scope, receive, settled)


async def _elsewhere(scope: Scope, receive: Receive, send: Send) -> None:
    """What belongs to the door that this process does not have: a proxy sent it to the wrong one."""
    response = PlainTextResponse("This is not served here: the proxy asked the wrong process.\n", 421)
    await response(scope, receive, send)
