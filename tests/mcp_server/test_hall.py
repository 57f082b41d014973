"""The hall itself: the whole road, and that what breaks a contract is noticed."""

from __future__ import annotations

import httpx2
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


async def test_googles_contracts_are_noticed_too(hall: Hall) -> None:
    """A good request goes by; one that the library writes otherwise, or that means nothing, does not."""
    async with hall.chat("ana", provider="google") as client:
        await client.call_tool("tasks_list_task_lists", {})
    assert {line.partition("?")[0] for line, _ in hall.judge.calls} == {
        "GET tasks.googleapis.com/tasks/v1/users/@me/lists"
    }
    assert hall.judge.faults == []
    token = {"authorization": f"Bearer {next(iter(hall.judge.scopes))}"}
    tasks = "https://tasks.googleapis.com/tasks/v1/lists/%40default/tasks"
    # Not closed: the road is the hall's.
    road = httpx2.AsyncClient(transport=hall.judge)
    for url in (tasks, tasks.replace("%40", "@"), f"{tasks}?maxResults=many"):
        assert (await road.get(url, headers=token)).status_code in {200, 400}
    one, other = hall.judge.faults
    hall.judge.faults.clear()
    assert "google-api-python-client has the path /tasks/v1/lists/%40default/tasks" in one
    assert "maxResults is no integer" in other
