"""spotify_search, spotify_get_item and spotify_list_children over the wire."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from providers.emulator.spotify.catalog import Catalog, spotify_id
from tests.mcp_server.conftest import Serve
from tests.mcp_server.desk import MODERN, chat, code_of, text_of
from tests.mcp_server.hall import Hall
from tests.mcp_server.pages import turned
from tests.mcp_server.spotifydouble import thing, track

SHELF = Catalog()
DREAMS = SHELF.named("Dreams")
SHOW = next(show for show in SHELF.shows.values() if show.name == "Signal and Noise")
BOOK = next(book for book in SHELF.audiobooks.values() if book.name == "Dubliners")
MOST = 30_000


def album(name: str) -> Any:
    return next(each for each in SHELF.albums.values() if each.name == name)


def artist(name: str) -> Any:
    return next(each for each in SHELF.artists.values() if each.name == name)


def names(result: Any) -> list[str]:
    return [each["name"] for each in result.structured_content["items"]]


@pytest.mark.parametrize("mode", [MODERN, "legacy"])
async def test_one_thing_of_every_kind(hall: Hall, mode: str) -> None:
    async with hall.chat("ben", mode) as client:

        async def get(item: str) -> tuple[dict[str, Any], str]:
            result = await client.call_tool("spotify_get_item", {"item": item})
            assert not result.is_error, text_of(result)
            return result.structured_content, text_of(result)

        song, text = await get(f"spotify:track:{DREAMS.id}")
        assert song == {
            "kind": "track", "name": "Dreams", "by": ["Fleetwood Mac"], "album": "Rumours", "number": 1,
            "disc": 1, "duration_ms": 257_000, "uri": f"spotify:track:{DREAMS.id}",
            "url": f"https://open.spotify.com/track/{DREAMS.id}",
        }  # fmt: skip
        assert text.splitlines() == [
            f"track: “Dreams” by Fleetwood Mac (4:17) {song['url']}", "on “Rumours”, number 1",
        ]  # fmt: skip
        record, text = await get(f"https://open.spotify.com/intl-pt/album/{album('Rumours').id}?si=1")
        assert (record["album_type"], record["released"], record["size"]) == ("album", "1977-02-04", 3)
        assert "album, released 1977-02-04, 3 tracks" in text
        singer, _ = await get(f"spotify:artist:{artist('Björk').id}")
        assert (singer["kind"], singer["name"]) == ("artist", "Björk")
        podcast, text = await get(f"spotify:show:{SHOW.id}")
        assert (podcast["size"], podcast["description"]) == (3, SHOW.about)
        assert f"3 episodes\n“{SHOW.about}”" in text
        talk, _ = await get(f"spotify:episode:{SHOW.episodes[0].id}")
        assert (talk["released"], talk["by"]) == ("2026-10-22", ["Signal and Noise"])
        mine = hall.emulator.playlists("ben")[0]
        own, _ = await get(f"spotify:playlist:{mine['id']}")
        assert (own["by"], own["size"], own["public"]) == (["Ben Okafor"], 5, False)
        assert own["description"] == "Nobody sings."


async def test_a_podcasts_uri_may_be_an_audiobooks(hall: Hall) -> None:
    chapter = BOOK.chapters[1]
    async with hall.chat("ben") as client:
        book = await client.call_tool("spotify_get_item", {"item": f"spotify:show:{BOOK.id}"})
        part = await client.call_tool("spotify_get_item", {"item": f"spotify:episode:{chapter.id}"})
        inside = await client.call_tool(
            "spotify_list_children", {"item": f"https://open.spotify.com/show/{BOOK.id}", "limit": 2}
        )
    assert book.structured_content["kind"] == "audiobook"
    assert book.structured_content["by"] == ["James Joyce"]
    assert (book.structured_content["narrators"], book.structured_content["size"]) == (["Niamh Kearney"], 8)
    assert (part.structured_content["kind"], part.structured_content["by"]) == ("chapter", ["Dubliners"])
    assert names(inside) == ["Opening Credits", "The Sisters"]
    assert inside.structured_content["of"] == f"spotify:audiobook:{BOOK.id}"
    assert inside.structured_content["items"][1]["number"] == chapter.number


async def test_an_id_alone_is_looked_for_among_all_kinds(hall: Hall) -> None:
    async with hall.chat("ana") as client:
        found = await client.call_tool("spotify_get_item", {"item": SHOW.episodes[0].id})
        parts = await client.call_tool("spotify_list_children", {"item": artist("Queen").id})
    assert found.structured_content["kind"] == "episode"
    assert names(parts) == ["A Night at the Opera"]


async def test_another_release_of_what_was_asked_for_says_so(serve: Serve) -> None:
    other = {**track("Small Hours", "The Paper Lanterns"), "disc_number": 2, "explicit": True}
    async with serve() as desk, chat(desk, await desk.ready(("spotify:read",))) as client:
        desk.spotify.answers = [httpx2.Response(200, json={**other, "is_playable": False})]
        result = await client.call_tool("spotify_get_item", {"item": f"spotify:track:{DREAMS.id}"})
        desk.spotify.answers = [httpx2.Response(200, json=other)]
        same = await client.call_tool("spotify_get_item", {"item": other["uri"]})
    view = result.structured_content
    assert (view["uri"], view["asked"]) == (other["uri"], f"spotify:track:{DREAMS.id}")
    assert (view["disc"], view["explicit"], view["playable"]) == (2, True, False)
    assert "disc 2, explicit" in text_of(result) and "not playable here" in text_of(result)
    assert "asked" not in same.structured_content


async def test_parts_come_page_by_page(hall: Hall) -> None:
    kind_of_blue = album("Kind of Blue")
    wholes = (
        (f"spotify:album:{kind_of_blue.id}", 2, kind_of_blue.tracks),
        (f"spotify:show:{SHOW.id}", 1, SHOW.episodes),
        (f"spotify:audiobook:{BOOK.id}", 3, BOOK.chapters),
    )
    async with hall.chat("ben") as client:
        for item, limit, every in wholes:
            rows = await turned(client, "spotify_list_children", {"item": item, "limit": limit})
            one = await client.call_tool("spotify_list_children", {"item": item, "limit": limit})
            beyond = await client.call_tool("spotify_list_children", {"item": item, "cursor": "o500"})
            assert [row["name"] for row in rows] == [each.name for each in every]
            assert one.structured_content["total"] == len(every)
            assert text_of(one).startswith(f"{limit} of {len(every)} ")
            assert beyond.structured_content["items"] == [] and "no more" in text_of(beyond)


async def test_an_artists_albums_by_group(hall: Hall) -> None:
    fonsi = f"spotify:artist:{artist('Luis Fonsi').id}"
    async with hall.chat("ana") as client:
        rows = await turned(client, "spotify_list_children", {"item": fonsi, "limit": 1})
        single = await client.call_tool(
            "spotify_list_children", {"item": fonsi, "include_groups": ["single", "single"], "limit": 50}
        )
        refused = await client.call_tool(
            "spotify_list_children", {"item": f"spotify:show:{SHOW.id}", "include_groups": ["album"]}
        )
    assert len({row["uri"] for row in rows}) == len(rows) == 3
    assert {row["album_type"] for row in single.structured_content["items"]} == {"single"}
    assert f"GET /artists/{fonsi[15:]}/albums?include_groups=single&limit=10&offset=0" in hall.sent()
    assert code_of(refused) == "invalid_argument" and "only for an artist" in text_of(refused)


async def test_what_has_no_parts_is_refused_unasked(hall: Hall) -> None:
    partless = {
        f"spotify:track:{DREAMS.id}": "one track, which has no parts",
        f"spotify:playlist:{DREAMS.id}": "spotify_get_playlist lists",
        "spotify:user:ana": "no Spotify URI",
        "Rumours by Fleetwood Mac": "no Spotify URI",
        f"https://open.spotify.com.evil.example/album/{DREAMS.id}": "no Spotify URI",
        "": "no Spotify URI",
    }
    async with hall.chat("ana") as client:
        for item, says in partless.items():
            result = await client.call_tool("spotify_list_children", {"item": item})
            assert code_of(result) == "invalid_argument"
            assert says in text_of(result)
    assert hall.sent() == []


async def test_what_is_not_there_is_not_found(hall: Hall) -> None:
    unknown = spotify_id("x", "nothing")
    async with hall.chat("ana") as client:
        results = [
            await client.call_tool("spotify_get_item", {"item": f"spotify:album:{unknown}"}),
            await client.call_tool("spotify_get_item", {"item": unknown}),
            await client.call_tool("spotify_list_children", {"item": f"spotify:show:{unknown}"}),
            # Audiobooks exist in some countries only, and Portugal is none of them.
            await client.call_tool("spotify_get_item", {"item": f"spotify:show:{BOOK.id}"}),
        ]
    assert [code_of(each) for each in results] == ["not_found"] * 4


async def test_a_search_of_every_kind_to_its_end(hall: Hall) -> None:
    kinds = ["audiobook", "track", "album", "artist", "playlist", "show", "episode"]
    async with hall.chat("ben") as client:
        rows = await turned(client, "spotify_search", {"query": "the", "types": kinds})
        seas = await client.call_tool(
            "spotify_search", {"query": "sea", "types": ["audiobook"], "market": "IE", "limit": 1}
        )
    assert {row["kind"] for row in rows} == set(kinds)
    uris = [row["uri"] for row in rows]
    assert len(set(uris)) == len(uris)
    [book] = seas.structured_content["items"]
    assert (book["kind"], book["by"]) == ("audiobook", ["Jules Verne"])
    assert hall.sent()[-1].endswith("limit=1&market=IE")


async def test_nulls_among_the_results_are_no_results(serve: Serve) -> None:
    found = [thing("playlist", f"List {number}") for number in range(6)]
    async with serve() as desk, chat(desk, await desk.ready(("spotify:read",))) as client:
        desk.spotify.found = {"playlist": [None, found[0], None, *found[1:]]}  # type: ignore[list-item]
        rows = await turned(client, "spotify_search", {"query": "x", "types": ["playlist"], "limit": 3})
    assert [row["name"] for row in rows] == [f"List {number}" for number in range(6)]


@pytest.mark.parametrize("letter", ["\\", "🎵"])
async def test_the_longest_names_lose_nothing(serve: Serve, letter: str) -> None:
    kinds = ["track", "album", "artist", "playlist", "show", "episode", "audiobook"]
    long = letter * 900
    async with serve() as desk, chat(desk, await desk.ready(("spotify:read",))) as client:
        for kind in kinds:
            makers = [{"name": long + str(n)} for n in range(30)]
            about = {"artists": makers, "authors": makers, "album": thing("album", long), "description": long}
            rows: list[Any] = [{**thing(kind, f"{n}{long}"), **about} for n in range(12)]
            desk.spotify.found[kind] = [None, *rows]  # search answers null for what it does not show
        seen: list[str] = []
        cursor: dict[str, Any] = {}
        for _ in range(40):
            result = await client.call_tool(
                "spotify_search", {"query": "x", "types": kinds, "limit": 10, **cursor}
            )
            assert len(result.model_dump_json(by_alias=True, exclude_none=True).encode()) <= MOST
            seen += [f"{each['kind']}{each['name'][:2]}" for each in result.structured_content["items"]]
            if "next_cursor" not in result.structured_content:
                break
            cursor = {"cursor": result.structured_content["next_cursor"]}
    assert len(seen) == 12 * len(kinds)
    assert len(set(seen)) == len(kinds) * len({f"{n}{letter}"[:2] for n in range(12)})
