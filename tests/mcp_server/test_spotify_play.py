"""spotify_play against the emulated Spotify: whatever it says, what plays is looked up behind its back."""

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


async def play(client: Client, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool("spotify_play", arguments)
    assert not result.is_error, text_of(result)
    assert result.structured_content is not None
    return {**result.structured_content, "text": text_of(result)}


async def refused(client: Client, **arguments: Any) -> tuple[str | None, str]:
    result = await client.call_tool("spotify_play", arguments)
    assert result.is_error, text_of(result)
    return code_of(result), text_of(result)


async def found(client: Client, name: str, kind: str) -> str:
    """The URI of something in the emulator's catalogue."""
    result = await client.call_tool("spotify_search", {"query": name, "types": [kind], "limit": 10})
    assert result.structured_content is not None
    return next(str(row["uri"]) for row in result.structured_content["items"] if row["name"] == name)


@pytest.mark.parametrize("mode", [MODERN, "legacy"])
async def test_words_a_list_by_its_name_and_back_again(hall: Hall, mode: str) -> None:
    async with hall.chat("ana", mode) as client:
        await client.call_tool("spotify_control_playback", {"action": "next"})
        before = hall.emulator.player()
        despacito = await play(client, query="Despacito")
        assert (despacito["confirmed"], despacito["playback"]["item"]["name"]) == (True, "Despacito")
        assert hall.emulator.player()["current"] == despacito["uri"]

        dance = await play(client, context="dance in the KITCHEN", start_at=2, position_ms=5_000)
        player = hall.emulator.player()
        assert dance["confirmed"] and player["context"] == dance["uri"]
        assert player["current_name"] == "Gasolina" and player["progress_ms"] >= 5_000

        undo = despacito["undo"]
        assert undo["tool"] == "spotify_play"
        assert (await play(client, **undo["arguments"]))["confirmed"]
        again = hall.emulator.player()
        assert [again[key] for key in ("context", "current", "active", "is_playing")] == [
            before[key] for key in ("context", "current", "active", "is_playing")
        ]


async def test_items_in_their_order(hall: Hall) -> None:
    async with hall.chat("ana") as client:
        names = ["So What", "Jóga", "Das Model"]
        uris = [await found(client, name, "track") for name in names]
        link = f"https://open.spotify.com/track/{uris[1].rpartition(':')[2]}?si=x"
        seen = await play(client, items=[uris[0], link, uris[2].rpartition(":")[2]])
        assert (seen["confirmed"], seen["uri"], seen["count"]) == (True, uris[0], 3)
        assert "3 items were started." in seen["text"]
        assert hall.emulator.player()["upcoming"][:2] == uris[1:]


async def test_every_kind_of_context_and_where_to_begin(hall: Hall) -> None:
    async with hall.chat("ana") as client:
        album = await found(client, "Rumours", "album")
        chain = await found(client, "The Chain", "track")
        assert (await play(client, context=album, start_at=chain))["playback"]["item"]["name"] == "The Chain"
        second = await play(client, context=album, start_at="1")
        assert second["playback"]["item"]["name"] == "Go Your Own Way"
        show = await found(client, "The Slow Kettle", "show")
        heard = await play(client, query="the slow kettle", kind="show")
        assert heard["confirmed"] and heard["playback"]["context_uri"] == show
        artist = await found(client, "Queen", "artist")
        assert (await play(client, context=artist))["confirmed"]

        code, text = await refused(client, context=album, start_at=99)
        assert (code, "`start_at` is not in that context" in text) == ("invalid_argument", True)
        assert (await refused(client, context=artist, start_at=1))[0] == "invalid_argument"
        code, text = await refused(client, context="spotify:user:somebody")
        assert code == "invalid_argument" and text.startswith("`context` is no Spotify URI")
        code, text = await refused(client, context="n")
        assert code == "invalid_argument" and text.endswith("Give the id as `context`.")
        assert "“Monday Coffee”" in text and "“Dance in the Kitchen”" in text
        code, text = await refused(client, context="no such list of hers")
        assert code == "not_found" and "spotify_list_playlists" in text
        code, text = await refused(client, context=f"spotify:album:{'9' * 22}")
        assert code == "not_found" and "can't start this" in text
        assert hall.emulator.player()["context"] == artist


async def test_an_audiobook_is_played_by_the_uri_of_a_show(hall: Hall) -> None:
    """Spotify's own URI of an audiobook reads `spotify:show:…`; people and links say audiobook."""
    async with hall.chat("ben") as client:
        await refused(client, context=f"spotify:audiobook:{'7' * 22}", device="living")
    [body] = [body for line, body in hall.judge.calls if line.startswith("PUT /me/player/play")]
    assert body == b'{"context_uri":"spotify:show:7777777777777777777777"}'


@pytest.mark.parametrize("words", ["liked songs", "https://open.spotify.com/collection/tracks"])
async def test_liked_songs_are_those_saved_last(hall: Hall, words: str) -> None:
    """Sixty that Spotify no longer has were saved last of all: they count, and are skipped."""
    gone = [f"spotify:track:{'g' * 20}{number:02}" for number in range(60)]
    saved = hall.emulator.set_library("ana", save=gone)["saved"]
    songs = [uri for uri in saved if uri.startswith("spotify:track:") and uri not in gone]
    songs.sort(key=saved.get, reverse=True)
    async with hall.chat("ana") as client:
        seen = await play(client, context=words, start_at=1)
        assert seen["confirmed"] and seen["uri"] == songs[1]
        assert f"liked songs saved last, of {len(songs) + 60}." in seen["text"]
        assert hall.emulator.player()["upcoming"][:2] == songs[2:4]
        by_uri = await play(client, context=words, start_at=songs[3])
        assert by_uri["uri"] == songs[3]
        code, text = await refused(client, context=words, start_at=99)
        assert code == "invalid_argument" and "saved last" in text
    async with hall.chat("dana") as client:
        assert (await refused(client, context=words)) == (
            "not_found",
            "There are no liked songs in this account.",
        )


async def test_which_device(hall: Hall) -> None:
    song = {"query": "Das Model"}
    async with hall.chat("ben") as client:
        code, text = await refused(client, **song)
        assert code == "no_active_device" and "“Ben's iPhone” and “Living room”" in text
        assert not hall.emulator.player("ben")["is_playing"]
        there = await play(client, device="living", **song)
        assert there["playback"]["device"]["name"] == "Living room"
        # It was paused with nothing active, so there is nothing to put back.
        assert "undo" not in there
        hall.emulator.set_player("ben", active=None, devices=[hall.emulator.player("ben")["devices"][1]])
        assert (await play(client, **song))["playback"]["device"]["name"] == "Living room"
    async with hall.chat("dana") as client:
        code, text = await refused(client, **song)
        assert code == "no_active_device" and "must open Spotify" in text


async def test_a_device_that_takes_no_commands_is_named_and_not_sent_any(hall: Hall) -> None:
    async with hall.chat("emil") as client:
        code, text = await refused(client, query="Das Model")
        assert code == "conflict" and "“Sonos Beam” is the active device" in text
        assert "Ready to play: “Emil's ThinkPad”" in text
        code, text = await refused(client, query="Das Model", device="sonos")
        assert code == "no_active_device" and "“Sonos Beam” does not take commands" in text
        assert not [line for line in hall.sent() if line.startswith("PUT")]
        seen = await play(client, query="Das Model", device="thinkpad")
        assert seen["confirmed"]
        # What the Sonos played can be put back, but not there.
        assert seen["undo"]["arguments"].keys() == {"context", "start_at", "position_ms"}
        assert (await play(client, **seen["undo"]["arguments"]))["playback"]["item"]["kind"] == "episode"


async def test_a_command_without_an_answer_is_looked_for(hall: Hall) -> None:
    async with hall.chat("ana") as client:
        hall.fault("PUT api.spotify.com/v1/me/player/play*", kind="lost")
        seen = await play(client, query="Das Model")
        assert seen["confirmed"] and hall.emulator.player()["current_name"] == "Das Model"

        hall.fault("PUT api.spotify.com/v1/me/player/play*", kind="close")
        code, text = await refused(client, query="Jóga")
        assert code == "provider_error"
        assert "Look with spotify_get_playback before you repeat it" in text
        assert hall.emulator.player()["current_name"] == "Das Model"


async def test_a_player_that_lags_is_not_believed(hall: Hall) -> None:
    """The same track once more: what it showed before is no proof that it began anew."""
    hall.emulator.settings(lag_ms=600_000, command_bodies=True)
    async with hall.chat("ana") as client:
        uri = hall.emulator.player()["current"]
        seen = await play(client, items=[uri])
        assert seen["confirmed"] is False and "does not show it yet" in seen["text"]
        assert hall.emulator.player()["progress_ms"] < 42_000, "it began anew"
