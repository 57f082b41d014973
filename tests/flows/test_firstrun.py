"""A new server, from the printed link to a song: its operator sets Spotify up, a guest brings an own app."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page

from tests.flows.test_canary import dump, spellings
from tests.support.emulator import EmulatorProcess
from tests.support.person import Person, text
from tests.support.valet import ValetProcess

HOUSE, MINE = "emulator-of-the-house", "emulator-of-mine"
SECRETS = {HOUSE: "canary-secret-of-the-house", MINE: "canary-secret-of-mine"}
PLAY = {"query": "Despacito"}


@pytest.fixture
def valet(emulator: EmulatorProcess) -> Iterator[ValetProcess]:
    """`valet serve` with nothing set up, and no database."""
    with ValetProcess("serve", fresh=True, VALET_EMULATOR_ORIGIN=emulator.origin) as valet:
        for client, secret in SECRETS.items():
            emulator.client(client, secret=secret, redirects=[f"{valet.url}/callback/spotify"])
        yield valet


def setup_link(valet: ValetProcess) -> str:
    return next(word for word in valet.banner.split() if "/setup?t=" in word)


async def paste(page: Page, client: str) -> None:
    """What somebody does after they were at the provider's dashboard."""
    await page.get_by_label("Client ID").fill(client)
    await page.get_by_label("Client secret").fill(SECRETS[client])
    await page.get_by_role("button", name="Test and keep").click()


async def copied(page: Page, code: str) -> None:
    """The button puts what stands beside it on the clipboard."""
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    # Only the page that is in front may write to it.
    await page.bring_to_front()
    await page.locator(f'button[data-copy="{code}"]').click()
    await page.get_by_role("button", name="Copied").wait_for()
    clipboard = await page.evaluate("navigator.clipboard.readText()")
    assert clipboard == await page.locator(f"#{code}").inner_text()
    assert urlsplit(clipboard).path in {"/callback/spotify", "/mcp"}


def grants_of(emulator: EmulatorProcess, client: str) -> int:
    """How many grants that app was given there."""
    grants = emulator.tokens("spotify")["grants"]
    return sum(grant["client_id"] == client for grant in grants)


async def test_from_the_printed_link_to_a_song_through_ones_own_app(
    valet: ValetProcess, emulator: EmulatorProcess, chromium: Browser
) -> None:
    printed = setup_link(valet)
    context = await chromium.new_context()
    page = await context.new_page()

    # The operator
    await page.goto(printed)
    await page.get_by_role("button", name="Begin").click()
    await page.get_by_role("link", name="Set up Spotify").click()
    await copied(page, "redirect-spotify")
    await paste(page, HOUSE)
    await page.get_by_text("Tested and kept.").wait_for()
    await copied(page, "mcp-url")
    await page.get_by_role("button", name="Done").click()
    await page.goto(f"{valet.url}/setup")
    assert await page.locator("h1").inner_text() == "The setup opens from the terminal"
    again = valet.run("setup")
    assert again.returncode == 0 and again.stdout.startswith(f"{valet.url}/setup?t=")
    assert again.stdout.strip() != printed

    # A person, with an app of their own
    person = Person(page, valet.url)
    await person.sign_in(valet.owner_link)
    await page.get_by_role("link", name="Use your own app").click()
    await copied(page, "redirect-spotify")
    await paste(page, MINE)
    await page.get_by_text("Spotify knows your app").wait_for()
    await person.connect(f"{valet.url}/connect/spotify")
    assert f"client_id={MINE}" in person.visited[-1]
    async with person.chat() as client:
        assert not (played := await client.call_tool("spotify_play", PLAY)).is_error, text(played)

    # A restart reads both apps from the vault; the refresh goes through the person's.
    valet.restart()
    assert "/setup?t=" not in valet.banner, "something is set up"
    emulator.expire("access")
    emulator.forget()
    async with person.chat() as client:
        assert not (played := await client.call_tool("spotify_play", PLAY)).is_error, text(played)
        assert emulator.refreshes() == 1
        assert grants_of(emulator, MINE) == 1 and grants_of(emulator, HOUSE) == 0

        await page.goto(f"{valet.url}/account/apps/spotify/delete")
        await page.get_by_role("button", name="Delete").click()
        await page.get_by_text("is deleted here").wait_for()
        assert (await client.call_tool("spotify_play", PLAY)).is_error

    kept, logs = dump(valet, "."), valet.logs.read_text()
    tokens = {urlsplit(link).query.removeprefix("t=") for link in (printed, again.stdout.strip())}
    for secret in {*SECRETS.values(), *tokens}:
        assert not any(spelling in kept + logs for spelling in spellings(secret))
    assert HOUSE in kept and MINE not in kept, "its row went with it"
    await context.close()
