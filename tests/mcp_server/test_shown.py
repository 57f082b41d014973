"""The cards in a chat program with a browser, the whole way: page, host, /mcp, the emulator, and back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from playwright.async_api import Browser, expect

from mcp_server.pages import CONNECT, PLAYER
from tests.apps.host import COMMAND, Chat, Json, origins, window
from tests.mcp_server.desk import ALL_UPSTREAM, Resident
from tests.mcp_server.hall import Hall
from tests.support.chromium import launched

TIMEOUT = 60_000  # milliseconds; a loaded machine may take its time


@pytest.fixture(scope="module")
async def chromium() -> AsyncIterator[Browser]:
    async with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
async def chat(chromium: Browser) -> AsyncIterator[Chat]:
    async with origins() as served, window(chromium, served) as chat:
        yield chat


class Program:
    """A chat program: its client at /mcp, and the window that it renders pages in."""

    def __init__(self, client: Client, chat: Chat) -> None:
        self.client, self.chat = client, chat

    async def call(self, tool: str, arguments: Json, page: str) -> Json:
        """What happens when a model calls a tool: its answer, and beside it the tool's page."""
        [found] = [each for each in (await self.client.list_tools()).tools if each.name == tool]
        assert found.meta is not None
        assert found.meta["ui"]["resourceUri"] == page
        [content] = (await self.client.read_resource(page)).contents
        answer = await serve(self.client, tool, arguments)
        html: str = content.text  # type: ignore[union-attr]
        await self.chat.show(page, answer["result"], arguments=arguments, html=html)
        return answer


async def serve(client: Client, tool: str, arguments: Json) -> Json:
    """A call as the host passes it on and hands back its answer."""
    try:
        result = await client.call_tool(tool, arguments)
    except MCPError as error:
        return {"error": {"code": error.error.code, "message": error.error.message}}
    return {"result": result.model_dump(mode="json", by_alias=True, exclude_none=True)}


Open = Callable[..., Any]


@pytest.fixture
def program(hall: Hall, chat: Chat) -> Open:
    """`async with program("ana") as program`: that person's chat program, as `hall.chat` takes them."""

    @asynccontextmanager
    async def opened(*who: Any, **how: Any) -> AsyncIterator[Program]:
        hall.emulator.settings(lag_ms=0)
        async with hall.chat(*who, ui=True, **how) as client:

            async def call(tool: str, arguments: Json) -> Json:
                return await serve(client, tool, arguments)

            chat.begin(call)
            yield Program(client, chat)
            await chat.end(None)

    return opened


async def is_so(hall: Hall, **values: Any) -> None:
    """Wait until the emulated player of Ana is so."""
    async with asyncio.timeout(60):
        while True:
            player = await asyncio.to_thread(hall.emulator.player)
            if all(player[name] == value for name, value in values.items()):
                return


async def connected(hall: Hall, who: Resident) -> None:
    """What the connect page does in the end: Ana's account is theirs."""
    token = await asyncio.to_thread(hall.emulator.access_token, *sorted(ALL_UPSTREAM), account="ana")
    await hall.desk.connect(who, scopes=ALL_UPSTREAM, label="ana", token=token)


async def test_the_player_shows_what_plays_and_its_buttons_reach_it(hall: Hall, program: Open) -> None:
    async with program("ana") as ours:
        answer = await ours.call("spotify_get_playback", {}, PLAYER)
        assert "data:image" not in str(answer), "the cover is for the page alone"
        chat: Chat = ours.chat
        await expect(chat.at("#title")).to_have_text("Dreams", timeout=TIMEOUT)
        await expect(chat.at("#where")).to_have_text("Playing on Ana's MacBook Pro")
        cover = chat.at("#cover")
        await expect(cover).to_be_visible(timeout=TIMEOUT)
        await chat.until("$('cover').complete && $('cover').naturalWidth >= 64")
        assert (await cover.get_attribute("src") or "").startswith("data:image/")

        await chat.button("Pause").click()
        await is_so(hall, is_playing=False)
        await expect(chat.at("#say")).to_have_text("Paused", timeout=TIMEOUT)
        await chat.at("#seek").focus()
        await chat.page.keyboard.press("Home")
        await is_so(hall, progress_ms=0)
        await chat.button("Play").click()
        await is_so(hall, is_playing=True)
        await chat.button("Shuffle").click()
        await is_so(hall, shuffle=True)
        await chat.button("Shuffle").click()
        await is_so(hall, shuffle=False)
        await chat.button("Repeat: all").click()
        await is_so(hall, repeat="track")
        await chat.at("#volume").focus()
        await chat.page.keyboard.press("ArrowUp")
        await chat.calls_reach(7, COMMAND)
        player = hall.emulator.player()
        assert [each["volume"] for each in player["devices"] if each["id"] == player["active"]] == [67]
        upcoming = await chat.at("#list li span").first.text_content()
        await chat.button("Next").click()
        await expect(chat.at("#say")).to_have_text(f"Playing {upcoming}", timeout=TIMEOUT)
        assert hall.emulator.player()["current_name"] == upcoming
        await expect(chat.at("#note")).to_be_hidden()


async def test_a_chat_that_was_allowed_to_read_looks_on(program: Open) -> None:
    async with program("ana", scopes=("spotify:read",)) as ours:
        await ours.call("spotify_get_playback", {}, PLAYER)
        await expect(ours.chat.at("#reason")).to_have_text(
            "This chat may look, but not control.", timeout=TIMEOUT
        )
        await expect(ours.chat.button("Pause")).to_be_disabled()
        await expect(ours.chat.at("#cover")).to_be_visible()


async def test_an_account_without_premium_hears_so(program: Open) -> None:
    async with program("cleo") as ours:
        await ours.call("spotify_get_playback", {}, PLAYER)
        await ours.chat.button("Pause").click(timeout=TIMEOUT)
        await expect(ours.chat.at("#note")).to_contain_text("Premium", timeout=TIMEOUT)
        await expect(ours.chat.button("Pause")).to_be_enabled()


async def test_nothing_is_connected_until_it_is(hall: Hall, program: Open) -> None:
    who = await hall.desk.resident(resource=hall.url)
    async with program(who) as ours:
        chat: Chat = ours.chat
        await ours.call("spotify_get_playback", {}, PLAYER)
        await expect(chat.at("#offer p").first).to_have_text("Spotify is not connected yet.", timeout=TIMEOUT)
        await chat.button("Open the connect page").click()
        await expect(chat.button("Open it again")).to_be_visible(timeout=TIMEOUT)
        assert [url.partition("?h=")[0] for url in chat.opened] == [
            f"{hall.url.removesuffix('/mcp')}/connect/spotify"
        ]
        await chat.button("I’m done").click()
        await expect(chat.at("#note")).to_contain_text("not connected yet", timeout=TIMEOUT)
        await connected(hall, who)
        await chat.button("I’m done").click()
        await expect(chat.at("#title")).to_have_text("Dreams", timeout=TIMEOUT)
        await expect(chat.at("#note")).to_be_hidden()


async def test_the_question_to_connect_and_its_end(hall: Hall, program: Open) -> None:
    who = await hall.desk.resident(resource=hall.url)
    async with program(who) as ours:
        chat: Chat = ours.chat
        await ours.call("connections_connect", {"service": "spotify", "access": "write"}, CONNECT)
        await expect(chat.at("h1")).to_have_text("Connect Spotify", timeout=TIMEOUT)
        await chat.button("Open the connect page").click()
        await expect(chat.button("I’m done")).to_be_visible(timeout=TIMEOUT)
        await chat.button("I’m done").click()
        await expect(chat.at("#note")).to_contain_text("not connected yet", timeout=TIMEOUT)
        await connected(hall, who)
        await chat.button("I’m done").click()
        await expect(chat.at("h1")).to_have_text("Spotify is connected", timeout=TIMEOUT)
