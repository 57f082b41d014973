"""The hall itself: the whole road, and that what breaks Spotify's contract is noticed."""

from __future__ import annotations

import pytest

from tests.mcp_server.hall import Hall
from tests.providers import spec


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_a_tool_reaches_the_emulated_player_over_the_wire(hall: Hall, mode: str) -> None:
    async with hall.chat("ana", mode) as client:
        result = await client.call_tool("spotify_get_playback", {})
    assert result.structured_content["item"]["name"] == "Dreams"
    assert [line for line, _ in hall.judge.calls] == ["GET /me/player?additional_types=track%2Cepisode"]


async def test_what_breaks_the_contract_is_noticed(hall: Hall) -> None:
    if spec.available() is None:
        pytest.skip(spec.ABSENT)
    hall.emulator.fault(
        "GET api.spotify.com/v1/me/player*", kind="status", status=200, body={"popularity": 3}
    )
    async with hall.chat("ana") as client:
        await client.call_tool("spotify_get_playback", {})
    [fault] = hall.judge.faults
    hall.judge.faults.clear()
    assert "GET /v1/me/player 200" in fault
