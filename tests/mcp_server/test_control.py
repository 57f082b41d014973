"""spotify_control_playback: needless, impossible, done, and not seen yet."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mcp_server.conftest import Serve
from tests.mcp_server.desk import MODERN, Desk, chat, code_of, text_of
from tests.mcp_server.spotifydouble import device, error, track

SONG = track("Song", "Somebody")


async def control(desk: Desk, mode: str = MODERN, **arguments: Any) -> Any:
    async with chat(desk, await desk.ready(), mode) as client:
        return await client.call_tool("spotify_control_playback", arguments)


def flags(result: Any) -> tuple[bool, bool]:
    assert not result.is_error, text_of(result)
    return result.structured_content["changed"], result.structured_content["confirmed"]


@pytest.mark.parametrize("mode", [MODERN, "legacy"])
@pytest.mark.parametrize(
    ("action", "more", "command"),
    [
        ("pause", {}, "PUT /me/player/pause"),
        ("next", {}, "POST /me/player/next"),
        ("previous", {}, "POST /me/player/previous"),
        ("seek", {"position_ms": 90_000}, "PUT /me/player/seek"),
    ],
)
async def test_it_is_done_and_seen(
    serve: Serve, mode: str, action: str, more: dict[str, Any], command: str
) -> None:
    async with serve() as desk:
        desk.spotify.begin(SONG, device("Kitchen"))
        result = await control(desk, mode, action=action, **more)
    assert flags(result) == (True, True)
    assert text_of(result).startswith("Done. ")
    assert desk.spotify.paths() == [command]


async def test_resume(serve: Serve) -> None:
    async with serve() as desk:
        desk.spotify.begin(SONG, device("Kitchen"), is_playing=False)
        result = await control(desk, action="resume")
    assert flags(result) == (True, True)
    assert result.structured_content["playback"]["is_playing"] is True


async def test_pausing_what_is_paused_is_no_error(serve: Serve) -> None:
    async with serve() as desk:
        desk.spotify.begin(SONG, device("Kitchen"), is_playing=False)
        result = await control(desk, action="pause")
    assert flags(result) == (False, True)
    assert text_of(result).startswith("It was not playing. Paused on “Kitchen”")
    assert desk.spotify.paths() == []


async def test_pausing_when_nothing_plays_is_no_error(serve: Serve) -> None:
    async with serve() as desk:
        result = await control(desk, action="pause")
    assert flags(result) == (False, True)
    assert "Nothing is playing" in text_of(result)


async def test_resuming_what_plays_is_no_error(serve: Serve) -> None:
    async with serve() as desk:
        desk.spotify.begin(SONG, device("Kitchen"))
        result = await control(desk, action="resume")
    assert flags(result) == (False, True)
    assert text_of(result).startswith("It is already playing.")


async def test_a_stale_look_does_not_make_an_error(serve: Serve) -> None:
    """Spotify still shows it playing; the 403 says otherwise, and the next look agrees."""
    async with serve() as desk:
        desk.spotify.begin(SONG, device("Kitchen"))
        assert desk.spotify.playing is not None
        desk.spotify.shown = [{**desk.spotify.playing}]
        desk.spotify.playing["is_playing"] = False
        result = await control(desk, action="pause")
    assert flags(result) == (False, True)


async def test_a_refusal_that_stands_is_told(serve: Serve) -> None:
    async with serve() as desk:
        desk.spotify.begin(SONG, device("Kitchen"))
        desk.spotify.premium = False
        result = await control(desk, action="pause")
    assert code_of(result) == "premium_required"


@pytest.mark.parametrize(
    ("action", "name"), [("next", "skipping_next"), ("previous", "skipping_prev"), ("seek", "seeking")]
)
async def test_what_spotify_disallows_is_not_tried(serve: Serve, action: str, name: str) -> None:
    async with serve() as desk:
        desk.spotify.disallows = {name: True}
        desk.spotify.begin(SONG, device("Kitchen"))
        result = await control(desk, action=action, position_ms=1)
    assert code_of(result) == "conflict"
    assert action in text_of(result)
    assert desk.spotify.paths() == []


@pytest.mark.parametrize("action", ["next", "previous", "seek"])
async def test_nothing_to_skip(serve: Serve, action: str) -> None:
    async with serve() as desk:
        desk.spotify.devices = [device("Kitchen")]
        result = await control(desk, action=action, position_ms=1)
    assert code_of(result) == "no_active_device"
    assert "spotify_play" in text_of(result)


async def test_resume_wakes_the_only_device(serve: Serve) -> None:
    async with serve() as desk:
        desk.spotify.devices = [device("Kitchen")]
        desk.spotify.shown = [None]
        desk.spotify.playing = {"is_playing": False, "item": SONG, "device": desk.spotify.devices[0]}
        result = await control(desk, action="resume")
    assert flags(result) == (True, True)
    assert desk.spotify.calls[-2][2]["device_id"] == "device-kitchen"


async def test_resume_on_several_devices_is_a_question(serve: Serve) -> None:
    async with serve() as desk:
        desk.spotify.devices = [device("Kitchen"), device("Phone")]
        result = await control(desk, action="resume")
    assert code_of(result) == "no_active_device"
    assert "“Kitchen” and “Phone”" in text_of(result)


async def test_resume_elsewhere_moves_what_plays_here(serve: Serve) -> None:
    async with serve() as desk:
        desk.spotify.begin(SONG, device("Phone"))
        desk.spotify.devices.append(device("Kitchen"))
        await control(desk, action="resume", device="kitchen")
    assert desk.spotify.paths() == ["GET /me/player/devices", "PUT /me/player/play"]


async def test_seek_needs_a_position(serve: Serve) -> None:
    async with serve() as desk:
        result = await control(desk, action="seek")
    assert code_of(result) == "invalid_argument"
    assert desk.spotify.calls == []


@pytest.mark.parametrize(
    ("action", "more"), [("pause", {}), ("next", {}), ("previous", {}), ("seek", {"position_ms": 90_000})]
)
async def test_what_is_not_seen_is_not_claimed(serve: Serve, action: str, more: dict[str, Any]) -> None:
    async with serve() as desk:
        desk.spotify.begin(SONG, device("Kitchen"))
        desk.spotify.lag = 9
        result = await control(desk, action=action, **more)
    assert flags(result) == (True, False)
    assert "does not show it yet" in text_of(result)


async def test_a_missing_scope_is_seen_before_the_command(serve: Serve) -> None:
    async with serve() as desk:
        desk.spotify.answers = [error(403, "Insufficient client scope")]
        result = await control(desk, action="pause")
    assert code_of(result) == "scope_missing"
