"""What connecting never asks for, such as reading all mail: asked for apart, named in full, and kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from providers.google import GOOGLE
from providers.google.services import DRIVE_READ, GMAIL_LABELS, GMAIL_MODIFY, GMAIL_READ, GMAIL_SEND
from providers.transport import Transport
from tests.connect.inn import Browser, Inn, Page
from tests.connect.test_google import EVERYTHING, connect, guest, leave, scopes
from tests.support.emulator import EmulatorProcess as Emulator
from vault.store.database import Database
from vault.store.grants import Grant
from vault.store.users import User

LATER = GOOGLE.asked_later
MAIL = frozenset({"gmail:read"})
LABELS = "see and edit the labels of your mail"


@pytest.fixture
async def inn(inn_database: Database, inn_ring: Path, google: Emulator) -> AsyncIterator[Inn]:
    async with Transport(emulator_origin=google.origin) as transport:
        yield await Inn.open(inn_database, inn_ring, everyone=True, emulator=transport)


async def needs(inn: Inn, user: User, *upstream: str, ours: frozenset[str] = MAIL) -> tuple[Grant, str]:
    """A chat with these scopes, and the link that a tool of it got that needs those of Google's."""
    grant, _ = await inn.question(user, "google", ours)
    handle = await inn.flows.ask_connect(
        user_id=user.id, client_id=grant.client_id, grant_id=grant.id, provider="google", ours=ours,
        upstream=frozenset(upstream), label=None,
    )  # fmt: skip
    return grant, f"/connect/google?h={handle}"


async def held(inn: Inn, user: User) -> frozenset[str]:
    [connection] = await inn.vault.list(user.id)
    return connection.scopes


async def go(google: Emulator, browser: Browser, path: str) -> Page:
    """The way to Google and back; the last page."""
    page = await browser.submit((await browser.get(path)).forms[0])
    page = await browser.arrive(google.agree(page.refresh, "ana"))
    return await browser.get(page.location)


@pytest.mark.parametrize("begin", ["account", "consent", "another", "signing in"])
async def test_connecting_asks_for_nothing_of_it(inn: Inn, google: Emulator, begin: str) -> None:
    if begin == "signing in":
        asked = scopes((await leave(inn.browser(), connect="1")).refresh)
        assert asked - GOOGLE.identity_scopes == EVERYTHING and not GOOGLE.widened(asked) & LATER
        return
    browser, _ = await guest(inn, google)
    path = {"account": "/connect/google", "another": "/connect/google?another=1"}.get(begin)
    if path is None:
        asks = await inn.asks(await inn.client("Claude"), frozenset(inn.registry.scopes))
        path = f"/connect/google?consent={asks}"
    page = await browser.get(path)
    assert LABELS in page.text and "all of your mail" not in page.text
    asked = scopes((await browser.submit(page.forms[0])).refresh)
    assert asked - GOOGLE.identity_scopes == EVERYTHING
    assert not GOOGLE.widened(asked) & LATER
    assert len(LATER) == 7


async def test_a_tool_that_needs_it_asks_for_just_that(inn: Inn, google: Emulator) -> None:
    browser, user = await guest(inn, google)
    await connect(inn, google, browser)
    before = await held(inn, user)
    _, path = await needs(inn, user, GMAIL_READ)
    page = await browser.get(path)
    assert "Allow more at Google" in page.text
    assert "read all of your mail" in page.text and LABELS not in page.text
    assert "Valet asks for apart, and only when a chat needs it" in page.text
    asked = scopes((await browser.submit(page.forms[0])).refresh)
    assert asked - GOOGLE.identity_scopes == {GMAIL_READ}
    done = await go(google, browser, path)
    assert "Google is connected as ana.duarte@gmail.com" in done.text
    assert "You can go back to your chat" in done.text
    assert await held(inn, user) == before | {GMAIL_READ}, "consents add up"
    assert "read all of your mail" in (await browser.get("/account")).text


async def test_before_the_yes_it_is_named_and_whoever_unticks_it_reads_what_is_missing(
    inn: Inn, google: Emulator
) -> None:
    browser, user = await guest(inn, google)
    await connect(inn, google, browser)
    before = await held(inn, user)
    # Google has boxes where it is asked for more than one thing.
    _, path = await needs(inn, user, GMAIL_READ, DRIVE_READ)
    page = await browser.submit((await browser.get(path)).forms[0])
    assert scopes(page.refresh) - GOOGLE.identity_scopes == {GMAIL_READ, DRIVE_READ}
    callback = google.agree(page.refresh, "ana", untick=["scope.gmail.readonly"])
    page = await browser.get((await browser.get(callback)).location)
    allowed, _, refused = page.text.partition("You did not allow it to")
    assert "read all files in your Drive" in allowed and "read all of your mail" not in allowed
    assert "read all of your mail" in refused
    page = await browser.get((await browser.submit(page.forms[0], decision="connect")).location)
    assert "You did not allow everything that was asked" in page.text
    assert "read all of your mail" in page.text and "files in your Drive" not in page.text
    assert "You can go back to your chat" not in page.text
    assert await held(inn, user) == before | {DRIVE_READ}
    page = await browser.get(path)
    assert "read all of your mail" in page.text and "files in your Drive" not in page.text, "it stays open"


async def test_what_is_asked_apart_takes_a_trip_also_where_the_chat_may_do_more(
    inn: Inn, google: Emulator
) -> None:
    """The account allows what connecting asks for, so only the chat's own permission seems to be missing."""
    browser, user = await guest(inn, google)
    await connect(inn, google, browser)
    grant, _ = await inn.question(user, "google", MAIL)
    handle = await inn.flows.ask_connect(
        user_id=user.id, client_id=grant.client_id, grant_id=grant.id, provider="google",
        ours=frozenset({"gmail:write"}), upstream=frozenset({GMAIL_MODIFY}), label=None,
    )  # fmt: skip
    page = await browser.get(f"/connect/google?h={handle}")
    assert "Continue to Google" in page.text and "From then on this chat may" in page.text
    await go(google, browser, f"/connect/google?h={handle}")
    assert GMAIL_MODIFY in await held(inn, user)
    assert "gmail:write" in (await inn.stores.grants.list(user.id))[0].scopes


async def test_a_reconnect_keeps_it_and_says_so(inn: Inn, google: Emulator) -> None:
    browser, user = await guest(inn, google)
    await connect(inn, google, browser)
    await go(google, browser, (await needs(inn, user, GMAIL_MODIFY))[1])
    [connection] = await inn.vault.list(user.id)
    path = f"/connect/google?reconnect={connection.id}"
    page = await browser.get(path)
    assert "read, label, file away and trash all of your mail" in page.text
    asked = scopes((await browser.submit(page.forms[0])).refresh)
    assert GMAIL_MODIFY in asked and not asked & {GMAIL_READ, GMAIL_SEND}, "the least that is as good"
    await go(google, browser, path)
    assert GMAIL_MODIFY in await held(inn, user)


async def test_who_decides_what_a_chat_may_do_reads_of_what_was_allowed_and_what_may_be_asked(
    inn: Inn, google: Emulator
) -> None:
    browser, user = await guest(inn, google)
    client = await inn.client("Claude")
    path = f"/consent?h={await inn.asks(client, frozenset(inn.registry.scopes))}"

    def said(page: Page, level: str) -> str:
        return page.text.partition(f'id="says-gmail-{level}">')[2].partition("</p>")[0]

    page = await browser.get(path)
    assert "wants to use your Spotify and Google through Valet" in page.text
    assert said(page, "read") == (
        "It may see the labels of your mail. It may not change anything. Where it needs that, it can ask you "
        "at Google to let it read all of your mail."
    )
    await connect(inn, google, browser)
    await go(google, browser, (await needs(inn, user, GMAIL_READ))[1])
    page = await browser.get(path)
    assert "As you have allowed that at Google, it may also read all of your mail." in said(page, "read")
    assert "it may also read all of your mail" in said(page, "write")
    assert "to let it see, write and send drafts of mail; read, label" in said(page, "write")
    # And on the page of chats, of what each may do by now.
    await inn.grant(user, client, frozenset({"gmail:read"}))
    text = (await browser.get("/account/chats")).text
    assert "<li>see the labels of your mail.</li>\n<li>read all of your mail.</li>" in text
    await go(google, browser, (await needs(inn, user, GMAIL_MODIFY))[1])
    assert "trash" not in (await browser.get("/account/chats")).text, "that takes writing"


async def test_an_account_of_before_goes_on_and_is_shown_as_what_it_is(inn: Inn, google: Emulator) -> None:
    """Connected when Valet knew Google's calendar only, and less of that."""
    browser, user = await guest(inn, google)
    await connect(inn, google, browser)
    old = GOOGLE.identity_scopes | {
        s for s in await held(inn, user) if "calendar" in s and "freebusy" not in s
    }
    await inn.run("UPDATE connections SET scopes = %s WHERE owner = %s", sorted(old), user.id)
    text = (await browser.get("/account")).text
    assert "a part of this" in text and "see your calendars" in text
    assert "labels of your mail" not in text
    [connection] = await inn.vault.list(user.id)
    page = await browser.get(f"/connect/google?reconnect={connection.id}")
    assert "see your calendars" in page.text and "labels of your mail" not in page.text
    _, path = await needs(inn, user, GMAIL_LABELS)
    await go(google, browser, path)
    assert await held(inn, user) >= (old - GOOGLE.identity_scopes) | {GMAIL_LABELS}
