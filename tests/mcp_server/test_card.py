"""The player card's two tools, through a chat program's client and over a socket, before the emulator."""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError

from providers.emulator.spotify.media import grainy
from tests.mcp_server.desk import MODERN, code_of, text_of
from tests.mcp_server.hall import Hall

STATE, COMMAND = "spotify_player_state", "spotify_player_command"
READER = {"scopes": ("spotify:read",)}
NO_SCOPE = {"error": {"status": 403, "message": "Insufficient client scope"}}
ERAS = pytest.mark.parametrize("mode", [MODERN, "legacy"])


@pytest.fixture
def prompt(hall: Hall) -> Hall:
    """The hall with a player that shows at once what was commanded: nothing here waits for the clock."""
    hall.emulator.settings(lag_ms=0)
    return hall


async def state(hall: Hall, account: str = "ana", **arguments: Any) -> dict[str, Any]:
    async with hall.chat(account, ui=True) as client:
        result = await client.call_tool(STATE, arguments)
    assert not result.is_error, text_of(result)
    found: dict[str, Any] = result.structured_content
    return found


async def press(hall: Hall, action: str, account: str = "ana", **arguments: Any) -> Any:
    async with hall.chat(account, ui=True) as client:
        return await client.call_tool(COMMAND, {"action": action, **arguments})


def fetched(hall: Hall) -> list[dict[str, Any]]:
    """The requests for pictures so far."""
    return [each for each in hall.emulator.requests() if "//i.scdn.co/" in each["url"]]


def side(data_uri: str) -> int:
    """The pixels of a side of the PNG in it."""
    kind, _, body = data_uri.partition(",")
    assert kind == "data:image/png;base64"
    wide, high = struct.unpack(">II", base64.b64decode(body, validate=True)[16:24])
    assert wide == high
    return int(wide)


# Looking


@ERAS
async def test_the_state_has_what_a_player_shows(hall: Hall, mode: str) -> None:
    async with hall.chat("ana", mode, ui=True) as client:
        result = await client.call_tool(STATE, {})
    seen = result.structured_content
    assert {name: seen[name] for name in ("is_active", "is_playing", "shuffle", "repeat")} == {
        "is_active": True, "is_playing": True, "shuffle": False, "repeat": "context",
    }  # fmt: skip
    assert (seen["item"]["kind"], seen["item"]["name"], seen["item"]["by"]) == (
        "track",
        "Dreams",
        ["Fleetwood Mac"],
    )
    assert seen["item"]["url"].startswith("https://open.spotify.com/track/")
    assert 0 <= seen["progress_ms"] < seen["item"]["duration_ms"]
    assert seen["device"]["name"] == "Ana's MacBook Pro"
    assert {name: seen["device"][name] for name in ("controllable", "volume_percent", "supports_volume")} == {
        "controllable": True, "volume_percent": 62, "supports_volume": True,
    }  # fmt: skip
    assert seen["context_uri"].startswith("spotify:playlist:")
    assert seen["disallows"] == ["resuming"]
    assert seen["can_control"] is True
    assert [each["name"] for each in seen["queue"]][:3] == ["Feeling Good", "So What", "Chan Chan"]
    assert len(seen["queue"]) == 10
    assert set(seen["queue"][0]) == {"kind", "name", "by", "uri", "url"}
    assert text_of(result) == "Playing.", "no name where a model may read it"
    assert len(hall.judge.calls) == 2, "the state, and what comes next"


async def test_nothing_plays(hall: Hall) -> None:
    assert await state(hall, "ben") == {
        "is_active": False, "is_playing": False, "disallows": [], "can_control": True, "queue": [],
    }  # fmt: skip
    assert len(hall.judge.calls) == 1, "there is nothing else to ask for"


async def test_who_may_only_look_is_told_so(hall: Hall) -> None:
    async with hall.chat("ana", ui=True, **READER) as client:
        assert (await client.call_tool(STATE, {})).structured_content["can_control"] is False
        assert COMMAND not in {each.name for each in (await client.list_tools()).tools}
        with pytest.raises(MCPError, match="spotify:write"):
            await client.call_tool(COMMAND, {"action": "pause"})


async def test_an_episode_has_its_own_cover(hall: Hall) -> None:
    seen = await state(hall, "emil")
    assert seen["item"]["kind"] == "episode"
    assert seen["device"]["controllable"] is False
    assert side(seen["cover"]["data_uri"]) in {300, 64}


async def test_a_queue_that_can_not_be_had_is_left_out(hall: Hall) -> None:
    hall.fault("GET api.spotify.com/v1/me/player/queue", status=403, times=None)
    seen = await state(hall)
    assert seen["queue"] == []
    assert seen["item"]["name"] == "Dreams"


async def test_a_refusal_has_its_code_for_the_page(hall: Hall) -> None:
    faults: list[tuple[dict[str, Any], str]] = [
        ({"status": 500}, "provider_error"),
        ({"status": 403, "body": NO_SCOPE}, "scope_missing"),
        ({"status": 429, "retry_after": 900.0}, "rate_limited"),
    ]
    async with hall.chat("ana", ui=True) as client:
        for fault, code in faults:
            hall.emulator.clear_faults()
            hall.fault("GET api.spotify.com/v1/me/player", times=None, **fault)
            result = await client.call_tool(STATE, {})
            assert result.is_error
            assert code_of(result) == code
            assert ("valet/connect" in result.meta) == (code == "scope_missing")
            assert ("retry_after" in result.meta["valet/error"]) == (code == "rate_limited")


# Covers


@pytest.mark.parametrize(("name", "pixels"), [("Despacito", 300), ("Dreams", 64)])
async def test_the_cover_is_the_largest_that_is_small_enough(prompt: Hall, name: str, pixels: int) -> None:
    hall = prompt
    async with hall.chat("ana", ui=True) as client:
        await client.call_tool("spotify_play", {"query": name})
        hall.emulator.forget()
        seen = (await client.call_tool(STATE, {})).structured_content
    assert seen["item"]["name"] == name
    assert side(seen["cover"]["data_uri"]) == pixels
    assert len(seen["cover"]["data_uri"]) <= 20_000
    asked = fetched(hall)
    assert [each["status"] for each in asked] == ([200] if pixels == 300 else [200, 200])
    assert [grainy(each["url"][-40:]) for each in asked] == ([False] if pixels == 300 else [True, True])
    for each in asked:
        assert "authorization" not in each["headers"]


async def test_a_cover_that_the_page_has_is_not_sent_again(hall: Hall) -> None:
    first = (await state(hall))["cover"]
    hall.emulator.forget()
    assert (await state(hall, cover=first["key"]))["cover"] == {"key": first["key"]}
    assert fetched(hall) == []
    assert (await state(hall, cover="another"))["cover"] == first
    paused = await press(hall, "pause", cover=first["key"])
    assert paused.structured_content["cover"] == {"key": first["key"]}


async def test_a_cover_that_can_not_be_had_is_left_out(hall: Hall) -> None:
    moved = {"location": "https://i.scdn.co/image/x"}
    faults: list[dict[str, Any]] = [
        {"kind": "status", "status": 404},
        {"kind": "status", "status": 302, "headers": moved},
        {"kind": "garbage"},
        {"kind": "close"},
    ]
    for fault in faults:
        hall.emulator.clear_faults()
        hall.emulator.forget()
        hall.emulator.fault("GET i.scdn.co/*", times=None, **fault)
        seen = await state(hall)
        assert "cover" not in seen, fault
        assert seen["item"]["name"] == "Dreams"
        assert len(fetched(hall)) == 2, "the middle one and the smallest, each once"


# Pressing


@ERAS
async def test_every_button_does_what_it_says(prompt: Hall, mode: str) -> None:
    hall = prompt
    before = hall.emulator.player()
    presses: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"action": "pause"}, {"is_playing": False}),
        ({"action": "play"}, {"is_playing": True}),
        ({"action": "seek", "position_ms": 90_000}, {}),
        ({"action": "volume", "volume_percent": 30}, {}),
        ({"action": "shuffle", "shuffle": True}, {"shuffle": True}),
        ({"action": "shuffle", "shuffle": False}, {"shuffle": False}),
        ({"action": "repeat", "repeat": "track"}, {"repeat": "track"}),
        ({"action": "repeat", "repeat": "off"}, {"repeat": "off"}),
        ({"action": "next"}, {"is_playing": True}),
        ({"action": "previous"}, {"is_playing": True}),
    ]
    shown: dict[str, Any] = {}
    async with hall.chat("ana", mode, ui=True) as client:
        for arguments, expected in presses:
            result = await client.call_tool(COMMAND, arguments)
            assert not result.is_error, text_of(result)
            seen = shown[arguments["action"]] = result.structured_content
            assert seen["confirmed"] is True, arguments
            assert expected.items() <= seen.items(), arguments
            assert seen["cover"], "the whole state comes back"
    assert 90_000 <= shown["seek"]["progress_ms"] < 100_000
    assert shown["volume"]["device"]["volume_percent"] == 30
    assert shown["next"]["item"]["name"] == "Feeling Good"
    after = hall.emulator.player()
    assert (after["repeat"], after["shuffle"], after["devices"][0]["volume"]) == ("off", False, 30)
    assert after["current"] != before["current"] or after["progress_ms"] < before["progress_ms"]


async def test_what_the_player_does_not_show_yet_is_not_confirmed(hall: Hall) -> None:
    hall.emulator.settings(lag_ms=3_600_000)
    result = await press(hall, "pause")
    assert not result.is_error
    assert result.structured_content["confirmed"] is False
    assert result.structured_content["is_playing"] is True, "what it shows"
    assert hall.emulator.player()["is_playing"] is False
    assert hall.desk.pauses == [0.3, 0.5, 0.6]


async def test_what_is_so_already_is_not_commanded(prompt: Hall) -> None:
    presses: list[dict[str, Any]] = [
        {"action": "play"},
        {"action": "repeat", "repeat": "context"},
        {"action": "volume", "volume_percent": 62},
        {"action": "shuffle", "shuffle": False},
    ]
    for arguments in presses:
        result = await press(prompt, **arguments)
        assert result.structured_content["confirmed"] is True
        assert not [line for line in prompt.sent() if not line.startswith("GET ")], arguments
    await press(prompt, "pause")
    assert "PUT /me/player/pause" in prompt.sent()


async def test_play_wakes_the_only_device_there_is(prompt: Hall) -> None:
    [kitchen] = [row for row in prompt.emulator.player()["devices"] if row["name"] == "Kitchen speaker"]
    prompt.emulator.set_player(devices=[kitchen], active=None, playing=False)
    result = await press(prompt, "play")
    assert not result.is_error, text_of(result)
    assert result.structured_content["device"]["name"] == "Kitchen speaker"
    assert result.structured_content["confirmed"] is True


async def test_a_button_that_can_not_be_pressed_says_why(hall: Hall) -> None:
    presses: list[tuple[str, dict[str, Any], str, str]] = [
        ("ana", {"action": "seek"}, "invalid_argument", "`position_ms` is required for seek."),
        ("ana", {"action": "volume"}, "invalid_argument", "`volume_percent` is required"),
        ("ana", {"action": "volume", "volume_percent": 101}, "invalid_argument", "`volume_percent`"),
        ("ana", {"action": "shuffle"}, "invalid_argument", "`shuffle` is required"),
        ("ana", {"action": "repeat"}, "invalid_argument", "`repeat` is required"),
        ("ana", {"action": "repeat", "repeat": "once"}, "invalid_argument", "`repeat`"),
        ("ana", {"action": "stop"}, "invalid_argument", "`action`"),
        ("ben", {"action": "next"}, "no_active_device", "Nothing is playing"),
        ("ben", {"action": "volume", "volume_percent": 10}, "no_active_device", "Nothing is playing"),
        ("emil", {"action": "pause"}, "conflict", "does not take commands"),
        ("dana", {"action": "play"}, "no_active_device", "open Spotify"),
        ("cleo", {"action": "pause"}, "premium_required", "Premium"),
    ]
    for account, arguments, code, words in presses:
        result = await press(hall, account=account, **arguments)
        assert result.is_error, arguments
        assert code_of(result) == code, arguments
        assert words in text_of(result), arguments
        commands = [line for line in hall.sent() if not line.startswith("GET ")]
        assert bool(commands) == (account in {"dana", "cleo"}), "what is known before is not asked"


async def test_a_volume_that_can_not_be_set_and_what_spotify_forbids(prompt: Hall) -> None:
    prompt.emulator.set_player(active="Pixel 9")
    volume = await press(prompt, "volume", volume_percent=10)
    assert code_of(volume) == "conflict"
    assert "can't be set" in text_of(volume)
    prompt.emulator.set_player(active="Ana's MacBook Pro", playing=True)
    prompt.fault(
        "GET api.spotify.com/v1/me/player",
        status=200,
        times=None,
        body={
            "device": {"id": "x", "is_active": True, "is_restricted": False, "name": "x", "type": "x"},
            "is_playing": True,
            "actions": {"disallows": {"skipping_next": True, "toggling_shuffle": True}},
        },
    )
    for arguments in ({"action": "next"}, {"action": "shuffle", "shuffle": True}):
        assert code_of(await press(prompt, **arguments)) == "conflict"
    assert not [line for line in prompt.sent() if not line.startswith("GET ")]


async def test_pausing_what_was_paused_meanwhile_is_no_failure(prompt: Hall) -> None:
    """The state that was read first was old: somebody had paused at the device."""
    prompt.emulator.set_player(playing=False)
    device = {"id": "x", "is_active": True, "is_restricted": False, "name": "x", "type": "x"}
    old = {"device": device, "is_playing": True, "actions": {"disallows": {}}}
    prompt.fault("GET api.spotify.com/v1/me/player", status=200, body=old)
    result = await press(prompt, "pause")
    assert "PUT /me/player/pause" in prompt.sent()
    assert (result.structured_content["is_playing"], result.structured_content["confirmed"]) == (False, True)


async def test_a_refusal_of_spotify_is_one(prompt: Hall) -> None:
    refusal = {"status": 403, "message": "Player command failed: Restriction violated", "reason": "UNKNOWN"}
    prompt.fault("PUT api.spotify.com/v1/me/player/pause", status=403, body={"error": refusal})
    assert code_of(await press(prompt, "pause")) == "conflict"


async def test_a_device_that_has_gone_meanwhile_is_said_to_be_gone(prompt: Hall) -> None:
    prompt.fault("PUT api.spotify.com/v1/me/player/pause", status=404)
    result = await press(prompt, "pause")
    assert (code_of(result), "not online any more" in text_of(result)) == ("no_active_device", True)


async def test_a_command_whose_answer_was_lost_counts_where_it_shows(prompt: Hall) -> None:
    prompt.fault("PUT api.spotify.com/v1/me/player/pause", kind="lost")
    result = await press(prompt, "pause")
    assert (result.structured_content["is_playing"], result.structured_content["confirmed"]) == (False, True)
