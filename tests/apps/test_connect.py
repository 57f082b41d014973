"""The card of connections_connect: one question, one button, and how it stands afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import expect

from tests.apps.deck import CONNECT_URL, UNCONNECTED, Deck, Json, refused, shown
from tests.apps.host import Chat

LIST = "connections_list"
WAITING: Json = {
    "content": [
        {
            "type": "text",
            "text": f"Ask the person to open this link in a browser to connect Spotify: {CONNECT_URL}",
        }
    ],
    "structuredContent": {"service": "spotify", "access": "write", "state": "waiting", "url": CONNECT_URL},
    "_meta": {"valet/connect": {"provider": "spotify", "title": "Spotify", "url": CONNECT_URL}},
}


def overview(state: str = "not_connected", access: str = "write", accounts: int = 0) -> Json:
    """What connections_list answers."""
    service = {
        "service": "spotify", "title": "Spotify", "provider": "spotify", "access": access, "state": state,
    }  # fmt: skip
    rows = [{"id": str(number), "provider": "spotify", "label": "private"} for number in range(accounts)]
    return shown({"connections": rows, "services": [service]}, "Accounts: …")


class Home(Deck):
    """The list of connections, as the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.list: Json = overview()

    async def serve(self, tool: str, arguments: Json) -> Json:
        assert (tool, arguments) == (LIST, {}), "only how it stands is asked"
        return self.list if "error" in self.list else {"result": self.list}


@pytest.fixture
def deck() -> Home:
    return Home()


async def test_the_question_the_page_and_the_way_back(chat: Chat, deck: Home) -> None:
    await chat.show("connect.html", WAITING, arguments={"service": "spotify", "access": "write"})
    await expect(chat.at("h1")).to_have_text("Connect Spotify")
    await expect(chat.at("#offer p").first).to_contain_text("This chat asks to read and write.")
    await chat.button("Open the connect page").dblclick()
    await expect(chat.at("#offer")).to_contain_text("It is open in your browser.")
    assert chat.opened == [CONNECT_URL]
    await chat.press("I’m done")
    await expect(chat.at("#note")).to_have_text(
        "It is not connected yet. Finish on the page in your browser, then try again."
    )
    deck.list = overview("connected", accounts=1)
    await chat.press("I’m done")
    await expect(chat.at("h1")).to_have_text("Spotify is connected")
    await expect(chat.at("#note")).to_be_hidden()
    await expect(chat.at("button")).to_have_count(0)


async def test_a_card_of_an_old_chat_shows_how_it_stands_today(chat: Chat, deck: Home) -> None:
    deck.list = overview("connected", accounts=1)
    await chat.show("connect.html", WAITING)
    await expect(chat.at("h1")).to_have_text("Spotify is connected")


async def test_coming_back_from_the_page_looks_again(chat: Chat, deck: Home) -> None:
    await chat.show("connect.html", WAITING)
    await chat.button("Open the connect page").click()
    await expect(chat.button("Open it again")).to_be_visible()
    deck.list = overview("connected", accounts=1)
    await chat.view.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await expect(chat.at("h1")).to_have_text("Spotify is connected")


@pytest.mark.parametrize(
    "listed",
    [
        overview("connected", "read", 1),
        overview("needs_reconnecting", "write", 1),
        overview("connected", "off", 1),
    ],
    ids=["less", "broken", "off"],
)
async def test_less_than_was_asked_for_is_not_enough(chat: Chat, deck: Home, listed: Json) -> None:
    deck.list = listed
    await chat.show("connect.html", WAITING)
    await chat.calls_reach(1, LIST)
    await expect(chat.at("h1")).to_have_text("Connect Spotify")


async def test_one_account_more_is_there_when_there_is_one_more(chat: Chat, deck: Home) -> None:
    deck.list = overview("connected", accounts=1)
    await chat.show("connect.html", WAITING, arguments={"service": "spotify", "another": True})
    await chat.calls_reach(1, LIST)
    await expect(chat.at("h1")).to_have_text("Connect Spotify")
    await chat.button("Open the connect page").click()
    deck.list = overview("connected", accounts=2)
    await chat.press("I’m done")
    await expect(chat.at("h1")).to_have_text("Spotify is connected")


async def test_it_was_connected_all_along(chat: Chat) -> None:
    done = {"service": "spotify", "access": "read", "state": "connected"}
    await chat.show("connect.html", shown(done, "Spotify is connected."))
    await expect(chat.at("h1")).to_have_text("Spotify is connected")
    assert await chat.count(LIST) == 0


async def test_an_error_that_a_link_mends_and_one_that_none_does(chat: Chat) -> None:
    await chat.show("connect.html", UNCONNECTED, arguments={"service": "spotify"})
    await expect(chat.at("#offer p").first).to_have_text("Spotify is not connected yet.")
    said = "`service` must be one of: spotify, calendar. <b>bold</b>"
    await chat.show("connect.html", refused("invalid_argument", said))
    await expect(chat.at("h1")).to_have_text("Connecting did not work")
    await expect(chat.at("#offer p")).to_have_text(said)
    await expect(chat.at("button")).to_have_count(0)


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ({"error": {"code": -32000, "message": "no"}}, "The chat program did not pass this on to Valet."),
        (refused("rate_limited", "Try again in a minute."), "Try again in a minute."),
        ({"content": []}, "It is not connected yet."),
    ],
    ids=["host", "limit", "empty"],
)
async def test_a_list_that_can_not_be_had_is_said_to_be_so(
    chat: Chat, deck: Home, listed: dict[str, Any], said: str
) -> None:
    deck.list = listed
    await chat.show("connect.html", WAITING)
    await chat.button("Open the connect page").click()
    await chat.press("I’m done")
    await expect(chat.at("#note")).to_contain_text(said)


async def test_it_stops_at_its_end(chat: Chat) -> None:
    await chat.show("connect.html", WAITING)
    await chat.calls_reach(1, LIST)
    await chat.button("Open the connect page").click()
    await expect(chat.button("I’m done")).to_be_visible()
    assert (await chat.request("ui/resource-teardown"))["result"] == {}
    await chat.button("I’m done").click()
    await chat.view.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert len(chat.called(LIST)) == 1


async def test_a_call_that_was_cancelled(chat: Chat) -> None:
    await chat.show("connect.html")
    await chat.tell("tool-cancelled", {"reason": "no"})
    await expect(chat.at("h1")).to_have_text("Nothing was changed")
