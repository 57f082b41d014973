"""How a tool asks its person before it sends, shares, invites or deletes, where they have switched that on.

The tool previews exactly what it is about to do, with every name resolved to what it stands for. A person who
has switched nothing on is asked nothing: their chat program's own confirmation is trusted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from mcp.server.mcpserver import Context
from mcp_types import ElicitResult

from mcp_server.call import Call, is_modern
from mcp_server.errors import Asked, Refusal
from mcp_server.house import House
from mcp_server.ports import Approvals

QUESTION = "approve"
"""The name of our question among the input requests of a result."""

AGREED = "go_ahead"
"""The field of its form."""

DECLINED = (
    "The person said no, so nothing was done. Do not ask again unless they bring it up; what they want "
    "changed, change first."
)


@dataclass(frozen=True, slots=True)
class Asking:
    """The person's say on one call. `on`: they want to be asked, so a preview is worth a request."""

    on: bool = False
    call: Call | None = field(default=None, repr=False)
    approvals: Approvals | None = field(default=None, repr=False)
    handle: str = field(default="", repr=False)

    async def __call__(
        self, title: str, lines: Iterable[tuple[str, str]], *, same: Iterable[str] = ()
    ) -> None:
        """Return where the person has said yes to this very call, or wants no questions; raise otherwise.

        To be called once in a call, after every check and before the first write. `title` is an imperative
        of ours, such as "Send this mail"; `lines` are (our word, their content), such as ("To",
        "ana@example.com"), and are clipped here. Both must come out the same when the same call is repeated:
        no "in five minutes". `same` is what else must not have changed in between and is not shown whole,
        such as the version of the draft, or the text that the lines show the beginning of.
        """
        call, approvals, shown = self.call, self.approvals, tuple(lines)
        if not self.on or call is None or approvals is None:
            return
        who = call.principal
        exactly = [call.exact(), title, shown, list(same)]
        deed = approvals.deed(who.user_id, who.grant_id, call.name, call.connection, exactly)
        if call.agreed == deed.mark:
            return
        if self.handle and await approvals.agree(self.handle, deed):
            call.agreed = deed.mark
            return
        decision = await approvals.settle(deed)
        if decision is None:
            raise Asked(deed, title, shown)
        if decision == "no":
            raise Refusal("declined", DECLINED)
        call.agreed = deed.mark


async def asking(context: Context[House, object]) -> Asking:
    """How a tool that sends, shares, invites or deletes asks its person first. Raises Busy."""
    call, approvals = Call.within(context), context.request_context.lifespan_context.approvals
    spec = call.tool
    if spec is None or not spec.asks or spec.service is None:
        return Asking()
    on = await approvals.wanted(call.principal.user_id, spec.service)
    agreed = answered(context) is True
    return Asking(on, call, approvals, context.request_state or "" if agreed else "")


def answered(context: Context[House, object]) -> bool | None:
    """What the person answered to our form in the chat; None where there was none.

    Only a form that was sent with the box ticked is a yes: a chat program may send empty ones by itself.
    """
    response = (context.input_responses or {}).get(QUESTION) if is_modern(context) else None
    if response is None:
        return None
    if not isinstance(response, ElicitResult) or response.action != "accept":
        return False
    return (response.content or {}).get(AGREED) is True
