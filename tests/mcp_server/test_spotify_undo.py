"""Each undo, made exactly as the answer says it: whose account, and whether all is as it was before."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.mcp_server.desk import ALL_UPSTREAM, Resident, code_of, text_of
from tests.mcp_server.hall import Hall
from tests.mcp_server.test_spotify_edits import ADD, REMOVE, REORDER, undone, uris
from tests.mcp_server.test_spotify_making import some_uris, truly

FOCUS = "Deep Focus"


async def both(hall: Hall) -> Resident:
    """Ana's chat, to which the account of ben is connected as well; hers is the default."""
    who = await hall.resident("ana")
    token = await asyncio.to_thread(hall.emulator.access_token, *sorted(ALL_UPSTREAM), account="ben")
    await hall.desk.connect(who, label="ben", token=token)
    hall.emulator.settings(lag_ms=0)
    return who


def owned(hall: Hall, account: str) -> dict[str, Any]:
    """What is somebody's, apart from where the player is in its track."""
    player = hall.emulator.player(account)
    library = hall.emulator.library(account)
    lists = [
        (each["name"], [row["uri"] for row in each["items"]]) for each in hall.emulator.playlists(account)
    ]
    player.pop("progress_ms")
    return {"player": player, "saved": sorted(library["saved"]), "lists": lists}


async def test_what_was_changed_in_another_account_is_taken_back_there(hall: Hall) -> None:
    who = await both(hall)
    phone = hall.emulator.player("ben")["devices"][0]["id"]
    hall.emulator.set_player("ben", active=phone, playing=True)
    one, first = some_uris(hall, 1)[0], uris(hall, FOCUS, "ben")[0]
    calls: list[tuple[str, dict[str, Any]]] = [
        ("spotify_control_playback", {"action": "pause"}),
        ("spotify_play", {"items": [one]}),
        ("spotify_set_playback_options", {"shuffle": True, "repeat": "track"}),
        ("spotify_transfer_playback", {"device": "Living room"}),
        (ADD, {"playlist": FOCUS, "items": [one], "position": 0}),
        (REMOVE, {"playlist": FOCUS, "items": [first]}),
        (REORDER, {"playlist": FOCUS, "range_start": 0, "insert_before": 2}),
        ("spotify_update_playlist", {"playlist": FOCUS, "name": "Focus"}),
        ("spotify_save_to_library", {"items": ["spotify:album:6MmR6mGVkD1neul7f0nP4c"]}),
    ]
    async with hall.chat(who) as client:
        for tool, arguments in calls:
            ana, ben = owned(hall, "ana"), owned(hall, "ben")
            version = {"snapshot_id": truly(hall, FOCUS, "ben")["snapshot_id"]} if tool == REORDER else {}
            result = await client.call_tool(tool, {**arguments, **version, "account": "ben"})
            assert not result.is_error, text_of(result)
            assert owned(hall, "ben") != ben
            await undone(client, result)
            assert (tool, owned(hall, "ana")) == (tool, ana)
            assert (tool, owned(hall, "ben")) == (tool, ben)
        made = await client.call_tool("spotify_create_playlist", {"name": "Ben's new", "account": "ben"})
        await undone(client, made)
    assert hall.emulator.library("ben")["hidden"] == [made.structured_content["playlist"]["uri"][-22:]]


async def test_what_stood_in_a_playlist_before_stays_when_an_addition_is_taken_back(hall: Hall) -> None:
    before = uris(hall, "Monday Coffee")
    fresh = next(uri for uri in some_uris(hall, 9) if uri not in before)
    async with hall.chat("ana") as client:
        copy = await client.call_tool(ADD, {"playlist": "Monday Coffee", "items": [before[0]]})
        assert "undo" not in copy.structured_content
        assert text_of(copy).endswith(
            "Can't be undone: 1 of the items was there before, and removing takes out every copy."
        )
        mixed = await client.call_tool(ADD, {"playlist": "Monday Coffee", "items": [fresh, before[1], fresh]})
        await undone(client, mixed)
    assert "1 of the items was there before" in mixed.structured_content["not_undoable"]
    assert uris(hall, "Monday Coffee") == [*before, before[0], before[1]]


@pytest.mark.parametrize("size", [250, 251])
async def test_a_long_playlist_is_not_read_for_the_undo_of_an_addition(hall: Hall, size: int) -> None:
    many = [some_uris(hall, 9)[5]] * size
    async with hall.chat("ana") as client:
        await client.call_tool("spotify_create_playlist", {"name": "Long", "items": many})
        hall.judge.calls.clear()
        added = await client.call_tool(ADD, {"playlist": "Long", "items": uris(hall, "Monday Coffee")[:1]})
    looks = [line for line in hall.sent() if "/items?" in line]
    assert (len(looks), "undo" in added.structured_content) == ((5, True) if size == 250 else (0, False))
    assert ("it was not looked" in text_of(added)) is (size == 251)


async def test_what_was_paused_does_not_play_when_a_move_is_taken_back(hall: Hall) -> None:
    hall.emulator.settings(lag_ms=0)
    hall.emulator.set_player(playing=False)
    async with hall.chat("ana") as client:
        moved = await client.call_tool("spotify_transfer_playback", {"device": "Kitchen", "play": True})
        assert hall.emulator.player()["is_playing"] is True
        await undone(client, moved)
    assert hall.emulator.player()["is_playing"] is False


async def test_a_name_that_nobody_can_see_is_no_name(hall: Hall) -> None:
    blank = "\u200b\u2060 "
    async with hall.chat("ana") as client:
        for tool, arguments in (
            ("spotify_create_playlist", {"name": blank}),
            ("spotify_update_playlist", {"playlist": "Monday Coffee", "name": blank}),
            ("spotify_search", {"query": blank}),
            ("spotify_play", {"query": blank}),
            ("spotify_add_to_queue", {"query": blank}),
        ):
            result = await client.call_tool(tool, arguments)
            assert code_of(result) == "invalid_argument" and "is blank" in text_of(result)
    assert not [line for line in hall.sent() if not line.startswith("GET /me")]
