"""What each of the player's tools says where Spotify, the account or the caller stands in its way."""

from __future__ import annotations

from typing import Any

import pytest

from providers.spotify.record import CONTROL, PLAYBACK, QUEUE
from tests.mcp_server.conftest import Serve
from tests.mcp_server.desk import ALL_UPSTREAM, MODERN, chat, code_of, text_of
from tests.mcp_server.hall import Hall

READS: dict[str, dict[str, Any]] = {
    "spotify_get_playback": {},
    "spotify_list_devices": {},
    "spotify_get_queue": {},
}
COMMANDS: dict[str, dict[str, Any]] = {
    "spotify_play": {"query": "Das Model"},
    "spotify_control_playback": {"action": "next"},
    "spotify_set_playback_options": {"shuffle": True},
    "spotify_transfer_playback": {"device": "P", "play": True},
    "spotify_add_to_queue": {"query": "Das Model"},
}
TOOLS = {**READS, **COMMANDS}


async def test_without_the_scopes_nothing_is_asked_of_spotify(hall: Hall) -> None:
    missing = {name: ALL_UPSTREAM - (PLAYBACK if name in READS else CONTROL) for name in TOOLS}
    missing["spotify_get_queue"] = ALL_UPSTREAM - (QUEUE - PLAYBACK)
    for name, arguments in TOOLS.items():
        async with hall.chat("ana", upstream=missing[name]) as client:
            result = await client.call_tool(name, arguments)
        assert code_of(result) == "scope_missing", name
        assert "/connect/spotify?h=" in text_of(result)
    assert hall.judge.calls == []


async def test_without_premium_it_is_said_and_nothing_changes(hall: Hall) -> None:
    before = hall.emulator.player("cleo")
    another = {**before["devices"][0], "id": "x", "name": "P2"}
    hall.emulator.set_player("cleo", devices=[*before["devices"], another])
    async with hall.chat("cleo") as client:
        for name, arguments in COMMANDS.items():
            device = {"device": "P2"} if "device" in arguments else {}
            result = await client.call_tool(name, {**arguments, **device})
            assert code_of(result) == "premium_required", (name, text_of(result))
            assert "Premium" in text_of(result)
        for name, arguments in READS.items():
            assert not (await client.call_tool(name, arguments)).is_error, "reading is free"
    after = hall.emulator.player("cleo")
    assert [after[key] for key in ("current", "active", "shuffle", "queued")] == [
        before[key] for key in ("current", "active", "shuffle", "queued")
    ]


@pytest.mark.parametrize("mode", [MODERN, "legacy"])
async def test_a_dead_grant_is_a_link(hall: Hall, mode: str) -> None:
    async with hall.chat("ana", mode) as client:
        hall.emulator.revoke("ana")
        for name, arguments in TOOLS.items():
            result = await client.call_tool(name, arguments)
            assert code_of(result) == "reauth_required", name
            assert "/connect/spotify?h=" in text_of(result)


async def test_a_long_limit_is_told_and_a_short_one_waited_for(hall: Hall) -> None:
    hall.emulator.settings(lag_ms=0)
    async with hall.chat("ana") as client:
        for name, arguments in TOOLS.items():
            hall.fault("* api.spotify.com/v1/*", status=429, retry_after=1)
            device = {"device": "kitchen"} if "device" in arguments else {}
            result = await client.call_tool(name, {**arguments, **device})
            assert not result.is_error, (name, text_of(result))
        assert hall.desk.pauses.count(1.0) == len(TOOLS)
        hall.fault("* api.spotify.com/v1/*", status=429, retry_after=900, times=None)
        for name, arguments in TOOLS.items():
            result = await client.call_tool(name, arguments)
            assert code_of(result) == "rate_limited", name
            assert 120 < result.meta["valet/error"]["retry_after"] <= 900
            assert " minutes" in text_of(result)


MISTAKES: list[tuple[str, dict[str, Any]]] = [
    ("spotify_get_playback", {"include_queue": "perhaps"}),
    ("spotify_list_devices", {"limit": 1}),
    ("spotify_get_queue", {"limit": 21}),
    ("spotify_get_queue", {"limit": 0}),
    ("spotify_play", {"items": [["x"]]}),
    ("spotify_play", {"items": ["x" * 301]}),
    ("spotify_play", {"context": {"uri": "x"}}),
    ("spotify_play", {"query": "x", "start_at": {"position": 1}}),
    ("spotify_play", {"query": "x", "start_at": 1}),
    ("spotify_play", {"items": ["spotify:track:../../../me"]}),
    ("spotify_play", {"context": "spotify:album:?market=XX"}),
    ("spotify_control_playback", {"action": "stop"}),
    ("spotify_control_playback", {"action": "seek", "position_ms": 86_400_001}),
    ("spotify_set_playback_options", {}),
    ("spotify_set_playback_options", {"volume": 101}),
    ("spotify_set_playback_options", {"volume": -1}),
    ("spotify_set_playback_options", {"repeat": "all"}),
    ("spotify_transfer_playback", {}),
    ("spotify_transfer_playback", {"device": ""}),
    ("spotify_add_to_queue", {"item": "x" * 301}),
    ("spotify_add_to_queue", {"item": "https://open.spotify.com.evil.example/track/" + "1" * 22}),
    ("spotify_add_to_queue", {"query": "x" * 251}),
]


async def test_arguments_that_do_not_fit(serve: Serve) -> None:
    async with serve() as desk, chat(desk, await desk.ready()) as client:
        for name, arguments in MISTAKES:
            result = await client.call_tool(name, arguments)
            assert code_of(result) == "invalid_argument", (name, arguments, text_of(result))
    assert desk.spotify.calls == []
