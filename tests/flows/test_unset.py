"""A real server whose operator has not set an app up yet: everything works, and says what is missing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.async_api import Browser

from tests.support.person import Person, text
from tests.support.valet import ValetProcess


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
        assert names == {"connections_list", "connections_connect", "connections_disconnect"}
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
