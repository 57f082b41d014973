"""Two people sign in with Spotify in a real browser; each has their own accounts, and no more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser

from tests.support.emulator import EmulatorProcess
from tests.support.person import Person, link, text
from tests.support.valet import ValetProcess

PLAY = {"query": "Despacito"}


@asynccontextmanager
async def somebody(
    chromium: Browser, valet: ValetProcess, account: str, *, also: bool
) -> AsyncIterator[Person]:
    """A person with a browser of their own, signed in with that Spotify account."""
    context = await chromium.new_context()
    page = await context.new_page()
    await page.goto(f"{valet.url}/signin")
    form = page.locator("form", has=page.get_by_role("button", name="Continue with Spotify"))
    if also:
        await form.get_by_label("Also connect this account").check()
    await form.get_by_role("button", name="Continue with Spotify").click()
    await page.wait_for_url("http://localhost:*/**")
    await page.locator(f'input[value="{account}"]').check()
    await page.get_by_role("button", name="Agree").click()
    await page.wait_for_url(f"{valet.url}/account*")
    connected = await page.get_by_role("link", name="Disconnect").count()
    assert connected == (1 if also else 0), "only the box connects"
    yield Person(page, valet.url)
    await context.close()


async def test_each_plays_on_their_own_player(
    chromium: Browser, valet: ValetProcess, emulator: EmulatorProcess
) -> None:
    async with (
        somebody(chromium, valet, "ana", also=True) as ana,
        somebody(chromium, valet, "emil", also=False) as emil,
        ana.chat() as hers,
        emil.chat() as his,
    ):
        played = await hers.call_tool("spotify_play", PLAY)
        assert not played.is_error, text(played)
        assert emulator.player("ana")["current_name"] == "Despacito"

        # Signing in alone connects nothing.
        refused = await his.call_tool("spotify_play", PLAY)
        assert refused.is_error
        assert emulator.player("emil")["current_name"] != "Despacito"

        # His link, opened by her: it connects neither his account to her nor hers to him, and says why.
        await ana.page.goto(link(refused))
        assert await ana.see() == "This link is for someone else"
        listed = await his.call_tool("connections_list", {})
        assert (listed.structured_content or {})["connections"] == []

        # Her connection's id is worth nothing in his hands.
        [row] = ((await hers.call_tool("connections_list", {})).structured_content or {})["connections"]
        for name in (row["id"], row["label"]):
            assert (await his.call_tool("connections_disconnect", {"connection": name})).is_error
        assert not (await hers.call_tool("spotify_get_playback", {})).is_error

        await emil.connect(link(refused), "emil")
        again = await his.call_tool("spotify_play", {**PLAY, "device": "Emil's ThinkPad"})
        assert not again.is_error, text(again)
        assert emulator.player("emil")["current_name"] == "Despacito"


async def test_signing_out_ends_the_session_but_not_the_chat(chromium: Browser, valet: ValetProcess) -> None:
    async with somebody(chromium, valet, "ana", also=True) as ana, ana.chat() as chat:
        await ana.page.goto(f"{valet.url}/account")
        await ana.page.get_by_role("button", name="Sign out").click()
        await ana.page.goto(f"{valet.url}/account")
        assert "/signin" in ana.page.url
        assert not (await chat.call_tool("spotify_get_playback", {})).is_error


async def test_cutting_a_chat_off_works_at_once(chromium: Browser, valet: ValetProcess) -> None:
    async with somebody(chromium, valet, "ana", also=True) as ana, ana.chat() as chat:
        assert not (await chat.call_tool("spotify_get_playback", {})).is_error
        assert ana.consents == 1
        # The note is written behind the back of the call.
        entry = ana.page.get_by_role("listitem").filter(has_text="See what plays on Spotify")
        async with asyncio.timeout(20):
            while True:
                await ana.page.goto(f"{valet.url}/account/activity")
                if await entry.count():
                    break
        assert "Done" in await entry.inner_text() and "Test chat" in await entry.inner_text()
        await ana.page.goto(f"{valet.url}/account/chats")
        await ana.page.get_by_role("button", name="Cut off").click()
        await ana.page.wait_for_load_state()
        ana.statuses.clear()
        await chat.call_tool("spotify_get_playback", {})
        assert ana.statuses[0] == 401, "the old token is dead"
        assert ana.consents == 2, "and only the person's consent gave a new one"
