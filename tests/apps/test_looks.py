"""How the cards look to everybody: axe-core, both themes, narrow and wide, the keyboard, their height."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.async_api import expect

from tests.apps.deck import NOTHING, UNCONNECTED, Deck, Json, refused, shown, track
from tests.apps.host import COMMAND, Chat
from tests.apps.test_connect import WAITING
from tests.connect.test_looks import AXE, FOCUSED, TAGS

LOOKS = [("light", 280), ("dark", 320), ("dark", 560), ("light", 560), ("dark", 900)]
THEMES = {("light", 280), ("dark", 900)}
"""The looks that axe-core sees: it takes long, and colours are the same in any width."""

TALLEST = 500  # of a card inline in a chat, by the directory's rules

SMALL = """() => [...document.querySelectorAll("button, input, summary, .foot > a")]
  .filter(e => e.offsetParent && e.getBoundingClientRect().height < 43.9).map(e => e.outerHTML)"""

ORDER = """() => [...document.querySelectorAll("a[href], button, input, summary, [tabindex]")]
  .filter(e => e.checkVisibility({contentVisibilityAuto: true}) && !e.disabled).map(e => e.outerHTML)"""


def paused(deck: Deck) -> None:
    deck.state.update(is_playing=False, shuffle=True, repeat="track", disallows=["pausing", "skipping_prev"])


def looked_at(deck: Deck) -> None:
    deck.state["can_control"] = False


def long(deck: Deck) -> None:
    name = "Unpronounceable" * 20
    deck.state["item"].update(name=name, by=[name] * 3, album=name, duration_ms=9 * 3_600_000)
    deck.state["device"]["name"] = name
    deck.state["queue"] = [track(number, name, name) for number in range(10)]


def failing(deck: Deck) -> None:
    deck.failing[COMMAND] = refused("premium_required", "Spotify Premium is needed to control playback. " * 4)


def as_it_is(deck: Deck) -> None:
    """Nothing to change."""


STATES: dict[str, Callable[[Deck], None]] = {
    "playing": as_it_is, "paused": paused, "looked at": looked_at, "long": long, "failed": failing,
}  # fmt: skip
OTHERS: dict[str, tuple[str, Json]] = {
    "nothing": ("player.html", shown(NOTHING)),
    "not connected": ("player.html", UNCONNECTED),
    "connect": ("connect.html", WAITING),
}


async def everybody(chat: Chat, axe: str) -> None:
    """One state of a card in all its looks."""
    await chat.view.evaluate(axe)
    for theme, width in LOOKS:
        await chat.page.set_viewport_size({"width": width, "height": 900})
        await chat.tell("host-context-changed", {"theme": theme})
        await chat.until(
            f"innerWidth === {width} && document.documentElement.style.colorScheme === '{theme}'"
        )
        where = f"{theme}, {width} px"
        if (theme, width) in THEMES:
            assert await chat.view.evaluate(AXE, TAGS) == [], where
        assert await chat.view.evaluate("document.documentElement.scrollWidth") <= width, where
        assert await chat.view.evaluate(SMALL) == [], where
        height = await chat.view.evaluate("document.body.getBoundingClientRect().height")
        assert height <= TALLEST, where
        # The frame is as tall as the card, no more and no less: nothing is cut off and nothing scrolls.
        await chat.until(f"Math.abs(innerHeight - {height}) <= 1")


@pytest.mark.parametrize("name", STATES)
async def test_the_player_is_right_for_everybody(chat: Chat, deck: Deck, axe: str, name: str) -> None:
    STATES[name](deck)
    await chat.show("player.html", deck.first())
    await expect(chat.at("#cover")).to_be_visible()
    if name == "failed":
        await chat.button("Pause").click()
        await expect(chat.at("#note")).to_be_visible()
    await chat.at("summary").click()
    await everybody(chat, axe)


@pytest.mark.parametrize("name", OTHERS)
async def test_the_other_cards_are_right_for_everybody(chat: Chat, deck: Deck, axe: str, name: str) -> None:
    page, result = OTHERS[name]
    deck.state = NOTHING
    await chat.show(page, result)
    await expect(chat.at("main button:visible").first).to_be_visible()
    await everybody(chat, axe)
    if name != "nothing":
        chat.opens = lambda _: {"error": {"code": -32000, "message": "denied"}}
        await chat.button("Open the connect page").click()
        await expect(chat.at("code")).to_be_visible()
        await everybody(chat, axe)


async def test_the_keyboard_alone_reaches_and_works_everything(chat: Chat, deck: Deck) -> None:
    await chat.show("player.html", deck.first())
    await expect(chat.at("#cover")).to_be_visible()
    await chat.at("#title a").focus()
    await chat.page.keyboard.press("Shift+Tab")
    wanted = await chat.view.evaluate(ORDER)
    assert len(wanted) == 10, "title, seek, five buttons, volume, queue, link"
    for html in wanted:
        await chat.page.keyboard.press("Tab")
        reached, visible = await chat.view.evaluate(FOCUSED)
        assert reached == html
        assert visible, f"nothing shows that the focus is at {html[:120]}"
    await chat.page.keyboard.press("Shift+Tab")
    await chat.page.keyboard.press("Enter")
    await chat.page.keyboard.press("Tab")
    assert "Échame la Culpa" in await chat.view.evaluate("document.activeElement.textContent")
    await chat.at("#play").focus()
    await chat.page.keyboard.press("Space")
    await expect(chat.at("#say")).to_have_text("Paused")
    assert await chat.view.evaluate("document.activeElement.id") == "play", "the focus stays where it was"
    await chat.at("#title a").focus()
    await chat.page.keyboard.press("Enter")
    await chat.request("ping")
    await chat.opened_are(deck.state["item"]["url"])


async def test_what_has_no_name_length_or_link_leaves_no_hole(chat: Chat, deck: Deck) -> None:
    deck.cover = None
    await chat.show("player.html", deck.first())
    await expect(chat.button("Pause")).to_be_enabled()
    height = "document.body.getBoundingClientRect().height"
    whole = await chat.view.evaluate(height)
    del deck.state["item"]
    deck.state["queue"] = []
    await chat.tell("tool-result", shown(deck.state))
    await expect(chat.at("#title")).to_contain_text("advertisement")
    assert await chat.view.evaluate(height) <= whole - 88, "neither a line for the position nor one for links"
    await chat.button("Pause").click()
    await expect(chat.at("#say")).to_have_text("Paused")
    assert not await chat.at("#bar").is_visible()
    await chat.page.set_viewport_size({"width": 280, "height": 700})
    await chat.until("innerWidth === 280")
    assert await chat.at("#title").evaluate("e => e.scrollWidth <= e.clientWidth"), "it is read whole"


async def test_large_letters_do_not_lie_upon_each_other(chat: Chat, deck: Deck) -> None:
    """Of twice the size in a card of 360 pixels, say: what counts is how many fit beside each other."""
    await chat.page.set_viewport_size({"width": 180, "height": 700})
    await chat.show("player.html", deck.first())
    await expect(chat.at("summary")).to_be_visible()
    boxes = [await chat.at(name).bounding_box() for name in ("summary", "#open")]
    assert boxes[0] is not None and boxes[1] is not None
    assert boxes[0]["y"] + boxes[0]["height"] <= boxes[1]["y"]
    outside = """() => [...document.querySelectorAll("button, input")].filter(e => e.offsetParent)
      .map(e => e.getBoundingClientRect()).filter(box => box.left < 0 || box.right > innerWidth).length"""
    assert await chat.view.evaluate(outside) == 0


async def test_on_and_off_are_told_apart_in_forced_colours(chat: Chat, deck: Deck) -> None:
    deck.state.update(shuffle=True, can_control=False)
    await chat.page.emulate_media(forced_colors="active")
    try:
        await chat.show("player.html", deck.first())
        await expect(chat.at("#reason")).to_be_visible()
        colours = """() => [getComputedStyle($("shuffle"), "::after"), getComputedStyle($("shuffle"))]
          .map(style => style.backgroundColor)"""
        dot, button = await chat.view.evaluate(colours)
        assert dot != button
        await expect(chat.button("Pause")).to_have_css("opacity", "1")
    finally:
        await chat.page.emulate_media(forced_colors="none")


async def test_the_focus_goes_on_to_the_address_that_takes_the_buttons_place(chat: Chat) -> None:
    chat.opens = lambda _: {"error": {"code": -32000, "message": "denied"}}
    await chat.show("player.html", UNCONNECTED)
    await chat.button("Open the connect page").focus()
    await chat.page.keyboard.press("Enter")
    await chat.until("document.activeElement.tagName === 'CODE'")


async def test_axe_would_find_something_in_a_card(chat: Chat, deck: Deck, axe: str) -> None:
    await chat.show("player.html", deck.first())
    await expect(chat.at("#cover")).to_be_visible()
    await chat.view.evaluate(axe)
    await chat.view.evaluate("$('next').removeAttribute('aria-label'); $('by').style.color = '#fff8e8'")
    found = {line.split(":")[0] for line in await chat.view.evaluate(AXE, TAGS)}
    assert {"button-name", "color-contrast"} <= found
