"""The player in a chat: what it shows of what the tools say, and what its buttons do."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import expect

from mcp_server.tools.spotify.watch import Lost
from tests.apps.deck import CONNECT_URL, NOTHING, UNCONNECTED, Deck, picture, refused, shown
from tests.apps.host import COMMAND, EVERYTHING, Chat


async def ready(chat: Chat, deck: Deck) -> None:
    """The player as it is once its own tool has answered."""
    await chat.show("player.html", deck.first())
    await chat.at("#cover:visible" if deck.cover else "#player").wait_for()


async def test_the_first_answer_is_shown_before_the_card_has_asked_anything(chat: Chat, deck: Deck) -> None:
    held, inner = asyncio.Event(), deck.serve

    async def slow(tool: str, arguments: dict[str, object]) -> dict[str, object]:
        await held.wait()
        return await inner(tool, arguments)

    chat.serve = slow
    await chat.show("player.html", deck.first(), arguments={"account": "private"})
    await expect(chat.at("#title")).to_have_text("Despacito")
    await expect(chat.at("#by")).to_have_text("Luis Fonsi")
    await expect(chat.at("#album")).to_have_text("Vida")
    await expect(chat.at("#where")).to_have_text("Playing on Kitchen")
    await expect(chat.at("#length")).to_have_text("3:00")
    await expect(chat.button("Pause")).to_be_disabled()
    assert not await chat.at("#cover").is_visible()
    held.set()
    await expect(chat.at("#cover")).to_be_visible()
    await expect(chat.button("Pause")).to_be_enabled()
    await expect(chat.at("#cover")).to_have_attribute("alt", "Cover of Vida")
    await chat.at("summary").click()
    assert await chat.at("#list li span:first-child").all_inner_texts() == [
        "Échame la Culpa", "Calypso", "Imposible",
    ]  # fmt: skip
    assert chat.called()[0] == {"account": "private"}


async def test_pause_and_play_are_seen_at_once_and_said_aloud(chat: Chat, deck: Deck) -> None:
    await ready(chat, deck)
    held, inner = asyncio.Event(), deck.serve

    async def slow(tool: str, arguments: dict[str, object]) -> dict[str, object]:
        await held.wait()
        return await inner(tool, arguments)

    chat.serve = slow
    await chat.button("Pause").click()
    await expect(chat.button("Play")).to_be_enabled()
    assert not await chat.at("#reason").is_visible(), "nothing is said of what Spotify forbids in between"
    assert deck.state["is_playing"], "the answer is not there yet"
    held.set()
    await expect(chat.at("#say")).to_have_text("Paused")
    assert not deck.state["is_playing"]
    await chat.button("Play").click()
    await expect(chat.at("#say")).to_have_text("Playing Despacito")
    assert chat.called(COMMAND) == [{"action": "pause", "cover": "vida"}, {"action": "play", "cover": "vida"}]


async def test_an_answer_from_before_a_press_does_not_undo_it(still: Chat, deck: Deck) -> None:
    """A look that was under way says nothing of what was pressed after it; nor does what the host repeats."""
    await still.show("player.html", deck.first())
    await still.wait(0)
    await still.calls_reach(1)
    held, inner, old = asyncio.Event(), deck.serve, shown(deck.state)

    async def slow(tool: str, arguments: dict[str, object]) -> dict[str, object]:
        answer = await inner(tool, arguments)
        await held.wait()
        return answer

    still.serve = slow
    await still.wait(5.1)
    assert await still.count() == 2
    await expect(still.button("Pause")).to_be_enabled()
    await still.button("Pause").dispatch_event("click")
    await still.tell("tool-result", old)
    assert await still.count(COMMAND) == 1
    await expect(still.button("Play")).to_be_visible()
    await still.view.evaluate(
        """() => {
          const where = $("where");
          window.said = [];
          new MutationObserver(() => said.push(where.textContent)).observe(where, {childList: true});
        }"""
    )
    held.set()
    await still.calls_reach(1, COMMAND)
    await expect(still.at("#say")).to_have_text("Paused")
    assert "Playing on Kitchen" not in await still.view.evaluate("said")


async def test_skipping_shows_what_comes_and_two_presses_skip_two(chat: Chat, deck: Deck) -> None:
    await ready(chat, deck)
    await chat.button("Next").dblclick()
    await expect(chat.at("#say")).to_have_text("Playing Calypso")
    await expect(chat.at("#title")).to_have_text("Calypso")
    await expect(chat.at("#by")).to_have_text("Stefflon Don")
    assert [each["action"] for each in chat.called(COMMAND)] == ["next", "next"]
    await chat.button("Previous").click()
    await chat.calls_reach(3, COMMAND)
    assert chat.called(COMMAND)[-1]["action"] == "previous"


async def test_shuffle_and_the_three_states_of_repeat(chat: Chat, deck: Deck) -> None:
    await ready(chat, deck)
    await expect(chat.button("Shuffle")).to_have_attribute("aria-pressed", "false")
    await chat.button("Shuffle").click()
    await expect(chat.at("#say")).to_have_text("Shuffle on")
    await expect(chat.button("Shuffle")).to_have_attribute("aria-pressed", "true")
    for before, after in (("off", "all"), ("all", "this one"), ("this one", "off")):
        await chat.button(f"Repeat: {before}").click()
        await expect(chat.at("#say")).to_have_text(f"Repeat {after}")
    assert [each.get("repeat") for each in chat.called(COMMAND)][1:] == ["context", "track", "off"]


async def test_what_spotify_forbids_of_repeat_is_left_out_of_the_round(chat: Chat, deck: Deck) -> None:
    deck.state["disallows"] = ["toggling_repeat_context"]
    await ready(chat, deck)
    await chat.button("Repeat: off").click()
    # The button says what was asked for before it is done.
    await chat.calls_reach(1, COMMAND)
    await expect(chat.button("Repeat: this one")).to_be_enabled()
    assert deck.state["repeat"] == "track"


async def test_seeking_and_loudness_by_mouse_and_by_arrow(chat: Chat, deck: Deck) -> None:
    deck.state["is_playing"] = False
    await ready(chat, deck)
    seek = chat.at("#seek")
    await seek.focus()
    await chat.page.keyboard.press("ArrowRight")
    await chat.page.keyboard.press("ArrowRight")
    await expect(seek).to_have_attribute("aria-valuetext", "1:10 of 3:00")
    await chat.calls_reach(1, COMMAND)
    assert chat.called(COMMAND) == [{"action": "seek", "position_ms": 70_000, "cover": "vida"}], "asked once"
    box = await seek.bounding_box()
    assert box is not None
    await chat.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    await chat.calls_reach(2, COMMAND)
    assert abs(chat.called(COMMAND)[1]["position_ms"] - 90_000) < 3_000
    await chat.at("#volume").focus()
    await chat.page.keyboard.press("ArrowLeft")
    await expect(chat.at("#volume")).to_have_attribute("aria-valuetext", "35%")
    await chat.calls_reach(3, COMMAND)
    assert deck.state["device"]["volume_percent"] == 35


async def test_a_chat_that_may_only_look_says_so_and_sends_nothing(chat: Chat, deck: Deck) -> None:
    deck.state["can_control"] = False
    await ready(chat, deck)
    await expect(chat.at("#reason")).to_have_text("This chat may look, but not control.")
    for name in ("Pause", "Next", "Previous", "Shuffle", "Repeat: off"):
        await expect(chat.button(name)).to_be_disabled()
        await chat.button(name).dispatch_event("click")
    await expect(chat.at("#seek")).to_be_disabled()
    await expect(chat.at("#volume")).to_be_disabled()
    assert await chat.count(COMMAND) == 0


async def test_what_spotify_does_not_allow_now_can_not_be_pressed(chat: Chat, deck: Deck) -> None:
    deck.state["disallows"] = ["resuming", "skipping_prev", "seeking", "toggling_shuffle"]
    await ready(chat, deck)
    for name, open_ in (("Pause", True), ("Next", True), ("Previous", False), ("Shuffle", False)):
        await (
            expect(chat.button(name)).to_be_enabled() if open_ else expect(chat.button(name)).to_be_disabled()
        )
    await expect(chat.at("#seek")).to_be_disabled()
    await expect(chat.at("#reason")).to_contain_text("Spotify does not allow some of these buttons")


async def test_a_device_that_takes_no_commands_and_one_without_loudness(chat: Chat, deck: Deck) -> None:
    deck.state["device"].update(controllable=False, supports_volume=False)
    await ready(chat, deck)
    await expect(chat.at("#reason")).to_contain_text("Kitchen takes no commands from here")
    await expect(chat.button("Pause")).to_be_disabled()
    await expect(chat.at("#volume")).to_be_hidden()


async def test_nothing_plays(chat: Chat, deck: Deck) -> None:
    playing = deck.state
    deck.state = NOTHING
    await chat.show("player.html", shown(NOTHING))
    await expect(chat.at("h1:visible")).to_have_text("Nothing is playing")
    await expect(chat.at("#hint")).to_contain_text("on one of your devices")
    await expect(chat.at("#player")).to_be_hidden()
    deck.state = playing
    await chat.button("Look again").click()
    await expect(chat.at("h1:visible")).to_have_text("Despacito")


async def test_something_without_a_name_plays(chat: Chat, deck: Deck) -> None:
    del deck.state["item"]
    deck.cover = None
    await ready(chat, deck)
    await expect(chat.at("h1:visible")).to_contain_text("advertisement")
    await expect(chat.at("#bar")).to_be_hidden()
    await expect(chat.at("#blank")).to_be_visible()
    await expect(chat.button("Pause")).to_be_enabled()


async def test_connecting_from_the_player(chat: Chat, deck: Deck) -> None:
    await chat.show("player.html", UNCONNECTED)
    await expect(chat.at("h1:visible")).to_have_text("Connect Spotify")
    await expect(chat.at("#offer p").first).to_have_text("Spotify is not connected yet.")
    assert await chat.count() == 0, "each look would make another link"
    await chat.button("Open the connect page").click()
    await expect(chat.at("#offer")).to_contain_text("Come back here when you are done")
    assert chat.opened == [CONNECT_URL]
    await chat.press("I’m done")
    await expect(chat.at("h1:visible")).to_have_text("Despacito")
    await expect(chat.at("#offer")).to_be_hidden()


async def test_another_link_leaves_the_way_on(chat: Chat, deck: Deck) -> None:
    """The first link may have run out by the time the person says that they are done."""
    deck.failing["spotify_player_state"] = {
        **UNCONNECTED,
        "_meta": {
            **UNCONNECTED["_meta"],
            "valet/connect": {"provider": "spotify", "title": "Spotify", "url": f"{CONNECT_URL}2"},
        },
    }
    await chat.show("player.html", UNCONNECTED)
    await chat.button("Open the connect page").click()
    await chat.press("I’m done")
    await expect(chat.at("#note")).to_contain_text("not connected yet")
    await chat.button("Open the connect page").click()
    await expect(chat.button("Open it again")).to_be_visible()
    assert chat.opened == [CONNECT_URL, f"{CONNECT_URL}2"]
    deck.failing.clear()
    await chat.press("I’m done")
    await expect(chat.at("#title")).to_have_text("Despacito")


async def test_who_is_done_while_the_page_looks_is_not_overheard(chat: Chat, deck: Deck) -> None:
    """Coming back to the window makes the page look by itself; the person may press the button meanwhile."""
    asked, held = asyncio.Event(), asyncio.Event()

    async def slow(tool: str, arguments: dict[str, object]) -> dict[str, object]:
        before = {"result": UNCONNECTED}
        asked.set()
        await held.wait()
        chat.serve = deck.serve
        return before

    await chat.show("player.html", UNCONNECTED)
    await chat.button("Open the connect page").click()
    chat.serve = slow
    await chat.press("I’m done")
    await asked.wait()
    await chat.press("I’m done")
    held.set()
    await expect(chat.at("#title")).to_have_text("Despacito")


async def test_the_link_is_found_in_the_text_where_the_host_keeps_nothing_else(chat: Chat) -> None:
    await chat.show("player.html", {**UNCONNECTED, "_meta": {}})
    await chat.button("Open the connect page").click()
    await expect(chat.button("Open it again")).to_be_visible()
    assert chat.opened == [CONNECT_URL]


@pytest.mark.parametrize("way", ["refused", "failed", "unable"])
async def test_a_host_that_opens_no_links_lets_the_person_copy_it(chat: Chat, deck: Deck, way: str) -> None:
    chat.opens = lambda _: (
        {"error": {"code": -32000, "message": "denied"}}
        if way == "refused"
        else {"result": {"isError": True}}
    )
    can = {"serverTools": {}} if way == "unable" else EVERYTHING
    await chat.show("player.html", UNCONNECTED, can=can)
    if way != "unable":
        await chat.button("Open the connect page").click()
    await expect(chat.at("code")).to_have_text(CONNECT_URL)
    await expect(chat.at("code")).to_have_css("user-select", "all")
    await expect(chat.button("Open the connect page")).to_be_hidden()
    await chat.press("I’m done")
    await expect(chat.at("h1:visible")).to_have_text("Despacito")
    assert await chat.at("#title a").count() == (0 if way == "unable" else 1)


async def test_no_other_page_is_ever_opened(chat: Chat) -> None:
    await chat.show("player.html", UNCONNECTED)
    await expect(chat.button("Open the connect page")).to_be_visible()
    for url in ("javascript:alert(1)", "http://valet.example/", "https://a:b@valet.example/", "file:///x", 7):
        own = {"valet/connect": {"provider": "spotify", "title": "Spotify", "url": url}}
        await chat.tell(
            "tool-result", {**UNCONNECTED, "content": [], "_meta": {**UNCONNECTED["_meta"], **own}}
        )
        await chat.request("ping")
        await expect(chat.at("h1:visible")).to_have_text("Connect Spotify")
        assert not await chat.button("Open the connect page").is_visible(), url


async def test_the_title_and_the_link_lead_to_spotify_through_the_host(chat: Chat, deck: Deck) -> None:
    await ready(chat, deck)
    await chat.at("#title a").click()
    await chat.at("#open").click()
    await chat.at("summary").click()
    await chat.at("#list a").first.click()
    await expect(chat.at("#title")).to_have_text("Despacito")
    song, queued = deck.state["item"]["url"], deck.state["queue"][0]["url"]
    await chat.opened_are(song, song, queued)
    chat.opens = lambda _: {"error": {"code": -32000, "message": "denied"}}
    await chat.at("#open").click()
    await expect(chat.at("#note")).to_contain_text(deck.state["item"]["url"])


async def test_a_command_that_fails_says_why_and_the_player_is_as_it_was(chat: Chat, deck: Deck) -> None:
    said = "Spotify Premium is needed to control playback."
    deck.failing[COMMAND] = refused("premium_required", said)
    await ready(chat, deck)
    await chat.button("Pause").click()
    await expect(chat.at("#note")).to_have_text(said)
    await expect(chat.button("Pause")).to_be_visible()
    await expect(chat.at("#note")).to_have_attribute("role", "status")
    del deck.failing[COMMAND]
    await chat.button("Pause").click()
    await expect(chat.at("#note")).to_be_hidden()
    await expect(chat.button("Play")).to_be_visible()


@pytest.mark.parametrize(
    ("code", "said", "shown"),
    [
        ("provider_error", Lost().sentence, "It may still come."),
        ("conflict", "Call connections_list.", "Spotify did not do this."),
        ("no_active_device", "Ask the person which, and give its name as `device`.", "No device is ready. "),
    ],
    ids=["tool", "nothing else", "device"],
)
async def test_what_is_said_to_a_model_is_not_said_to_the_person(
    chat: Chat, deck: Deck, code: str, said: str, shown: str
) -> None:
    deck.failing[COMMAND] = refused(code, said)
    await ready(chat, deck)
    await chat.button("Pause").click()
    await expect(chat.at("#note")).to_contain_text(shown)
    read = await chat.at("#note").inner_text()
    assert not any(word in read for word in ("spotify_", "connections_", "`")), read


async def test_a_command_that_needs_more_of_spotify_offers_to_allow_it(chat: Chat, deck: Deck) -> None:
    meta = {"provider": "spotify", "title": "Spotify", "url": CONNECT_URL}
    deck.failing[COMMAND] = refused(
        "scope_missing", "The connected Spotify account has not allowed this yet.", connect=meta
    )
    await ready(chat, deck)
    await chat.button("Pause").click()
    await expect(chat.at("#offer h2")).to_have_text("Allow more on Spotify")
    await expect(chat.at("h1:visible")).to_have_text("Despacito")
    await chat.button("Open the connect page").click()
    await chat.press("I’m done")
    await expect(chat.at("#offer")).to_be_hidden()


async def test_what_is_not_confirmed_is_said_to_be_so(chat: Chat, deck: Deck) -> None:
    deck.confirms = False
    await ready(chat, deck)
    await chat.button("Pause").click()
    await expect(chat.at("#note")).to_have_text("Spotify accepted this, but does not show it yet.")


async def test_a_cover_is_asked_for_once_and_goes_with_its_track(chat: Chat, deck: Deck) -> None:
    await ready(chat, deck)
    first = await chat.at("#cover").get_attribute("src")
    assert first is not None and first.startswith("data:image/png;base64,")
    await chat.button("Pause").click()
    await chat.calls_reach(1, COMMAND)
    assert chat.called(COMMAND)[0]["cover"] == "vida"
    await expect(chat.at("#cover")).to_have_attribute("src", first)
    deck.cover = {"key": "other", "data_uri": picture(20, 90, 160)}
    await chat.button("Next").click()
    await expect(chat.at("#cover")).not_to_have_attribute("src", first)
    deck.cover = None
    await chat.button("Next").click()
    await expect(chat.at("#cover")).to_be_hidden()


async def test_nothing_but_a_picture_is_a_cover(chat: Chat, deck: Deck) -> None:
    await ready(chat, deck)
    for uri in (
        "https://i.scdn.co/image/1", "data:image/svg+xml;base64,PHN2Zy8+", "data:text/html;base64,PGI+",
        "data:image/png;base64,AAAA\" onerror=\"x", 7,
    ):  # fmt: skip
        await chat.tell("tool-result", shown({**deck.state, "cover": {"key": str(uri), "data_uri": uri}}))
        await chat.request("ping")
        assert not await chat.at("#cover").is_visible(), uri
        assert await chat.at("#blank").is_visible()
        await chat.tell("tool-result", shown({**deck.state, "cover": deck.cover}))
        await expect(chat.at("#cover")).to_be_visible()


HOSTILE = {
    "img": "<img src=x onerror=\"document.title='owned'\">",
    "script": "</script><script>document.title='owned'</script>",
    "rtl": "\u202egnp.exe\u202c \u0645\u0631\u062d\u0628\u0627",
    "long": "A" * 500,
}


async def test_a_hostile_name_is_a_name(chat: Chat, deck: Deck) -> None:
    await ready(chat, deck)
    await chat.at("summary").click()
    title = chat.at("#title")
    for name in HOSTILE.values():
        item = {**deck.state["item"], "name": name, "by": [name], "album": name}
        device = {**deck.state["device"], "name": name}
        await chat.tell("tool-result", shown({**deck.state, "item": item, "device": device, "queue": [item]}))
        await expect(title).to_have_text(name[:300], use_inner_text=False)
        assert await title.text_content() == name[:300]
        assert await chat.at("#list li span").first.text_content() == name[:300]
        assert await chat.at("#where bdi").text_content() == name[:100]
        assert await chat.view.evaluate("document.title") == "Spotify player · Valet"
        assert await chat.at("main img").count() == 1
        # One line, inside of the card, whatever its direction.
        lines = "e => [e.clientHeight < 40, getComputedStyle(e).textOverflow, e.dir]"
        assert await title.evaluate(lines) == [True, "ellipsis", "auto"]
        assert await chat.view.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_times_are_in_the_digits_of_the_host(chat: Chat, deck: Deck) -> None:
    deck.state["item"]["duration_ms"] = 3_723_000
    await chat.show("player.html", deck.first(), context={"locale": "ar-EG"})
    await expect(chat.at("#length")).to_have_text("١:٠٢:٠٣")
    for locale in ("en-GB", "not a locale!", ""):
        await chat.tell("host-context-changed", {"locale": locale})
        await expect(chat.at("#length")).to_have_text("1:02:03")
