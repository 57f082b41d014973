"""The pages of MCP Apps on the wire: listed, read, bound to tools, and what is for them alone."""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from typing import Annotated, Any

import pytest
from mcp.client import Client
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult
from pydantic import BaseModel

from mcp_server.answers import answer
from mcp_server.call import Host
from mcp_server.inject import AccountLabel
from mcp_server.pages import CONNECT, PLAYER
from mcp_server.toolbox import tool
from mcp_server.tools import MODULES
from mcp_server.tools.spotify.client import SpotifyClient
from tests.mcp_server.conftest import Serve
from tests.mcp_server.desk import MODERN, Browser, Desk, Resident, chat, code_of, text_of
from tests.mcp_server.test_sessionid import initialize

ERAS = pytest.mark.parametrize("mode", [MODERN, "legacy"])
PAGES = pytest.mark.parametrize("uri", [PLAYER, CONNECT])
RENDERS = {"extensions": {EXTENSION_ID: {"mimeTypes": [APP_MIME_TYPE]}}}
MOST = 100_000


class Looked(BaseModel):
    """What a page is told."""

    said: str


@tool(
    service="spotify",
    title="Look",
    read_only=True,
    destructive=False,
    idempotent=True,
    visibility=("app",),
)
async def page_look(
    spotify: SpotifyClient, account: AccountLabel = None
) -> Annotated[CallToolResult, Looked]:
    """Look."""
    await spotify.playback()
    return answer(Looked(said="seen"), "seen")


HERE = (*MODULES, sys.modules[__name__])


# Reading


@ERAS
async def test_the_pages_are_listed_for_everybody(serve: Serve, mode: str) -> None:
    async with serve() as desk, chat(desk, await desk.resident(()), mode) as client:
        listed = await client.list_resources()
        templates = await client.list_resource_templates()
    assert [each.uri for each in listed.resources] == [PLAYER, CONNECT]
    for each in listed.resources:
        assert each.mime_type == APP_MIME_TYPE
        assert each.title
        assert each.description
    assert templates.resource_templates == []
    if mode == MODERN:
        assert (listed.cache_scope, listed.ttl_ms) == ("public", 600_000)


@ERAS
async def test_a_page_is_read(serve: Serve, mode: str) -> None:
    async with serve() as desk, chat(desk, await desk.resident(()), mode) as client:
        for uri in (PLAYER, CONNECT):
            read = await client.read_resource(uri)
            [page] = read.contents
            assert (page.uri, page.mime_type) == (uri, APP_MIME_TYPE)
            assert page.meta == {"ui": {"prefersBorder": False}}, "no domain is asked for, and no permission"
            assert page.text.lower().startswith("<!doctype html>")  # type: ignore[union-attr]
            if mode == MODERN:
                assert (read.cache_scope, read.ttl_ms) == ("public", 600_000)


@ERAS
async def test_what_there_is_not_is_named_in_the_error_and_not_in_the_log(
    serve: Serve, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with serve() as desk, chat(desk, await desk.resident(), mode) as client:
        for uri in ("ui://valet/nothing.html", "ui://valet/../server.py", "file:///etc/passwd"):
            with pytest.raises(MCPError) as caught:
                await client.read_resource(uri)
            assert caught.value.code == -32602
            assert caught.value.error.data == {"uri": uri}
            assert "resources/list" in caught.value.error.message
            assert uri not in caplog.text


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_extension_is_declared(serve: Serve, mode: str) -> None:
    """`auto` asks server/discover, `legacy` initialize."""
    async with serve() as desk, chat(desk, await desk.resident(), mode) as client:
        assert client.protocol_version == (MODERN if mode == "auto" else "2025-11-25")
        declared = client.server_capabilities
        assert declared is not None
        assert declared.extensions == {EXTENSION_ID: {}}
        assert declared.resources is not None
        assert not declared.resources.subscribe
        assert not declared.resources.list_changed


async def test_a_stranger_reads_no_page(serve: Serve) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": PLAYER}}
    async with serve() as desk:
        assert (await desk.post(body)).status_code == 401


# What a page is made of


class Outside(HTMLParser):
    """Everything in a page that would make a browser fetch something."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in {"link", "iframe", "object", "embed", "base", "form", "img", "audio", "video", "source"}:
            loaded = given.get("src") or given.get("href") or given.get("data") or ""
            if tag != "img" or not (loaded == "" or loaded.startswith("data:")):
                self.found.append(tag)
        if tag == "script" and "src" in given:
            self.found.append("script src")
        self.found += [f"{tag} {name}" for name in given if name.startswith("on")]


@PAGES
async def test_a_page_is_small_and_asks_nothing_of_the_network(serve: Serve, uri: str) -> None:
    async with serve() as desk, chat(desk, await desk.resident(())) as client:
        [page] = (await client.read_resource(uri)).contents
    html = page.text  # type: ignore[union-attr]
    assert len(html.encode()) < MOST
    outside = Outside()
    outside.feed(html)
    assert outside.found == []
    for reach in ("@import", "fetch(", "XMLHttpRequest", "WebSocket", "EventSource", "sendBeacon", "import("):
        assert reach not in html, reach
    assert re.findall(r"url\((?!['\"]?(?:data:|#))", html) == []
    addresses = set(re.findall(r"(?:https?:)?//[a-z0-9-]+\.[a-z0-9.-]+", html))
    assert addresses <= {"http://www.w3.org", "https://open.spotify.com"}, "a namespace, and a link"


# Which tools have one


@ERAS
@pytest.mark.parametrize("ui", [True, False], ids=["renders", "text"])
async def test_tools_name_the_page_that_renders_them(serve: Serve, mode: str, ui: bool) -> None:
    async with serve() as desk, chat(desk, await desk.resident(), mode, ui=ui) as client:
        pages = {each.uri for each in (await client.list_resources()).resources}
        meta = {each.name: each.meta for each in (await client.list_tools()).tools if each.meta}
    assert meta["spotify_get_playback"] == {"ui": {"resourceUri": PLAYER}, "ui/resourceUri": PLAYER}
    assert meta["connections_connect"] == {"ui": {"resourceUri": CONNECT}, "ui/resourceUri": CONNECT}
    for each in meta.values():
        assert each["ui"].get("resourceUri", PLAYER) in pages


# What is for pages alone


async def names(client: Client) -> list[str]:
    return [each.name for each in (await client.list_tools()).tools]


@ERAS
async def test_a_tool_for_pages_is_listed_where_pages_are_rendered(serve: Serve, mode: str) -> None:
    async with serve(modules=HERE) as desk:
        who, other = await desk.ready(), await desk.resident(("calendar:read",))
        async with chat(desk, who, mode) as text, chat(desk, who, mode, ui=True) as card:
            assert "page_look" not in await names(text)
            listed = {each.name: each for each in (await card.list_tools()).tools}
            assert listed["page_look"].meta == {"ui": {"visibility": ["app"]}}
            assert set(listed) > set(await names(text))
            # The scope decides who may call it, as for every tool.
            for client in (text, card):
                assert not (await client.call_tool("page_look", {})).is_error
        async with chat(desk, other, mode, ui=True) as card:
            assert "page_look" not in await names(card)
            with pytest.raises(MCPError, match="spotify:read"):
                await card.call_tool("page_look", {})


async def test_who_renders_pages_says_so_by_their_media_type(serve: Serve) -> None:
    declared: list[tuple[dict[str, Any], bool]] = [
        ({"mimeTypes": [APP_MIME_TYPE]}, True),
        ({"mimeTypes": ["text/html", 'Text/HTML; Profile="mcp-app"'], "features": []}, True),
        ({"mimeTypes": ["text/html"]}, False),
        ({"mimeTypes": [7, None]}, False),
        ({"mimeTypes": APP_MIME_TYPE}, False),
        ({"mimeTypes": None}, False),
        ({}, False),
    ]
    async with serve(modules=HERE) as desk:
        who = await desk.resident()
        for settings, renders in declared:
            capabilities = {"extensions": {EXTENSION_ID: settings}}
            session = (await initialize(desk, who, capabilities)).headers["mcp-session-id"]
            earlier = await listing(desk, who, {}, {"mcp-session-id": session})
            meta = {
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientCapabilities": capabilities,
            }
            headers = {"mcp-protocol-version": MODERN, "mcp-method": "tools/list"}
            modern = await listing(desk, who, {"_meta": meta}, headers)
            assert ("page_look" in earlier, "page_look" in modern) == (renders, renders), settings
    assert Host.of(None) == Host()


async def listing(desk: Desk, who: Resident, params: dict[str, Any], headers: dict[str, str]) -> list[str]:
    body = {"jsonrpc": "2.0", "id": 3, "method": "tools/list", "params": params}
    response = await desk.post(body, token=who.token, headers=headers)
    assert response.status_code == 200, response.text
    return [each["name"] for each in response.json()["result"]["tools"]]


async def test_the_session_id_carries_it_to_any_worker(serve: Serve) -> None:
    async with serve(modules=HERE) as one, serve(modules=HERE) as other:
        who, stranger = await one.resident(), await one.resident()
        session = {"mcp-session-id": (await initialize(one, who, RENDERS)).headers["mcp-session-id"]}
        assert "page_look" in await listing(other, who, {}, session)
        assert "page_look" not in await listing(other, stranger, {}, session)


# A page and the way to connect


@ERAS
@pytest.mark.parametrize("opens", [True, False], ids=["elicits", "plain"])
async def test_a_page_that_looks_opens_no_window(serve: Serve, mode: str, opens: bool) -> None:
    browser = Browser() if opens else None
    async with serve(modules=HERE) as desk:
        who = await desk.resident()
        async with chat(desk, who, mode, browser, ui=True) as client:
            results = [await client.call_tool("page_look", {}) for _ in range(2)]
        flow = await desk.flows.find_connect(results[0].meta["valet/connect"]["url"].partition("?h=")[2])
    for result in results:
        assert result.is_error
        assert code_of(result) == "not_connected"
        assert result.meta["valet/connect"] == {**results[0].meta["valet/connect"], "title": "Spotify"}
        assert result.meta["valet/connect"]["url"] in text_of(result)
    assert browser is None or browser.urls == []
    assert flow is not None
    assert flow.ours == {"spotify:read"}
    assert desk.pauses == []


@ERAS
async def test_a_host_that_renders_pages_gets_the_link_for_them_too(serve: Serve, mode: str) -> None:
    async with serve() as desk, chat(desk, await desk.resident(), mode, ui=True) as client:
        played = await client.call_tool("spotify_get_playback", {})
        asked = await client.call_tool("connections_connect", {"service": "spotify", "access": "write"})
    assert code_of(played) == "not_connected"
    for result in (played, asked):
        link = result.meta["valet/connect"]
        assert (link["provider"], link["title"]) == ("spotify", "Spotify")
        assert link["url"] in text_of(result)
    assert asked.structured_content["url"] == asked.meta["valet/connect"]["url"]


@ERAS
async def test_a_host_that_renders_pages_and_opens_links_opens_the_link(serve: Serve, mode: str) -> None:
    browser = Browser("decline")
    async with serve() as desk, chat(desk, await desk.resident(), mode, browser, ui=True) as client:
        if mode == MODERN:
            await client.call_tool("spotify_get_playback", {})
            assert len(browser.urls) == 1
        else:
            with pytest.raises(MCPError) as caught:
                await client.call_tool("spotify_get_playback", {})
            assert caught.value.code == -32042
