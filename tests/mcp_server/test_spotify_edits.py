"""Adding to, removing from and reordering playlists, over the wire, with the emulator behind the tools."""

from __future__ import annotations

from typing import Any

import pytest

from providers.emulator.spotify.oddities import LOCAL
from tests.mcp_server.desk import code_of, text_of
from tests.mcp_server.hall import Hall
from tests.mcp_server.test_spotify_making import NOBODY, sent, some_uris, truly

ADD, REMOVE = "spotify_add_to_playlist", "spotify_remove_from_playlist"
REORDER = "spotify_reorder_playlist"
ERAS = ["2026-07-28", "legacy"]


def names(hall: Hall, playlist: str, account: str = "ana") -> list[str]:
    return [item["name"] for item in truly(hall, playlist, account)["items"]]


def uris(hall: Hall, playlist: str, account: str = "ana") -> list[str]:
    return [item["uri"] for item in truly(hall, playlist, account)["items"]]


async def undone(client: Any, result: Any) -> None:
    """Take a change back, as its answer says."""
    steps = result.structured_content["undo"]
    for step in steps if isinstance(steps, list) else [steps]:
        answer = await client.call_tool(step["tool"], step["arguments"])
        assert not answer.is_error, text_of(answer)


# --- Adding ---


@pytest.mark.parametrize("mode", ERAS)
async def test_items_go_to_a_place_or_to_the_end_and_out_again(hall: Hall, mode: str) -> None:
    before = uris(hall, "Monday Coffee")
    one, two = (uri for uri in some_uris(hall, 2))
    link = f"https://open.spotify.com/track/{two.rpartition(':')[2]}?si=x"
    episode = next(uri for uri in uris(hall, "Loose Ends", "emil") if ":episode:" in uri)
    async with hall.chat("ana", mode) as client:
        first = await client.call_tool(
            ADD,
            {"playlist": "monday coffee", "items": [one.rpartition(":")[2], link, episode], "position": 2},
        )
        assert uris(hall, "Monday Coffee") == [*before[:2], one, two, episode, *before[2:]]
        found = first.structured_content
        assert (found["added"], found["position"]) == (3, 2)
        assert found["snapshot_id"] == truly(hall, "Monday Coffee")["snapshot_id"]
        assert "Added 3 items to “Monday Coffee” at position 2. https://open.spotify.com/playlist/" in (
            text_of(first)
        )
        await undone(client, first)
        assert uris(hall, "Monday Coffee") == before
        last = await client.call_tool(ADD, {"playlist": "monday coffee", "items": [one]})
    assert last.structured_content["position"] == 6
    assert uris(hall, "Monday Coffee") == [*before, one]


async def test_refused_items_are_found_and_the_others_keep_their_order(hall: Hall) -> None:
    good, gone = some_uris(hall, 18), [f"spotify:track:{'0' * 21}{digit}" for digit in "123"]
    items = [gone[0], *good[:9], gone[1], *good[9:], gone[2]]
    async with hall.chat("ana") as client:
        for playlist, place in (("Dance in the Kitchen", {}), ("Monday Coffee", {"position": 1})):
            before = uris(hall, playlist)
            at = place.get("position", len(before))
            result = await client.call_tool(ADD, {"playlist": playlist, "items": items, **place})
            found = result.structured_content
            assert uris(hall, playlist) == [*before[:at], *good, *before[at:]]
            assert (found["added"], found["refused"], found["position"]) == (18, gone, at)
            assert found["undo"]["arguments"]["items"] == [uri for uri in good if uri not in before]
            assert "not_tried" not in found
            assert all(uri in text_of(result) for uri in gone)


async def test_the_looking_for_bad_ones_ends(hall: Hall) -> None:
    gone = [f"spotify:track:{number:022}" for number in range(100)]
    before = uris(hall, "Monday Coffee")
    async with hall.chat("ana") as client:
        some = await client.call_tool(ADD, {"playlist": "monday coffee", "items": gone})
        none = await client.call_tool(ADD, {"playlist": "monday coffee", "items": gone[:3]})
    found = some.structured_content
    assert found["added"] == 0
    assert found["refused"] + found["not_tried"] == gone
    assert found["stopped"] == "Too many were refused to find each."
    assert len(sent(hall, "POST /playlists/")) == 40 + 5
    assert code_of(none) == "invalid_argument"
    assert "every one of these items" in text_of(none)
    assert uris(hall, "Monday Coffee") == before


async def test_what_cannot_be_added_is_refused_before_anything_is_sent(hall: Hall) -> None:
    [track] = some_uris(hall, 1)
    async with hall.chat("ana") as client:
        beyond = await client.call_tool(ADD, {"playlist": "monday coffee", "items": [track], "position": 7})
        assert "the playlist has 6 items, so it can be 6 at most" in text_of(beyond)
        for items in ([], [track] * 101, [track, "spotify:album:" + "1" * 22], [LOCAL], ["no such thing"]):
            result = await client.call_tool(ADD, {"playlist": "monday coffee", "items": items})
            assert code_of(result) == "invalid_argument"
        album = await client.call_tool(
            ADD, {"playlist": "monday coffee", "items": [track, f"spotify:album:{'1' * 22}"]}
        )
        assert text_of(album).startswith("`items[1]` is an album; this takes episode and track.")
        theirs = truly(hall, "Ben's Long Run", "ben")["id"]
        no = await client.call_tool(ADD, {"playlist": theirs, "items": [track]})
    assert code_of(beyond) == code_of(no) == "invalid_argument"
    assert "It belongs to “Ben Okafor”." in text_of(no)
    assert sent(hall, "POST") == []


# --- Removing ---


@pytest.mark.parametrize("mode", ERAS)
async def test_every_copy_goes_and_comes_back_where_it_stood(hall: Hall, mode: str) -> None:
    before = uris(hall, "Loose Ends", "emil")
    chan, episode, other = before[0], before[1], before[5]
    async with hall.chat("emil", mode) as client:
        seen = await client.call_tool("spotify_get_playlist", {"playlist": "Loose Ends"})
        version = seen.structured_content["playlist"]["snapshot_id"]
        result = await client.call_tool(
            REMOVE,
            {"playlist": "Loose Ends", "items": [chan, episode, NOBODY, chan], "snapshot_id": version},
        )
        assert uris(hall, "Loose Ends", "emil") == [before[2], before[4], other]
        found = result.structured_content
        assert found["removed"] == [
            {"uri": chan, "name": "Chan Chan", "count": 3, "positions": [0, 3, 6]},
            {"uri": episode, "name": "Soup for a hundred", "count": 1, "positions": [1]},
        ]
        assert found["not_found"] == [NOBODY]
        assert found["snapshot_id"] == truly(hall, "Loose Ends", "emil")["snapshot_id"] != version
        assert [step["arguments"]["position"] for step in found["undo"]] == [0, 3, 6]
        await undone(client, result)
    assert uris(hall, "Loose Ends", "emil") == before
    assert "“Chan Chan” (at 0, 3, 6); “Soup for a hundred” (at 1)." in text_of(result)
    assert f"Not in it: {NOBODY}." in text_of(result)


async def test_a_local_file_goes_but_does_not_come_back(hall: Hall) -> None:
    before = uris(hall, "Loose Ends", "emil")
    async with hall.chat("emil") as client:
        result = await client.call_tool(REMOVE, {"playlist": "Loose Ends", "items": [LOCAL, before[5]]})
        assert uris(hall, "Loose Ends", "emil") == [*before[:2], before[3], before[4], before[6]]
        await undone(client, result)
    assert uris(hall, "Loose Ends", "emil") == [uri for uri in before if uri != LOCAL]
    assert "Local files" in result.structured_content["not_undoable"]
    assert "Can't be undone: Local files" in text_of(result)


async def test_a_long_playlist_is_read_whole(hall: Hall) -> None:
    before = uris(hall, "Everything, Twice", "dana")
    wanted = list(dict.fromkeys(before))[:30]
    async with hall.chat("dana") as client:
        result = await client.call_tool(REMOVE, {"playlist": "everything, twice", "items": wanted})
        left = uris(hall, "Everything, Twice", "dana")
        await undone(client, result)
    assert left == [uri for uri in before if uri not in wanted]
    assert uris(hall, "Everything, Twice", "dana") == before
    assert [row["count"] for row in result.structured_content["removed"]] == [
        before.count(uri) for uri in wanted
    ]


async def test_a_version_that_is_over_is_refused(hall: Hall) -> None:
    before = truly(hall, "Monday Coffee")
    first = before["items"][0]["uri"]
    moving = {"playlist": "monday coffee", "range_start": 0, "insert_before": 3}
    async with hall.chat("ana") as client:
        await client.call_tool(ADD, {"playlist": "monday coffee", "items": some_uris(hall, 1), "position": 0})
        now = uris(hall, "Monday Coffee")
        for tool, arguments in (
            (REMOVE, {"playlist": "monday coffee", "items": [first]}),
            (REORDER, moving),
        ):
            result = await client.call_tool(tool, {**arguments, "snapshot_id": before["snapshot_id"]})
            assert code_of(result) == "conflict"
            assert "Read it again with spotify_get_playlist" in text_of(result)
            made_up = await client.call_tool(tool, {**arguments, "snapshot_id": "no\nsuch"})
            assert code_of(made_up) == "conflict"
            assert "such`" not in text_of(made_up)
    assert uris(hall, "Monday Coffee") == now
    assert sent(hall, "DELETE") == sent(hall, "PUT") == []


async def test_a_shared_playlist_is_edited_too_and_an_empty_one_has_nothing(hall: Hall) -> None:
    async with hall.chat("dana") as client:
        shared = await client.call_tool(ADD, {"playlist": "Road Trip", "items": some_uris(hall, 1)})
        assert not shared.is_error
        assert truly(hall, "Road Trip", "emil")["items"][-1]["added_by"] == "dana"
        absent = await client.call_tool(REMOVE, {"playlist": "Someday", "items": [NOBODY]})
        empty = await client.call_tool(REMOVE, {"playlist": "New Playlist", "items": [NOBODY]})
        wrong = await client.call_tool(
            REMOVE, {"playlist": "Someday", "items": ["spotify:local:a:b:c:1", "x"]}
        )
    assert code_of(absent) == code_of(empty) == "not_found"
    assert text_of(wrong).startswith("`items[1]` is no Spotify URI")
    assert sent(hall, "DELETE") == []


# --- Reordering ---


@pytest.mark.parametrize("mode", ERAS)
async def test_a_range_moves_and_moves_back(hall: Hall, mode: str) -> None:
    before = uris(hall, "Monday Coffee")
    async with hall.chat("ana", mode) as client:
        for start, length, ahead, order in [
            (0, 1, 6, "123450"),
            (5, 1, 0, "501234"),
            (1, 2, 5, "034125"),
            (3, 2, 1, "034125"),
            (0, 3, 4, "301245"),
        ]:
            result = await client.call_tool(
                REORDER,
                {
                    "playlist": "monday coffee",
                    "range_start": start,
                    "range_length": length,
                    "insert_before": ahead,
                }
                | {"snapshot_id": truly(hall, "Monday Coffee")["snapshot_id"]},
            )
            assert uris(hall, "Monday Coffee") == [before[int(place)] for place in order]
            found = result.structured_content
            assert (found["moved"], found["snapshot_id"]) == (
                True,
                truly(hall, "Monday Coffee")["snapshot_id"],
            )
            assert f"from position {start} to {order.index(str(start))}." in text_of(result)
            await undone(client, result)
            assert uris(hall, "Monday Coffee") == before


async def test_moves_that_are_none(hall: Hall) -> None:
    version = {"snapshot_id": truly(hall, "Monday Coffee")["snapshot_id"]}
    async with hall.chat("ana") as client:
        for start, length, ahead, code in [
            (0, 1, 0, None),
            (2, 2, 3, None),
            (0, 6, 6, None),
            (0, 7, 0, "invalid_argument"),
            (6, 1, 0, "invalid_argument"),
            (0, 1, 7, "invalid_argument"),
            (-1, 1, 0, "invalid_argument"),
            (0, 0, 3, "invalid_argument"),
        ]:
            move = {"range_start": start, "range_length": length, "insert_before": ahead}
            result = await client.call_tool(REORDER, {"playlist": "monday coffee", **move, **version})
            assert code_of(result) == code
            assert code or result.structured_content["moved"] is False
        missing = await client.call_tool(
            REORDER, {"playlist": "monday coffee", "range_start": 0, "insert_before": 2}
        )
    assert "`snapshot_id` is required" in text_of(missing)
    assert sent(hall, "PUT") == []
