"""The page of chats, and the way between the account pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import connect
from connect.session import HOME, safe_next
from tests.connect.inn import ALL, Inn

TABS = (Path(connect.__file__).parent / "templates" / "tabs.html").read_text()
PLACES = dict(re.findall(r'\("([a-z-]+)", "(/account[a-z/-]*)", "[^"]+"\),', TABS))


@pytest.mark.parametrize("name", PLACES)
async def test_every_account_page_leads_to_all_of_them_and_says_which_it_is(inn: Inn, name: str) -> None:
    browser, _ = await inn.guest()
    page = await browser.get(PLACES[name])
    assert page.status == 200
    assert set(PLACES.values()) <= set(page.links)
    current = re.findall(r'<a href="([^"]+)" aria-current="page">', page.text)
    assert current == [PLACES[name]]


@pytest.mark.parametrize("name", PLACES)
async def test_an_account_page_asks_to_sign_in_and_is_come_back_to(inn: Inn, name: str) -> None:
    page = await inn.browser().get(PLACES[name])
    assert page.status == 303 and page.location.startswith("/signin?next=")
    assert safe_next(PLACES[name]) == PLACES[name]


def test_only_account_pages_are_added_to_where_a_sign_in_may_lead() -> None:
    for path in ("/accounts/x/name", "/accountx", "/account/../mcp", "/account//evil.test", "/account/%2e"):
        assert safe_next(path) == HOME


async def test_no_chat_yet_says_how_one_comes(inn: Inn) -> None:
    browser, _ = await inn.guest()
    assert "No chat has access yet" in (await browser.get("/account/chats")).text


async def test_a_notice_cannot_be_made_to_say_anything(inn: Inn) -> None:
    browser, _ = await inn.guest()
    assert "hello" not in (await browser.get("/account/chats?cut=hello")).text


async def test_a_chat_with_what_it_may_do_and_its_switch(inn: Inn) -> None:
    browser, user = await inn.guest()
    client = await inn.client("Cursor", redirect="http://127.0.0.1:1234/cb")
    await inn.grant(user, client, frozenset({"spotify:write"}))
    page = await browser.get("/account/chats")
    assert "Cursor" in page.text
    assert "unverified name" in page.text
    assert "on this computer" in page.text
    assert "see what is playing" in page.text
    assert "control the music" in page.text
    [grant] = await inn.stores.grants.list(user.id)
    page = await browser.submit(page.form(f"/chats/{grant.id}/cut"))
    assert page.location == "/account/chats?cut=1"
    assert await inn.stores.grants.list(user.id) == []
    assert "That chat is cut off" in (await browser.get(page.location)).text


async def test_a_chat_that_may_do_nothing_is_listed_too(inn: Inn) -> None:
    browser, user = await inn.guest()
    await inn.grant(user, await inn.client(), frozenset())
    assert "may not use any of your accounts" in (await browser.get("/account/chats")).text


async def test_nobody_cuts_off_somebody_elses_chat(inn: Inn) -> None:
    browser, user = await inn.guest()
    await inn.grant(user, await inn.client(), ALL)
    [grant] = await inn.stores.grants.list(user.id)
    stranger, _ = await inn.guest("ben")
    csrf = (await stranger.get("/account")).form("/signout").fields["csrf"]
    assert (await stranger.post(f"/chats/{grant.id}/cut", {"csrf": csrf})).status == 404
    assert (await inn.browser().post(f"/chats/{grant.id}/cut", {})).location.startswith("/signin")
    assert (await browser.get(f"/chats/{grant.id}/cut")).status == 405
    assert len(await inn.stores.grants.list(user.id)) == 1
