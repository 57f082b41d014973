"""No answer of a tool of Google's is larger than a model can read, however much Google says.

As in tests/mcp_server/test_widest.py: every text that a stranger can write becomes a long one that costs much
in JSON, and every list is filled up. What single tools are told that is worse still stands with their tests.
"""

from __future__ import annotations

import base64
import copy
import functools
from typing import Any

import pytest

from tests.mcp_server.desk import GOOGLE_LATER, GOOGLE_UPSTREAM, text_of
from tests.mcp_server.hall import Hall
from tests.mcp_server.test_google_refusals import TABLES, specs
from tests.mcp_server.test_widest import MOST, WIDE, size

WRITTEN = frozenset(
    {
        "channelTitle", "comment", "content", "description", "displayName", "familyName",
        "filename", "formattedValue", "givenName", "location", "name", "notes", "snippet", "summary", "text",
        "title", "value", "videoOwnerChannelTitle",
    }
)  # fmt: skip
LONG = base64.urlsafe_b64encode((WIDE * 50).encode()).decode()
ROWS, INNER = 50, 12
NAMED = {"sheets": frozenset({"title"})}
"""By what a call of the tables finds what it is about, and what stays as it is."""

MOST_OF: dict[str, dict[str, Any]] = {"gmail_get_attachment": {"attachment_id": "1"}}
"""What else a call asks, where its table asks for little or for a name that is blown up."""


def blown(value: Any, kept: frozenset[str], depth: int = 0) -> Any:
    """The same answer with everything as long as it may be, but for the fields `kept`."""
    if isinstance(value, list):
        rows = [blown(each, kept, depth + 1) for each in value]
        if not rows or not isinstance(rows[0], dict):
            return rows
        most = max(len(rows), ROWS if depth == 0 else INNER if depth < 3 else 0)
        more = [copy.deepcopy(rows[place % len(rows)]) for place in range(len(rows), most)]
        return rows + [each | ({"partId": "9"} if "partId" in each else {}) for each in more]
    if not isinstance(value, dict) or _is_address(value):
        return value
    wide = {name: WIDE for name in WRITTEN - kept} | {"data": LONG}
    return {
        name: wide.get(name, inner) if isinstance(inner, str) else blown(inner, kept, depth)
        for name, inner in value.items()
    }


def _is_address(value: dict[str, Any]) -> bool:
    """A header of a mail that is not read as words."""
    return value.keys() == {"name", "value"} and value["name"] != "Subject"


@pytest.mark.parametrize("service", sorted(TABLES.keys() - {"docs"}))
async def test_no_answer_is_larger_than_a_model_can_read(hall: Hall, service: str) -> None:
    """But for documents, whose paragraphs say where they stand: see tests/mcp_server/test_docs_read.py."""
    calls = TABLES[service](hall)
    assert calls.keys() == specs(service).keys()
    async with hall.chat("ana", provider="google", upstream=GOOGLE_UPSTREAM | GOOGLE_LATER) as client:
        listed = {tool.name: tool.input_schema["properties"] for tool in (await client.list_tools()).tools}
        hall.judge.bend = functools.partial(blown, kept=NAMED.get(service, frozenset()))
        hall.judge.trusting = True
        for name, arguments in calls.items():
            limit = listed[name].get("limit", {}).get("maximum")
            most = {"limit": limit} if limit else {}
            result = await client.call_tool(name, {**arguments, **most, **MOST_OF.get(name, {})})
            assert not result.is_error, (name, text_of(result)[:300])
            assert size(result) <= MOST, (name, size(result))
