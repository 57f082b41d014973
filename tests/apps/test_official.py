"""Our pages in a host built on the SDK of the authors of MCP Apps: code that nobody here wrote."""

from __future__ import annotations

from playwright.async_api import expect

from tests.apps.deck import CONNECT_URL, UNCONNECTED, Deck
from tests.apps.host import COMMAND, Chat
from tests.apps.test_connect import WAITING
from tests.support.node import package


async def test_the_player_in_an_official_host(chat: Chat, deck: Deck) -> None:
    package("axe-core")  # without the npm packages there is no host
    await chat.show("player.html", deck.first(), arguments={"account": "private"}, host="official")
    assert await chat.page.evaluate("known()") == {
        "info": {"name": "valet-spotify-player", "version": "1"},
        "can": {"availableDisplayModes": ["inline"]},
    }
    await expect(chat.at("#cover")).to_be_visible()
    assert chat.called()[0] == {"account": "private"}
    await chat.button("Pause").click()
    await expect(chat.at("#say")).to_have_text("Paused")
    assert chat.called(COMMAND) == [{"action": "pause", "cover": "vida", "account": "private"}]
    await chat.at("#title a").click()
    await chat.page.evaluate("themed('dark')")
    await expect(chat.at("#card")).to_have_css("background-color", "rgb(33, 29, 23)")
    await chat.opened_are(deck.state["item"]["url"])
    height = await chat.view.evaluate("document.body.getBoundingClientRect().height")
    await chat.until(f"Math.abs(innerHeight - {height}) <= 1")
    assert (await chat.request("ui/resource-teardown"))["result"] == {}


async def test_connecting_in_an_official_host(chat: Chat, deck: Deck) -> None:
    package("axe-core")
    await chat.show("player.html", UNCONNECTED, host="official")
    await chat.button("Open the connect page").click()
    await chat.press("I’m done")
    await expect(chat.at("#title")).to_have_text("Despacito")
    await chat.show("connect.html", WAITING, host="official")
    await expect(chat.at("h1")).to_have_text("Connect Spotify")
    await chat.opened_are(CONNECT_URL)
