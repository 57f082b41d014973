"""What the playlist tools say when Spotify, or the person's consent, says no."""

from __future__ import annotations

from typing import Any

import pytest
from mcp.client import Client

from providers.spotify.record import PLAYLISTS, PLAYLISTS_EDIT
from tests.mcp_server.desk import ALL_UPSTREAM, code_of, text_of
from tests.mcp_server.hall import Hall
from tests.mcp_server.test_spotify_making import some_uris, truly

READS = ["spotify_list_playlists", "spotify_get_playlist"]
ON_ONE = [
    "spotify_get_playlist", "spotify_update_playlist", "spotify_add_to_playlist",
    "spotify_reorder_playlist", "spotify_remove_from_playlist",
]  # fmt: skip


def calls(hall: Hall, **playlist: str) -> dict[str, dict[str, Any]]:
    """A call of each tool that works in the world as it is at the beginning."""
    coffee = truly(hall, "Monday Coffee")
    on = {"playlist": coffee["id"]} | playlist
    version = {"snapshot_id": coffee["snapshot_id"]}
    return {
        "spotify_list_playlists": {},
        "spotify_get_playlist": on,
        "spotify_create_playlist": {"name": "New", "items": some_uris(hall, 1)},
        "spotify_reorder_playlist": {**on, "range_start": 0, "insert_before": 2, **version},
        "spotify_update_playlist": {**on, "description": "Other."},
        "spotify_remove_from_playlist": {**on, "items": [coffee["items"][0]["uri"]]},
        "spotify_add_to_playlist": {**on, "items": some_uris(hall, 1)},
    }


async def answers(client: Client, asked: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {tool: await client.call_tool(tool, arguments) for tool, arguments in asked.items()}


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_a_scope_that_was_not_granted(hall: Hall, mode: str) -> None:
    asked = calls(hall)
    async with hall.chat("ana", mode, upstream=ALL_UPSTREAM - PLAYLISTS) as client:
        unread = await answers(client, asked)
    async with hall.chat("ana", mode, upstream=ALL_UPSTREAM - PLAYLISTS_EDIT) as client:
        unwritten = await answers(client, asked)
    # To make one nothing is read.
    assert {tool for tool, result in unread.items() if not result.is_error} == {"spotify_create_playlist"}
    assert {tool for tool, result in unwritten.items() if not result.is_error} == set(READS)
    for result in [*unread.values(), *unwritten.values()]:
        if result.is_error:
            assert code_of(result) == "scope_missing"
            assert result.meta["valet/connect"]["provider"] == "spotify"


async def test_public_playlists_alone_are_not_private_ones(hall: Hall) -> None:
    """Which scope an edit needs depends on the playlist: Spotify says so, and the answer leads to consent."""
    half = ALL_UPSTREAM - {"playlist-modify-private"}
    async with hall.chat("ana", upstream=half) as client:
        result = await client.call_tool("spotify_add_to_playlist", calls(hall)["spotify_add_to_playlist"])
    assert code_of(result) == "scope_missing"


async def test_a_playlist_that_is_not_there_or_is_somebody_elses(hall: Hall) -> None:
    nowhere = calls(hall, playlist="0" * 22)
    unnamed = calls(hall, playlist="No such list")
    hidden = calls(hall, playlist=truly(hall, "Deep Focus", "ben")["id"])
    theirs = calls(hall, playlist=truly(hall, "Ben's Long Run", "ben")["id"])
    async with hall.chat("ana") as client:
        for asked in (nowhere, unnamed, hidden):
            for tool in ON_ONE:
                result = await client.call_tool(tool, asked[tool])
                assert code_of(result) == "not_found", tool
                assert "No such list" not in text_of(result)
        for tool in ON_ONE[1:]:
            result = await client.call_tool(tool, theirs[tool])
            assert code_of(result) == "invalid_argument", tool
            assert "It belongs to “Ben Okafor”. Nothing was changed." in text_of(result)
    assert not [line for line in hall.sent() if not line.startswith("GET")]


async def test_a_short_limit_is_waited_for_once(hall: Hall) -> None:
    asked = calls(hall)
    async with hall.chat("ana") as client:
        for tool, arguments in asked.items():
            write = {"create": "POST", "add": "POST", "update": "PUT", "reorder": "PUT", "remove": "DELETE"}
            method = write.get(tool.split("_")[1], "GET")
            hall.fault(f"{method} api.spotify.com/v1/*playlists*", status=429, retry_after=2)
            hall.desk.pauses.clear()
            result = await client.call_tool(tool, arguments)
            assert not result.is_error, (tool, text_of(result))
            assert hall.desk.pauses.count(2.0) == 1, tool
            assert not result.structured_content.keys() & {"refused", "unsure", "not_tried", "stopped"}


async def test_a_long_limit_is_told_at_once(hall: Hall) -> None:
    asked = calls(hall)
    hall.fault("* api.spotify.com/v1/*", status=429, retry_after=3000, times=None)
    async with hall.chat("ana") as client:
        for tool, result in (await answers(client, asked)).items():
            assert code_of(result) == "rate_limited", tool
            assert 2900 < result.meta["valet/error"]["retry_after"] <= 3000
    assert not [pause for pause in hall.desk.pauses if pause > 5]


async def test_a_dead_grant(hall: Hall) -> None:
    asked = calls(hall)
    async with hall.chat("ana") as client:
        assert hall.emulator.revoke("ana") == 1
        for tool, result in (await answers(client, asked)).items():
            assert code_of(result) == "reauth_required", tool
            assert result.meta["valet/connect"]["url"]


async def test_hostile_arguments(hall: Hall) -> None:
    before = hall.emulator.playlists("ana")
    asked = calls(hall)
    strange: list[dict[str, Any]] = [
        {"playlist": ""}, {"playlist": "x" * 301}, {"playlist": 7}, {"playlist": None}, {"limit": 51},
        {"limit": 0}, {"name": ""}, {"name": "  "}, {"name": "n" * 101}, {"description": "d" * 301},
        {"items": [""]}, {"items": ["spotify:track:../../me"]}, {"items": "spotify:track:x"},
        {"items": [{"uri": "x"}]}, {"items": ["x" * 301]}, {"position": -1}, {"position": 10**9},
        {"snapshot_id": "s" * 201}, {"range_start": -1}, {"range_length": 0},
        {"insert_before": 10**9}, {"user": "ben"}, {"account": "somebody else"},
    ]  # fmt: skip
    async with hall.chat("ana") as client:
        schemas = {tool.name: tool.input_schema["properties"] for tool in (await client.list_tools()).tools}
        tried = 0
        for tool, arguments in asked.items():
            for wrong in strange:
                if wrong.keys() & (schemas[tool].keys() | {"user"}):
                    result = await client.call_tool(tool, {**arguments, **wrong})
                    assert code_of(result) in {"invalid_argument", "not_found"}, (tool, wrong)
                    assert "x" * 40 not in text_of(result)
                    tried += 1
    assert tried > 60
    assert hall.emulator.playlists("ana") == before


async def test_an_edit_without_an_answer_may_have_happened(hall: Hall) -> None:
    asked = calls(hall)
    hall.fault("PUT api.spotify.com/v1/playlists/*", kind="lost", times=2)
    async with hall.chat("ana") as client:
        for tool in ("spotify_reorder_playlist", "spotify_update_playlist"):
            result = await client.call_tool(tool, asked[tool])
            assert code_of(result) == "provider_error"
            assert "may have happened all the same: look before you repeat it" in text_of(result)


async def test_an_edit_with_an_unreadable_answer_has_happened(hall: Hall) -> None:
    asked = calls(hall)
    left = [item["uri"] for item in truly(hall, "Monday Coffee")["items"][1:]]
    for method in ("POST", "DELETE", "PUT"):
        hall.fault(f"{method} api.spotify.com/v1/playlists/*/items", kind="truncated")
    async with hall.chat("ana") as client:
        for tool in ("reorder_playlist", "remove_from_playlist", "add_to_playlist"):
            result = await client.call_tool(f"spotify_{tool}", asked[f"spotify_{tool}"])
            assert not result.is_error, text_of(result)
            assert "snapshot_id" not in result.structured_content
    uris = [item["uri"] for item in truly(hall, "Monday Coffee")["items"]]
    assert uris == [*left, *some_uris(hall, 1)]
