"""What a model gets to see: only what is held, small, and in one shape."""

from __future__ import annotations

import json
import logging
from types import ModuleType
from typing import Any, get_type_hints

import pytest
from mcp.client import Client

from mcp_server.inject import Confirm
from mcp_server.schema import flat, lean
from mcp_server.toolbox import holds, specs
from mcp_server.tools import MODULES
from providers.registry import PROVIDERS
from tests.mcp_server.conftest import Serve
from tests.mcp_server.desk import MODERN, chat, toolbox

ALWAYS = ["connections_list", "connections_connect", "connections_disconnect"]
FINDING = [
    "spotify_search",
    "spotify_get_item",
    "spotify_list_children",
    "spotify_get_profile",
    "spotify_get_top_items",
    "spotify_get_recently_played",
    "spotify_list_library",
    "spotify_check_library",
]
KEEPING = ["spotify_save_to_library", "spotify_remove_from_library"]
PLAYER = ["spotify_get_playback", "spotify_list_devices", "spotify_get_queue"]
PLAYLISTS = ["spotify_list_playlists", "spotify_get_playlist"]
READ = [*FINDING, *PLAYLISTS, *PLAYER]
WRITE = [
    *FINDING,
    *KEEPING,
    *PLAYLISTS,
    "spotify_create_playlist",
    "spotify_update_playlist",
    "spotify_add_to_playlist",
    "spotify_reorder_playlist",
    "spotify_remove_from_playlist",
    *PLAYER,
    "spotify_play",
    "spotify_control_playback",
    "spotify_set_playback_options",
    "spotify_transfer_playback",
    "spotify_add_to_queue",
]


async def names(client: Client) -> list[str]:
    return [tool.name for tool in (await client.list_tools()).tools]


@pytest.mark.parametrize("mode", [MODERN, "legacy"])
@pytest.mark.parametrize(
    ("scopes", "more"),
    [
        ((), []),
        (("spotify:read",), READ),
        (("spotify:write",), WRITE),
        (("spotify:read", "spotify:write"), WRITE),
        (("no_service:write", "spotify:admin", "spotify", "spotify:"), []),
    ],
)
async def test_listed_if_and_only_if_held(
    serve: Serve, mode: str, scopes: tuple[str, ...], more: list[str]
) -> None:
    async with serve() as desk:
        who = await desk.resident(scopes)
        async with chat(desk, who, mode) as client:
            assert await names(client) == ALWAYS + more


async def test_two_people_get_two_lists(serve: Serve) -> None:
    async with serve() as desk:
        reader, writer = await desk.resident(("spotify:read",)), await desk.resident()
        async with chat(desk, reader) as one, chat(desk, writer) as other:
            assert await names(one) == ALWAYS + READ
            assert await names(other) == ALWAYS + WRITE
            assert await names(one) == ALWAYS + READ


async def test_a_provider_without_an_app_is_listed_all_the_same(serve: Serve) -> None:
    async with serve(apps=False) as desk:
        who = await desk.resident()
        async with chat(desk, who) as client:
            assert await names(client) == ALWAYS + WRITE


async def test_the_list_is_private_and_not_kept(serve: Serve) -> None:
    async with serve() as desk:
        who = await desk.resident()
        async with chat(desk, who) as client:
            listed = await client.list_tools()
    assert listed.cache_scope == "private"
    assert listed.ttl_ms == 0


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_a_tool_that_can_ask_is_marked_so_and_only_such_a_tool(module: ModuleType) -> None:
    for name, spec in specs([module]).items():
        taken = get_type_hints(getattr(module, name), include_extras=True).values()
        assert (Confirm in taken) == spec.asks, name
        assert not (spec.asks and spec.read_only), name


def wire() -> list[dict[str, Any]]:
    return [
        {
            "name": tool.name,
            "title": tool.title,
            "description": tool.description,
            "inputSchema": tool.parameters,
            "outputSchema": tool.output_schema,
            "annotations": tool.annotations.model_dump(by_alias=True) if tool.annotations else None,
            "meta": tool.meta or {},
        }
        for tool in toolbox().tools
    ]


def size(tools: list[dict[str, Any]], *keys: str) -> int:
    """Bytes as they are on the wire."""
    kept = [{key: tool[key] for key in keys} for tool in tools]
    return sum(len(json.dumps(each, ensure_ascii=False, separators=(",", ":")).encode()) for each in kept)


def test_the_budget_of_what_a_model_reads() -> None:
    read = ("name", "title", "description", "inputSchema")
    seen = [tool for tool in wire() if tool["meta"].get("ui", {}).get("visibility") != ["app"]]
    spotify = [tool for tool in seen if tool["name"].startswith("spotify_")]
    assert len(seen) < len(wire()), "tools for pages are not read by a model"
    assert size(spotify, *read) <= 16_000
    assert size(seen, *read) <= 48_000
    assert size(wire(), *read, "outputSchema", "annotations") <= 130_000


def _schemas(node: Any) -> list[dict[str, Any]]:
    """Every schema inside a schema, itself first; property names are not schemas."""
    found = [node]
    for key in ("properties", "$defs"):
        for value in node.get(key, {}).values():
            found += _schemas(value)
    for key in ("anyOf", "oneOf", "allOf"):
        for value in node.get(key, []):
            found += _schemas(value)
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            found += _schemas(node[key])
    return found


@pytest.mark.parametrize("tool", wire(), ids=lambda tool: tool["name"])
def test_the_shape_of_every_tool(tool: dict[str, Any]) -> None:
    assert tool["inputSchema"]["type"] == "object"
    assert tool["inputSchema"]["additionalProperties"] is False
    assert tool["outputSchema"]["type"] == "object"
    for schema in _schemas(tool["inputSchema"]) + _schemas(tool["outputSchema"]):
        assert "title" not in schema
        assert {"type": "null"} not in schema.get("anyOf", [])
    for name, field in tool["inputSchema"].get("properties", {}).items():
        assert field.get("description") or name in {"limit", "name", "account"}, (
            "every argument says what it is"
        )
    # What Spotify calls a context (an album, a playlist) is an argument; the SDK's own is none.
    own = {"context"} if tool["name"] == "spotify_play" else set()
    for injected in {"spotify", "calendar", "jotter", "pause", "me", "context"} - own:
        assert injected not in tool["inputSchema"].get("properties", {})
    hints = ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint")
    assert all(isinstance(tool["annotations"][hint], bool) for hint in hints)
    assert not (tool["annotations"]["readOnlyHint"] and tool["annotations"]["destructiveHint"])
    assert tool["title"]
    assert len(tool["description"]) > 60
    assert len(tool["name"]) <= 64


LIMITS = {
    "string": {"maxLength", "enum", "const", "format", "pattern"},
    "integer": {"maximum"},
    "array": {"maxItems"},
}


@pytest.mark.parametrize("tool", wire(), ids=lambda tool: tool["name"])
def test_every_argument_has_a_limit_in_the_schema(tool: dict[str, Any]) -> None:
    for schema in _schemas(tool["inputSchema"]):
        limits = LIMITS.get(schema.get("type", ""))
        assert limits is None or limits & schema.keys(), schema


ADDING = {"save_to_library": True, "create_playlist": False, "add_to_playlist": False, "add_to_queue": False}
CHANGING = {
    "remove_from_library": True, "update_playlist": True, "reorder_playlist": False,
    "remove_from_playlist": True,
    "play": True, "control_playback": False, "set_playback_options": True, "transfer_playback": True,
}  # fmt: skip
"""What adds only, and what replaces or takes away; and whether a second call changes nothing more."""


def test_what_a_spotify_tool_may_do_is_what_its_hints_say() -> None:
    hints = {
        tool["name"].removeprefix("spotify_"): tool["annotations"]
        for tool in wire()
        if tool["name"] in {*READ, *WRITE}
    }
    assert {name for name, hint in hints.items() if not hint["readOnlyHint"]} == {*ADDING, *CHANGING}
    for name, idempotent in {**ADDING, **CHANGING}.items():
        assert hints[name]["idempotentHint"] is idempotent, name
        assert hints[name]["destructiveHint"] is (name in CHANGING), name
    assert all(hint["openWorldHint"] for hint in hints.values())


def test_needs_are_within_what_the_service_asks_for() -> None:
    """What connecting asks for, or what is asked for later; and of the provider's least, what was asked."""
    services = {service.name: (each, service) for each in PROVIDERS for service in each.services}
    box = toolbox()
    for tool in box.tools:
        entry = box.find(tool.name)
        assert entry is not None
        if entry.spec.service is not None:
            provider, service = services[entry.spec.service]
            later = frozenset().union(*(more.scopes for more in service.later))
            asked = provider.widened(service.upstream(entry.spec.access) | later)
            assert entry.spec.needs <= asked, tool.name


def test_write_includes_read_and_nothing_else_includes_anything() -> None:
    assert holds(frozenset({"spotify:write"}), "spotify", "read")
    assert holds(frozenset({"spotify:read"}), "spotify", "read")
    assert not holds(frozenset({"spotify:read"}), "spotify", "write")
    assert not holds(frozenset({"gmail:write"}), "spotify", "read")


def test_lean_keeps_properties_that_are_called_title() -> None:
    given = {
        "title": "Model",
        "type": "object",
        "properties": {
            "title": {"title": "Title", "type": "string"},
            "maybe": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}], "default": None},
        },
    }
    assert lean(given) == {
        "type": "object",
        "properties": {"title": {"type": "string"}, "maybe": {"type": "integer", "minimum": 1}},
    }


def test_what_is_used_once_stands_where_it_is_used() -> None:
    leaf = {"type": "object", "properties": {"n": {"type": "integer"}}}
    given = {
        "$defs": {
            "Leaf": leaf,
            "Once": {
                "type": "object",
                "description": "Its own.",
                "properties": {"leaf": {"$ref": "#/$defs/Leaf"}},
            },
            "Tree": {"type": "array", "items": {"$ref": "#/$defs/Tree"}},
        },
        "type": "object",
        "properties": {
            "once": {"$ref": "#/$defs/Once", "description": "The argument's."},
            "leaf": {"$ref": "#/$defs/Leaf"},
            "tree": {"$ref": "#/$defs/Tree"},
        },
    }
    found = flat(given)
    assert found["$defs"] == {"Leaf": leaf, "Tree": given["$defs"]["Tree"]}
    assert found["properties"] == {
        **given["properties"],
        "once": {**given["$defs"]["Once"], "description": "The argument's."},
    }
    assert flat({"$defs": {"Leaf": leaf}, "items": {"$ref": "#/$defs/Leaf"}}) == {"items": leaf}


async def test_building_the_server_leaves_the_root_logger_alone(serve: Serve) -> None:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    root.handlers.clear()
    try:
        async with serve():
            assert root.handlers == []
            assert root.level == level
    finally:
        root.handlers[:] = before
