"""What somebody tries who wants to be another person, or to make another person be them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from providers.transport import Transport
from tests.connect.inn import ISSUER, Browser, Inn, Page
from tests.support.emulator import EmulatorProcess
from vault.store.database import Database


async def set_out(browser: Browser, provider: str = "spotify") -> Page:
    page = await browser.get("/signin?switch=1")
    form = next(form for form in page.forms if form.fields.get("provider") == provider)
    return await browser.submit(form)


async def test_nobody_connects_into_an_attackers_session(inn: Inn) -> None:
    """Login CSRF: the attacker's own way back, opened in the victim's browser, before the victim connects."""
    attacker, mallory = await inn.guest("ben")
    callback = inn.spotify.consent((await set_out(attacker)).refresh, "ben")
    victim = inn.browser()
    page = await victim.get("/signin")
    assert (await victim.get(callback)).status == 403
    assert victim.cookie("valet") is None
    forged = {"provider": "spotify", "next": "/connect/spotify", "csrf": "0" * 64}
    assert (await victim.post("/signin", forged)).status == 403
    assert (await victim.get("/connect/spotify")).location == "/signin?next=%2Fconnect%2Fspotify"
    # The victim signs in as themselves, and what they connect is theirs.
    page = await victim.submit(page.form("/signin"), connect="1")
    await victim.get(inn.spotify.consent(page.refresh, "ana"))
    assert await inn.vault.list(mallory.id) == []


async def test_a_session_of_the_victim_is_not_replaced_by_the_attackers(inn: Inn) -> None:
    attacker, _ = await inn.guest("ben")
    callback = inn.spotify.consent((await set_out(attacker)).refresh, "ben")
    victim, _ = await inn.guest()
    cookie = victim.cookie("valet")
    assert (await victim.get(callback)).status == 403
    assert victim.cookie("valet") == cookie
    assert "Signed in as Ana" in (await victim.get("/account")).text


def plain(page: Page) -> str:
    """The page without what differs between any two visits."""
    return re.sub(r'value="[0-9a-f]{64}"', "", page.text)


async def test_the_sign_in_page_tells_nobody_who_is_known_here(inn: Inn) -> None:
    before = plain(await inn.browser().get("/signin"))
    _, ana = await inn.guest()
    known = inn.browser()
    known.client.cookies.set("valet", "k" * 43)
    assert plain(await inn.browser().get("/signin")) == before
    assert plain(await known.get("/signin?next=/account/sign-in&again=1")) == before.replace(
        'value="/account"', 'value="/account/sign-in"'
    )
    await inn.stores.users.block(ana.id)
    assert plain(await inn.browser().get("/signin")) == before
    page = await inn.sign_in(inn.browser(), "zoe")  # never seen here
    stranger = re.sub("[Zz]oe", "", page.text)
    index = inn.vault.index(ISSUER, "kim-1")
    await inn.stores.users.sign_in(ISSUER, index, "Kim")  # known, but not invited any more
    page = await inn.sign_in(inn.browser(), "kim")
    assert re.sub("[Kk]im", "", page.text) == stranger


@pytest.fixture
async def two(inn_database: Database, inn_ring: Path) -> AsyncIterator[tuple[Inn, EmulatorProcess]]:
    """A sidecar with several providers, at the emulator's wire."""
    with EmulatorProcess() as emulator:
        async with Transport(emulator_origin=emulator.origin) as transport:
            yield (
                await Inn.open(inn_database, inn_ring, everyone=True, emulator=transport),
                emulator,
            )


async def test_an_answer_of_one_provider_is_nothing_at_anothers_way_back(
    two: tuple[Inn, EmulatorProcess],
) -> None:
    """Mix-up (RFC 9700 §4.4): each provider has a way back of its own, and a state is one provider's."""
    inn, emulator = two
    browser = inn.browser()
    callback = emulator.agree((await set_out(browser, "spotify")).refresh)
    mixed = callback.replace("/callback/spotify", "/callback/google")
    assert (await browser.get(mixed)).status == 400
    assert browser.cookie("valet") is None
    assert (await browser.get(callback)).status == 303  # the honest way was not spoiled


@pytest.mark.parametrize("error", [False, True])
async def test_an_answer_that_names_another_issuer_is_refused(
    two: tuple[Inn, EmulatorProcess], error: bool
) -> None:
    """Mix-up (RFC 9207 §2.4): `iss` says who answered, where it is sent."""
    inn, emulator = two
    for issuer, status in (("https://evil.example", 400), ("https://accounts.google.com/", 400)):
        browser = inn.browser()
        callback = emulator.agree((await set_out(browser, "google")).refresh)
        parts = urlsplit(callback)
        query = [*parse_qsl(parts.query), ("iss", issuer)]
        if error:
            query = [("error", "access_denied"), *(pair for pair in query if pair[0] != "code")]
        page = await browser.get(f"{parts.path}?{urlencode(query)}")
        assert page.status == status
        assert "another address" in page.text
        assert browser.cookie("valet") is None
    browser = inn.browser()
    callback = emulator.agree((await set_out(browser, "google")).refresh)
    honest = f"{callback}&{urlencode({'iss': 'https://accounts.google.com'})}"
    assert (await browser.get(honest)).status == 303
