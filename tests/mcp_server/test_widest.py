"""No answer of a Spotify tool is larger than a model can read, however much Spotify says.

What the emulator answers is blown up on the way: every text that a stranger can write becomes a long one that
costs much in JSON, and every list is filled up to what the request allows.
"""

from __future__ import annotations

import copy
from typing import Any

from mcp.client import Client

from mcp_server.toolbox import Entry
from tests.mcp_server.desk import text_of, toolbox
from tests.mcp_server.hall import Hall

MOST = 30_000
WIDE = '\\"ж' * 200
WRITTEN = frozenset({"name", "description", "html_description", "display_name", "publisher", "edition"})
FULL = {"items": 50, "queue": 20, "artists": 6, "authors": 6, "narrators": 6}


def blown(value: Any, within: bool = False) -> Any:
    """The same answer with everything as long as it may be; the tracks within an album stay as many."""
    if isinstance(value, list):
        return [blown(each, within) for each in value]
    if not isinstance(value, dict):
        return value
    told = {}
    for name, inner in value.items():
        if name in WRITTEN and isinstance(inner, str):
            told[name] = WIDE
        elif name in FULL and isinstance(inner, list) and inner and not (within and name == "items"):
            rows = [blown(each, True) for each in inner]
            most = value.get("limit") or FULL[name]
            told[name] = [copy.deepcopy(rows[place % len(rows)]) for place in range(most)]
        else:
            told[name] = blown(inner, within)
    return told


def told_to_models() -> list[Entry]:
    box = toolbox()
    entries = [box.find(tool.name) for tool in box.tools if tool.name.startswith("spotify_")]
    return [entry for entry in entries if entry is not None and not entry.spec.app_only]


def size(result: Any) -> int:
    return len(result.model_dump_json(by_alias=True, exclude_none=True).encode())


async def rows(client: Client, tool: str, **arguments: Any) -> list[str]:
    """The URIs of an answer's items."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, text_of(result)
    assert result.structured_content is not None
    return [row["uri"] for row in result.structured_content["items"]]


async def largest(client: Client) -> list[tuple[str, dict[str, Any]]]:
    """The largest questions to each tool, in an order in which they can be asked."""
    kinds = ["track", "album", "artist", "playlist", "show", "episode", "audiobook"]
    [album, *_], [artist, *_], [show, *_] = [
        await rows(client, "spotify_search", query=words, types=[kind])
        for words, kind in (("rumours", "album"), ("queen", "artist"), ("kettle", "show"))
    ]
    saved = await rows(client, "spotify_list_library", kind="tracks", limit=50)
    [playlist, *_] = await rows(client, "spotify_list_playlists", owned_only=True)
    many = {"items": saved[:40]}
    mine = {"playlist": playlist}
    return [
        ("spotify_search", {"query": "a", "types": kinds, "limit": 10}),
        ("spotify_search", {"query": "a", "limit": 10}),
        *(("spotify_get_item", {"item": item}) for item in (album, artist, show, playlist, saved[0])),
        *(("spotify_list_children", {"item": item, "limit": 50}) for item in (album, show)),
        ("spotify_list_children", {"item": artist, "limit": 10}),
        ("spotify_get_profile", {}),
        *(("spotify_get_top_items", {"kind": kind, "limit": 50}) for kind in ("tracks", "artists")),
        ("spotify_get_recently_played", {"limit": 50}),
        *(("spotify_list_library", {"kind": kind}) for kind in ("albums", "audiobooks")),
        *(
            ("spotify_list_library", {"kind": kind, "limit": 50})
            for kind in ("tracks", "shows", "episodes", "artists")
        ),
        ("spotify_list_playlists", {"limit": 50}),
        ("spotify_get_playlist", {**mine, "limit": 50}),
        ("spotify_get_playback", {"include_queue": True}),
        ("spotify_get_queue", {"limit": 20}),
        ("spotify_list_devices", {}),
        ("spotify_play", {"query": "dreams"}),
        ("spotify_play", {"items": saved}),
        ("spotify_control_playback", {"action": "next"}),
        ("spotify_set_playback_options", {"volume": 3, "shuffle": True, "repeat": "track"}),
        ("spotify_transfer_playback", {"device": "KITCHEN"}),
        ("spotify_add_to_queue", {"query": "dreams"}),
        ("spotify_check_library", many),
        ("spotify_remove_from_library", many),
        ("spotify_save_to_library", many),
        ("spotify_create_playlist", {"name": "n" * 100, "description": "d" * 300, "items": saved * 4}),
        ("spotify_update_playlist", {**mine, "name": "n" * 100, "description": "d" * 300}),
        ("spotify_add_to_playlist", {**mine, "items": (saved * 3)[:100]}),
        (
            "spotify_reorder_playlist",
            {**mine, "range_start": 0, "insert_before": 2, "snapshot_id": "SNAPSHOT"},
        ),
        ("spotify_remove_from_playlist", {**mine, "items": saved}),
    ]


async def test_no_answer_is_larger_than_a_model_can_read(hall: Hall) -> None:
    async with hall.chat("ana") as client:
        questions = await largest(client)
        devices = await client.call_tool("spotify_list_devices", {})
        assert devices.structured_content is not None
        speaker = next(each["id"] for each in devices.structured_content["devices"] if not each["active"])
        hall.judge.bend = blown
        hall.judge.trusting = True
        sizes = {}
        for tool, arguments in questions:
            if "device" in arguments:
                arguments = {**arguments, "device": speaker}
            if "snapshot_id" in arguments:
                head = await client.call_tool("spotify_get_playlist", {"playlist": arguments["playlist"]})
                assert head.structured_content is not None
                arguments = {**arguments, "snapshot_id": head.structured_content["playlist"]["snapshot_id"]}
            result = await client.call_tool(tool, arguments)
            assert not result.is_error, (tool, text_of(result)[:300])
            sizes[tool] = max(size(result), sizes.get(tool, 0))
            assert size(result) <= MOST, (tool, size(result))
    assert sizes.keys() == {entry.tool.name for entry in told_to_models()}
