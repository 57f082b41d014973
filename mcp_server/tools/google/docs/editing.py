"""docs_edit."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.inject import AccountLabel, Confirm
from mcp_server.toolbox import tool
from mcp_server.tools.google.client import DocsClient
from mcp_server.tools.google.docs.markdown import paragraphs
from mcp_server.tools.google.docs.places import Edit, Operation, Plan, planned
from mcp_server.tools.google.docs.reading import NO_DOCUMENT, DocumentId, TabName, link, pick
from mcp_server.tools.google.papers import file_id, spoken
from mcp_server.tools.text import clip, listed, quoted
from mcp_server.tools.undo import Undo
from providers.base import Rejected
from providers.google.docs import Docs
from providers.google.docsanswers import Batch, Block, Document, Tab
from providers.google.services import DOCS

_LONGEST_UNDO = 2000
"""Characters of one text that an undo may hold."""

_MOST_BYTES = 14_000
"""Bytes of a whole undo."""

REFUSED = (
    "Google Docs does not take these places; nothing was changed. An index must be inside a paragraph, and a "
    "range can't hold half an emoji, a part of a table, or the last line break. Take indexes from docs_read "
    "with view indexed."
)
CHANGED = (
    "The document was changed since it was read; nothing was edited. Call docs_read again, then repeat this."
)


class Change(BaseModel):
    """What one operation did."""

    op: str
    at: Annotated[int | None, Field(description="Where it stands now.")] = None
    count: Annotated[int | None, Field(description="Occurrences replaced.")] = None
    removed: Annotated[str | None, Field(description="Its text, or its beginning.")] = None


class Edited(BaseModel):
    """What was changed, and the revision now."""

    document_id: str
    title: str
    url: str
    revision_id: str
    changes: list[Change]
    undo: Undo | None = None


@tool(
    service="docs",
    title="Edit a document",
    access="write",
    needs=(DOCS,),
    read_only=False,
    destructive=True,
    idempotent=False,
    asks=True,
)
async def docs_edit(
    docs: DocsClient,
    confirm: Confirm,
    document_id: DocumentId,
    operations: Annotated[list[Operation], Field(min_length=1, max_length=20, description="In any order.")],
    revision_id: Annotated[
        str | None, Field(max_length=300, description="From docs_read; a must with indexes.")
    ] = None,
    tab: TabName = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Edited]:
    """Edit a Google Doc, all operations or none. Indexes are of the revision read; replace_all comes last."""
    id_ = file_id(document_id, "document_id")
    with spoken("document", NO_DOCUMENT):
        document = await docs.document(id_)
    if not document.revision_id:
        raise Refusal("conflict", "The connected Google account may read that document but not change it.")
    if revision_id is not None and revision_id != document.revision_id:
        raise Refusal("conflict", CHANGED)
    chosen = pick(document, tab)
    plan = planned(operations, chosen, known=revision_id is not None)
    removed = [_between(chosen, edit) for edit in plan.edits]
    gone = [
        ("Delete", text or f"from {edit.at} to {edit.end}, with more than words")
        for edit, text in zip(plan.edits, removed, strict=True)
        if not edit.text
    ]
    gone += [("Delete everywhere", one.find or "") for one in plan.replacements if not clip(one.text)]
    if gone:
        lines = [("Document", document.title), *gone]
        await confirm("Delete from this document", lines, same=[document.revision_id, *removed])
    batch = await _sent(docs, id_, plan.requests(chosen.properties.id, only=tab is not None), document)
    result = Edited(
        document_id=id_,
        title=clip(document.title),
        url=link(id_),
        revision_id=batch.control.revision_id,
        changes=_changes(plan, batch, removed),
        undo=_undo(id_, plan, batch, removed, document, chosen if tab is not None else None, chosen),
    )
    if result.undo is not None:
        result.undo = result.undo.at(account)
    return answer(result, _text(result))


async def _sent(docs: Docs, id_: str, requests: list[dict[str, Any]], document: Document) -> Batch:
    """The batch, under the revision that was read. Raises Refusal where that is no longer the latest.

    Google answers a stale revision and a wrong place with the same status, so the revision is looked up.
    """
    try:
        with spoken("document", REFUSED):
            return await docs.edit(id_, requests, document.revision_id)
    except Refusal as refusal:
        unsaid = isinstance(refusal.__cause__, Rejected) and refusal.code == "invalid_argument"
        if unsaid and await docs.revision(id_) != document.revision_id:
            raise Refusal("conflict", CHANGED) from None
        raise


def _changes(plan: Plan, batch: Batch, removed: list[str]) -> list[Change]:
    found = []
    for edit, at, text in zip(plan.edits, plan.places(), removed, strict=True):
        if edit.text:
            found.append(Change(op="append" if edit.own and edit.heading is None else "insert_at", at=at))
        else:
            found.append(Change(op="delete_range", at=at, removed=clip(text, 120) or None))
    counts = [reply.replaced.count if reply.replaced else 0 for reply in batch.replies]
    # Replacements are the last requests; a batch may leave out the replies at its end that say nothing.
    sent = len(plan.requests("", only=False))
    counts = [*counts, *[0] * (sent - len(counts))][sent - len(plan.replacements) :]
    found += [Change(op="replace_all", count=count) for count in counts]
    return found


def _between(tab: Tab, edit: Edit) -> str:
    """The text of a range, empty where it is no range, or holds anything but text."""
    if edit.text:
        return ""
    text: list[str] = []
    for block in tab.document.body.content:
        if block.end <= edit.at or block.start >= edit.end:
            continue
        inside = _text_in(block, edit)
        if inside is None:
            return ""
        text.append(inside)
    return "".join(text)


def _text_in(block: Block, edit: Edit) -> str | None:
    if block.paragraph is None:
        return None
    found = []
    for element in block.paragraph.elements:
        low, high = max(edit.at, element.start), min(edit.end, element.end)
        if low >= high:
            continue
        if element.run is None:
            return None
        raw = element.run.content.encode("utf-16-le")[2 * (low - element.start) : 2 * (high - element.start)]
        found.append(raw.decode("utf-16-le", "replace"))
    return "".join(found)


def _undo(
    id_: str, plan: Plan, batch: Batch, removed: list[str], document: Document, only: Tab | None, tab: Tab
) -> Undo | None:
    """The call that takes everything back, where that is possible with words alone."""
    where = {"tab": tab.properties.id} if only is not None else {}
    if plan.replacements:
        operations = _reversed(plan, document, batch)
    else:
        operations = []
        places = plan.places()
        # In the order of the document: two that come to one place are put back in that order.
        for each in plan.forwards():
            edit, at, text = plan.edits[each], places[each], removed[each]
            if edit.text:
                operations.append({"op": "delete_range", "index": at, "end": at + edit.added})
            elif text and len(text) <= _LONGEST_UNDO:
                operations.append({"op": "insert_at", "index": at, "text": text})
            else:
                return None
    if len(json.dumps(operations, ensure_ascii=False).encode()) > _MOST_BYTES:
        return None
    if not operations or not batch.control.revision_id:
        return None
    known = {} if plan.replacements else {"revision_id": batch.control.revision_id}
    return Undo(tool="docs_edit", arguments={"document_id": id_, "operations": operations, **known, **where})


def _reversed(plan: Plan, document: Document, batch: Batch) -> list[dict[str, Any]]:
    """One replacement the other way round, where that gives every paragraph back as it was.

    Where Google replaced it more often than it is seen here, it stands where nobody has looked.
    """
    if plan.edits or len(plan.replacements) != 1:
        return []
    one = plan.replacements[0]
    find, text = one.find or "", one.text
    if not text or "\n" in text or len(text) > _LONGEST_UNDO:
        return []
    pattern = re.compile(re.escape(find), 0 if one.match_case else re.IGNORECASE)
    seen = 0
    for raw in paragraphs(document):
        replaced, count = pattern.subn(lambda _: text, raw)
        seen += count
        if replaced.replace(text, find) != raw:
            return []
    if not seen or seen != sum(reply.replaced.count for reply in batch.replies if reply.replaced):
        return []
    return [{"op": "replace_all", "find": text, "text": find}]


def _text(result: Edited) -> str:
    words = {"append": "appended", "insert_at": "inserted", "delete_range": "deleted"}
    parts = [
        f"replaced {change.count} time{'' if change.count == 1 else 's'}"
        if change.count is not None
        else words[change.op] + (f" at {change.at}" if change.at is not None else "")
        for change in result.changes
    ]
    back = "" if result.undo else " The version history of Google Docs has the document as it was before."
    return f"Edited {quoted(result.title)}: {listed(parts)}.{back} {result.url}"
