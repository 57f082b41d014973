"""spotify_set_playback_options: several at once, each with its own outcome."""

from __future__ import annotations

from typing import Any

import pytest
from mcp.client import Client

from tests.mcp_server.conftest import Serve
from tests.mcp_server.desk import MODERN, chat, code_of, text_of
from tests.mcp_server.hall import Hall
from tests.mcp_server.spotifydouble import device, track

ALL = {"volume": 20, "shuffle": True, "repeat": "track"}


@pytest.fixture
def hall(hall: Hall) -> Hall:
    """Nothing waits in these tests, so the emulated player is to show at once what it does."""
    hall.emulator.settings(lag_ms=0)
    return hall


async def options(client: Client, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool("spotify_set_playback_options", arguments)
    assert not result.is_error, text_of(result)
    assert result.structured_content is not None
    return {**result.structured_content, "text": text_of(result)}


async def refused(client: Client, **arguments: Any) -> tuple[str | None, str]:
    result = await client.call_tool("spotify_set_playback_options", arguments)
    assert result.is_error, text_of(result)
    return code_of(result), text_of(result)


def outcomes(seen: dict[str, Any]) -> dict[str, tuple[str, bool | None]]:
    return {row["option"]: (row["outcome"], row.get("confirmed")) for row in seen["settings"]}


@pytest.mark.parametrize("mode", [MODERN, "legacy"])
async def test_three_at_once_and_back(hall: Hall, mode: str) -> None:
    async with hall.chat("ana", mode) as client:
        seen = await options(client, **ALL)
        assert outcomes(seen) == dict.fromkeys(ALL, ("set", True))
        assert seen["text"] == "Set on “Ana's MacBook Pro”: volume 20, shuffle on and repeat track."
        player = hall.emulator.player()
        assert (player["devices"][0]["volume"], player["shuffle"], player["repeat"]) == (20, True, "track")
        assert [line.partition("?")[0] for line in hall.sent()] == [
            "PUT /me/player/volume", "PUT /me/player/shuffle", "PUT /me/player/repeat",
        ]  # fmt: skip

        again = await options(client, **ALL)
        assert outcomes(again) == dict.fromkeys(ALL, ("unchanged", True)) and "undo" not in again
        assert len(hall.sent()) == 3

        assert seen["undo"]["arguments"] == {"volume": 62, "shuffle": False, "repeat": "context"}
        await options(client, **seen["undo"]["arguments"])
        player = hall.emulator.player()
        assert (player["devices"][0]["volume"], player["shuffle"], player["repeat"]) == (62, False, "context")


async def test_one_is_refused_and_the_others_are_set(hall: Hall) -> None:
    hall.emulator.set_player(active="Pixel 9")
    async with hall.chat("ana") as client:
        seen = await options(client, **ALL)
        assert outcomes(seen) == {
            "volume": ("refused", None),
            "shuffle": ("set", True),
            "repeat": ("set", True),
        }
        assert "Refused: volume 20. The volume of “Pixel 9” can't be set from here." in seen["text"]
        assert "volume" not in seen["undo"]["arguments"]
        code, text = await refused(client, volume=20)
        assert code == "conflict" and "can't be set from here" in text
    assert not [line for line in hall.sent() if "volume" in line]


async def test_a_limit_on_the_way_stops_the_rest(hall: Hall) -> None:
    async with hall.chat("ana") as client:
        hall.fault("PUT api.spotify.com/v1/me/player/shuffle*", status=429, retry_after=900)
        seen = await options(client, **ALL)
        states = {name: outcome for name, (outcome, _) in outcomes(seen).items()}
        assert states == {"volume": "set", "shuffle": "refused", "repeat": "not_tried"}
        assert seen["settings"][1]["code"] == "rate_limited" and "15 minutes" in seen["settings"][1]["why"]
        assert "Not tried after that: repeat track." in seen["text"]
    assert hall.emulator.player()["devices"][0]["volume"] == 20
    assert not [line for line in hall.sent() if "repeat" in line]


async def test_an_answer_that_was_lost_is_looked_for(hall: Hall) -> None:
    async with hall.chat("ana") as client:
        hall.fault("PUT api.spotify.com/v1/me/player/volume*", kind="lost")
        seen = await options(client, volume=20)
        assert outcomes(seen) == {"volume": ("set", True)}
        hall.fault("PUT api.spotify.com/v1/me/player/volume*", kind="close")
        code, text = await refused(client, volume=70)
        assert code == "provider_error" and "look before you repeat it" in text


async def test_the_volume_of_a_device_that_is_not_active(hall: Hall) -> None:
    async with hall.chat("ana") as client:
        seen = await options(client, volume=10, device="kitchen")
        assert outcomes(seen) == {"volume": ("set", True)} and seen["device"] == "Kitchen speaker"
        assert hall.emulator.player()["devices"][1]["volume"] == 10
        await options(client, **seen["undo"]["arguments"])
        assert hall.emulator.player()["devices"][1]["volume"] == 35
        code, text = await refused(client, shuffle=True, device="kitchen")
        assert code == "conflict" and "spotify_transfer_playback" in text


async def test_nothing_active_nothing_given_and_no_premium(hall: Hall) -> None:
    async with hall.chat("ana") as client:
        assert (await refused(client))[0] == "invalid_argument"
        assert hall.sent() == []
    async with hall.chat("ben") as client:
        code, text = await refused(client, shuffle=True)
        assert code == "no_active_device" and "Living room" in text
        code, text = await refused(client, shuffle=True, device="living")
        assert code == "no_active_device" and "spotify_play" in text
    async with hall.chat("emil") as client:
        assert (await refused(client, volume=5))[0] == "conflict"
    before = len(hall.sent())
    async with hall.chat("cleo") as client:
        assert (await refused(client, shuffle=True, repeat="off"))[0] == "premium_required"
        assert len(hall.sent()) == before + 1, "the second is not tried"
        # The volume of a phone can't be set either, but that is not what stands in the way.
        assert (await refused(client, volume=5, shuffle=True))[0] == "premium_required"


async def test_a_player_that_lags_is_not_believed(hall: Hall) -> None:
    hall.emulator.settings(lag_ms=600_000)
    async with hall.chat("ana") as client:
        seen = await options(client, **ALL)
    assert outcomes(seen) == dict.fromkeys(ALL, ("set", False))
    assert "does not show it yet" in seen["text"]


async def test_what_spotify_disallows_is_not_sent(serve: Serve) -> None:
    async with serve() as desk:
        desk.spotify.disallows = {"toggling_shuffle": True, "toggling_repeat_track": True}
        desk.spotify.begin(track("Song", "Somebody"), device("Kitchen", supports_volume=False))
        async with chat(desk, await desk.ready()) as client:
            code, text = await refused(client, **ALL)
            assert code == "conflict"
            assert [word in text for word in ("volume: ", "shuffle: ", "repeat: ")] == [True] * 3
    assert desk.spotify.paths() == []


async def test_a_device_takes_the_nearest_of_its_steps(serve: Serve) -> None:
    async with serve() as desk:
        desk.spotify.begin(track("Song", "Somebody"), kitchen := device("Kitchen", supports_volume=True))
        async with chat(desk, await desk.ready()) as client:
            for shown, seen in ((20, True), (25, True), (14, True), (40, False), (27, False)):
                kitchen["volume_percent"] = 90
                desk.spotify._volume = lambda *_, at=shown: kitchen.update(volume_percent=at)  # type: ignore[attr-defined]
                assert outcomes(await options(client, volume=20)) == {"volume": ("set", seen)}, shown
