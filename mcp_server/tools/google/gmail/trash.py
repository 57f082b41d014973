"""gmail_trash_thread."""

from __future__ import annotations

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.inject import AccountLabel, Confirm
from mcp_server.toolbox import tool
from mcp_server.tools.google.client import GmailClient
from mcp_server.tools.google.gmail.views import ThreadId, called, sender, subject
from mcp_server.tools.text import quoted
from mcp_server.tools.undo import Undo
from providers.errors import NotFound
from providers.google.gmail import Thread
from providers.google.services import GMAIL_MODIFY


class Trashed(BaseModel):
    """What became of the conversation; `undo` is to be called in this order."""

    thread_id: str
    subject: str
    in_trash: bool
    messages: int
    changed: bool = True
    undo: list[Undo]


@tool(
    service="gmail",
    access="write",
    title="Move mail to the trash",
    needs=(GMAIL_MODIFY,),
    read_only=False,
    destructive=True,
    idempotent=True,
    asks=True,
)
async def gmail_trash_thread(
    gmail: GmailClient,
    confirm: Confirm,
    thread_id: ThreadId,
    undo: Annotated[bool, Field(description="Take it out again.")] = False,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Trashed]:
    """Move a conversation to Gmail's trash, which empties itself after 30 days."""
    before = await gmail.thread(thread_id, frozenset({GMAIL_MODIFY}))
    if not before.messages:
        raise NotFound("google", "trash")
    first = before.messages[0]
    about = subject(first.payload)
    there = ["TRASH" in message.label_ids for message in before.messages]
    if all(there) if not undo else not any(there):
        same = Trashed(
            thread_id=thread_id, subject=about, in_trash=not undo, messages=len(there), changed=False, undo=[]
        )
        where = "not in the trash already" if undo else "in the trash already; `undo`: true takes it out"
        return answer(same, f"{quoted(about) if about else 'The conversation'} was {where}.")
    if not undo:
        await confirm(
            "Move this conversation to the trash",
            [
                ("Subject", about or "none"),
                ("From", called(sender(first.payload))),
                ("Mails", str(len(before.messages))),
            ],
            same=[message.id for message in before.messages],
        )
    after = await gmail.trash(thread_id, back=undo)
    result = Trashed(
        thread_id=thread_id,
        subject=about,
        in_trash=not undo,
        messages=len(after.messages),
        undo=[each.at(account) for each in _undo(thread_id, before, after, back=undo)],
    )
    where = "is out of the trash" if undo else "is in the trash; Gmail deletes it there after 30 days"
    more = f" Undo: {', then '.join(each.tool for each in result.undo)}, as in `undo`."
    return answer(result, f"{quoted(about) if about else 'The conversation'} {where}.{more}")


def _undo(thread_id: str, before: Thread, after: Thread, *, back: bool) -> list[Undo]:
    """The other way round; and where Gmail took mail out of the inbox on the way, into it again."""
    arguments = {"thread_id": thread_id} if back else {"thread_id": thread_id, "undo": True}
    steps = [Undo(tool="gmail_trash_thread", arguments=arguments)]
    kept = {message.id for message in after.messages if "INBOX" in message.label_ids}
    gone = [each.id for each in before.messages if "INBOX" in each.label_ids and each.id not in kept]
    if gone and not back:
        steps.append(
            Undo(tool="gmail_modify_labels", arguments={"message_ids": gone[:100], "add": ["INBOX"]})
        )
    return steps
