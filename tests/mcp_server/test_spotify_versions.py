"""Playlists that somebody else changes at the same moment, and those that are too long to be read."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from mcp.client import Client

from mcp_server.tools.spotify.versions import MOST_LOOKED_AT
from tests.mcp_server.desk import code_of, text_of
from tests.mcp_server.hall import Hall
from tests.mcp_server.test_spotify_edits import ADD, REMOVE, REORDER, uris
from tests.mcp_server.test_spotify_making import CREATE, NOBODY, sent, some_uris, truly

COFFEE = {"playlist": "Monday Coffee"}


async def meanwhile(hall: Hall, client: Client, held: str, tool: str, call: dict[str, Any]) -> Any:
    """Call a tool, and put one more item in front while its request `held` is under way."""
    [one] = some_uris(hall, 1)
    hall.fault(f"{held} api.spotify.com/v1/playlists/*/items*", kind="hang")
    calling = asyncio.create_task(client.call_tool(tool, call))
    await asyncio.to_thread(hall.emulator.wait_hanging)
    other = await client.call_tool(ADD, {**COFFEE, "items": [one], "position": 0})
    assert not other.is_error, text_of(other)
    await asyncio.to_thread(hall.emulator.release)
    return await calling


async def test_an_edit_that_is_overtaken_still_means_what_it_meant(hall: Hall) -> None:
    """The snapshot goes along, so Spotify moves and removes what stood there when it was looked at."""
    before = uris(hall, "Monday Coffee")
    [one] = some_uris(hall, 1)
    async with hall.chat("ana") as client:
        version = truly(hall, "Monday Coffee")["snapshot_id"]
        move = {**COFFEE, "range_start": 0, "insert_before": 2, "snapshot_id": version}
        moved = await meanwhile(hall, client, "PUT", REORDER, move)
        assert moved.structured_content["moved"] is True
        assert uris(hall, "Monday Coffee") == [one, before[1], before[0], *before[2:]]
        removed = await meanwhile(hall, client, "DELETE", REMOVE, {**COFFEE, "items": [one, before[3]]})
    # The one that was put in front meanwhile is no part of the version that was meant.
    assert uris(hall, "Monday Coffee") == [one, before[1], before[0], before[2], *before[4:]]
    assert [row["positions"] for row in removed.structured_content["removed"]] == [[0], [4]]


async def test_places_are_read_again_where_they_moved_meanwhile(hall: Hall) -> None:
    before = uris(hall, "Monday Coffee")
    version = truly(hall, "Monday Coffee")["snapshot_id"]
    async with hall.chat("ana") as client:
        result = await meanwhile(hall, client, "GET", REMOVE, {**COFFEE, "items": [before[2]]})
        assert result.structured_content["removed"][0]["positions"] == [3]
        version = result.structured_content["snapshot_id"]
        guarded = {**COFFEE, "items": [before[3]], "snapshot_id": version}
        refused = await meanwhile(hall, client, "GET", REMOVE, guarded)
    assert code_of(refused) == "conflict"
    assert before[3] in uris(hall, "Monday Coffee")
    assert len(sent(hall, "DELETE")) == 1


async def test_a_playlist_that_does_not_hold_still_is_left_alone(hall: Hall) -> None:
    before = uris(hall, "Monday Coffee")
    coffee = truly(hall, "Monday Coffee")
    head = {
        "id": coffee["id"], "uri": f"spotify:playlist:{coffee['id']}", "name": "Monday Coffee",
        "items": {"total": 6},
    }  # fmt: skip
    for number in range(3):
        body = {**head, "snapshot_id": f"version{number}"}
        hall.fault("GET api.spotify.com/v1/playlists/{id}", status=200, body=body)
    async with hall.chat("ana") as client:
        result = await client.call_tool(REMOVE, {"playlist": coffee["id"], "items": [before[0]]})
    assert code_of(result) == "conflict"
    assert "Somebody else is changing this playlist right now" in text_of(result)
    assert uris(hall, "Monday Coffee") == before


async def test_two_edits_at_once(hall: Hall) -> None:
    """Both, or one and a conflict; nothing but what they say, in an order that was there."""
    before = uris(hall, "Monday Coffee")
    version = {"snapshot_id": truly(hall, "Monday Coffee")["snapshot_id"]}
    async with hall.chat("ana") as client:
        results = await asyncio.gather(
            *(client.call_tool(REMOVE, {**COFFEE, "items": [uri], **version}) for uri in before[1:4])
        )
    assert {code_of(result) for result in results} <= {None, "conflict"}
    done = [row["uri"] for result in results if not result.is_error
            for row in result.structured_content["removed"]]  # fmt: skip
    assert done
    assert uris(hall, "Monday Coffee") == [uri for uri in before if uri not in done]


async def test_of_a_very_long_playlist_the_places_are_not_read(hall: Hall) -> None:
    many = some_uris(hall, MOST_LOOKED_AT + 1)
    async with hall.chat("ana") as client:
        made = await client.call_tool(CREATE, {"name": "Endless", "items": many[:300]})
        target = {"playlist": made.structured_content["playlist"]["uri"]}
        for at in range(300, len(many), 100):
            added = await client.call_tool(ADD, {**target, "items": many[at : at + 100]})
            assert not added.is_error, text_of(added)
        wanted = [many[0], NOBODY, many[3]]
        result = await client.call_tool(REMOVE, {**target, "items": wanted})
        assert not [line for line in hall.sent() if line.startswith("GET") and "/items" in line]
    found = result.structured_content
    assert [row["uri"] for row in found["removed"]] == [many[0], many[3]]
    assert all(row.keys() == {"uri"} for row in found["removed"])
    assert (found["not_found"], found["undo"]) == ([NOBODY], [])
    assert "more than 1000 items" in found["not_undoable"]
    assert uris(hall, "Endless") == [uri for uri in many if uri not in {many[0], many[3]}]


@pytest.mark.parametrize("at", [0, 1])
async def test_a_removal_that_breaks_off_says_what_is_gone(hall: Hall, at: int) -> None:
    """The list is too long to be read, and Spotify refuses the three for one; then it breaks off."""
    coffee = truly(hall, "Monday Coffee")
    wanted = [coffee["items"][0]["uri"], coffee["items"][1]["uri"], NOBODY]
    head = {"id": coffee["id"], "uri": f"spotify:playlist:{coffee['id']}", "name": "Monday Coffee"}
    body = {**head, "snapshot_id": coffee["snapshot_id"], "items": {"total": MOST_LOOKED_AT + 1}}
    hall.fault("GET api.spotify.com/v1/playlists/*", status=200, body=body)
    hall.fault("DELETE api.spotify.com/v1/playlists/*", status=503, skip=1 + at)
    async with hall.chat("ana") as client:
        result = await client.call_tool(REMOVE, {"playlist": coffee["id"], "items": wanted})
    gone = wanted[:at]
    assert uris(hall, "Monday Coffee") == [row["uri"] for row in coffee["items"] if row["uri"] not in gone]
    if not gone:
        assert code_of(result) == "provider_error"
        return
    assert [row["uri"] for row in result.structured_content["removed"]] == gone
    assert result.structured_content["not_tried"] == wanted[at:]
    assert result.structured_content["stopped"] == "Spotify did not go on."
