"""gmail_list_labels, gmail_modify_labels."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.inject import AccountLabel
from mcp_server.toolbox import tool
from mcp_server.tools.google.client import GmailClient
from mcp_server.tools.google.gmail.labelling import Change, labelled, standing
from mcp_server.tools.google.gmail.names import Labels
from mcp_server.tools.google.gmail.recipients import one_line
from mcp_server.tools.google.gmail.views import Id, rest
from mcp_server.tools.room import fitting
from mcp_server.tools.text import clip, listed, quoted
from mcp_server.tools.undo import Undo
from providers.base import Conflict
from providers.google.gmail import Gmail, Label
from providers.google.services import GMAIL_LABELS, GMAIL_MODIFY

_OFFSET = re.compile(r"o([1-9][0-9]{0,4})")
_GMAILS_OWN = frozenset({"SENT", "DRAFT", "CHAT"})
_MOST = 20

Words = Annotated[list[Annotated[str, Field(max_length=225)]], Field(max_length=20)]


class Listed(BaseModel):
    """A label; `system` are Gmail's own."""

    id: str
    name: str
    type: Literal["system", "user"]


class Everything(BaseModel):
    """Labels, the person's own first."""

    labels: list[Listed]
    total: int
    next_cursor: str | None = None


class Labelled(BaseModel):
    """What was changed; `undo` puts back just that, call by call."""

    added: list[str]
    removed: list[str]
    created: list[str] | None = None
    changed: Annotated[int, Field(description="Messages that this made a difference to.")]
    of: int
    undo: list[Undo]
    not_undoable: str | None = None
    not_done: Annotated[
        list[str] | None, Field(description="Threads that Gmail broke off before; repeat the call for them.")
    ] = None


@tool(
    service="gmail",
    title="List mail labels",
    needs=(GMAIL_LABELS,),
    read_only=True,
    destructive=False,
    idempotent=True,
)
async def gmail_list_labels(
    gmail: GmailClient,
    cursor: Annotated[str | None, Field(max_length=8, description="`next_cursor`.")] = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Everything]:
    """List the labels in Gmail, the person's own first: names and ids."""
    begin = _offset(cursor)
    every = sorted(await gmail.labels(), key=lambda label: (label.type != "user", label.name.casefold()))
    rows = [_listed(label) for label in every[begin:]]
    lines = [f"{quoted(row.name, 225)}, {row.type}, id {row.id}" for row in rows]
    fit = fitting(list(zip(rows, lines, strict=True)))
    after = begin + fit
    result = Everything(
        labels=rows[:fit], total=len(every), next_cursor=f"o{after}" if after < len(every) else None
    )
    head = f"{fit} of {len(every)} labels:" if fit else "There are no more labels."
    return answer(result, "\n".join([head, *lines[:fit], *rest(result.next_cursor)]))


@tool(
    service="gmail",
    access="write",
    title="Label, archive or mark mail",
    needs=(GMAIL_MODIFY,),
    read_only=False,
    destructive=True,
    idempotent=True,
)
async def gmail_modify_labels(
    gmail: GmailClient,
    thread_ids: Annotated[list[Id] | None, Field(max_length=50, description="Whole ones.")] = None,
    message_ids: Annotated[list[Id] | None, Field(max_length=100, description="Or these.")] = None,
    add: Annotated[Words | None, Field(description="Ids or names.")] = None,
    remove: Annotated[Words | None, Field(description="INBOX archives, UNREAD marks as read.")] = None,
    create_missing: Annotated[bool, Field(description="Make what is missing of `add`.")] = False,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Labelled]:
    """Add and remove labels of conversations or of single messages."""
    if bool(thread_ids) == bool(message_ids):
        raise Refusal("invalid_argument", "Give either `thread_ids` or `message_ids`.")
    if not add and not remove:
        raise Refusal("invalid_argument", "Nothing to change: give `add` or `remove`.")
    labels = Labels(await gmail.labels(GMAIL_MODIFY))
    new = [word for word in add or [] if labels.find(word) is None] if create_missing else []
    change = Change(labels.ids([word for word in add or [] if word not in new]), labels.ids(remove or []))
    _require_possible(change)
    names = [one_line(name, "`add`").strip() for name in new]
    before = await standing(gmail, thread_ids, message_ids)
    made = [await _created(gmail, name) for name in dict.fromkeys(names)]
    outcome = await labelled(
        gmail, Change([*change.add, *(label.id for label in made)], change.remove), before
    )
    result = Labelled(
        added=[*labels.names(change.add, _MOST), *(clip(label.name, 60) for label in made)],
        removed=labels.names(change.remove, _MOST),
        created=[clip(label.name, 60) for label in made] or None,
        changed=outcome.changed,
        of=outcome.total,
        undo=[each.at(account) for each in outcome.undo],
        not_undoable=outcome.lost,
        not_done=list(outcome.left) or None,
    )
    return answer(result, _text(result))


def _offset(cursor: str | None) -> int:
    if not cursor:
        return 0
    found = _OFFSET.fullmatch(cursor)
    if found is None:
        raise Refusal(
            "invalid_argument", "`cursor` must be the `next_cursor` of an earlier call of this tool."
        )
    return int(found[1])


def _listed(label: Label) -> Listed:
    kind: Literal["system", "user"] = "user" if label.type == "user" else "system"
    return Listed(id=clip(label.id, 200), name=clip(label.name, 225), type=kind)


def _require_possible(change: Change) -> None:
    """Raise Refusal for what Gmail does by itself, or by another tool."""
    named = {*change.add, *change.remove}
    if both := set(change.add) & set(change.remove):
        raise Refusal("invalid_argument", f"{quoted(min(both), 60)} stands in `add` and in `remove`.")
    if named & _GMAILS_OWN:
        raise Refusal(
            "invalid_argument", "SENT, DRAFT and CHAT are Gmail's own: nobody can add or remove them."
        )
    if "TRASH" in named:
        raise Refusal("invalid_argument", "Into the trash, and out of it, goes mail by gmail_trash_thread.")


async def _created(gmail: Gmail, name: str) -> Label:
    """A new label, or the one that somebody has made meanwhile. Raises Refusal where Gmail has one under a
    name so like it that it counts as the same.
    """
    try:
        return await gmail.create_label(name)
    except Conflict:
        there = Labels(await gmail.labels(GMAIL_MODIFY)).find(name)
        if there is not None:
            return Label(id=there, name=name)
        raise Refusal(
            "conflict",
            f"Gmail takes no new label {quoted(name, 60)}: the name is taken. See gmail_list_labels.",
        ) from None


def _text(result: Labelled) -> str:
    said = [
        f"{verb} {listed(quoted(name, 60) for name in names)}"
        for verb, names in (("Added", result.added), ("Removed", result.removed))
        if names
    ]
    parts = [f"{'; '.join(said)}: changed {result.changed} of {result.of} messages."]
    if result.created:
        parts.append(f"New: {listed(quoted(name, 60) for name in result.created)}.")
    if result.undo:
        parts.append("Undo: the calls in `undo`.")
    if result.not_undoable:
        parts.append(f"Can't be undone: {result.not_undoable}")
    if result.not_done:
        parts.append(f"Gmail broke off; repeat the call for {len(result.not_done)} threads in `not_done`.")
    return " ".join(parts)
