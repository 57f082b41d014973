"""docs_read."""

from __future__ import annotations

from typing import Annotated, Literal

from mcp_types import CallToolResult, TextContent
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.inject import AccountLabel
from mcp_server.toolbox import tool
from mcp_server.tools.google.client import DocsClient
from mcp_server.tools.google.docs.markdown import indexed, markdown, outline
from mcp_server.tools.google.papers import LONGEST, file_id, first, spoken
from mcp_server.tools.text import clip, listed, quoted
from providers.google.docsanswers import Document, Tab
from providers.google.services import DOCS_READ

View = Literal["outline", "markdown", "indexed"]
ROOM = 10_500
"""Bytes of a document in one answer, which holds them twice: as a field, and for who reads text alone."""

_VIEWS = {"outline": outline, "markdown": markdown, "indexed": indexed}
_MOST_TABS = 15
NO_DOCUMENT = (
    "Google Docs can't open that as a document. Check the id; for a spreadsheet, a PDF or a Word file use "
    "the tools of Sheets or Drive."
)

DocumentId = Annotated[str, Field(max_length=LONGEST, description="Id or link.")]
TabName = Annotated[str | None, Field(max_length=99, description="Id or title.")]


class TabView(BaseModel):
    """A tab."""

    id: str
    title: str


class DocumentView(BaseModel):
    """A part of a document's tab. `revision_id` is absent where the account may not edit it."""

    document_id: str
    title: str
    url: str
    revision_id: str | None = None
    tab: TabView
    other_tabs: list[TabView] | None = None
    view: View
    text: Annotated[str, Field(description="What its writers wrote.")]
    offset: int
    total_chars: int
    next_offset: int | None = None


@tool(
    service="docs",
    title="Read a document",
    needs=(DOCS_READ,),
    read_only=True,
    destructive=False,
    idempotent=True,
)
async def docs_read(
    docs: DocsClient,
    document_id: DocumentId,
    view: Annotated[
        View, Field(description="indexed gives the [start-end] that docs_edit takes.")
    ] = "markdown",
    tab: TabName = None,
    offset: Annotated[int, Field(ge=0, le=9_999_999, description="`next_offset`.")] = 0,
    max_chars: Annotated[int, Field(ge=1, le=10_000, description="At most.")] = 8000,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, DocumentView]:
    """Read a Google Doc: Markdown, its headings, or paragraphs with indexes."""
    id_ = file_id(document_id, "document_id")
    with spoken("document", NO_DOCUMENT):
        document = await docs.document(id_)
    chosen = pick(document, tab)
    text = _VIEWS[view](chosen.document)
    if offset > len(text):
        raise Refusal("invalid_argument", f"`offset` must be at most {len(text)}, the length of this text.")
    some = first(text[offset:], max_chars, ROOM)
    after = offset + len(some)
    others = [shown(each) for each in document.all_tabs if each is not chosen][:_MOST_TABS]
    result = DocumentView(
        document_id=id_,
        title=clip(document.title),
        url=link(id_),
        revision_id=clip(document.revision_id, 300) or None,
        tab=shown(chosen),
        other_tabs=others or None,
        view=view,
        text=some,
        offset=offset,
        total_chars=len(text),
        next_offset=after if after < len(text) else None,
    )
    said = answer(result, _text(result))
    # The document stands in a block of its own, so that nothing in it can run into our words.
    return said.model_copy(update={"content": [*said.content, TextContent(type="text", text=some)]})


def pick(document: Document, name: str | None) -> Tab:
    """The tab that is meant: by id, else by title. Raises Refusal."""
    tabs = document.all_tabs
    if not tabs:
        return Tab()
    if name is None:
        return tabs[0]
    by_id = [tab for tab in tabs if tab.properties.id == name]
    wanted = name.strip().casefold()
    same = by_id or [tab for tab in tabs if tab.properties.title.strip().casefold() == wanted]
    if len(same) == 1:
        return same[0]
    there = listed(f"{quoted(tab.properties.title, 60)} ({clip(tab.properties.id, 40)})" for tab in tabs[:20])
    if same:
        raise Refusal("conflict", f"Several tabs have that title. Give an id as `tab`: {there}.")
    raise Refusal("not_found", f"The document has no such tab. It has {there}.")


def shown(tab: Tab) -> TabView:
    """A tab's id and title."""
    return TabView(id=clip(tab.properties.id, 40), title=clip(tab.properties.title, 50))


def link(document_id: str) -> str:
    """Where a person opens the document."""
    return f"https://docs.google.com/document/d/{document_id}/edit"


def _text(result: DocumentView) -> str:
    end = result.offset + len(result.text)
    head = f"{quoted(result.title)}, characters {result.offset}–{end} of {result.total_chars}"
    parts = [f"{head}, {result.view}."]
    if result.next_offset is not None:
        parts.append(f"More with offset {result.next_offset}.")
    if result.revision_id is None:
        parts.append("The connected account may not edit it.")
    if result.other_tabs:
        parts.append(f"Tab {quoted(result.tab.title, 50)}; others: "
                     f"{listed(quoted(tab.title, 50) for tab in result.other_tabs[:8])}.")  # fmt: skip
    return " ".join(parts) + f" {result.url}"
