"""spotify_search."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mcp_server.conftest import Serve
from tests.mcp_server.desk import MODERN, Desk, chat, code_of, text_of
from tests.mcp_server.spotifydouble import thing, track

SONGS = [track(f"Song {number}", "Somebody") for number in range(12)]


async def search(desk: Desk, mode: str = MODERN, **arguments: Any) -> Any:
    async with chat(desk, await desk.ready(("spotify:read",)), mode) as client:
        return await client.call_tool("spotify_search", arguments)


@pytest.mark.parametrize("mode", [MODERN, "legacy"])
async def test_results_have_links_and_a_cursor(serve: Serve, mode: str) -> None:
    async with serve() as desk:
        desk.spotify.found = {"track": SONGS}
        first = await search(desk, mode, query="song")
        second = await search(
            desk, mode, query="song", limit=10, cursor=first.structured_content["next_cursor"]
        )
    assert first.structured_content["totals"] == {"track": 12}
    assert [each["name"] for each in first.structured_content["items"]] == [f"Song {n}" for n in range(5)]
    assert [each["name"] for each in second.structured_content["items"]] == [
        f"Song {n}" for n in range(5, 12)
    ]
    assert "next_cursor" not in second.structured_content
    assert text_of(first).startswith("5 of 12 on Spotify:")
    for song in SONGS[:5]:
        assert song["external_urls"]["spotify"] in text_of(first)


async def test_several_kinds_in_the_order_asked(serve: Serve) -> None:
    async with serve() as desk:
        desk.spotify.found = {"track": SONGS, "album": [thing("album", "Vida", artists=[{"name": "Fonsi"}])]}
        result = await search(desk, query="x", types=["album", "track", "album"], limit=1)
    kinds = [each["kind"] for each in result.structured_content["items"]]
    assert kinds == ["album", "track"]
    assert desk.spotify.calls[0][2]["type"] == "album,track"
    assert "album: “Vida” by Fonsi" in text_of(result)


async def test_nothing_found(serve: Serve) -> None:
    async with serve() as desk:
        result = await search(desk, query="x")
    assert not result.is_error
    assert result.structured_content == {"items": [], "totals": {"track": 0}}
    assert "nothing that matches" in text_of(result)


@pytest.mark.parametrize("cursor", ["5", "o1001", "o-5", "o99999", "b2Zmc2V0", "o5 "])
async def test_a_made_up_cursor_is_refused(serve: Serve, cursor: str) -> None:
    async with serve() as desk:
        result = await search(desk, query="x", cursor=cursor)
    assert code_of(result) == "invalid_argument"
    assert desk.spotify.calls == []


async def test_the_cursor_stops_where_spotify_does(serve: Serve) -> None:
    async with serve() as desk:
        desk.spotify.found = {"track": SONGS * 200}
        last = await search(desk, query="x", limit=10, cursor="o990")
        before = await search(desk, query="x", limit=10, cursor="o980")
    assert before.structured_content["next_cursor"] == "o990"
    assert "next_cursor" not in last.structured_content
