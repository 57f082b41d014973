"""gmail_send_message."""

from __future__ import annotations

import hashlib
import time
from typing import Annotated

from mcp_types import CallToolResult

from mcp_server.errors import Refusal
from mcp_server.inject import AccountLabel, Confirm
from mcp_server.toolbox import tool
from mcp_server.tools.ends import BREAKS
from mcp_server.tools.google.client import GmailClient
from mcp_server.tools.google.gmail.letter import Letter, body_of
from mcp_server.tools.google.gmail.reply import framed
from mcp_server.tools.google.gmail.sent import (
    Body,
    More,
    ReplyTo,
    Sent,
    Subject,
    To,
    addressed,
    answered,
    preview,
)
from mcp_server.tools.google.gmail.several import several
from mcp_server.tools.google.gmail.views import snippet
from mcp_server.tools.text import clip
from providers.base import Unavailable
from providers.google.gmail import Gmail, Message
from providers.google.gmail.parts import addresses, words
from providers.google.services import GMAIL_SEND

_SKEW = 60
"""Seconds by which our clock may be ahead of Gmail's."""

_FIRST = 60


@tool(
    service="gmail",
    access="write",
    title="Send mail",
    needs=(GMAIL_SEND,),
    read_only=False,
    destructive=True,
    idempotent=False,
    asks=True,
)
async def gmail_send_message(
    gmail: GmailClient,
    confirm: Confirm,
    body: Body,
    to: To | None = None,
    cc: More | None = None,
    bcc: More | None = None,
    subject: Subject | None = None,
    reply_to_message_id: ReplyTo = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Sent]:
    """Send a mail at once. Better: gmail_create_draft, show it, gmail_send_draft. Don't repeat a call whose
    outcome is unclear.
    """
    text = body_of(body)
    frame = await framed(gmail, to or (), cc or (), bcc or (), subject or "", reply_to_message_id)
    letter = Letter(frame.recipients, frame.subject, text, frame.answers)
    mail = addressed(frame.recipients, frame.subject)
    thread_id = frame.answers.thread_id if frame.answers is not None else None
    same = [hashlib.sha256(text.encode()).hexdigest(), thread_id or ""]
    await confirm("Send this mail", preview(mail, text), same=same)
    begun = time.time()
    try:
        sent = await gmail.send(bytes(letter), thread_id)
    except Unavailable as error:
        if not error.ambiguous:
            raise
        sent = await _sent_after_all(gmail, letter, begun)
    return answered(mail, sent)


async def _sent_after_all(gmail: Gmail, letter: Letter, begun: float) -> Message:
    """The mail as it stands among those sent since `begun` (s since 1970). Raises Refusal where it does not.

    Gmail may give a mail a Message-ID of its own. So it is known by ours, or by what is in it.
    """
    try:
        found = await gmail.found(f"in:sent after:{int(begun) - _SKEW}")
        heads = await several(lambda each: gmail.head(each.id), found)
    except BREAKS:  # most people have not allowed their mail to be read
        heads = []
    for message in heads:
        if message.payload.header("Message-ID") == letter.message_id or _alike(message, letter):
            return message
    raise Refusal(
        "provider_error",
        "Gmail's answer was lost, so nobody knows whether the mail was sent. Do not send it again before you "
        "have looked for it among the sent mail (gmail_search_threads with in:sent), or the person has.",
    )


def _alike(message: Message, letter: Letter) -> bool:
    """Whether it goes to the same people with the same subject and the same first words."""
    head, people = message.payload, letter.recipients
    there = {each.address.lower() for field in ("To", "Cc") for each in addresses(head.header(field))}
    here = {each.addr_spec.lower() for each in (*people.to, *people.cc)}
    same = " ".join(words(head.header("Subject")).split()) == letter.subject
    return same and there == here and snippet(message.snippet)[:_FIRST] == clip(letter.body)[:_FIRST]
