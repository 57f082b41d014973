"""spotify_get_profile, spotify_get_top_items and spotify_get_recently_played over the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpx2
import pytest

from tests.mcp_server.conftest import Serve
from tests.mcp_server.desk import MODERN, chat, code_of, text_of
from tests.mcp_server.hall import Hall
from tests.mcp_server.pages import turned
from tests.mcp_server.spotifydouble import thing, track

MOST = 30_000


@pytest.mark.parametrize("mode", [MODERN, "legacy"])
async def test_whose_account_it_is(hall: Hall, mode: str) -> None:
    async with hall.chat("ana", mode) as client:
        result = await client.call_tool("spotify_get_profile", {})
    me = result.structured_content
    assert me["name"] == "Ana Duarte"
    assert me["url"] == f"https://open.spotify.com/user/{me['id']}"
    assert text_of(result) == f"Spotify account “Ana Duarte”, user id {me['id']}, {me['url']}"


async def test_an_account_without_a_name(serve: Serve) -> None:
    async with serve() as desk, chat(desk, await desk.ready(("spotify:read",))) as client:
        desk.spotify.answers = [httpx2.Response(200, json={"id": "314", "display_name": None})]
        result = await client.call_tool("spotify_get_profile", {})
    assert result.structured_content == {"id": "314", "url": "https://open.spotify.com"}
    assert text_of(result).startswith("Spotify account “314”")


@pytest.mark.parametrize("kind", ["tracks", "artists"])
async def test_favourites_page_by_page(hall: Hall, kind: str) -> None:
    async with hall.chat("ana") as client:
        rows = await turned(client, "spotify_get_top_items", {"kind": kind, "limit": 9})
        again = await client.call_tool("spotify_get_top_items", {"kind": kind, "limit": 9, "cursor": "o9"})
        lately = await client.call_tool(
            "spotify_get_top_items", {"kind": kind, "time_range": "short_term", "limit": 50}
        )
    uris = [row["uri"] for row in rows]
    assert len(set(uris)) == len(uris) == again.structured_content["total"] > 18
    assert text_of(again).splitlines()[1].startswith(f"10. “{rows[9]['name']}”")
    assert 0 < lately.structured_content["total"] < len(uris)
    assert {row["kind"] for row in rows} == {kind[:-1]}


async def test_nobody_has_favourites_before_they_listen(hall: Hall) -> None:
    async with hall.chat("dana") as client:
        top = await client.call_tool("spotify_get_top_items", {"kind": "artists"})
        heard = await client.call_tool("spotify_get_recently_played", {})
    assert top.structured_content == {"items": [], "total": 0}
    assert text_of(top) == "Spotify has no top artists for this time."
    assert heard.structured_content == {"items": []}
    assert "remembers nothing" in text_of(heard)


async def test_what_was_heard_page_by_page(hall: Hall) -> None:
    truly = [play["at"] for play in hall.emulator.library("ana")["played"]][:50]
    async with hall.chat("ana") as client:
        rows = await turned(client, "spotify_get_recently_played", {"limit": 7})
    seen = [round(datetime.fromisoformat(row["played_at"]).timestamp() * 1000) for row in rows]
    assert seen == truly
    assert {row["context_uri"].split(":")[1] for row in rows if "context_uri" in row} <= {"playlist", "album"}


async def test_what_was_heard_between_two_times(hall: Hall) -> None:
    truly = [play["at"] for play in hall.emulator.library("ana")["played"]]
    first, last = (datetime.fromtimestamp(truly[place] / 1000, UTC) for place in (14, 5))
    elsewhere = last.astimezone(timezone(timedelta(hours=5)))
    async with hall.chat("ana") as client:
        between = {"after": first.isoformat(), "before": elsewhere.isoformat()}
        rows = await turned(client, "spotify_get_recently_played", {**between, "limit": 4})
        none = await client.call_tool(
            "spotify_get_recently_played", {"after": (last + timedelta(days=900)).isoformat()}
        )
        naive = await client.call_tool("spotify_get_recently_played", {"after": "2026-11-01T08:00:00"})
        early = await client.call_tool("spotify_get_recently_played", {"before": "0001-01-01T00:00:00+14:00"})
    seen = [round(datetime.fromisoformat(row["played_at"]).timestamp() * 1000) for row in rows]
    assert seen == truly[6:15]
    assert none.structured_content == {"items": []}
    assert code_of(naive) == "invalid_argument" and "`after`" in text_of(naive)
    assert not early.is_error and early.structured_content["items"] == []


async def test_what_was_heard_and_is_gone_is_counted(serve: Serve) -> None:
    rows = [
        {"track": track("Left"), "played_at": "2026-11-28T09:00:00.500Z", "context": {"uri": "no uri"}},
        {"track": None, "played_at": "2026-11-28T08:00:00Z"},
        {"track": {"name": None, "id": None}, "played_at": "yesterday"},
    ]
    async with serve() as desk, chat(desk, await desk.ready(("spotify:read",))) as client:
        answer = {"items": rows, "next": "https://x", "cursors": {"after": "2", "before": "1795000000000"}}
        desk.spotify.answers = [httpx2.Response(200, json=answer)]
        result = await client.call_tool("spotify_get_recently_played", {})
    [only] = result.structured_content["items"]
    assert only["name"] == "Left" and "context_uri" not in only
    assert (result.structured_content["gone"], result.structured_content["next_cursor"]) == (
        2,
        "b1795000000000",
    )
    assert "2 more are no longer on Spotify." in text_of(result)


async def test_a_made_up_cursor_is_refused(hall: Hall) -> None:
    async with hall.chat("ana") as client:
        for cursor in ("o5", "b", "b-5", "bx", "b" + "9" * 20, "x9", "b٣"):
            result = await client.call_tool("spotify_get_recently_played", {"cursor": cursor})
            assert code_of(result) == "invalid_argument", cursor
    assert hall.sent() == []


async def test_the_longest_names_lose_nothing(serve: Serve) -> None:
    start = datetime(2026, 11, 1, tzinfo=UTC)
    every = [
        {
            "track": {**track(f"{n}{'🎵' * 400}", *["ж" * 300] * 9), "album": thing("album", "\\" * 900)},
            "played_at": (start - timedelta(minutes=n)).isoformat(),
            "context": {"uri": f"spotify:album:{'a' * 190}"},
        }
        for n in range(50)
    ]

    def page(before: str | None) -> dict[str, Any]:
        end = float(before) / 1000 if before else start.timestamp() + 1
        left = [row for row in every if datetime.fromisoformat(row["played_at"]).timestamp() < end]
        return {"items": left, "next": None, "cursors": {"after": "1", "before": "1"}}

    async with serve() as desk, chat(desk, await desk.ready(("spotify:read",))) as client:
        seen: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            desk.spotify.answers = [httpx2.Response(200, json=page(cursor.get("cursor", "")[1:] or None))]
            result = await client.call_tool("spotify_get_recently_played", {"limit": 50, **cursor})
            assert len(result.model_dump_json(by_alias=True, exclude_none=True).encode()) <= MOST
            seen += [row["name"].rstrip("🎵…") for row in result.structured_content["items"]]
            if "next_cursor" not in result.structured_content:
                break
            assert len(seen) < len(every)
            cursor = {"cursor": result.structured_content["next_cursor"]}
    assert seen == [str(n) for n in range(50)]
