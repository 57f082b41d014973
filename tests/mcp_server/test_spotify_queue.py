"""spotify_add_to_queue: one thing at a time, looked up before and looked for after."""

from __future__ import annotations

from typing import Any

import pytest
from mcp.client import Client

from tests.mcp_server.desk import MODERN, code_of, text_of
from tests.mcp_server.hall import Hall


@pytest.fixture
def hall(hall: Hall) -> Hall:
    """Nothing waits in these tests, so the emulated player is to show at once what it does."""
    hall.emulator.settings(lag_ms=0)
    return hall


async def add(client: Client, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool("spotify_add_to_queue", arguments)
    assert not result.is_error, text_of(result)
    assert result.structured_content is not None
    return {**result.structured_content, "text": text_of(result)}


async def refused(client: Client, **arguments: Any) -> tuple[str | None, str]:
    result = await client.call_tool("spotify_add_to_queue", arguments)
    assert result.is_error, text_of(result)
    return code_of(result), text_of(result)


@pytest.mark.parametrize("mode", [MODERN, "legacy"])
async def test_words_a_link_and_the_same_again(hall: Hall, mode: str) -> None:
    async with hall.chat("ana", mode) as client:
        first = await add(client, query="jóga björk")
        uri = first["added"]["uri"]
        assert first["confirmed"] and first["text"].startswith("Added to the queue: “Jóga” by Björk (5:05)")
        link = f"https://open.spotify.com/track/{uri.rpartition(':')[2]}"
        for same in (link, uri, uri.rpartition(":")[2]):
            assert (await add(client, item=same))["confirmed"]
        listed = await client.call_tool(
            "spotify_search", {"query": "soup for a hundred", "types": ["episode"]}
        )
        talk = await add(client, item=(listed.structured_content or {})["items"][0]["uri"])
        assert talk["confirmed"] and talk["added"]["kind"] == "episode"
        assert (await add(client, item=talk["added"]["uri"], device="macbook"))["confirmed"]
        assert hall.emulator.player()["queued"] == [uri] * 4 + [talk["added"]["uri"]] * 2


async def test_what_can_not_be_queued(hall: Hall) -> None:
    async with hall.chat("ana") as client:
        for kind in ("album", "playlist", "artist", "show", "audiobook"):
            code, text = await refused(client, item=f"spotify:{kind}:{'1' * 22}")
            assert code == "invalid_argument" and f"one {kind}. Play it with spotify_play" in text
        assert (await refused(client))[0] == "invalid_argument"
        assert (await refused(client, item="1" * 22, query="x"))[0] == "invalid_argument"
        code, text = await refused(client, item="https://evil.example/track/1")
        assert code == "invalid_argument" and text.startswith("`item` is no Spotify URI")
        assert hall.sent() == []
        assert (await refused(client, item=f"spotify:track:{'1' * 22}"))[0] == "not_found"
        assert (await refused(client, query="no such song in the world"))[0] == "not_found"
    assert hall.emulator.player()["queued"] == []


async def test_where_nothing_plays(hall: Hall) -> None:
    song = {"query": "Das Model"}
    async with hall.chat("ben") as client:
        code, text = await refused(client, **song)
        assert code == "no_active_device" and "“Living room”" in text
        code, text = await refused(client, device="living", **song)
        assert code == "no_active_device" and "Start something with spotify_play first" in text
    async with hall.chat("ana") as client:
        code, text = await refused(client, device="kitchen", **song)
        assert code == "conflict" and "“Ana's MacBook Pro” is the active device" in text
    async with hall.chat("emil") as client:
        assert (await refused(client, **song))[0] == "conflict"


async def test_an_answer_that_was_lost_and_a_queue_that_lags(hall: Hall) -> None:
    async with hall.chat("ana") as client:
        hall.fault("POST api.spotify.com/v1/me/player/queue*", kind="lost")
        assert (await add(client, query="Das Model"))["confirmed"]
        assert len(hall.emulator.player()["queued"]) == 1
        hall.fault("POST api.spotify.com/v1/me/player/queue*", kind="close")
        code, text = await refused(client, query="Das Model")
        assert code == "provider_error" and "before you repeat it" in text
        hall.emulator.settings(lag_ms=600_000)
        late = await add(client, query="Das Model")
        assert late["confirmed"] is False and "does not show it yet" in late["text"]
        assert len(hall.emulator.player()["queued"]) == 2
