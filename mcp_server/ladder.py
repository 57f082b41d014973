"""How a person is brought to the connect page, by the best way the chat program offers.

    1  2026-07-28 with url elicitation    InputRequiredResult; the retry waits a little for the person
    2  earlier, capabilities known        UrlElicitationRequiredError (-32042); the next such call waits, too
    3  anything else                      an error result: one sentence, one link, `_meta`

A call of a tool for pages (MCP Apps) is always the third: a page looks again every few seconds, and must not
open windows. It has a button for the link, which the chat program opens when the person presses it.

MCP 2026-07-28 client/elicitation and basic/patterns/mrtr; 2025-11-25 client/elicitation. The link holds
an opaque handle and nothing about the person; the page behind it asks who they are.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from mcp import UrlElicitationRequiredError
from mcp.server.mcpserver import Context
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_REQUEST,
    CallToolResult,
    ElicitRequest,
    ElicitRequestURLParams,
    ElicitResult,
    InputRequiredResult,
)

from mcp_server.answers import failure, linked
from mcp_server.call import Call, host_of, is_modern
from mcp_server.errors import Unconfigured, Wanted
from mcp_server.ports import ConnectLinks, Directory
from mcp_server.sentences import Spoken
from providers.base import GrantRejected, Provider, ScopeMissing
from vault.errors import ConnectionExpired, NotConnected

MENDABLE = (NotConnected, ConnectionExpired, GrantRejected, ScopeMissing, Wanted)
"""Errors that a person can mend on the connect page."""

_QUESTION = "connect"

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Patience:
    """How often, and how far apart in seconds, to look whether the person has finished."""

    looks: int = 20
    gap: float = 0.5
    sleep: Sleep = asyncio.sleep


@dataclass(frozen=True, slots=True)
class Need:
    """What the person is asked for: our scopes, and the upstream scopes behind them."""

    provider: Provider
    ours: frozenset[str]
    upstream: frozenset[str]
    label: str | None


class Ladder:
    """Climbs from a mendable error to what the chat program can show."""

    def __init__(
        self, links: ConnectLinks, directory: Directory, public_url: str, patience: Patience
    ) -> None:
        self._links = links
        self._directory = directory
        self._public_url = public_url
        self._patience = patience

    async def resume(self, context: Context[Any, Any]) -> CallToolResult | None:
        """On the retry of rung 1: wait for the person, or answer at once if they declined.

        `accept` only means that they agreed to open the link, so the flow's row decides.
        """
        response = (context.input_responses or {}).get(_QUESTION) if is_modern(context) else None
        if response is None:
            return None
        if not isinstance(response, ElicitResult) or response.action != "accept":
            return failure(
                Spoken(
                    "not_connected",
                    "The person chose not to open the connect page, so nothing was changed. Do not ask again "
                    "unless they bring it up.",
                )
            )
        call = Call.within(context)
        if context.request_state is not None:
            await self._wait(context.request_state, call)
        return None

    async def _wait(self, handle: str, call: Call) -> bool:
        """Whether the person finishes within a few seconds; the call then speaks for them as they are now.

        Raises MCPError where their sign-in ended meanwhile.
        """
        if not await self._finished(handle, call):
            return False
        # The grant may have been raised on the way, or cut: the row of the token says so.
        principal = await call.recheck()
        if principal is None:
            raise MCPError(INVALID_REQUEST, "The sign-in of this chat has ended. Sign in again.")
        call.principal, call.answered = principal, True
        call.held.clear()  # read before they mended it
        return True

    async def _finished(self, handle: str, call: Call) -> bool:
        for look in range(self._patience.looks):
            if look:
                await self._patience.sleep(self._patience.gap)
            if await self._links.connected(handle, call.principal.user_id):
                return True
        return False

    async def climb(
        self, context: Context[Any, Any], error: Exception, spoken: Spoken, label: str | None
    ) -> CallToolResult | InputRequiredResult | None:
        """The way to mend `error`; None where the person has just done so, and the call is to be run again.

        Raises UrlElicitationRequiredError (rung 2), Unconfigured.
        """
        call = Call.within(context)
        need = self._need(error, call, label)
        handle = await self._links.ask_connect(
            user_id=call.principal.user_id,
            client_id=call.principal.client_id,
            grant_id=call.principal.grant_id,
            provider=need.provider.name,
            ours=need.ours,
            upstream=need.upstream,
            label=need.label,
        )
        url = f"{self._public_url}/connect/{need.provider.name}?h={handle}"
        message = _message(need, spoken)
        if host_of(context).url and not context.input_responses and not _by_a_page(call):
            if is_modern(context):
                params = ElicitRequestURLParams(message=message, url=url)
                return InputRequiredResult(
                    input_requests={_QUESTION: ElicitRequest(params=params)}, request_state=handle
                )
            # Once: what is called again while the link is fresh comes back from it.
            if not call.answered and await self._links.show(handle, call.principal.user_id):
                raise UrlElicitationRequiredError(
                    [ElicitRequestURLParams(message=message, url=url, elicitation_id=_name_of(handle))],
                    message,
                )
            if not call.answered and await self._wait(handle, call):
                return None
        if isinstance(error, Wanted):
            return error.answer(url)
        return linked(spoken, need.provider.name, need.provider.title, url)

    def _need(self, error: Exception, call: Call, label: str | None) -> Need:
        """The least to ask for: what is missing, or where nothing is there, what the grant covers."""
        name = getattr(error, "provider", "")
        try:
            provider = self._directory.get(name)
        except KeyError:
            raise Unconfigured(name, self._directory.unset) from None
        if isinstance(error, Wanted):
            return Need(provider, error.ours, error.upstream, error.label)
        ours = call.tool.scopes if call.tool is not None else frozenset[str]()
        if isinstance(error, ScopeMissing):
            return Need(provider, ours, error.scopes, label)
        needs = call.tool.needs if call.tool is not None else frozenset[str]()
        wanted = provider.least(self._directory.upstream(name, call.principal.scopes) | needs)
        return Need(provider, ours, wanted, label)


def _by_a_page(call: Call) -> bool:
    return call.tool is not None and call.tool.app_only


def _message(need: Need, spoken: Spoken) -> str:
    verb = {"reauth_required": "Reconnect", "scope_missing": "Allow more on"}.get(spoken.code, "Connect")
    return f"{verb} your {need.provider.title} account in the browser. Valet keeps the access, not this chat."


def _name_of(handle: str) -> str:
    """An id for the elicitation that is not the handle itself."""
    return hashlib.sha256(handle.encode()).hexdigest()[:32]
