"""spotify_create_playlist and spotify_update_playlist, over the wire, with the emulator behind them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.mcp_server.desk import code_of, text_of
from tests.mcp_server.hall import Hall

CREATE, UPDATE = "spotify_create_playlist", "spotify_update_playlist"
NOBODY = f"spotify:track:{'0' * 22}"


def truly(hall: Hall, name: str, account: str = "ana") -> Any:
    """The playlist as the emulator holds it."""
    return next(row for row in hall.emulator.playlists(account) if row["name"] == name)


def some_uris(hall: Hall, count: int) -> list[str]:
    """As many tracks as asked for, over and over."""
    uris = [item["uri"] for item in truly(hall, "Everything, Twice", "dana")["items"]]
    return (uris * (1 + count // len(uris)))[:count]


def sent(hall: Hall, begin: str) -> list[Any]:
    """The bodies of such requests to Spotify."""
    return [json.loads(body) for line, body in hall.judge.calls if line.startswith(begin)]


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_a_playlist_is_private_and_filled_in_order(hall: Hall, mode: str) -> None:
    uris = some_uris(hall, 230)
    async with hall.chat("ana", mode) as client:
        result = await client.call_tool(
            CREATE, {"name": "Sunday", "description": "Rock & roll", "items": uris}
        )
    made, truth = result.structured_content, truly(hall, "Sunday")
    assert (truth["public"], truth["description"]) == (False, "Rock & roll")
    assert [item["uri"] for item in truth["items"]] == uris
    assert [len(body["uris"]) for body in sent(hall, "POST /playlists/")] == [100, 100, 30]
    assert made["playlist"]["uri"] == f"spotify:playlist:{truth['id']}"
    assert (made["added"], made["public"], made["snapshot_id"]) == (230, False, truth["snapshot_id"])
    assert made["undo"] == {
        "tool": "spotify_remove_from_library", "arguments": {"items": [made["playlist"]["uri"]]},
    }  # fmt: skip
    assert "Made the private playlist “Sunday” with 230 of 230 items." in text_of(result)


async def test_what_spotify_refuses_is_named_and_the_rest_is_added(hall: Hall) -> None:
    uris = some_uris(hall, 12)
    async with hall.chat("ana") as client:
        empty = await client.call_tool(CREATE, {"name": "Stage", "public": True})
        assert truly(hall, "Stage")["public"] is True
        assert empty.structured_content["added"] == 0
        assert not empty.structured_content.keys() & {"refused", "unsure", "not_tried", "stopped"}
        assert "Made the public playlist “Stage”, still empty." in text_of(empty)
        assert sent(hall, "POST") == [{"name": "Stage", "public": True}]
        result = await client.call_tool(CREATE, {"name": "Mixed", "items": [*uris[:5], NOBODY, *uris[5:]]})
        none = await client.call_tool(CREATE, {"name": "Bare", "items": [NOBODY]})
    made = result.structured_content
    assert [item["uri"] for item in truly(hall, "Mixed")["items"]] == uris
    assert (made["added"], made["refused"]) == (12, [NOBODY])
    assert NOBODY in text_of(result)
    assert not none.is_error
    assert none.structured_content["playlist"]["uri"] == f"spotify:playlist:{truly(hall, 'Bare')['id']}"
    assert none.structured_content["refused"] == [NOBODY]


async def test_a_break_in_the_middle_loses_nothing(hall: Hall) -> None:
    """The second batch meets a limit."""
    uris = some_uris(hall, 250)
    adding = "POST api.spotify.com/v1/playlists/*/items"
    hall.fault(adding, status=429, retry_after=3000, skip=1)
    async with hall.chat("ana") as client:
        limited = await client.call_tool(CREATE, {"name": "Limited", "items": uris})
    made = limited.structured_content
    assert not limited.is_error
    assert made["added"] == len(truly(hall, "Limited")["items"]) == 100
    assert made["not_tried"] == uris[100:]
    assert "50 minutes" in made["stopped"]
    assert made["snapshot_id"] == truly(hall, "Limited")["snapshot_id"]


async def test_a_grant_that_dies_in_the_middle_loses_nothing(hall: Hall) -> None:
    uris = some_uris(hall, 150)
    hall.fault("POST api.spotify.com/v1/playlists/*/items", kind="hang", skip=1)
    async with hall.chat("ana") as client:
        making = asyncio.create_task(client.call_tool(CREATE, {"name": "Cut off", "items": uris}))
        await asyncio.to_thread(hall.emulator.wait_hanging)
        await asyncio.to_thread(hall.emulator.revoke, "ana")
        await asyncio.to_thread(hall.emulator.release)
        result = await making
        again = await client.call_tool("spotify_get_playlist", {"playlist": "Cut off"})
    made = result.structured_content
    assert made["added"] == len(truly(hall, "Cut off")["items"]) == 100
    assert made["not_tried"] == uris[100:]
    assert made["stopped"] == "Spotify must be connected again first."
    assert code_of(again) == "reauth_required"


async def test_a_lost_answer_is_not_taken_for_a_no(hall: Hall) -> None:
    uris = some_uris(hall, 250)
    hall.fault("POST api.spotify.com/v1/playlists/*/items", kind="lost", skip=1)
    async with hall.chat("ana") as client:
        result = await client.call_tool(CREATE, {"name": "Lost", "items": uris})
        hall.fault("POST api.spotify.com/v1/me/playlists", kind="truncated")
        unknown = await client.call_tool(CREATE, {"name": "Perhaps"})
    made = result.structured_content
    assert len(truly(hall, "Lost")["items"]) == 200
    assert (made["added"], made["unsure"], made["not_tried"]) == (100, uris[100:200], uris[200:])
    assert "`unsure`" in made["stopped"]
    assert code_of(unknown) == "provider_error"
    assert "may have happened all the same" in text_of(unknown)
    assert truly(hall, "Perhaps")


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_details_change_and_are_put_back(hall: Hall, mode: str) -> None:
    async with hall.chat("ana", mode) as client:
        result = await client.call_tool(
            UPDATE,
            {"playlist": "monday coffee", "name": "Tuesday Tea", "description": "Hot.", "public": True},
        )
        changed, now = result.structured_content, truly(hall, "Tuesday Tea")
        undone = await client.call_tool(changed["undo"]["tool"], changed["undo"]["arguments"])
        again = await client.call_tool(UPDATE, {"playlist": now["id"], "public": False})
    assert (now["description"], now["public"]) == ("Hot.", True)
    assert changed["before"] == {"name": "Monday Coffee", "description": "Slow starts.", "public": False}
    assert changed["after"] == {"name": "Tuesday Tea", "description": "Hot.", "public": True}
    assert changed["playlist"]["name"] == "Tuesday Tea"
    assert "name from “Monday Coffee” to “Tuesday Tea”; description from “Slow starts.” to “Hot.”; " in (
        text_of(result)
    )
    assert "; public from off to on. https://" in text_of(result)
    back = truly(hall, "Monday Coffee")
    assert (back["id"], back["description"], back["public"]) == (now["id"], "Slow starts.", False)
    assert undone.structured_content["changed"] is True
    assert again.structured_content["changed"] is False
    assert "undo" not in again.structured_content


async def test_a_collaborative_playlist_is_not_public(hall: Hall) -> None:
    async with hall.chat("ana") as client:
        no = await client.call_tool(UPDATE, {"playlist": "Dance in the Kitchen", "collaborative": True})
        assert code_of(no) == "invalid_argument"
        assert "Set `public` to false in the same call" in text_of(no)
        assert sent(hall, "PUT") == []
        both = {"playlist": "Dance in the Kitchen", "collaborative": True, "public": False}
        yes = await client.call_tool(UPDATE, both)
        assert yes.structured_content["undo"]["arguments"] == {
            "playlist": yes.structured_content["playlist"]["uri"], "public": True, "collaborative": False,
        }  # fmt: skip
        back = await client.call_tool(UPDATE, {"playlist": "Dance in the Kitchen", "public": True})
        assert "Set `collaborative` to false" in text_of(back)
    truth = truly(hall, "Dance in the Kitchen")
    assert (truth["collaborative"], truth["public"]) == (True, False)


async def test_only_ones_own_details_change_and_no_description_is_emptied(hall: Hall) -> None:
    async with hall.chat("dana") as client:
        result = await client.call_tool(UPDATE, {"playlist": "Someday", "description": "Later."})
        blank = await client.call_tool(UPDATE, {"playlist": "Someday", "description": ""})
        shared = await client.call_tool(UPDATE, {"playlist": "Road Trip", "name": "Mine"})
        nothing = await client.call_tool(UPDATE, {"playlist": "Someday"})
    assert result.structured_content["before"] == {"description": ""}
    assert "undo" not in result.structured_content
    assert "can't be emptied again" in text_of(result)
    assert code_of(blank) == "invalid_argument"
    assert truly(hall, "Someday", "dana")["description"] == "Later."
    assert code_of(shared) == code_of(nothing) == "invalid_argument"
    assert "It belongs to “Emil Nowak”. Nothing was changed." in text_of(shared)
    assert len(sent(hall, "PUT")) == 1
