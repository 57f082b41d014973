"""gmail_create_draft, gmail_list_drafts, gmail_send_draft."""

from __future__ import annotations

from datetime import UTC
from typing import Annotated

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.filelinks import FileLink
from mcp_server.inject import AccountLabel, Confirm, Transfers
from mcp_server.toolbox import tool
from mcp_server.tools.ends import BREAKS
from mcp_server.tools.google.client import GmailClient
from mcp_server.tools.google.gmail.carried import UPLOAD, carried
from mcp_server.tools.google.gmail.letter import Letter, body_of
from mcp_server.tools.google.gmail.mail import words_in
from mcp_server.tools.google.gmail.reply import framed
from mcp_server.tools.google.gmail.sent import (
    Addressed,
    Body,
    More,
    ReplyTo,
    Sent,
    Subject,
    To,
    addressed,
    answered,
    preview,
    whom,
)
from mcp_server.tools.google.gmail.several import fitting_with_gaps, several
from mcp_server.tools.google.gmail.views import (
    Cursor,
    Limit,
    date,
    listed_addresses,
    onward,
    place,
    rest,
    snippet,
    subject,
)
from mcp_server.tools.text import clip, quoted
from providers.base import NotFound, Unavailable
from providers.google.gmail import Draft, Gmail, Message
from providers.google.gmail.parts import contents
from providers.google.services import GMAIL_COMPOSE, GMAIL_READ
from providers.google.transfer import draft_attachment

_MOST_PEOPLE = 5


class Drafted(Addressed):
    """A draft that stands in Gmail; nothing was sent."""

    draft_id: str
    message_id: str
    thread_id: str
    attached: list[Annotated[str, Field(max_length=500)]] | None = None
    upload: list[FileLink] | None = None
    link: str


class Waiting(BaseModel):
    """A draft."""

    draft_id: str
    to: list[str]
    more_people: int | None = None
    subject: str
    date: str | None = None
    snippet: str
    thread_id: str


class Drafts(BaseModel):
    """Drafts, the latest first."""

    drafts: list[Waiting]
    next_cursor: str | None = None


@tool(
    service="gmail",
    access="write",
    title="Write a draft",
    needs=(GMAIL_COMPOSE,),
    read_only=False,
    destructive=False,
    idempotent=False,
)
async def gmail_create_draft(
    gmail: GmailClient,
    transfers: Transfers,
    body: Body,
    to: To | None = None,
    cc: More | None = None,
    bcc: More | None = None,
    subject: Subject | None = None,
    reply_to_message_id: ReplyTo = None,
    attachments: Annotated[
        list[Annotated[str, Field(max_length=500)]] | None,
        Field(
            max_length=10,
            description="MESSAGE_ID/ATTACHMENT_ID: a mail's file; `upload`: a link to upload one.",
        ),
    ] = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Drafted]:
    """Keep a mail as a draft, for the person to see and gmail_send_draft to send."""
    text = body_of(body)
    frame = await framed(gmail, to or (), cc or (), bcc or (), subject or "", reply_to_message_id)
    files = await carried(gmail, attachments or ())
    letter = Letter(frame.recipients, frame.subject, text, frame.answers, files)
    draft = await gmail.create_draft(bytes(letter), frame.answers.thread_id if frame.answers else None)
    offer = draft_attachment(draft.id)
    links = [await transfers.offer(offer) for each in attachments or () if each == UPLOAD]
    result = Drafted(
        **dict(addressed(frame.recipients, frame.subject)),
        draft_id=draft.id,
        message_id=draft.message.id,
        thread_id=draft.message.thread_id,
        attached=[file.name for file in files] or None,
        upload=[each.shown for each in links] or None,
        link=f"https://mail.google.com/mail/#drafts/{clip(draft.message.id, 200)}",
    )
    said = [f"Draft {result.draft_id} {whom(result)}. Nothing was sent. {result.link}"]
    said += [each.sentence for each in links]
    return answer(result, "\n".join(said), *(each.block for each in links))


@tool(
    service="gmail",
    title="List drafts",
    needs=(GMAIL_READ,),
    read_only=True,
    destructive=False,
    idempotent=True,
)
async def gmail_list_drafts(
    gmail: GmailClient,
    query: Annotated[str | None, Field(max_length=1000, description="As in gmail_search_threads.")] = None,
    limit: Limit = 10,
    cursor: Cursor = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Drafts]:
    """List the drafts in Gmail, the latest first, with dates in UTC."""
    size, token, shown = place(cursor, limit)
    page = await gmail.drafts(query=query, limit=size, page_token=token)
    found = await several(lambda draft: _whole(gmail, draft.id), page.drafts[shown:])
    rows = [None if each is None else (row := _waiting(each), _line(row)) for each in found]
    fit = fitting_with_gaps(rows)
    told = [row for row in rows[:fit] if row is not None]
    result = Drafts(
        drafts=[row for row, _ in told],
        next_cursor=onward(size, token, shown + fit, page.drafts, page.next_page_token),
    )
    head = f"{len(told)} drafts, times in UTC:" if told else "There are no more drafts."
    return answer(result, "\n".join([head, *(line for _, line in told), *rest(result.next_cursor)]))


@tool(
    service="gmail",
    access="write",
    title="Send a draft",
    needs=(GMAIL_COMPOSE,),
    read_only=False,
    destructive=True,
    idempotent=False,
    asks=True,
)
async def gmail_send_draft(
    gmail: GmailClient,
    confirm: Confirm,
    draft_id: Annotated[str, Field(max_length=200, description="Draft.")],
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Sent]:
    """Send a draft as it stands in Gmail now, to those whom it names."""
    draft = await gmail.whole_draft(draft_id, text=confirm.on)
    head, there = draft.message.payload, contents(draft.message.payload)
    names = {field: listed_addresses(head.header(field)) for field in ("To", "Cc", "Bcc")}
    if not any(names.values()):
        raise Refusal("invalid_argument", "That draft names nobody to send it to. Write one that does.")
    mail = Addressed(to=names["To"], cc=names["Cc"] or None, bcc=names["Bcc"] or None, subject=subject(head))
    text = await words_in(there) if confirm.on else ""
    files = [clip(each.name or each.kind, 80) for each in there.attachments]
    # An edited draft is another message (Draft.message.id).
    await confirm("Send this draft", preview(mail, text, files), same=[draft.message.id])
    try:
        sent = await gmail.send_draft(draft_id)
    except Unavailable as error:
        if not error.ambiguous or await _still_there(gmail, draft_id):
            raise
        sent = Message(thread_id=draft.message.thread_id)  # under an id of its own, which nobody told
    return answered(mail, sent)


async def _whole(gmail: Gmail, draft_id: str) -> Draft | None:
    """The draft, or None where it is gone since it was listed."""
    try:
        return await gmail.draft(draft_id, frozenset({GMAIL_READ}))
    except NotFound:
        return None


async def _still_there(gmail: Gmail, draft_id: str) -> bool:
    """Whether the draft stands: one that was sent is gone. True where that can't be seen, either."""
    try:
        await gmail.draft(draft_id)
    except NotFound:
        return False
    except BREAKS:
        return True
    return True


def _waiting(draft: Draft) -> Waiting:
    head = draft.message.payload
    names = [name for field in ("To", "Cc", "Bcc") for name in listed_addresses(head.header(field))]
    return Waiting(
        draft_id=clip(draft.id, 200),
        to=names[:_MOST_PEOPLE],
        more_people=max(len(names) - _MOST_PEOPLE, 0) or None,
        subject=subject(head),
        date=date(draft.message, UTC),
        snippet=snippet(draft.message.snippet),
        thread_id=clip(draft.message.thread_id, 200),
    )


def _line(row: Waiting) -> str:
    to = quoted(row.to[0], 60) if row.to else "nobody yet"
    about = quoted(row.subject, 100) if row.subject else "no subject"
    return f"{row.date or 'no date'} to {to}: {about}, id {row.draft_id}"
