"""A real server whose operator has not set an app up yet: everything works, and says what is missing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.async_api import Browser

from tests.flows.test_ways import at_the_provider
from tests.support.emulator import EmulatorProcess
from tests.support.person import Person, text
from tests.support.valet import ValetProcess

THREE = {"connections_list", "connections_connect", "connections_disconnect"}


@pytest.fixture(scope="module")
def valet() -> Iterator[ValetProcess]:
    with ValetProcess("serve") as valet:
        yield valet


async def test_the_tools_say_what_the_operator_must_do(valet: ValetProcess, chromium: Browser) -> None:
    context = await chromium.new_context()
    person = Person(await context.new_page(), valet.url)
    await person.sign_in(valet.owner_link)
    async with person.chat() as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert names == THREE
        listed = await client.call_tool("connections_list", {})
        asked = await client.call_tool("connections_connect", {"service": "spotify", "access": "write"})
        for answer in (listed, asked):
            assert "SPOTIFY_CLIENT_ID" in text(answer), text(answer)
        assert asked.is_error
        # A tool that is remembered from elsewhere says the same: no scope is asked that nobody can give.
        person.statuses.clear()
        played = await client.call_tool("spotify_play", {"query": "Despacito"})
        assert played.is_error and "SPOTIFY_CLIENT_ID" in text(played)
        assert set(person.statuses) == {200}
    await person.page.goto(f"{valet.url}/account")
    assert "SPOTIFY_CLIENT_ID" in await person.page.locator("main").inner_text()
    await context.close()


async def test_with_a_provider_for_sign_in_alone_people_come_in_and_find_nothing_to_connect(
    emulator: EmulatorProcess, chromium: Browser
) -> None:
    settings = {
        "VALET_EMULATOR_ORIGIN": emulator.origin,
        "OIDC_ISSUER": "https://id.emulator.example",
        "OIDC_CLIENT_ID": "emulator-oidc",
        "OIDC_CLIENT_SECRET": "emulator-secret",
        "OIDC_TITLE": "House ID",
    }
    context = await chromium.new_context()
    with ValetProcess("serve", **settings) as valet:
        assert "/setup?t=" in valet.banner
        person = Person(await context.new_page(), valet.url)
        await person.page.goto(f"{valet.url}/signin")
        await person.page.get_by_role("button", name="Continue with House ID").click()
        await at_the_provider(person.page, valet, "Agree")
        async with person.chat() as client:
            assert {tool.name for tool in (await client.list_tools()).tools} == THREE
            listed = await client.call_tool("connections_list", {})
            asked = await client.call_tool("connections_connect", {"service": "oidc"})
            assert "House ID" not in text(listed) and "Spotify is not set up" in text(listed)
            assert asked.is_error and "valet setup" in text(asked)
        await context.close()
