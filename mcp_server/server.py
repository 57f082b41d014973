"""The seam: the one place where what a tool raised becomes what a model reads.

`MCPServer.call_tool` raises a `ToolError` whose cause is the original error. A middleware comes too
late for this (the SDK has wrapped and logged everything but `MCPError` by then), so the public method
is overridden here.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, ClassVar

import structlog
from mcp import UrlElicitationRequiredError
from mcp.server.caching import CacheHint
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ResourceNotFoundError, ToolError, UnexpectedToolError
from mcp.server.request_state import RequestStateSecurity
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, INVALID_REQUEST, CallToolResult, InputRequiredResult
from pydantic import AnyUrl, ValidationError

from mcp_server.answers import failure
from mcp_server.approver import Approver
from mcp_server.arguments import explain
from mcp_server.asking import QUESTION
from mcp_server.call import Call, host_behind
from mcp_server.crash import report
from mcp_server.errors import Asked, Unconfigured
from mcp_server.house import House
from mcp_server.ladder import MENDABLE, Ladder
from mcp_server.notice import noticed
from mcp_server.pages import KEPT, pages
from mcp_server.sentences import Spoken, speak
from mcp_server.toolbox import Entry, Toolbox
from providers.base import Unavailable

_log = structlog.get_logger(__name__)
_INSTRUCTIONS = (
    "Valet runs tools with the person's own accounts, which they connect once in the browser. When a tool "
    "answers that an account is not connected or has not allowed something, or that the person wants to say "
    "yes first, hand them the link from the answer and repeat the same call when they are done. "
    "connections_list shows what is connected; where one provider has several accounts, tools take the label "
    "of one as `account`."
)


class ValetServer(MCPServer[House]):
    """The MCP server over one house and one toolbox."""

    absent: ClassVar[frozenset[str]] = frozenset({"prompts/get", "completion/complete"})
    """Methods about things of which there are none here."""

    def __init__(self, house: House, toolbox: Toolbox, ladder: Ladder) -> None:
        self._house = house
        self._toolbox = toolbox
        self._ladder = ladder
        self._approver = Approver(house.approvals, house.vault, house.public_url)
        apps = pages()
        self._extended = {apps.identifier: apps.settings()}
        root = logging.getLogger()
        handlers, level = list(root.handlers), root.level
        super().__init__(
            name="valet",
            title="Valet",
            instructions=_INSTRUCTIONS,
            version=house.version,
            website_url=house.public_url,
            tools=toolbox.tools,
            lifespan=_lend,
            request_state_security=RequestStateSecurity(keys=list(house.request_state_keys)),
            extensions=[apps],
            cache_hints={
                "tools/list": CacheHint(ttl_ms=0, scope="private"),
                "resources/list": KEPT,
                "resources/read": KEPT,
            },
            subscriptions=False,
            middleware=[self._only_what_is_here, self._declare_pages, self._list_what_is_held],
        )
        # The SDK's own spans carry a stranger's words and texts of exceptions; ours are in `call_tool`.
        theirs = [each for each in self.middleware if type(each).__name__ == "OpenTelemetryMiddleware"]
        self.middleware[:] = [each for each in self.middleware if each not in theirs]
        # The SDK configures the root logger when nobody has; logging belongs to the composition root.
        root.handlers[:] = handlers
        root.setLevel(level)

    @property
    def house(self) -> House:
        """What the tools work with."""
        return self._house

    async def _only_what_is_here(
        self, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        """Answer for what does not exist ourselves: the SDK would log the name that a stranger gave it."""
        if ctx.method in self.absent:
            raise MCPError(INVALID_PARAMS, "This server has tools and the pages of some, but no prompts.")
        return await call_next(ctx)

    async def _declare_pages(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Name the extension to who says `initialize` too: MCP Apps is older than the field `extensions`
        (2026-07-28), and the SDK leaves out of an answer what its revision does not have.
        """
        result = await call_next(ctx)
        if ctx.method != "initialize" or not isinstance(result, Mapping):
            return result
        return {**result, "capabilities": {**result["capabilities"], "extensions": self._extended}}

    async def _list_what_is_held(
        self, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        """Leave out of `tools/list` what the principal's scopes do not cover, and what is for pages alone
        where the chat program renders none.
        """
        result = await call_next(ctx)
        if ctx.method != "tools/list" or not isinstance(result, Mapping) or ctx.request is None:
            return result
        call = Call.of(ctx.request.scope)
        scopes, ui = call.principal.scopes, host_behind(ctx, call).ui
        tools = [each for each in result["tools"] if self._toolbox.listed(each["name"], scopes, ui=ui)]
        return {**result, "tools": tools}

    async def read_resource(
        self, uri: AnyUrl | str, context: Context[House, Any] | None = None
    ) -> Iterable[ReadResourceContents] | InputRequiredResult:
        """A page. Raises MCPError (-32602) for what there is not, naming it as it was asked for (MCP
        2026-07-28 server/resources, "Error Handling"); the SDK would log that name, which is a stranger's.
        """
        try:
            return await super().read_resource(uri, context)
        except ResourceNotFoundError:
            said = "There is no resource of that name. resources/list names those there are."
            raise MCPError(INVALID_PARAMS, said, {"uri": str(uri)}) from None

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[House, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Run a tool for the request's principal; every failure comes back as an answer.

        Raises MCPError for an unknown tool (-32602), for a call beyond the scopes (the challenge makes
        it a 403), and as UrlElicitationRequiredError.
        """
        entry = self._toolbox.find(name)
        if entry is None:
            raise MCPError(INVALID_PARAMS, "There is no tool of that name. tools/list names those there are.")
        if context is None:
            raise MCPError(INVALID_REQUEST, "A tool can only be called within a request.")
        call = Call.within(context)
        call.tool = entry.spec
        outcome, began = "cancelled", time.monotonic()
        with self._house.spans(f"tool {name}", {"valet.tool": name}) as span:
            try:
                result = await self._answer(entry, arguments, context, call)
                outcome = _outcome(result)
                if isinstance(result, CallToolResult) and not entry.spec.app_only:  # a page passes nothing on
                    result = await noticed(result, call, self._house)
            except MCPError as error:
                outcome = _refusal(error, call)
                raise
            finally:
                seconds = time.monotonic() - began
                span.set("valet.outcome", outcome)
                self._house.tally.called(name, outcome, seconds)
                call.ended = (name, outcome)
                self._note(entry, call, outcome, round(seconds * 1000))
        return result

    async def _answer(
        self, entry: Entry, arguments: dict[str, Any], context: Context[House, Any], call: Call
    ) -> CallToolResult | InputRequiredResult:
        try:
            early = await self._ladder.resume(context) or await self._approver.resume(context)
            self._require_app(entry)
            _require_scopes(call, entry)  # after the wait: the grant may have been raised or cut meanwhile
            return early or await self._run_or_ask(entry, arguments, context)
        except MCPError:
            raise
        except Exception as error:  # noqa: BLE001 - the seam: nothing unspoken may pass it
            spoken = speak(error, self._house.directory)
            return failure(spoken) if spoken is not None else self._masked(entry, error)

    def _note(self, entry: Entry, call: Call, outcome: str, milliseconds: int) -> None:
        """Let the person see that it was called: the tool, the account and the end of it, nothing said.

        Of a page that looks every few seconds, the first look in a while; each that is not allowed.
        """
        who, name = call.principal, entry.tool.name
        kind = (who.grant_id, name, call.connection, outcome)
        if entry.spec.poll and outcome != "not_allowed" and not self._house.polls.first(*kind):
            return
        _log.debug("tool_answered", tool=name, outcome=outcome)
        self._house.diary.note(
            user_id=who.user_id,
            grant_id=who.grant_id,
            client_id=who.client_id,
            client_name=who.client_name,
            action=name,
            provider=self._provider(entry),
            connection=call.connection,
            outcome=outcome,
            milliseconds=milliseconds,
        )

    def _provider(self, entry: Entry) -> str | None:
        if entry.spec.service is None:
            return None
        try:
            return self._house.directory.service(entry.spec.service)[0].name
        except KeyError:
            return None

    async def _run_or_ask(
        self, entry: Entry, arguments: dict[str, Any], context: Context[House, Any]
    ) -> CallToolResult | InputRequiredResult:
        if entry.spec.asks:
            call = Call.within(context)
            call.name, call.exact = entry.tool.name, partial(entry.exact, arguments)
        try:
            return await self._run(entry, arguments, context)
        except Asked as asked:
            return await self._approver.ask(context, asked)

    async def _run(
        self, entry: Entry, arguments: dict[str, Any], context: Context[House, Any]
    ) -> CallToolResult | InputRequiredResult:
        try:
            return await super().call_tool(entry.tool.name, arguments, context)
        except ToolError as wrapped:
            error = wrapped.__cause__ or wrapped
            if isinstance(error, ValidationError) and not isinstance(wrapped, UnexpectedToolError):
                return failure(Spoken("invalid_argument", explain(error, entry.tool.parameters)))
        if isinstance(error, Asked):
            raise error
        if isinstance(error, Unavailable) and entry.spec.read_only:
            error.ambiguous = False  # a look changes nothing, whatever became of the answer
        spoken = speak(error, self._house.directory)
        if spoken is None or not isinstance(error, Exception):
            return self._masked(entry, error)
        if not isinstance(error, MENDABLE):
            return failure(spoken)
        label = arguments.get("account")
        # An empty one means the default, as it does to the resolver.
        answer = await self._ladder.climb(
            context, error, spoken, label if isinstance(label, str) and label else None
        )
        if answer is not None:
            return answer
        _require_scopes(Call.within(context), entry)
        return await self._run(entry, arguments, context)

    def _require_app(self, entry: Entry) -> None:
        """A scope of a provider without an app can't be granted, so asking for it would be a loop."""
        unset = self._house.directory.unset
        for provider in unset:
            if entry.spec.service in {service.name for service in provider.services}:
                raise Unconfigured(provider.name, unset)

    def _masked(self, entry: Entry, error: BaseException) -> CallToolResult:
        reference = report("tool_crashed", error, tool=entry.tool.name)
        return failure(
            Spoken(
                "provider_error",
                "Something went wrong inside Valet, and it is not your doing. Try once more; if it stays, "
                f"tell the operator of this server the reference {reference}.",
            )
        )


@asynccontextmanager
async def _lend(server: MCPServer[House]) -> AsyncIterator[House]:
    assert isinstance(server, ValetServer)
    yield server.house


def _require_scopes(call: Call, entry: Entry) -> None:
    if entry.spec.held_by(call.principal.scopes):
        return
    call.shortfall = entry.spec.scopes
    scope = " ".join(sorted(entry.spec.scopes))
    who, way = (
        ("personal token", "What it may do never changes; the person can make another one.")
        if call.principal.personal
        else (
            "chat",
            "The person can allow it in their browser: call connections_connect, or sign in again for this "
            "scope.",
        )
    )
    raise MCPError(
        INVALID_REQUEST,
        f"This {who} may not use {entry.tool.name}: it needs the permission {scope}. {way}",
        {"error": "insufficient_scope", "scope": scope},
    )


def _refusal(error: MCPError, call: Call) -> str:
    if isinstance(error, UrlElicitationRequiredError):
        return "input_required"
    return "not_allowed" if call.shortfall is not None else "error"


def _outcome(result: CallToolResult | InputRequiredResult) -> str:
    if isinstance(result, InputRequiredResult):
        return "approval_needed" if QUESTION in (result.input_requests or {}) else "input_required"
    if not result.is_error:
        return "ok"
    return str((result.meta or {}).get("valet/error", {}).get("code", "error"))
