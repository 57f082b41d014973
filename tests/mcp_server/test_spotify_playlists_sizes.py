"""No answer about playlists is larger than a model can read, and what does not fit comes on the next page."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from providers.transport import Transport
from tests.mcp_server.conftest import Serve
from tests.mcp_server.desk import chat
from tests.mcp_server.test_sizes import MOST, size

WIDE = '\\"ж' * 300
ODD = "🎷" * 300
ID = "p" * 22


def uri(number: int) -> str:
    return f"spotify:track:{number:022}"


def local(number: int) -> str:
    return f"spotify:local:{'%F0%9F%8E%B7' * 15}:{number}"


def playlist(number: int, name: str) -> dict[str, Any]:
    return {
        "id": f"{number:022}", "uri": f"spotify:playlist:{number:022}", "name": f"{number} {name}",
        "owner": {"id": "o" * 900, "display_name": name}, "public": False, "collaborative": True,
        "description": name, "snapshot_id": "s" * 900, "items": {"total": 240},
        "external_urls": {"spotify": "https://open.spotify.com/playlist/" + "x" * 90},
    }  # fmt: skip


def null(uris: list[str], place: int) -> bool:
    """Every sixth place, unless the same item stands in all of them."""
    return place % 6 == 5 and len(set(uris)) > 1


class Wide:
    """A Spotify whose names are as long as can be. A playlist has nulls between its items."""

    def __init__(self, name: str, uris: list[str]) -> None:
        self._name = name
        self._uris = uris

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        path, query = request.url.path.removeprefix("/v1"), request.url.params
        if path == "/me":
            return httpx2.Response(200, json={"id": "o" * 900})
        if request.method in {"DELETE", "POST"}:
            return httpx2.Response(200, json={"snapshot_id": "s" * 150})
        if path not in {"/me/playlists", f"/playlists/{ID}/items"}:
            return httpx2.Response(200, json=playlist(0, self._name) | {"items": {"total": len(self._uris)}})
        begin, limit = int(query["offset"]), int(query["limit"])
        rows: list[Any] = [playlist(n, self._name) for n in range(120)]
        if path != "/me/playlists":
            rows = [None if null(self._uris, n) else self._entry(n) for n in range(len(self._uris))]
        page = {"offset": begin, "limit": limit, "total": len(rows)}
        return httpx2.Response(200, json={**page, "items": rows[begin : begin + limit]})

    def _entry(self, number: int) -> dict[str, Any]:
        artists = [{"name": self._name} for _ in range(30)]
        item = {"type": "track", "uri": self._uris[number], "name": f"{number} {self._name}"}
        page = {"spotify": "https://open.spotify.com/track/" + "x" * 90}
        more = {"artists": artists, "album": {"name": self._name}, "external_urls": page}
        return {"item": {**item, **more, "duration_ms": 10**9}}


async def asking(serve: Serve, wide: Wide, ask: Any) -> Any:
    transport = Transport(httpx2.MockTransport(wide))
    async with serve(upstream=transport) as desk, chat(desk, await desk.ready()) as client:
        return await ask(client)


@pytest.mark.parametrize("name", [WIDE, ODD, "x"], ids=["escaped", "wide", "short"])
async def test_lists_come_in_pages_that_can_be_read(serve: Serve, name: str) -> None:
    async def ask(client: Any) -> None:
        for tool, arguments, count in (
            ("spotify_list_playlists", {}, 120),
            ("spotify_list_playlists", {"owned_only": True}, 120),
            ("spotify_get_playlist", {"playlist": ID}, 60),
        ):
            seen: list[Any] = []
            cursor: dict[str, str] = {}
            for _ in range(60):
                result = await client.call_tool(tool, {**arguments, "limit": 50, **cursor})
                assert size(result) <= MOST
                found = result.structured_content
                assert found["items"], "a page without rows would end the paging"
                seen += [row.get("position", row.get("uri")) for row in found["items"]]
                if "next_cursor" not in found:
                    break
                cursor = {"cursor": found["next_cursor"]}
            assert len(seen) == len(set(seen)) == count
            assert count != 60 or seen == list(range(60))

    await asking(serve, Wide(name, [uri(n) for n in range(60)]), ask)


@pytest.mark.parametrize(
    ("stood", "asked"),
    [
        ([uri(n) for n in range(100)], [uri(n) for n in range(100)]),
        ([uri(n % 100) for n in range(400)], [uri(n) for n in range(100)]),
        ([uri(0)] * 950, [uri(0)]),
        ([local(n) for n in range(100)], [local(n) for n in range(100)]),
        ([local(0)], [local(n) for n in range(100)]),
        (
            [uri(n) if n % 2 else local(n) for n in range(100)],
            [uri(n) if n % 3 else local(n) for n in range(100)],
        ),
    ],
    ids=["each", "all", "run", "local", "absent", "mixed"],
)
async def test_a_removal_is_told_in_a_readable_size(serve: Serve, stood: list[str], asked: list[str]) -> None:
    async def ask(client: Any) -> None:
        result = await client.call_tool("spotify_remove_from_playlist", {"playlist": ID, "items": asked})
        assert size(result) <= MOST
        found = result.structured_content
        shown = len(found["removed"]) + found.get("not_shown", 0)
        there = {each for n, each in enumerate(stood) if not null(stood, n)}
        assert shown == len([each for each in asked if each in there])
        kept = sum(len(step["arguments"]["items"]) for step in found["undo"])
        tracks = [each for n, each in enumerate(stood) if not null(stood, n) and ":track:" in each]
        back = [each for each in tracks if each in asked]
        assert kept == len(back) or "too many" in found["not_undoable"]

    await asking(serve, Wide(WIDE + ODD, stood), ask)


@pytest.mark.parametrize("refusing", [False, True])
async def test_what_was_not_added_is_told_whole(serve: Serve, refusing: bool) -> None:
    uris = [uri(n) for n in range(300)]

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST" and request.url.path.endswith("/items"):
            status = 400 if refusing else 503
            return httpx2.Response(status, json={"error": {"status": status, "message": WIDE}})
        made = playlist(0, ODD)
        return httpx2.Response(201, json=made)

    transport = Transport(httpx2.MockTransport(answer))
    async with serve(upstream=transport) as desk, chat(desk, await desk.ready()) as client:
        result = await client.call_tool("spotify_create_playlist", {"name": "n" * 100, "items": uris})
    assert size(result) <= MOST
    found = result.structured_content
    assert found["added"] == 0
    assert found.get("refused", []) + found["not_tried"] == uris
    assert json.dumps(WIDE)[1:-1] not in result.model_dump_json()
