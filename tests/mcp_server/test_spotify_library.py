"""spotify_list_library, spotify_check_library, spotify_save_to_library, spotify_remove_from_library."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from providers.emulator.spotify.catalog import Catalog, spotify_id
from providers.emulator.spotify.shelf import GONE
from tests.mcp_server.conftest import Serve
from tests.mcp_server.desk import MODERN, chat, code_of, text_of
from tests.mcp_server.hall import Hall
from tests.mcp_server.pages import turned
from tests.mcp_server.spotifydouble import error, identifier, thing

SHELF = Catalog()
MOST = 30_000
UNKNOWN = f"spotify:track:{spotify_id('x', 'nothing')}"


def uri(kind: str, name: str) -> str:
    shelf: dict[str, Any] = getattr(SHELF, f"{kind}s")
    return f"spotify:{kind}:{next(each.id for each in shelf.values() if each.name == name)}"


DREAMS, ROBOTS = uri("track", "Dreams"), uri("track", "Die Roboter")
LAST = uri("track", "Ferry Light")
RUMOURS, BJORK, QUEEN = uri("album", "Rumours"), uri("artist", "Björk"), uri("artist", "Queen")
NOISE = uri("show", "Signal and Noise")


def outcomes(result: Any) -> list[str]:
    return [each["outcome"] for each in result.structured_content["items"]]


async def test_a_shelf_to_its_end(hall: Hall) -> None:
    shelves = (
        ("ana", "tracks", 25, MODERN),
        ("ana", "tracks", 50, "legacy"),
        ("ana", "albums", 5, MODERN),
        ("ana", "artists", 10, MODERN),
        ("ben", "audiobooks", 1, MODERN),
        ("ana", "shows", 1, MODERN),
        ("ana", "episodes", 2, MODERN),
    )
    for account, kind, limit, mode in shelves:
        async with hall.chat(account, mode) as client:
            rows = await turned(client, "spotify_list_library", {"kind": kind, "limit": limit})
            first = await client.call_tool("spotify_list_library", {"kind": kind, "limit": limit})
        saved = hall.emulator.library(account)["saved"]
        truly = [each.rpartition(":")[2] for each in saved if each.startswith(f"spotify:{kind[:-1]}:")]
        assert sorted(row["uri"].rpartition(":")[2] for row in rows) == sorted(truly)
        assert {row["kind"] for row in rows} == {kind[:-1]}
        assert first.structured_content["total"] == len(truly) > limit
        assert text_of(first).startswith(f"{limit} of {len(truly)} {kind} ")
        if kind not in {"artists", "audiobooks"}:
            dates = [row["added_at"] for row in rows]
            assert dates == sorted(dates, reverse=True)


async def test_saved_albums_come_in_answers_that_can_be_read(hall: Hall) -> None:
    async with hall.chat("ana") as client:
        await client.call_tool("spotify_list_library", {"kind": "albums", "limit": 50})
    assert hall.sent() == ["GET /me/albums?limit=20&offset=0"]


async def test_empty_shelves_and_what_is_gone(hall: Hall) -> None:
    kinds = ("tracks", "albums", "shows", "episodes", "audiobooks", "artists")
    async with hall.chat("dana") as client:
        empty = [await client.call_tool("spotify_list_library", {"kind": kind}) for kind in kinds]
    async with hall.chat("emil") as client:
        episodes = await client.call_tool("spotify_list_library", {"kind": "episodes"})
        albums = await client.call_tool("spotify_list_library", {"kind": "albums"})
    assert [each.structured_content for each in empty] == [{"items": [], "total": 0}] * len(kinds)
    assert text_of(empty[0]) == "No tracks saved yet."
    assert text_of(empty[-1]) == "No artists followed yet."
    for result in (episodes, albums):
        assert len(result.structured_content["items"]) == result.structured_content["gone"] == 1
        assert "1 more is no longer on Spotify." in text_of(result)
        assert GONE not in text_of(result)


@pytest.mark.parametrize("mode", [MODERN, "legacy"])
async def test_saving_says_what_was_so_already_and_is_undone(hall: Hall, mode: str) -> None:
    listed = hall.emulator.playlists("ben")[0]
    link = f"https://open.spotify.com/playlist/{listed['id']}?si=1"
    wanted = [ROBOTS, DREAMS, RUMOURS, BJORK, NOISE, DREAMS, link]
    before = hall.emulator.library("cleo")["saved"]
    async with hall.chat("cleo", mode) as client:
        hall.emulator.set_library("cleo", save=[RUMOURS])
        done = await client.call_tool("spotify_save_to_library", {"items": wanted})
        again = await client.call_tool("spotify_save_to_library", {"items": wanted})
        between = hall.emulator.library("cleo")["saved"]
        undo = done.structured_content["undo"]
        back = await client.call_tool(undo["tool"], undo["arguments"])
    refused = [each for each in done.structured_content["items"] if each["outcome"] == "refused"]
    # Ben's list is private: Spotify lets nobody else follow it, and the rest is saved all the same.
    assert [each["uri"] for each in refused] == [f"spotify:playlist:{listed['id']}"]
    assert outcomes(done) == ["changed", "changed", "was_so", "changed", "changed", "refused"]
    assert set(between) - set(before) == {ROBOTS, DREAMS, RUMOURS, BJORK, NOISE}
    assert text_of(done).startswith("4 saved, 1 saved already and 1 refused by Spotify.\n")
    assert undo == {
        "tool": "spotify_remove_from_library",
        "arguments": {"items": [ROBOTS, DREAMS, BJORK, NOISE]},
    }
    assert outcomes(again)[:5] == ["was_so"] * 5 and "undo" not in again.structured_content
    assert not back.is_error
    assert set(hall.emulator.library("cleo")["saved"]) - set(before) == {RUMOURS}


async def test_names_are_told_where_few_are_asked_for(hall: Hall) -> None:
    async with hall.chat("ana") as client:
        few = await client.call_tool("spotify_check_library", {"items": [QUEEN, DREAMS[14:], UNKNOWN]})
        many = await client.call_tool(
            "spotify_check_library",
            {"items": [f"spotify:track:{each}" for each in list(SHELF.tracks)[55:65]]},
        )
    named = few.structured_content["items"]
    assert [each.get("name") for each in named] == ["Queen", "Dreams", None]
    assert [each["saved"] for each in named] == [True, True, False]
    assert text_of(few).splitlines()[:3] == [
        "2 of 3 are in the library:",
        f"saved: “Queen” https://open.spotify.com/artist/{QUEEN[15:]}",
        f"saved: “Dreams” by Fleetwood Mac https://open.spotify.com/track/{DREAMS[14:]}",
    ]
    assert [each["saved"] for each in many.structured_content["items"]] == [True] * 5 + [False] * 5
    assert not any("name" in each for each in many.structured_content["items"])
    assert len([line for line in hall.sent() if "contains" not in line]) == 3


async def test_removing_and_taking_it_back(hall: Hall) -> None:
    mine = hall.emulator.playlists("ana")[1]
    list_uri = f"spotify:playlist:{mine['id']}"
    async with hall.chat("ana") as client:
        gone = await client.call_tool(
            "spotify_remove_from_library", {"items": [list_uri, QUEEN, LAST[14:]], "account": "ana"}
        )
        after = hall.emulator.library("ana")
        undo = gone.structured_content["undo"]
        await client.call_tool(undo["tool"], undo["arguments"])
    assert outcomes(gone) == ["changed", "changed", "was_so"]
    assert text_of(gone).startswith("2 removed and 1 not in the library anyway.\n")
    assert after["hidden"] == [mine["id"]] and QUEEN not in after["saved"]
    assert undo == {
        "tool": "spotify_save_to_library",
        "arguments": {"items": [list_uri, QUEEN], "account": "ana"},
    }
    assert hall.emulator.library("ana")["hidden"] == []
    assert QUEEN in hall.emulator.library("ana")["saved"]


async def test_one_bad_item_among_forty_spoils_nothing(hall: Hall) -> None:
    tracks = [f"spotify:track:{each}" for each in SHELF.tracks][20:60]
    bad = [*tracks[:17], UNKNOWN, *tracks[17:39]]
    async with hall.chat("dana") as client:
        result = await client.call_tool("spotify_save_to_library", {"items": bad})
        alone = await client.call_tool("spotify_save_to_library", {"items": [UNKNOWN]})
        listed = await client.call_tool("spotify_list_library", {"kind": "tracks", "limit": 50})
    assert outcomes(result) == ["changed"] * 17 + ["refused"] + ["changed"] * 22
    assert len([line for line in hall.sent() if line.startswith("PUT")]) <= 14
    assert set(hall.emulator.library("dana")["saved"]) == set(tracks[:39])
    assert listed.structured_content["total"] == 39
    assert code_of(alone) == "invalid_argument"
    assert len(result.model_dump_json(by_alias=True, exclude_none=True).encode()) <= MOST


async def test_a_limit_half_way_keeps_what_was_done(hall: Hall) -> None:
    tracks = [f"spotify:track:{each}" for each in SHELF.tracks][:4]
    items = [*tracks, UNKNOWN, RUMOURS]
    async with hall.chat("dana") as client:
        # All six are refused for the unknown one, then the five tracks; the first two of them are saved.
        hall.fault("PUT api.spotify.com/v1/me/library*", status=429, retry_after=90, skip=3, times=None)
        result = await client.call_tool("spotify_save_to_library", {"items": items})
    assert outcomes(result) == ["changed"] * 2 + ["not_tried"] * 4
    assert result.structured_content["undo"]["arguments"] == {"items": tracks[:2]}
    assert set(hall.emulator.library("dana")["saved"]) == set(tracks[:2])
    assert text_of(result).endswith(
        "Spotify asks to wait 90 seconds. Repeat the call for what was not tried."
    )


async def test_a_kind_that_is_not_taken_spoils_nothing_for_the_others(serve: Serve) -> None:
    async with serve() as desk, chat(desk, await desk.ready()) as client:
        no = error(403, "Forbidden")
        flags = httpx2.Response(200, json=[False, False, False])
        desk.spotify.answers = [flags, no, httpx2.Response(200), no]
        result = await client.call_tool("spotify_save_to_library", {"items": [DREAMS, BJORK, ROBOTS]})
        asked = [query["uris"] for verb, _, query, _ in desk.spotify.calls if verb == "PUT"]
    assert outcomes(result) == ["changed", "refused", "changed"]
    assert asked == [f"{DREAMS},{BJORK},{ROBOTS}", f"{DREAMS},{ROBOTS}", BJORK]
    assert "name" not in result.structured_content["items"][0], "a name that can't be had is left out"


async def test_hostile_items_are_refused_unasked(serve: Serve) -> None:
    hostile: list[tuple[list[Any], str]] = [
        ([], "`items`"),
        ([DREAMS] * 41, "`items`"),
        ([DREAMS, "spotify:chapter:" + DREAMS[14:]], "`items[1]` is a chapter"),
        (["Dreams by Fleetwood Mac", "\u202e", DREAMS], "`items[0]` is no Spotify URI"),
        ([DREAMS + "," + ROBOTS], "`items[0]` is no Spotify URI"),
        ([DREAMS + "&uris=" + ROBOTS], "`items[0]` is no Spotify URI"),
        (["x" * 301], "`items`[0]"),
        ([7], "`items`[0]"),
    ]
    async with serve() as desk, chat(desk, await desk.ready()) as client:
        for items, says in hostile:
            for tool in ("check_library", "save_to_library", "remove_from_library"):
                result = await client.call_tool(f"spotify_{tool}", {"items": items})
                assert code_of(result) == "invalid_argument"
                assert says in text_of(result)
                assert "Fleetwood" not in text_of(result)
    assert desk.spotify.calls == []


async def test_a_cursor_of_another_shelf_is_refused(serve: Serve) -> None:
    async with serve() as desk, chat(desk, await desk.ready()) as client:
        for kind, cursor in (
            ("tracks", "aX"),
            ("artists", "o20"),
            ("albums", "o999999"),
            ("artists", "a/../"),
        ):
            result = await client.call_tool("spotify_list_library", {"kind": kind, "cursor": cursor})
            assert code_of(result) == "invalid_argument"
    assert desk.spotify.calls == []


async def test_the_longest_names_lose_nothing(serve: Serve) -> None:
    def rows(kind: str) -> list[dict[str, Any]]:
        long = "🎵" * 900
        album = {"artists": [{"name": "ж" * 200}] * 9, "album": thing("album", long)}
        return [{**thing(kind, f"{n}:{long}"), "id": identifier(f"{kind}{n}"), **album} for n in range(50)]

    async with serve() as desk, chat(desk, await desk.ready()) as client:
        for kind, key in (("tracks", "track"), ("artists", "artist")):
            every = rows(key)
            for place, row in enumerate(every):
                row["uri"] = f"spotify:{key}:{row['id']}"
                every[place] = row if kind == "artists" else {"added_at": "2026-01-01T00:00:00Z", key: row}
            seen: list[str] = []
            cursor: dict[str, str] = {}
            while True:
                desk.spotify.answers = [httpx2.Response(200, json=page(kind, every, cursor.get("cursor")))]
                result = await client.call_tool("spotify_list_library", {"kind": kind, "limit": 50, **cursor})
                assert len(result.model_dump_json(by_alias=True, exclude_none=True).encode()) <= MOST
                seen += [each["name"].partition(":")[0] for each in result.structured_content["items"]]
                if "next_cursor" not in result.structured_content:
                    break
                assert len(seen) < len(every)
                cursor = {"cursor": result.structured_content["next_cursor"]}
            assert seen == [str(n) for n in range(50)]


def page(kind: str, every: list[dict[str, Any]], cursor: str | None) -> dict[str, Any]:
    """What Spotify has from a cursor on, as one page with a null in it."""
    if kind == "artists":
        ids = [row["id"] for row in every]
        begin = ids.index(cursor[1:]) + 1 if cursor else 0
        rest = {"items": [None, *every[begin:]], "total": 50, "cursors": {"after": None}}
        return {"artists": rest}
    # The null stands at the head of the list: every place is one higher than the row.
    begin = int(cursor[1:]) if cursor else 0
    return {"items": [None, *every][begin:], "total": 51, "offset": begin, "limit": 51, "next": None}


async def test_what_spotify_will_not_tell_of_is_left_out_of_the_check(serve: Serve) -> None:
    async with serve() as desk, chat(desk, await desk.ready()) as client:
        no = error(400, "Unsupported uri type")
        desk.spotify.answers = [no, httpx2.Response(200, json=[True]), no]
        result = await client.call_tool("spotify_check_library", {"items": [DREAMS, BJORK]})
        desk.spotify.answers = [no, no, no]
        none = await client.call_tool("spotify_check_library", {"items": [DREAMS, BJORK]})
        desk.spotify.answers = [no, no, no]
        unsaved = await client.call_tool("spotify_save_to_library", {"items": [DREAMS, BJORK]})
    assert [each.get("saved") for each in result.structured_content["items"]] == [True, None]
    assert f"refused by Spotify: {BJORK}" in text_of(result)
    assert code_of(none) == code_of(unsaved) == "invalid_argument"
    assert not [verb for verb, *_ in desk.spotify.calls if verb == "PUT"]


async def test_a_library_that_speaks_nonsense(serve: Serve) -> None:
    async with serve() as desk, chat(desk, await desk.ready()) as client:
        desk.spotify.answers = [httpx2.Response(200, json=[True])]
        short = await client.call_tool("spotify_check_library", {"items": [DREAMS, ROBOTS]})
        desk.spotify.answers = [httpx2.Response(200, json={"items": "x", "total": "y"})]
        odd = await client.call_tool("spotify_list_library", {"kind": "tracks"})
    assert [code_of(short), code_of(odd)] == ["provider_error", "provider_error"]
