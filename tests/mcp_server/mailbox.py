"""A person's mail in the tests of Gmail's tools: as it truly is, and what more arrives in it."""

from __future__ import annotations

import base64
from contextlib import AbstractAsyncContextManager
from typing import Any

from mcp.client import Client

from providers.google.services import GMAIL_MODIFY
from tests.mcp_server.desk import GOOGLE_UPSTREAM, text_of
from tests.mcp_server.hall import Hall

UPSTREAM = GOOGLE_UPSTREAM | {GMAIL_MODIFY}
"""What a person has allowed who lets a chat do anything with their mail."""


def chat(hall: Hall, account: str = "ana", **how: Any) -> AbstractAsyncContextManager[Client]:
    """A chat program of that person, who has allowed everything."""
    return hall.chat(account, **{"provider": "google", "upstream": UPSTREAM, **how})


async def asked(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """The structured answer of a call that must not fail."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, text_of(result)
    assert result.structured_content is not None
    return result.structured_content


async def told(client: Client, tool: str, **arguments: Any) -> str:
    """The text of a call, failed or not."""
    return text_of(await client.call_tool(tool, arguments))


def mails(hall: Hall, account: str = "ana") -> list[dict[str, Any]]:
    """All mail as it truly is, the latest first."""
    rows: list[dict[str, Any]] = hall.emulator.read("gmail/mailbox", account=account)["messages"]
    return rows


def mail(hall: Hall, subject: str, account: str = "ana") -> dict[str, Any]:
    """The latest mail with that in its subject."""
    return next(row for row in mails(hall, account) if subject in row["subject"])


def arrives(hall: Hall, raw: str | bytes, account: str = "ana", **how: Any) -> dict[str, Any]:
    """A mail arrives just as it is; its `id` and `thread`."""
    body = raw.encode() if isinstance(raw, str) else raw
    row: dict[str, Any] = hall.emulator.control(
        "gmail/put", account=account, raw=base64.b64encode(body).decode(), **how
    )
    return row


def letter(body: str, kind: str = "text/html", subject: str = "Strange", **headers: str) -> str:
    """A mail of one part, with further headers."""
    head = {"From": "Eve <eve@example.com>", "To": "ana.duarte@gmail.com", "Subject": subject, **headers}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in head.items() if value]
    return "\r\n".join([*lines, f"Content-Type: {kind}; charset=utf-8", "", body])


def size(result: Any) -> int:
    """The bytes of an answer as it travels."""
    return len(result.model_dump_json(by_alias=True, exclude_none=True).encode())
