"""A button that is pressed twice, as many people press everything, while the answer is still on its way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser as Chromium
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tests.connect.stage import Stage, staged
from tests.support.chromium import launched
from valet.links import mint_owner_link, mint_setup_link
from vault.store.database import Database

TWICE = """button => {
  button.click();
  window.setTimeout(() => {
    button.click();
    window.setTimeout(() => { new Image().src = "/static/mark.svg?twice"; });
  }, 100);
}"""


@pytest.fixture(scope="module")
async def chromium() -> AsyncIterator[Chromium]:
    async with launched() as browser:
        yield browser


@pytest.fixture
async def stage(inn_database: Database, inn_ring: Path, chromium: Chromium) -> AsyncIterator[Stage]:
    async with staged(inn_database, inn_ring, chromium) as stage:
        yield stage


class SlowLine:
    """Holds the answers to forms back: their work is done by then. `forms` are how many came."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.forms = 0
        self.go = asyncio.Event()
        answer = Response.__call__

        async def held(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["method"] == "POST":
                self.forms += 1
                await self.go.wait()
            await answer(response, scope, receive, send)

        monkeypatch.setattr(Response, "__call__", held)

    async def twice(self, stage: Stage, name: str) -> None:
        """Press that button, once more as fast as a finger does, and wait for the page that comes."""
        button = stage.page.get_by_role("button", name=name, exact=True)
        # A form that the second click sends is out before the picture is asked for.
        stage.page.on("request", lambda request: self.go.set() if request.url.endswith("?twice") else None)
        async with stage.page.expect_event("load", timeout=10_000):
            await button.evaluate(TWICE)


async def heading(stage: Stage) -> str:
    return await stage.page.locator("h1").first.inner_text()


async def test_allowing_a_chat(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await stage.guest()
    await stage.open(f"/consent?h={await stage.inn.asks(await stage.inn.client())}")
    line = SlowLine(monkeypatch)
    await line.twice(stage, "Allow")
    assert "Going back to" in await heading(stage)
    assert line.forms == 1


async def test_the_links_of_the_terminal(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What opens once must not be used up by a click whose answer nobody sees."""
    await stage.page.goto(await mint_owner_link(stage.inn.database, stage.inn.public_url, stage.inn.audit))
    line = SlowLine(monkeypatch)
    await line.twice(stage, "Open Valet")
    assert await heading(stage) == "Your keys"
    await stage.page.goto(await mint_setup_link(stage.inn.database, stage.inn.public_url, stage.inn.audit))
    line.go.clear()
    await line.twice(stage, "Begin")
    assert await heading(stage) == "Set up this Valet"
    assert stage.page.url == f"{stage.inn.public_url}/setup"
    assert line.forms == 2


async def test_a_token_that_is_shown_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await stage.guest()
    await stage.open("/account/tokens/new")
    await stage.page.get_by_label("What is it for?").fill("A script")
    line = SlowLine(monkeypatch)
    await line.twice(stage, "Make the token")
    assert await heading(stage) == "Your new token"
    assert line.forms == 1


async def test_a_form_can_be_sent_again_after_going_back(stage: Stage) -> None:
    await stage.guest()
    await stage.open("/connect/spotify")
    for _ in range(2):
        await stage.press("Continue to Spotify")
        assert "Going to Spotify" in await heading(stage)
        await stage.page.go_back()
    assert await stage.inn.count("SELECT count(*) FROM states WHERE purpose = 'connect'") == 2
