"""Tools that ask first: what each is about to do is what its arguments say."""

from __future__ import annotations

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.inject import AccountLabel, Confirm
from mcp_server.toolbox import tool
from mcp_server.tools.spotify.client import SpotifyClient

VERSION = ["1"]
"""Of what `ask_send` would send; a test changes it."""


class Sent(BaseModel):
    """What was done."""

    to: str


@tool(
    service="spotify", title="Send", access="write",
    read_only=False, destructive=True, idempotent=False, asks=True,
)  # fmt: skip
async def ask_send(
    spotify: SpotifyClient,
    confirm: Confirm,
    to: str,
    body: str = "",
    copies: Annotated[list[str] | None, Field()] = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Sent]:
    """Send something."""
    lines = [("To", to), ("Text", body), *(("Copy", copy) for copy in copies or ())]
    await confirm("Send this mail", lines, same=VERSION)
    await spotify.playback()
    return answer(Sent(to=to), "Sent.")


@tool(
    service="spotify", title="Press", access="write", visibility=("app",),
    read_only=False, destructive=True, idempotent=False, asks=True,
)  # fmt: skip
async def ask_press(
    spotify: SpotifyClient, confirm: Confirm, account: AccountLabel = None
) -> Annotated[CallToolResult, Sent]:
    """Send something by a button of a page."""
    await confirm("Send this mail", [("To", "ben@example.com")])
    await spotify.playback()
    return answer(Sent(to="ben"), "Sent.")
