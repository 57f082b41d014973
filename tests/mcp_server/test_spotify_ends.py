"""What breaks a tool off between its calls: what was done by then is said, and never done twice for it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mcp_server.desk import code_of, text_of
from tests.mcp_server.hall import Hall
from tests.mcp_server.test_spotify_making import some_uris

LOOK = "GET api.spotify.com/v1/me/player"
QUEUE = "GET api.spotify.com/v1/me/player/queue*"
ALBUM = "spotify:album:6MmR6mGVkD1neul7f0nP4c"


@pytest.mark.parametrize(
    ("tool", "arguments", "look"),
    [
        ("control_playback", {"action": "next"}, LOOK),
        ("transfer_playback", {"device": "Kitchen"}, LOOK),
        ("add_to_queue", {"query": "Despacito"}, QUEUE),
    ],
    ids=["skip", "move", "queue"],
)
async def test_a_command_that_was_taken_is_not_asked_for_again_when_the_grant_ends(
    hall: Hall, tool: str, arguments: dict[str, Any], look: str
) -> None:
    async with hall.chat("ana") as client:
        # The first look is before the command; with the next one the token is dead, and no new one is had.
        hall.fault(look, status=401, skip=1, times=None)
        result = await client.call_tool(f"spotify_{tool}", arguments)
        after = await client.call_tool("spotify_get_playback", {})
    assert not result.is_error, text_of(result)
    assert result.structured_content["confirmed"] is False and "accepted the command" in text_of(result)
    assert code_of(after) == "reauth_required"


async def test_options_that_were_set_are_told_when_the_grant_ends(hall: Hall) -> None:
    async with hall.chat("ana") as client:
        hall.fault("PUT api.spotify.com/v1/me/player/shuffle*", status=401, times=None)
        result = await client.call_tool("spotify_set_playback_options", {"volume": 20, "shuffle": True})
    volume, shuffle = result.structured_content["settings"]
    assert (volume["outcome"], shuffle["outcome"], shuffle["code"]) == ("set", "refused", "reauth_required")


async def test_an_option_whose_answer_was_lost_is_not_called_refused(hall: Hall) -> None:
    async with hall.chat("ana") as client:
        hall.fault("PUT api.spotify.com/v1/me/player/shuffle*", kind="reset")
        result = await client.call_tool("spotify_set_playback_options", {"volume": 20, "shuffle": True})
    assert [each["outcome"] for each in result.structured_content["settings"]] == ["set", "unsure"]
    assert "Not sure: shuffle on." in text_of(result) and "Refused" not in text_of(result)


async def test_a_thing_is_saved_though_its_name_can_not_be_had_any_more(hall: Hall) -> None:
    async with hall.chat("ana") as client:
        hall.fault("GET api.spotify.com/v1/albums/*", status=401, times=None)
        result = await client.call_tool("spotify_save_to_library", {"items": [ALBUM]})
    [album] = result.structured_content["items"]
    assert (album["outcome"], album.get("name")) == ("changed", None)
    assert ALBUM in hall.emulator.library()["saved"]


@pytest.mark.parametrize(
    ("fault", "became", "says"),
    [
        ({"kind": "lost"}, "unsure", "usable answer. Repeat the call for what was perhaps saved."),
        ({"kind": "status", "status": 401}, "not_tried", "connected again first. Repeat the call for what "),
    ],
    ids=["lost", "ended"],
)
async def test_what_may_be_saved_is_not_called_not_tried(
    hall: Hall, fault: dict[str, Any], became: str, says: str
) -> None:
    track, unknown = some_uris(hall, 1)[0], f"spotify:album:{'0' * 22}"
    async with hall.chat("dana") as client:
        # Both kinds at once are refused for the unknown album; then the tracks go, then each album.
        hall.fault("PUT api.spotify.com/v1/me/library*", times=2, skip=4, **fault)
        result = await client.call_tool("spotify_save_to_library", {"items": [track, unknown, ALBUM]})
    outcomes = [each["outcome"] for each in result.structured_content["items"]]
    assert (outcomes, ALBUM in hall.emulator.library("dana")["saved"]) == (
        ["changed", "refused", became],
        became == "unsure",
    )
    assert says in text_of(result)
    assert result.structured_content["undo"]["arguments"]["items"] == [track]


async def test_a_lost_addition_to_the_queue_is_looked_for_in_the_queue(hall: Hall) -> None:
    async with hall.chat("ana") as client:
        hall.fault("POST api.spotify.com/v1/me/player/queue*", kind="reset")
        result = await client.call_tool("spotify_add_to_queue", {"query": "Despacito"})
    assert result.is_error and "Look with spotify_get_queue before" in text_of(result)


async def test_a_look_that_failed_changed_nothing(hall: Hall) -> None:
    async with hall.chat("ana") as client:
        hall.fault("GET api.spotify.com/v1/me/*", kind="reset", times=None)
        looked = await client.call_tool("spotify_list_library", {"kind": "albums"})
    assert looked.is_error and "Nothing was changed; try again in a moment." in text_of(looked)


async def test_what_spotify_names_is_used_only_where_it_is_such_a_name(hall: Hall) -> None:
    def bent(value: Any) -> Any:
        if isinstance(value, list):
            return [bent(each) for each in value]
        if not isinstance(value, dict):
            return value
        if value.keys() == {"snapshot_id"}:
            return {"snapshot_id": "S" * 40_000}
        names = {
            "id": "../../me/library?uris=x#",
            "cursors": {"after": "Call me. " * 900, "before": "9" * 900},
        }
        return {key: names.get(key, bent(each)) for key, each in value.items()}

    hall.judge.trusting, hall.judge.bend = True, bent
    first = hall.emulator.playlists()[0]
    place = {"playlist": f"spotify:playlist:{first['id']}"}
    async with hall.chat("ana") as client:
        artists = await client.call_tool("spotify_list_library", {"kind": "artists"})
        heard = await client.call_tool("spotify_get_recently_played", {})
        named = await client.call_tool("spotify_get_playlist", {"playlist": "Monday Coffee"})
        uris = [first["items"][0]["uri"]]
        taken = await client.call_tool("spotify_remove_from_playlist", {**place, "items": uris})
    assert "next_cursor" not in artists.structured_content and "Call me" not in text_of(artists)
    assert "next_cursor" not in heard.structured_content
    assert code_of(named) == "invalid_argument"
    assert not taken.is_error and "snapshot_id" not in taken.structured_content
    assert not [line for line, _ in hall.judge.calls if "/me/library" in line]


async def test_a_time_is_a_written_date_with_its_zone(hall: Hall) -> None:
    async with hall.chat("ana") as client:
        for given in ("2026", 2026, 5.5, "2026-11-28", "2026-11-28T10:00:00"):
            result = await client.call_tool("spotify_get_recently_played", {"after": given})
            assert code_of(result) == "invalid_argument"
            assert "`after` is not valid: a time with its zone, such as 2026-11-28T09:30:00Z" in text_of(
                result
            )


async def test_an_edit_without_a_readable_answer_asks_to_look(hall: Hall) -> None:
    first = hall.emulator.playlists()[0]
    whole = {"playlist": first["id"]}
    edits: list[tuple[str, dict[str, Any]]] = [
        ("add_to", {"items": some_uris(hall, 1)}),
        ("remove_from", {"items": [first["items"][0]["uri"]]}),
        ("reorder", {"range_start": 0, "insert_before": 2, "snapshot_id": first["snapshot_id"]}),
    ]
    async with hall.chat("ana") as client:
        for name, arguments in edits:
            verb = {"add_to": "POST", "remove_from": "DELETE", "reorder": "PUT"}[name]
            hall.fault(f"{verb} api.spotify.com/v1/playlists/*/items", kind="garbage")
            result = await client.call_tool(f"spotify_{name}_playlist", {**whole, **arguments})
            assert not result.is_error and "could not be read: look with spotify_get" in text_of(result)
        hall.fault("POST api.spotify.com/v1/playlists/*/items", kind="garbage")
        made = await client.call_tool("spotify_create_playlist", {"name": "New", "items": some_uris(hall, 1)})
    assert "could not be read: look with spotify_get_playlist whether it is so." in text_of(made)


async def test_a_long_limit_is_told_in_hours(hall: Hall) -> None:
    async with hall.chat("ana") as client:
        hall.fault("POST api.spotify.com/v1/playlists/*/items", status=429, retry_after=40_000)
        made = await client.call_tool("spotify_create_playlist", {"name": "New", "items": some_uris(hall, 1)})
    assert made.structured_content["stopped"] == "Spotify takes no more requests for about 11 hours."
