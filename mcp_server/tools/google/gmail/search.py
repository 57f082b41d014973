"""gmail_search_threads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import tzinfo
from typing import Annotated

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.inject import AccountLabel
from mcp_server.toolbox import tool
from mcp_server.tools.google.client import GmailClient
from mcp_server.tools.google.gmail.names import Labels
from mcp_server.tools.google.gmail.several import fitting_with_gaps, several
from mcp_server.tools.google.gmail.views import (
    Cursor,
    DateZone,
    Id,
    Limit,
    Person,
    called,
    chosen_zone,
    date,
    labels_of,
    link,
    onward,
    place,
    rest,
    sender,
    snippet,
    subject,
)
from mcp_server.tools.text import quoted
from providers.base import NotFound
from providers.google.gmail import Gmail, Thread
from providers.google.services import GMAIL_READ

_HIDDEN = frozenset({"SPAM", "TRASH"})
_ANYWHERE = re.compile(r"\b(?:in|label|is):\W?(?:spam|trash|anywhere)\b", re.I)


class Found(BaseModel):
    """A conversation; sender, date and snippet are of its latest mail."""

    thread_id: str
    subject: str
    sender: Person
    date: str | None = None
    snippet: str
    labels: list[str]
    messages: int
    unread: bool
    link: str


class Hits(BaseModel):
    """Conversations, the latest first."""

    threads: list[Found]
    total_estimate: int
    time_zone: str
    next_cursor: str | None = None


@tool(
    service="gmail",
    title="Search mail",
    needs=(GMAIL_READ,),
    read_only=True,
    destructive=False,
    idempotent=True,
)
async def gmail_search_threads(
    gmail: GmailClient,
    query: Annotated[
        str | None,
        Field(
            max_length=1000,
            description="As in Gmail's search box: from: in: is:unread has:attachment newer_than:7d OR -. "
            "Days are Pacific ones; after:1795824000 is exact.",
        ),
    ] = None,
    label_ids: Annotated[
        list[Id] | None, Field(max_length=20, description="All of them, ids or names.")
    ] = None,
    limit: Limit = 10,
    cursor: Cursor = None,
    time_zone: DateZone = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Hits]:
    """Find conversations in Gmail; gmail_get_thread reads their text."""
    local = chosen_zone(time_zone)
    size, token, shown = place(cursor, limit)
    labels = Labels(await gmail.labels(GMAIL_READ))
    chosen = labels.ids(label_ids or [])
    page = await gmail.threads(
        query=query,
        label_ids=chosen,
        limit=size,
        page_token=token,
        everywhere=bool(_HIDDEN & set(chosen)) or bool(_ANYWHERE.search(query or "")),
    )
    left = page.threads[shown:]
    heads = await several(lambda row: _head(gmail, row.id), left)
    rows = [
        (view, _line(view)) if (view := _found(thread, row, labels, local)) is not None else None
        for thread, row in zip(heads, left, strict=True)
    ]
    fit = fitting_with_gaps(rows)
    told = [row for row in rows[:fit] if row is not None]
    hits = Hits(
        threads=[view for view, _ in told],
        total_estimate=max(page.estimate, len(told)),
        time_zone=str(local),
        next_cursor=onward(size, token, shown + fit, page.threads, page.next_page_token),
    )
    return answer(hits, _text(hits, [line for _, line in told]))


async def _head(gmail: Gmail, thread_id: str) -> Thread | None:
    """The conversation, or None where it is gone since it was found."""
    try:
        return await gmail.thread(thread_id)
    except NotFound:
        return None


def _found(thread: Thread | None, row: Thread, labels: Labels, local: tzinfo) -> Found | None:
    if thread is None or not thread.messages:
        return None
    first, latest = thread.messages[0], thread.messages[-1]
    ids = labels_of(thread.messages)
    return Found(
        thread_id=row.id,
        subject=subject(first.payload),
        sender=sender(latest.payload),
        date=date(latest, local),
        snippet=snippet(latest.snippet or row.snippet),
        labels=labels.names([each for each in ids if each != "UNREAD"]),
        messages=len(thread.messages),
        unread="UNREAD" in ids,
        link=link(row.id),
    )


def _line(row: Found) -> str:
    more = f", {row.messages} messages" if row.messages > 1 else ""
    unread = ", unread" if row.unread else ""
    about = quoted(row.subject, 100) if row.subject else "no subject"
    return (
        f"{row.date or 'no date'} {quoted(called(row.sender), 60)}: {about}{more}{unread}, id {row.thread_id}"
    )


def _text(hits: Hits, lines: Sequence[str]) -> str:
    if not hits.threads:
        nothing = "No more mail." if not hits.next_cursor else "Nothing left on this page."
        return "\n".join([nothing, *rest(hits.next_cursor)])
    count = len(hits.threads)
    head = f"{count} of about {hits.total_estimate} conversations, times in {hits.time_zone}:"
    return "\n".join([head, *lines, *rest(hits.next_cursor)])
