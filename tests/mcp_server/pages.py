"""Reading a list of a tool to its end, as a model does."""

from __future__ import annotations

from typing import Any

from tests.mcp_server.desk import text_of


async def turned(
    client: Any, tool: str, arguments: dict[str, Any], key: str = "items"
) -> list[dict[str, Any]]:
    """Every entry of every page, in order. Each page is whole, and all but the last name the next."""
    rows: list[dict[str, Any]] = []
    cursor: dict[str, Any] = {}
    for _ in range(100):
        result = await client.call_tool(tool, {**arguments, **cursor})
        assert not result.is_error, text_of(result)
        page = result.structured_content
        assert page[key] or "next_cursor" not in page, "an empty page that is not the last"
        rows += page[key]
        if "next_cursor" not in page:
            return rows
        assert f"More with cursor {page['next_cursor']}." in text_of(result)
        cursor = {"cursor": page["next_cursor"]}
    raise AssertionError(f"{tool} never comes to an end")
