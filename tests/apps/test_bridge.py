"""What a page of ours says to its host, what it listens to, and when it asks for the player."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from playwright.async_api import expect

from tests.apps.deck import NOTHING, PLAYING, UNCONNECTED, Deck, refused, shown
from tests.apps.host import APPS, COMMAND, EVERYTHING, Chat, Contract, note
from tests.support.node import package

BOTH_PAGES = pytest.mark.parametrize("name", ["player.html", "connect.html"])


def test_the_views_messages_are_judged(contract: Contract | None) -> None:
    """Skipped aloud where the contract is absent: without it the other tests judge nothing."""
    package("axe-core")
    assert contract is not None, "the npm package of MCP Apps is gone: tests/package.json has to name it"
    with pytest.raises(Exception, match="is a required property"):
        contract.judge({"jsonrpc": "2.0", "id": 1, "method": "ui/open-link", "params": {}})


def test_both_pages_have_the_same_bridge_and_the_same_look() -> None:
    pages = [(APPS / name).read_text(encoding="utf-8") for name in ("player.html", "connect.html")]
    for name in ("look", "bridge"):
        shared = [re.search(rf"/\* {name}: .*?/\* end of {name} \*/", page, re.S) for page in pages]
        assert shared[0] is not None and shared[1] is not None
        assert shared[0].group() == shared[1].group()
        assert len(shared[0].group()) > 2000
    assert max(len(page.encode()) for page in pages) < 40_000


@BOTH_PAGES
async def test_the_handshake_and_what_a_host_may_ask(chat: Chat, name: str) -> None:
    await chat.show(name)
    [hello] = await chat.sent("ui/initialize")
    assert hello["params"]["protocolVersion"] == "2026-01-26"
    assert hello["params"]["appCapabilities"] == {"availableDisplayModes": ["inline"]}
    assert (await chat.request("ping"))["result"] == {}
    assert (await chat.request("tools/list"))["error"]["code"] == -32601
    assert (await chat.request("constructor"))["error"]["code"] == -32601
    for nothing in ("no-such-thing", "constructor", "__proto__", "hasOwnProperty"):
        await chat.tell(nothing, {})
    assert (await chat.request("ping"))["result"] == {}
    assert (await chat.sent("ui/notifications/size-changed"))[-1]["params"]["height"] > 40


async def test_a_result_that_comes_before_the_handshake_is_not_lost(chat: Chat, deck: Deck) -> None:
    await chat.show("player.html", early=[note("tool-result", deck.first())])
    await expect(chat.at("#cover")).to_be_visible()


async def test_arguments_while_they_are_written_are_not_relied_on(chat: Chat, deck: Deck) -> None:
    await chat.show("player.html", early=[note("tool-input-partial", {"arguments": {"account": "wo"}})])
    await chat.tell("tool-result", deck.first())
    await expect(chat.at("#cover")).to_be_visible()
    assert chat.called()[0] == {}


async def test_a_call_that_was_cancelled_still_shows_the_player(chat: Chat) -> None:
    await chat.show("player.html")
    await chat.tell("tool-cancelled", {"reason": "somebody thought better of it"})
    await expect(chat.at("#title")).to_have_text("Despacito")


ODD: dict[str, dict[str, Any]] = {
    "empty": {},
    "content": {"content": "no list"},
    "blocks": {"content": [None, {"type": "text", "text": 7}]},
    "list": {"structuredContent": []},
    "flag": {"structuredContent": {"is_active": "yes"}},
    "fields": {
        "structuredContent": {
            "is_active": True, "item": [1], "queue": {"0": 1}, "disallows": "all", "device": "none",
            "progress_ms": "NaN", "cover": 3, "repeat": {},
        }
    },
    "error": {"isError": True},
    "meta": {"isError": True, "_meta": {"valet/error": "x", "valet/connect": None}},
}  # fmt: skip


async def test_what_has_another_shape_breaks_nothing(still: Chat, deck: Deck) -> None:
    await still.show("player.html", deck.first())
    for calls, (name, result) in enumerate(ODD.items(), start=1):
        await still.tell("tool-result", result)
        await still.tell("tool-result", deck.first())
        await still.wait(6)
        await still.calls_reach(calls)
        assert await still.at("#title").text_content() == "Despacito", name
        await expect(still.button("Pause")).to_be_enabled()


async def test_nobody_but_the_parent_is_listened_to(chat: Chat, deck: Deck) -> None:
    """Another window that holds ours, as a frame beside it or an opened page does."""
    await chat.show("player.html", deck.first())
    await expect(chat.at("#cover")).to_be_visible()
    forged = {"jsonrpc": "2.0", "method": "ui/notifications/tool-result", "params": shown(NOTHING)}
    ending = {"jsonrpc": "2.0", "id": 1, "method": "ui/resource-teardown", "params": {}}
    sent = await chat.page.evaluate(
        """messages => {
          const view = document.getElementById("sandbox").contentWindow.frames[0];
          for (const message of messages) view.postMessage(message, "*");
          return messages.length;
        }""",
        [forged, {**forged, "id": 2}, ending, {"jsonrpc": "2.0", "id": 1, "result": {}}],
    )
    assert sent == 4
    # From the right window, and yet no message of the protocol.
    for odd in (
        None,
        7,
        "text",
        [],
        {"jsonrpc": "1.0", **forged},
        {**forged, "jsonrpc": 2},
        {"jsonrpc": "2.0"},
    ):
        if not isinstance(odd, dict) or odd.get("jsonrpc") != "2.0" or "method" not in odd:
            await chat.page.evaluate("m => sandbox.contentWindow.postMessage(m ?? {}, settings.origin)", odd)
    assert (await chat.request("ping"))["result"] == {}
    await expect(chat.at("#title")).to_have_text("Despacito")


async def test_it_asks_again_every_few_seconds_and_one_at_a_time(still: Chat, deck: Deck) -> None:
    await still.show("player.html", deck.first())
    await still.wait(0)
    await still.calls_reach(1)
    await still.wait(4.9)
    assert await still.count() == 1
    await still.wait(0.2)
    await still.calls_reach(2)
    held, inner = asyncio.Event(), deck.serve

    async def slow(tool: str, arguments: dict[str, object]) -> dict[str, object]:
        await held.wait()
        return await inner(tool, arguments)

    still.serve = slow
    await still.wait(5.1)
    await still.wait(20)
    await still.tell("tool-result", deck.first())
    await still.wait(20)
    assert await still.count() == 3, "the third has no answer yet"
    deck.state["is_playing"] = False
    held.set()
    await still.calls_reach(3)
    await expect(still.at("#where")).to_have_text("Paused on Kitchen")
    await still.wait(14.8)
    assert await still.count() == 3
    await still.wait(0.3)
    await still.calls_reach(4)


async def test_the_time_runs_between_two_looks_and_the_end_is_looked_at(still: Chat, deck: Deck) -> None:
    deck.state["progress_ms"] = 177_000
    await still.show("player.html", deck.first())
    await still.wait(0)
    await still.calls_reach(1)
    await still.wait(2)
    await expect(still.at("#at")).to_have_text("2:59")
    deck.state["item"] = deck.state["queue"].pop(0)
    deck.state["progress_ms"] = 300
    await still.wait(1.6)
    await still.calls_reach(2)
    await expect(still.at("#title")).to_have_text("Échame la Culpa")


async def test_failures_are_answered_by_asking_less_often(still: Chat, deck: Deck) -> None:
    deck.failing["spotify_player_state"] = refused("provider_error", "Spotify did not give a usable answer.")
    await still.show("player.html", deck.first())
    await still.wait(0)
    await still.calls_reach(1)
    await expect(still.at("#note")).to_have_text("Spotify did not give a usable answer.")
    await expect(still.at("#title")).to_have_text("Despacito")
    for calls, seconds in enumerate((10, 20, 40, 60, 60), start=1):
        await still.wait(seconds - 0.2)
        assert await still.count() == calls
        await still.wait(0.3)
        await still.calls_reach(calls + 1)
    del deck.failing["spotify_player_state"]
    await still.wait(60)
    await still.calls_reach(7)
    await expect(still.at("#note")).to_be_hidden()
    await still.wait(5.1)
    await still.calls_reach(8)


async def test_a_limit_is_waited_for_as_long_as_it_says(still: Chat, deck: Deck) -> None:
    await still.show("player.html", deck.first())
    await still.wait(0)
    await still.calls_reach(1)
    said = "Spotify is receiving too many requests from this server. Try again in 90 seconds."
    deck.failing[COMMAND] = refused("rate_limited", said, retry_after=90)
    await expect(still.button("Next")).to_be_enabled()
    await still.button("Next").dispatch_event("click")
    await still.calls_reach(1, COMMAND)
    await expect(still.at("#note")).to_have_text(said)
    await still.wait(89.5)
    assert await still.count() == 1
    await still.wait(1)
    await still.calls_reach(2)
    await expect(still.at("#note")).to_be_hidden()


async def test_nothing_is_asked_while_nobody_can_see_it(still: Chat, deck: Deck) -> None:
    await still.show("player.html", deck.first(), tall=True)
    await still.wait(0)
    await still.calls_reach(1)
    await still.page.evaluate("scrollTo(0, 2000)")
    await still.until("!onScreen")
    await still.wait(60)
    assert await still.count() == 1
    await still.page.evaluate("scrollTo(0, 0)")
    await still.until("onScreen")
    await still.wait(0.1)
    await still.calls_reach(2)
    hide = """state => {
      Object.defineProperty(document, "visibilityState", {value: state, configurable: true});
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    await still.view.evaluate(hide, "hidden")
    await still.wait(60)
    assert await still.count() == 2
    await still.view.evaluate(hide, "visible")
    await still.wait(0.1)
    await still.calls_reach(3)


async def test_coming_back_from_the_connect_page_looks_again(still: Chat) -> None:
    await still.show("player.html", UNCONNECTED)
    await still.wait(60)
    assert await still.count() == 0
    await still.button("Open the connect page").dispatch_event("click")
    await expect(still.button("I’m done")).to_be_visible()
    await still.wait(60)
    assert await still.count() == 0
    await still.view.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await still.wait(0.1)
    await still.calls_reach(1)
    await expect(still.at("#title")).to_have_text("Despacito")


async def test_after_its_end_it_does_nothing_more(still: Chat, deck: Deck) -> None:
    await still.show("player.html", deck.first())
    await still.wait(0)
    await still.calls_reach(1)
    await expect(still.at("#at")).to_have_text("1:00")
    assert (await still.request("ui/resource-teardown", {"reason": "closed"}))["result"] == {}
    await still.tell("tool-result", shown({**PLAYING, "item": {**PLAYING["item"], "name": "Too late"}}))
    await still.button("Next").dispatch_event("click")
    await still.view.evaluate("pass(120_000)")
    messages = await still.page.evaluate("log.length")
    await still.view.evaluate("pass(120_000)")
    assert await still.page.evaluate("log.length") == messages
    assert (len(still.called()), len(still.called(COMMAND))) == (1, 0)
    await expect(still.at("#at")).to_have_text("1:00")
    await expect(still.at("#title")).to_have_text("Despacito")


async def test_a_host_without_tools_for_pages_gets_a_picture_of_the_player(still: Chat, deck: Deck) -> None:
    missing = {"error": {"code": -32601, "message": "Method not found"}}
    deck.failing = {"spotify_player_state": missing, COMMAND: missing}
    await still.show("player.html", deck.first(), can={"openLinks": {}})
    await still.wait(0)
    await still.calls_reach(1)
    await expect(still.at("#reason")).to_contain_text("can’t control it from here")
    await expect(still.at("#keys")).to_be_hidden()
    await still.wait(300)
    assert await still.count() == 1
    await expect(still.at("#at")).to_have_text("1:00")


async def test_a_host_that_fails_otherwise_is_asked_again_later(still: Chat, deck: Deck) -> None:
    deck.failing["spotify_player_state"] = {"error": {"code": -32000, "message": "<b>no</b>"}}
    await still.show("player.html", deck.first())
    await still.wait(0)
    await still.calls_reach(1)
    await expect(still.at("#note")).to_have_text("The chat program did not pass this on to Valet.")
    del deck.failing["spotify_player_state"]
    await still.wait(10.1)
    await still.calls_reach(2)
    await expect(still.at("#note")).to_be_hidden()


async def test_an_earlier_host_that_passes_on_the_url_it_was_asked_to_open(chat: Chat, deck: Deck) -> None:
    """-32042 of MCP 2025-11-25 is for the host; one that hands it to the page lets the page offer it."""
    link = "https://valet.example/connect/spotify?h=1"
    elicitation = {"mode": "url", "url": link, "message": "Connect", "elicitationId": "1"}
    deck.failing["spotify_player_state"] = {
        "error": {"code": -32042, "message": "Connect", "data": {"elicitations": [elicitation]}}
    }
    await chat.show("player.html", deck.first())
    await chat.button("Open the connect page").click()
    await expect(chat.button("Open it again")).to_be_visible()
    assert chat.opened == [link]


async def test_theme_and_colours_are_the_hosts_and_change_with_it(chat: Chat, deck: Deck) -> None:
    await chat.show("player.html", deck.first(), can=EVERYTHING, context={"theme": "light"})
    await expect(chat.at("#cover")).to_be_visible()
    card, title = chat.at("#card"), chat.at("#title")
    await expect(card).to_have_css("background-color", "rgb(255, 252, 245)")
    await expect(title).to_have_css("color", "rgb(43, 37, 29)")
    await chat.tell("host-context-changed", {"theme": "dark"})
    await expect(card).to_have_css("background-color", "rgb(33, 29, 23)")
    # One of a pair alone is not taken: its counterpart might be of nearly the same colour.
    await chat.tell("host-context-changed", {"styles": {"variables": {"--color-text-primary": "#000"}}})
    await chat.request("ping")
    await expect(title).to_have_css("color", "rgb(240, 230, 211)")
    variables = {
        "--color-text-primary": "light-dark(#111111, #eeeeee)",
        "--color-background-primary": "light-dark(#fafafa, #202020)",
        "--color-background-secondary": "url(https://elsewhere.example/x)",
        "--font-sans": "monospace",
        "--ink": "red",
        "color": "red",
    }
    await chat.tell("host-context-changed", {"styles": {"variables": variables}})
    await expect(card).to_have_css("background-color", "rgb(32, 32, 32)")
    await expect(title).to_have_css("color", "rgb(238, 238, 238)")
    await expect(title).to_have_css("font-family", "monospace")
    await chat.tell("host-context-changed", {"theme": "light", "safeAreaInsets": {"top": 20, "left": 9e9}})
    await expect(card).to_have_css("background-color", "rgb(250, 250, 250)")
    await expect(chat.at("body")).to_have_css("padding", "20px 0px 0px 200px")


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_the_chat_is_seen_through_where_the_card_is_not(chat: Chat, deck: Deck, theme: str) -> None:
    await chat.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    await chat.show("player.html", deck.first(), context={"theme": theme})
    await expect(chat.at("#cover")).to_be_visible()
    corner = {"x": 0, "y": 0, "width": 1, "height": 1}
    with_card = await chat.page.screenshot(clip=corner)  # type: ignore[arg-type]
    await chat.page.evaluate("sandbox.style.visibility = 'hidden'")
    assert await chat.page.screenshot(clip=corner) == with_card  # type: ignore[arg-type]
