"""What a page is told stays small and apart: covers are for pages alone, from Spotify's own picture host."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx2
import pytest

from mcp_server.tools.spotify.card import _media
from mcp_server.tools.spotify.cover import LONGEST, cover_of, fitting, pictures
from providers.media import Media
from providers.spotify import Episode, Image, Track
from providers.transport import Transport
from tests.mcp_server.conftest import Serve
from tests.mcp_server.desk import chat, text_of, toolbox

MOST = 30_000
WIDE = '\\"😀' * 200
CANARY = b"canary-7be2"
PICTURE = b"\xff\xd8\xff" + CANARY
SPOTIFYS = [each for each in toolbox().tools if each.name.startswith("spotify_")]
APP_ONLY = {"spotify_player_state", "spotify_player_command"}


def images(*widths: int | None, host: str = "i.scdn.co") -> list[dict[str, Any]]:
    return [{"url": f"https://{host}/image/{width}", "width": width, "height": width} for width in widths]


def track(**more: Any) -> dict[str, Any]:
    return {
        "type": "track", "id": "i" * 22, "uri": "spotify:track:" + "i" * 500, "name": WIDE,
        "duration_ms": 200_000,
        "external_urls": {"spotify": "https://open.spotify.com/track/" + "i" * 90},
        "artists": [{"type": "artist", "name": WIDE}] * 9,
        "album": {"type": "album", "name": WIDE, "images": images(640, 300, 64)}, **more,
    }  # fmt: skip


class Upstream:
    """Spotify with one item, wide names and pictures as large as they may be. `asked` has every address."""

    def __init__(self, item: dict[str, Any] | None = None, picture: bytes = PICTURE) -> None:
        self.item = item or track()
        self.picture = picture
        self.asked: list[str] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(str(request.url))
        if request.url.host == "i.scdn.co":
            assert "authorization" not in request.headers
            return httpx2.Response(200, headers={"content-type": "image/jpeg"}, content=self.picture)
        assert request.url.host == "api.spotify.com", request.url
        if request.url.path.endswith("/queue"):
            return httpx2.Response(200, json={"currently_playing": self.item, "queue": [self.item] * 20})
        device = {"id": WIDE, "name": WIDE, "type": WIDE, "is_active": True, "volume_percent": 50}
        body = {
            "device": device, "is_playing": True, "item": self.item, "progress_ms": 1, "shuffle_state": True,
            "repeat_state": WIDE, "context": {"uri": "spotify:playlist:" + WIDE},
            "actions": {"disallows": {WIDE: True, **dict.fromkeys(map(chr, range(97, 123)), True)}},
        }  # fmt: skip
        page = {"items": [self.item], "total": 1, "limit": 1, "offset": 0}
        path = request.url.path
        return httpx2.Response(
            200, json={**body, "tracks": page} if path.endswith(("/player", "/search")) else {}
        )


async def looked(
    serve: Serve, upstream: Upstream, name: str = "spotify_player_state", **arguments: Any
) -> Any:
    road = Transport(httpx2.MockTransport(upstream))
    async with serve(upstream=road) as desk, chat(desk, await desk.ready(), ui=True) as client:
        return await client.call_tool(name, arguments)


async def test_an_answer_is_no_larger_than_a_host_takes(serve: Serve) -> None:
    upstream = Upstream(picture=b"\xff\xd8\xff" + b"j" * 14_970)
    result = await looked(serve, upstream)
    assert not result.is_error, text_of(result)
    seen = result.structured_content
    assert LONGEST - 100 < len(seen["cover"]["data_uri"]) <= LONGEST
    assert len(seen["queue"]) == 10
    assert seen["disallows"] == [chr(letter) for letter in range(97, 117)]
    assert len(result.model_dump_json(by_alias=True, exclude_none=True).encode()) <= MOST


async def test_one_byte_more_is_no_cover(serve: Serve) -> None:
    for size, there in ((14_982, True), (14_983, False)):
        result = await looked(serve, Upstream(picture=PICTURE.ljust(size, b"j")))
        assert ("cover" in result.structured_content) is there


async def test_pictures_of_other_hosts_are_never_asked_for(serve: Serve) -> None:
    upstream = Upstream()
    road = Transport(httpx2.MockTransport(upstream))
    async with serve(upstream=road) as desk, chat(desk, await desk.ready(), ui=True) as client:
        for host in ("i.scdn.co.evil.example", "i.scdn.co@evil.example", "u:p@i.scdn.co", "127.0.0.1"):
            upstream.item = track(album={"type": "album", "name": "x", "images": images(300, 64, host=host)})
            result = await client.call_tool("spotify_player_state", {})
            assert not result.is_error
            assert "cover" not in result.structured_content
    assert all(url.startswith("https://api.spotify.com/") for url in upstream.asked)


async def test_pictures_that_do_not_come_are_waited_for_together_and_not_for_long() -> None:
    asked: list[str] = []

    async def never(request: httpx2.Request) -> httpx2.Response:
        asked.append(str(request.url))
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    media = Media(Transport(httpx2.MockTransport(never)), deadline=600)
    async with asyncio.timeout(60):
        assert await cover_of(Track.model_validate(track()), media, None, patience=0.1) is None
    assert asked == ["https://i.scdn.co/image/300"]


def test_which_pictures_are_tried() -> None:
    def tried(*widths: int | None) -> list[int | None]:
        return [each.width for each in fitting([Image(**row) for row in images(*widths)])]

    assert tried(640, 300, 64) == tried(64, 300, 640) == [300, 64]
    assert tried(640, 320, 160) == [320, 160]
    assert tried(1000, 640, 200, 100, 64) == [200, 64]
    assert tried(640) == [640], "better than none, where it is small"
    assert tried(None) == [None]
    assert tried(640, None) == [None]
    assert tried() == []


def test_whose_pictures_are_shown() -> None:
    own, others = images(300), images(64)
    show = {"images": others}
    assert pictures(None) == ()
    assert [each.width for each in pictures(Track.model_validate({"album": {"images": others}}))] == [64]
    assert [each.width for each in pictures(Episode.model_validate({"images": own, "show": show}))] == [300]
    assert [each.width for each in pictures(Episode.model_validate({"images": [], "show": show}))] == [64]
    assert pictures(Track.model_validate({"id": None, "album": {"images": []}})) == (), "a local file"
    assert pictures(Episode.model_validate({})) == ()


# Never where a model reads


@pytest.mark.parametrize("tool", SPOTIFYS, ids=lambda tool: tool.name)
def test_only_tools_for_pages_can_have_a_picture(tool: Any) -> None:
    resolvers = {getattr(found[0], "fn", found[0]) for found in map(_resolver, tool.resolved_params.values())}
    meta = tool.meta or {}
    assert (_media in resolvers) is (meta.get("ui", {}).get("visibility") == ["app"])
    assert (tool.name in APP_ONLY) is (_media in resolvers)
    assert ("data_uri" in json.dumps(tool.output_schema)) is (tool.name in APP_ONLY)


def _resolver(found: Any) -> tuple[Any, ...]:
    return found if isinstance(found, tuple) else (found,)


async def test_a_cover_is_in_no_text_and_only_in_its_field(serve: Serve) -> None:
    for name, arguments in (("spotify_player_state", {}), ("spotify_player_command", {"action": "play"})):
        result = await looked(serve, Upstream(), name, **arguments)
        assert not result.is_error, text_of(result)
        cover = result.structured_content.pop("cover")
        assert cover["data_uri"].startswith("data:image/jpeg;base64,")
        rest = result.model_dump_json(by_alias=True)
        assert "data:image" not in rest
        assert "😀" not in text_of(result)
