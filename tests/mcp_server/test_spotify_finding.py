"""What the tools that find things and keep them have in common: how they say no."""

from __future__ import annotations

from typing import Any

import pytest

from providers.emulator.spotify.catalog import Catalog, spotify_id
from providers.spotify.record import READ, WRITE
from tests.mcp_server.desk import MODERN, code_of, text_of
from tests.mcp_server.hall import Hall

DREAMS = f"spotify:track:{Catalog().named('Dreams').id}"
UNKNOWN = spotify_id("x", "nothing")
ALBUM = f"spotify:album:{next(iter(Catalog().albums))}"
SHOW = f"spotify:show:{next(iter(Catalog().shows))}"

CALLS: dict[str, dict[str, Any]] = {
    "spotify_search": {"query": "dreams"},
    "spotify_get_item": {"item": DREAMS},
    "spotify_list_children": {"item": ALBUM},
    "spotify_get_profile": {},
    "spotify_get_top_items": {},
    "spotify_get_recently_played": {},
    "spotify_list_library": {"kind": "tracks"},
    "spotify_check_library": {"items": [DREAMS]},
    "spotify_save_to_library": {"items": [DREAMS]},
    "spotify_remove_from_library": {"items": [DREAMS]},
}
CHANGING = {"spotify_save_to_library", "spotify_remove_from_library"}
ITEMS = {
    "spotify_get_item": {"item": f"spotify:track:{UNKNOWN}"},
    "spotify_list_children": {"item": f"spotify:artist:{UNKNOWN}"},
}


async def every(client: Any) -> dict[str, Any]:
    return {name: await client.call_tool(name, arguments) for name, arguments in CALLS.items()}


@pytest.mark.parametrize("mode", [MODERN, "legacy"])
async def test_a_grant_that_has_died(hall: Hall, mode: str) -> None:
    async with hall.chat("ana", mode) as client:
        hall.emulator.revoke("ana")
        results = await every(client)
    assert {name: code_of(result) for name, result in results.items()} == dict.fromkeys(
        CALLS, "reauth_required"
    )
    for result in results.values():
        assert result.meta["valet/connect"]["provider"] == "spotify"


async def test_limits_that_are_short_and_long(hall: Hall) -> None:
    """A short one is waited for once; a long one is told, and nothing more is sent while it lasts."""
    every_call = "* api.spotify.com/v1/*"
    async with hall.chat("ana") as client:
        for name, arguments in CALLS.items():
            hall.fault(every_call, status=429, retry_after=2)
            result = await client.call_tool(name, arguments)
            assert not result.is_error, text_of(result)
            assert hall.desk.pauses.pop() == 2.0, name
        assert hall.desk.pauses == []
        hall.fault(every_call, status=429, retry_after=600, times=None)
        results = await every(client)
    assert {name: code_of(result) for name, result in results.items()} == dict.fromkeys(CALLS, "rate_limited")
    for result in results.values():
        assert result.meta["valet/error"]["retry_after"] > 590
        assert "10 minutes" in text_of(result)


async def test_what_the_connection_was_not_allowed(hall: Hall) -> None:
    hall.emulator.set_library("ana", save=[DREAMS], remove=[ALBUM])
    before = hall.emulator.library("ana")["saved"]
    lacking: list[tuple[str, str, dict[str, Any]]] = [
        ("user-top-read", "spotify_get_top_items", {}),
        ("user-read-recently-played", "spotify_get_recently_played", {}),
        ("user-library-read", "spotify_list_library", {"kind": "tracks"}),
        ("user-follow-read", "spotify_list_library", {"kind": "artists"}),
        ("user-library-read", "spotify_check_library", {"items": [DREAMS]}),
        ("user-library-modify", "spotify_save_to_library", {"items": [ALBUM, DREAMS]}),
        ("user-library-modify", "spotify_remove_from_library", {"items": [DREAMS]}),
        ("user-read-playback-position", "spotify_get_item", {"item": SHOW}),
        ("user-read-playback-position", "spotify_list_children", {"item": SHOW}),
    ]
    for scope, tool, arguments in lacking:
        async with hall.chat("ana", upstream=(READ | WRITE) - {scope}) as client:
            result = await client.call_tool(tool, arguments)
        assert code_of(result) == "scope_missing", (tool, text_of(result))
        assert result.meta["valet/connect"]["url"].startswith("http://127.0.0.1")
    assert hall.emulator.library("ana")["saved"] == before


async def test_what_is_not_there(hall: Hall) -> None:
    async with hall.chat("ana") as client:
        for name, arguments in ITEMS.items():
            assert code_of(await client.call_tool(name, arguments)) == "not_found"
        checked = await client.call_tool("spotify_check_library", {"items": [f"spotify:album:{UNKNOWN}"]})
        removed = await client.call_tool(
            "spotify_remove_from_library", {"items": [f"spotify:album:{UNKNOWN}"]}
        )
    assert checked.structured_content["items"][0]["saved"] is False
    assert removed.structured_content["items"][0]["outcome"] == "was_so"


async def test_a_free_account_finds_and_keeps_things_too(hall: Hall) -> None:
    async with hall.chat("cleo") as client:
        for name, result in (await every(client)).items():
            assert not result.is_error, (name, text_of(result))
            assert result.structured_content


async def test_a_chat_that_may_only_look_changes_nothing(hall: Hall) -> None:
    async with hall.chat("ana", scopes=("spotify:read",)) as client:
        listed = {tool.name for tool in (await client.list_tools()).tools}
        assert listed >= set(CALLS) - CHANGING
        assert not listed & CHANGING


@pytest.mark.parametrize("mode", [MODERN, "legacy"])
async def test_strange_arguments_are_named(hall: Hall, mode: str) -> None:
    async with hall.chat("ana", mode) as client:
        for name, arguments in CALLS.items():
            for strange in ({"user_id": "ben"}, {"account": "ben"}, {"account": "\u202e"}, {"limit": 0}):
                result = await client.call_tool(name, {**arguments, **strange})
                assert code_of(result) == "invalid_argument", (name, strange)
                assert next(iter(strange)) in text_of(result)
        for item in ("spotify:track:../../me", "https://open.spotify.com/track/", "\x00", "a" * 300):
            result = await client.call_tool("spotify_get_item", {"item": item})
            assert code_of(result) == "invalid_argument"
            assert item not in text_of(result)
    assert hall.sent() == []
