"""What one HTTP request carries from the bearer check to the tool, and back to the challenge."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID
from mcp.server.context import ServerRequestContext
from mcp.server.mcpserver import Context
from mcp_types import ClientCapabilities
from mcp_types.version import is_version_at_least
from starlette.types import Scope

if TYPE_CHECKING:
    from mcp_server.toolbox import Spec
    from vault.store.callers import Principal
    from vault.store.leases import SealedConnection

_KEY = "valet.call"
_MODERN = "2026-07-28"
_FRESH = 0.25
"""Seconds for which a row counts as just read: a call gets to its tool in hundredths of one."""


@dataclass(frozen=True, slots=True)
class Host:
    """What the chat program can do for a person: open a link in the browser, render an MCP App, show forms.

    The last counts in the modern era only.
    """

    url: bool = False
    ui: bool = False
    form: bool = False

    @classmethod
    def of(cls, capabilities: ClientCapabilities | None) -> Host:
        """What these declared capabilities mean. `elicitation: {}` declares form mode only; who renders MCP
        Apps names their media type (ext-apps 2026-01-26, "Client Capabilities": `mimeTypes` is required).
        """
        if capabilities is None:
            return cls()
        elicitation = capabilities.elicitation
        return cls(
            url=elicitation is not None and elicitation.url is not None,
            ui=_renders((capabilities.extensions or {}).get(EXTENSION_ID)),
            form=elicitation is not None and (elicitation.form is not None or elicitation.url is None),
        )


@dataclass(slots=True)
class Call:
    """One request of one principal.

    `declared` is what a legacy client declared at `initialize`, from its signed session id. The seam
    sets `tool` before the tool's resolvers run, and `shortfall` (our scopes) when the call goes beyond
    the principal's scopes. `recheck` reads the token's row again. `answered`: the person has just finished
    what this call asked them for. `connection`: the account that a credential was handed out for, or that was
    ended; `ending`: its permission ends before long, and its person may have to be told. Of a tool that
    asks: `name`, and `exact` for its checked arguments; `agreed` is the mark of what its person has said yes
    to, in this very request. `held`: the person's default connections, by provider, as they were read with
    the token after `seen` on the monotonic clock. `ended`: the tool that was called, and what came of it.
    """

    principal: Principal
    recheck: Callable[[], Awaitable[Principal | None]]
    declared: Host | None = None
    tool: Spec | None = None
    shortfall: frozenset[str] | None = None
    answered: bool = False
    connection: UUID | None = None
    ending: bool = False
    name: str = ""
    ended: tuple[str, str] | None = None
    exact: Callable[[], Any] = field(default=dict, repr=False)
    agreed: bytes = field(default=b"", repr=False)
    body: bytes = field(default=b"", repr=False)
    held: dict[str, SealedConnection] = field(default_factory=dict, repr=False)
    seen: float = -math.inf

    def take(self, provider: str) -> SealedConnection | None:
        """The person's default connection to it as it was just read: once, and unless that was a while ago.

        A body may come slowly, and a tool is run again when its person has mended something meanwhile.
        """
        row = self.held.pop(provider, None)
        return row if time.monotonic() - self.seen < _FRESH else None

    def attach(self, scope: Scope) -> None:
        """Make this the request's call, also for whoever records the request."""
        scope[_KEY] = self
        scope.setdefault("state", {})[_KEY] = self

    @staticmethod
    def of(scope: Scope) -> Call:
        """The request's call. Raises KeyError where no bearer check came before."""
        call: Call = scope[_KEY]
        return call

    @staticmethod
    def within(context: Context[Any, Any]) -> Call:
        """The call that a tool or resolver runs in."""
        request = context.request_context.request
        assert request is not None
        return Call.of(request.scope)


def is_modern(context: Context[Any, Any] | ServerRequestContext[Any, Any]) -> bool:
    """Whether the request speaks 2026-07-28 or later, where nothing may be asked by an error."""
    return is_version_at_least(context.protocol_version or "", _MODERN)


def host_of(context: Context[Any, Any]) -> Host:
    """What the caller can do: per request in the modern era, from the session id before it."""
    if is_modern(context):
        return Host.of(context.client_capabilities)
    return Call.within(context).declared or Host()


def host_behind(context: ServerRequestContext[Any, Any], call: Call) -> Host:
    """The same, where a middleware asks."""
    if is_modern(context):
        return Host.of(context.session.client_capabilities)
    return call.declared or Host()


def _renders(settings: Mapping[str, Any] | None) -> bool:
    """Whether the settings of the extension name the media type, however its parameter is written."""
    named = settings.get("mimeTypes") if settings else None
    types = [each for each in named if isinstance(each, str)] if isinstance(named, list) else []
    return APP_MIME_TYPE in {"".join(each.lower().replace('"', "").split()) for each in types}
