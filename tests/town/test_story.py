"""“Play Despacito” over TLS, through nginx, with every step served by another process than the one before."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator

import httpx2
import psycopg
import pytest
from mcp import Client
from mcp.shared.auth import OAuthToken
from playwright.async_api import Browser, Page, Route

from tests.support.chromium import launched
from tests.support.doors import run
from tests.support.person import Person, link, text
from tests.support.town import Town

DESPACITO = {"query": "Despacito"}


@pytest.fixture(scope="module")
async def chromium() -> AsyncIterator[Browser]:
    async with launched() as browser:
        yield browser


class Carousel:
    """Before each request for the sidecar, nginx is told of another one. `turns` counts."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._next = itertools.cycle(range(len(town.sidecars)))
        self.turns = 0

    async def turn(self) -> None:
        self.turns += 1
        await asyncio.to_thread(self._town.sidecar, next(self._next))

    async def route(self, route: Route) -> None:
        """Of a browser's page: also one of the emulator's, whose answer leads to our callback."""
        if route.request.is_navigation_request():
            await self.turn()
        await route.continue_()


@pytest.fixture
def carousel(town: Town) -> Carousel:
    return Carousel(town)


async def browser(town: Town, chromium: Browser, carousel: Carousel) -> Page:
    """One that asks another sidecar for each page."""
    context = await chromium.new_context(ignore_https_errors=True)
    page = await context.new_page()
    await page.route(f"{town.url}/**", carousel.route)
    await page.route(f"{town.emulator.origin}/**", carousel.route)
    return page


async def plays(client: Client, town: Town) -> None:
    """The tool says so and the player agrees."""
    town.emulator.set_player("ana", playing=False)
    result = await client.call_tool("spotify_play", DESPACITO)
    assert not result.is_error, text(result)
    player = town.emulator.player("ana")
    assert player["is_playing"] and player["current_name"] == "Despacito"


async def begins(person: Person, town: Town, mode: str) -> None:
    """From nothing to music. Who comes second finds the account connected."""
    async with person.chat(mode) as client:
        assert person.statuses[0] == 401 and person.consents == 1
        assert client.protocol_version == ("2026-07-28" if mode == "auto" else "2025-11-25")
        if mode == "auto":
            refused = await client.call_tool("spotify_play", DESPACITO)
            assert refused.is_error
            assert await person.connect(link(refused)) == "Spotify is connected as Ana Duarte"
        await plays(client, town)
        town.emulator.expire("access")
        before = town.emulator.refreshes()
        answers = await asyncio.gather(*(client.call_tool("spotify_get_playback", {}) for _ in range(6)))
        assert not any(answer.is_error for answer in answers)
        assert town.emulator.refreshes() == before + 1, "over two workers"


def served_in_turn(town: Town, since: int) -> dict[str, list[str]]:
    """Who served what, by path, and that no step came to the process of the step before."""
    by: dict[str, list[str]] = {}
    steps = [row for row in town.served(since) if not row["path"].startswith("/static/")]
    pages = [row for row in steps if row["path"] != "/mcp"]
    for row in steps:
        by.setdefault(row["path"], []).append(row["worker"])
        assert row["status"] < 500, row
    moved = sum(one["worker"] != two["worker"] for one, two in itertools.pairwise(pages))
    redirects = sum(row["status"] in {302, 303} for row in pages)
    assert moved >= len(pages) - 1 - redirects, "all but where an answer itself led to the next"
    return by


async def test_play_despacito_with_each_step_at_another_process(
    town: Town, chromium: Browser, carousel: Carousel
) -> None:
    page = await browser(town, chromium, carousel)
    people = {}
    for mode in ("auto", "legacy"):
        since = len(town.served())
        person = people[mode] = Person(page, town.url, f"Chat {mode}", trust=town.trust, before=carousel.turn)
        if mode == "auto":
            await person.sign_in(town.sidecars[0].owner_link)
        await begins(person, town, mode)
        by = served_in_turn(town, since)
        assert set(by["/mcp"]) == {worker.address for worker in town.workers}, "both"
        steps = ["/register", "/authorize", "/token"]
        if mode == "auto":
            steps += ["/owner", "/connect/spotify", "/callback/spotify"]
        assert len({by[step][0] for step in steps}) > 1

    await asyncio.to_thread(town.restart)
    for mode, person in people.items():
        async with person.chat(mode) as client:
            await plays(client, town)
            assert person.consents == 1

    # A month on: every access token is long over, here and there.
    town.emulator.expire("access")
    with psycopg.connect(town.postgres.admin, dbname="valet", autocommit=True) as database:
        database.execute("UPDATE access_tokens SET expires_at = now() - interval '25 days'")
        database.execute("UPDATE connections SET access_expires_at = now() - interval '25 days'")
    for mode, person in people.items():
        await renew(person, carousel)
        async with person.chat(mode) as client:
            await plays(client, town)
            assert person.consents == 1, "nobody was asked anything"


async def renew(person: Person, carousel: Carousel) -> None:
    """What a chat client does that knows by the clock that its token is over."""
    assert person.storage.tokens is not None and person.storage.client is not None
    form = {"grant_type": "refresh_token", "refresh_token": person.storage.tokens.refresh_token}
    await carousel.turn()
    async with httpx2.AsyncClient(verify=person.trust, trust_env=False) as http:
        stale = await http.post(
            f"{person.url}/mcp", headers={"Authorization": f"Bearer {person.storage.tokens.access_token}"}
        )
        assert stale.status_code == 401
        answer = await http.post(
            f"{person.url}/token", data={**form, "client_id": person.storage.client.client_id}
        )
    assert answer.status_code == 200, answer.text
    person.storage.tokens = OAuthToken.model_validate(answer.json())


def test_the_doctor_finds_nothing_to_do_in_the_whole_town(town: Town) -> None:
    """Through nginx and PgBouncer, five processes: by the command, as an operator runs it."""
    given = {**town.environment, "SSL_CERT_FILE": str(town.nginx.authority)}
    ran = run("doctor", "--json", given=given, folder=town.folder)
    told = json.loads(ran.stdout)
    said = {each["about"]: [] for each in told["findings"]}
    for each in told["findings"]:
        said[each["about"]].append(each["text"])
    wrong = [each for each in told["findings"] if each["level"] in {"warning", "fault"}]
    assert wrong == [] and ran.returncode == 0, ran.stdout
    assert "a pooler stands between, in transaction mode" in said["database"]
    assert any("is this Valet" in text for text in said["address"])
    assert sum(text.count("connect ") + text.count("mcp_server ") for text in said["processes"]) == 5
