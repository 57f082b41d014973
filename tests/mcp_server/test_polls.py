"""Looks of a page in the activity: one in a while of each kind, every command, and no bucket runs empty."""

from __future__ import annotations

import sys
from typing import Annotated

import pytest
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult
from pydantic import BaseModel

from mcp_server.answers import answer
from mcp_server.buckets import Buckets
from mcp_server.inject import AccountLabel
from mcp_server.polls import EVERY, Polls
from mcp_server.toolbox import tool
from mcp_server.tools import MODULES
from mcp_server.tools.spotify.client import SpotifyClient
from tests.mcp_server.conftest import Serve
from tests.mcp_server.desk import Desk, Resident, chat
from tests.mcp_server.spotifydouble import error
from tests.mcp_server.test_buckets import Clock
from tests.mcp_server.test_notice import ending, notices
from vault.ids import new_id


class Looked(BaseModel):
    """What a page is told."""

    said: str


@tool(
    service="spotify",
    title="Look",
    read_only=True,
    destructive=False,
    idempotent=True,
    visibility=("app",),
)
async def poll_look(
    spotify: SpotifyClient, account: AccountLabel = None
) -> Annotated[CallToolResult, Looked]:
    """Look."""
    await spotify.playback()
    return answer(Looked(said="seen"), "seen")


@tool(
    service="spotify",
    access="write",
    title="Press",
    read_only=False,
    destructive=True,
    idempotent=False,
    visibility=("app",),
)
async def poll_press(
    spotify: SpotifyClient, account: AccountLabel = None
) -> Annotated[CallToolResult, Looked]:
    """Press."""
    return answer(Looked(said="done"), "done")


HERE = (*MODULES, sys.modules[__name__])


def test_one_look_of_a_kind_in_a_while() -> None:
    clock = Clock()
    polls = Polls(clock=clock)
    assert [polls.first("grant", "look", outcome) for outcome in ("ok", "ok", "error", "ok")] == [
        True, False, True, False,
    ]  # fmt: skip
    clock.now += EVERY - 1
    assert not polls.first("grant", "look", "ok")
    clock.now += 1
    assert polls.first("grant", "look", "ok"), "counted from the one that was noted"
    assert not polls.first("grant", "look", "ok")


def test_memory_is_bounded() -> None:
    polls = Polls(most=10, clock=Clock())
    assert all(polls.first(number) for number in range(11))
    assert polls.first(0), "forgotten, and noted once more"
    assert not polls.first(10)


def test_ten_cards_that_look_all_day_empty_no_bucket() -> None:
    clock, grant = Clock(), new_id()
    buckets = Buckets(clock=clock)
    for _ in range(24 * 3600 // 3):
        clock.now += 3
        assert all(buckets.take(grant) == 0.0 for _ in range(10))


async def actions(desk: Desk, who: Resident) -> list[tuple[str, str, str]]:
    await desk.diary.flush()
    entries = [entry async for entry in desk.activity.all(who.user_id)]
    return sorted((each.action, each.account or "", each.outcome) for each in entries)


async def test_looks_are_noted_once_and_commands_each(serve: Serve) -> None:
    async with serve(modules=HERE) as desk:
        who = await desk.ready()
        await desk.connect(who, label="work")
        async with chat(desk, who, ui=True) as client:
            for _ in range(5):
                await client.call_tool("poll_look", {})
                await client.call_tool("poll_look", {"account": "work"})
            for _ in range(2):
                await client.call_tool("poll_press", {})
            desk.spotify.answers = [error(403, "Restriction violated")] * 3
            for _ in range(3):
                await client.call_tool("poll_look", {})
        assert await actions(desk, who) == [
            ("poll_look", "private", "conflict"),
            ("poll_look", "private", "ok"),
            ("poll_look", "work", "ok"),
            ("poll_press", "private", "ok"),
            ("poll_press", "private", "ok"),
        ]


async def test_another_chat_is_another_look(serve: Serve) -> None:
    async with serve(modules=HERE) as desk:
        who = await desk.ready()
        other = await desk.resident(user_id=who.user_id)
        for each in (who, other, who, other):
            async with chat(desk, each, ui=True) as client:
                await client.call_tool("poll_look", {})
        assert await actions(desk, who) == [("poll_look", "private", "ok")] * 2


async def test_each_look_beyond_the_scopes_is_noted(serve: Serve) -> None:
    async with serve(modules=HERE) as desk:
        who = await desk.resident(())
        async with chat(desk, who, ui=True) as client:
            for _ in range(3):
                with pytest.raises(MCPError):
                    await client.call_tool("poll_look", {})
        assert await actions(desk, who) == [("poll_look", "", "not_allowed")] * 3


async def test_a_look_does_not_swallow_the_days_warning(serve: Serve) -> None:
    async with serve(modules=HERE) as desk:
        who, _ = await ending(desk, "12 days 1 hour")
        async with chat(desk, who, ui=True) as client:
            for name in ("poll_look", "poll_press"):
                assert notices(await client.call_tool(name, {})) == []
            assert len(notices(await client.call_tool("spotify_get_playback", {}))) == 1
