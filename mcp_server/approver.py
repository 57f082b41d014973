"""How a person's yes to one call is got: what the chat program shows, or a page of ours.

    1  2026-07-28 with form elicitation   InputRequiredResult with a form; the retry brings the yes
    2  anything else                      an error result: what would be done, and a link; the same call
                                          repeated runs, once its person has pressed the button there

Earlier revisions ask by a request from the server within the call, for which an answer in JSON has no room,
so they get the link. So do pages (MCP Apps), which must not open a form over the chat.

MCP 2026-07-28 client/elicitation and basic/patterns/mrtr.
"""

from __future__ import annotations

import json
from typing import Any

from mcp.server.mcpserver import Context
from mcp_types import (
    CallToolResult,
    ElicitRequest,
    ElicitRequestFormParams,
    InputRequiredResult,
    TextContent,
)

from mcp_server.answers import ERROR, failure
from mcp_server.asking import AGREED, DECLINED, QUESTION, answered
from mcp_server.call import Call, host_of
from mcp_server.errors import Asked
from mcp_server.ports import Approvals, Secrets
from mcp_server.sentences import Spoken
from mcp_server.tools.text import clip, quoted
from vault.approvals import Preview

APPROVE = "valet/approve"

_LINES = 20
_WORD = 40
_MOST = 2000
_IN_ALL = 8000
_TO_THE_MODEL = 500


class Approver:
    """Asks people."""

    def __init__(self, approvals: Approvals, vault: Secrets, public_url: str) -> None:
        self._approvals = approvals
        self._vault = vault
        self._public_url = public_url

    async def resume(self, context: Context[Any, Any]) -> CallToolResult | None:
        """On the retry of 1: where the person said no, the call ends here, whatever it is. Raises Busy."""
        if answered(context) is not False:
            return None
        who = Call.within(context).principal
        if context.request_state is not None:
            await self._approvals.drop(context.request_state, who.user_id, who.grant_id)
        return failure(Spoken("declined", DECLINED))

    async def ask(self, context: Context[Any, Any], asked: Asked) -> CallToolResult | InputRequiredResult:
        """The question, as the chat program can show it. Raises PersonGone, Busy."""
        call = Call.within(context)
        preview = shown(asked)
        handle = await self._approvals.ask(asked.deed, preview)
        by_a_page = call.tool is not None and call.tool.app_only
        # Once: what does not fit the question that was answered is asked where it can't go round in circles.
        if host_of(context).form and answered(context) is None and not by_a_page:
            form = _form(preview, await self._account(call))
            return InputRequiredResult(
                input_requests={QUESTION: ElicitRequest(params=form)}, request_state=handle
            )
        return _linked(preview, f"{self._public_url}/approve?h={handle}")

    async def _account(self, call: Call) -> str:
        """What the person calls the account that it is about; the page says it by itself."""
        rows = await self._vault.list(call.principal.user_id)
        return next((row.account_label for row in rows if row.id == call.connection), "")


def shown(asked: Asked) -> Preview:
    """What a person is shown: bounded, each value one line without hidden characters; a rest is mentioned."""
    lines: list[tuple[str, str]] = []
    room = _IN_ALL
    for word, content in asked.lines[:_LINES]:
        said = _whole(content, min(_MOST, room))
        room -= len(said)
        if room < 0:
            break
        lines.append((clip(word, _WORD), said))
    if rest := len(asked.lines) - len(lines):
        lines.append(("Not shown", f"{rest} more"))
    return Preview(asked.title, tuple(lines))


def _whole(content: str, most: int) -> str:
    if len(content) <= most:
        return clip(content, most)
    return f"{clip(content, most)} (and {len(content) - most:,} characters more)"


def _form(preview: Preview, account: str) -> ElicitRequestFormParams:
    lines = [f"With your account: {quoted(account)}"] if account else []
    lines += [f"{word}: {quoted(content, _MOST + 50)}" for word, content in preview.lines]
    message = "\n".join([f"{preview.title}?", "", *lines, "", "Nothing is done until you say yes."])
    return ElicitRequestFormParams(
        message=message,
        requested_schema={
            "type": "object",
            "properties": {AGREED: {"type": "boolean", "title": "Yes, do this"}},
            "required": [AGREED],
        },
    )


def _linked(preview: Preview, url: str) -> CallToolResult:
    text = (
        "Nothing was done yet: the person wants to say yes to this themselves. Tell them what it is about, "
        f"and ask them to open this link in a browser and decide there: {url} – then repeat exactly the same "
        "call. The link works for ten minutes. What would be done, as data:"
    )
    lines = [[word, clip(content, _TO_THE_MODEL)] for word, content in preview.lines]
    data = json.dumps({"title": preview.title, "lines": lines}, ensure_ascii=False, separators=(",", ":"))
    return CallToolResult(
        content=[TextContent(type="text", text=text), TextContent(type="text", text=data)],
        is_error=True,
        _meta={ERROR: {"code": "approval_needed"}, APPROVE: {"title": preview.title, "url": url}},
    )
