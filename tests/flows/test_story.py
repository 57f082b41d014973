"""The whole story, over HTTP, with the SDK's client, a real Chromium and a real PostgreSQL, in both eras."""

from __future__ import annotations

import asyncio

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from tests.support.emulator import EmulatorProcess
from tests.support.person import Person, link, text
from tests.support.valet import ValetProcess

DESPACITO = {"query": "Despacito"}


async def playing(client: Client, emulator: EmulatorProcess) -> None:
    """The tool says so and the player agrees."""
    result = await client.call_tool("spotify_play", DESPACITO)
    assert not result.is_error, text(result)
    assert result.structured_content is not None
    assert result.structured_content["confirmed"] is True
    player = emulator.player("ana")
    assert player["is_playing"] and player["current"] == result.structured_content["uri"]
    assert player["current_name"] == "Despacito"


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_play_despacito_today_after_a_restart_and_after_a_revocation(
    mode: str, person: Person, valet: ValetProcess, emulator: EmulatorProcess
) -> None:
    async with person.chat(mode) as client:
        # 401, discovery, registration, consent and token happened on the way in.
        assert person.consents == 1 and person.statuses[0] == 401
        assert client.protocol_version == ("2026-07-28" if mode == "auto" else "2025-11-25")
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert {"spotify_play", "spotify_search", "connections_connect"} <= names

        refused = await client.call_tool("spotify_play", DESPACITO)
        assert refused.is_error and emulator.player("ana")["current_name"] != "Despacito"
        heading = await person.connect(link(refused))
        assert heading == "Spotify is connected as Ana Duarte"
        await playing(client, emulator)

        # The access token expires: several calls at once, one refresh.
        emulator.expire("access")
        before = emulator.refreshes()
        results = await asyncio.gather(*(client.call_tool("spotify_get_playback", {}) for _ in range(8)))
        assert not any(result.is_error for result in results)
        assert emulator.refreshes() == before + 1

    # Server and database stop and start; a new chat with the old tokens needs no page at all.
    valet.restart()
    emulator.expire("access")
    async with person.chat(mode) as client:
        await playing(client, emulator)
        assert person.consents == 1

        # The person ends the grant at Spotify.
        emulator.revoke("ana")
        before, person.statuses[:] = emulator.refreshes(), []
        dead = await client.call_tool("spotify_play", DESPACITO)
        again = await client.call_tool("spotify_play", DESPACITO)
        assert dead.is_error and again.is_error
        assert "connect" in text(dead).lower() and text(dead).count("http") == 1
        assert link(dead) == link(again), "a pending link is reused"
        assert emulator.refreshes() == before + 1, "a dead grant is not tried again"
        assert set(person.statuses) == {200}, "a dead grant upstream is an answer, not a 401"

        assert await person.connect(link(dead)) == "Spotify is connected as Ana Duarte"
        await playing(client, emulator)


async def test_url_elicitation_connects_within_one_call(person: Person, emulator: EmulatorProcess) -> None:
    async with person.chat("auto", elicits=True) as client:
        await playing(client, emulator)
    assert "Spotify is connected as Ana Duarte" in person.headings


async def test_url_elicitation_in_the_earlier_era_is_an_error_with_the_link(
    person: Person, emulator: EmulatorProcess
) -> None:
    async with person.chat("legacy", elicits=True) as client:
        with pytest.raises(MCPError) as caught:
            await client.call_tool("spotify_play", DESPACITO)
        assert caught.value.error.code == -32042
        assert caught.value.error.data is not None
        [asked] = caught.value.error.data["elicitations"]
        await person.connect(asked["url"])
        await playing(client, emulator)


async def test_saying_no_at_spotify_changes_nothing(person: Person, emulator: EmulatorProcess) -> None:
    async with person.chat() as client:
        refused = await client.call_tool("spotify_play", DESPACITO)
        heading = await person.connect(link(refused), decision="Cancel")
        assert heading == "You did not connect Spotify"
        listed = await client.call_tool("connections_list", {})
        assert listed.structured_content is not None
        assert listed.structured_content["connections"] == []
        # The link is still good for a second thought.
        assert await person.connect(link(refused)) == "Spotify is connected as Ana Duarte"
        await playing(client, emulator)


async def test_disconnecting_ends_it_at_once(person: Person, emulator: EmulatorProcess) -> None:
    async with person.chat() as client:
        refused = await client.call_tool("spotify_play", DESPACITO)
        await person.connect(link(refused))
        await playing(client, emulator)
        listed = await client.call_tool("connections_list", {})
        assert listed.structured_content is not None
        [row] = listed.structured_content["connections"]
        ended = await client.call_tool("connections_disconnect", {"connection": row["id"]})
        assert not ended.is_error, text(ended)
        assert (await client.call_tool("spotify_play", DESPACITO)).is_error
