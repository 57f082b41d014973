"""Tool results in one shape: a short text, typed content, and our own `_meta` keys on errors."""

from __future__ import annotations

from typing import Any

from mcp_types import CallToolResult, ContentBlock, TextContent
from pydantic import BaseModel

from mcp_server.sentences import Spoken

ERROR = "valet/error"
CONNECT = "valet/connect"


def answer(model: BaseModel, text: str, *more: ContentBlock) -> CallToolResult:
    """A result: `text` for a reader, `model` as structured content, `more` beside the text (a resource link).

    Absent fields are left out.
    """
    content = model.model_dump(mode="json", by_alias=True, exclude_none=True)
    return CallToolResult(content=[TextContent(type="text", text=text), *more], structured_content=content)


def failure(spoken: Spoken) -> CallToolResult:
    """An error a model can read, with its code in `_meta`."""
    return _error(spoken.text, _details(spoken), {})


def linked(spoken: Spoken, provider: str, title: str, url: str) -> CallToolResult:
    """An error that only the person can mend, with the link that mends it."""
    text = f"{spoken.text} Ask the person to open this link in a browser: {url} – then repeat the call."
    return _error(text, _details(spoken), link(provider, title, url))


def link(provider: str, title: str, url: str) -> dict[str, Any]:
    """`_meta` with the way to connect, for a chat program or a page (MCP Apps) that has a button for it."""
    return {CONNECT: {"provider": provider, "title": title, "url": url}}


def _details(spoken: Spoken) -> dict[str, Any]:
    details: dict[str, Any] = {"code": spoken.code}
    if spoken.retry_after is not None:
        details["retry_after"] = spoken.retry_after
    return details


def _error(text: str, details: dict[str, Any], more: dict[str, Any]) -> CallToolResult:
    return CallToolResult(
        content=[TextContent(type="text", text=text)], is_error=True, _meta={ERROR: details, **more}
    )
