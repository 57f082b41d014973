"""The account page: what it shows, and what its buttons end."""

from __future__ import annotations

import pytest

from connect.admission import Guests
from tests.connect.inn import READ, Browser, Inn
from vault.ids import new_id
from vault.store.connections import Connection
from vault.store.users import User


async def connected(inn: Inn, browser: Browser, user: User, **how: frozenset[str]) -> Connection:
    page = await browser.get("/connect/spotify")
    page = await browser.submit(page.forms[0])
    await browser.arrive(inn.spotify.consent(page.refresh, "ana", **how))
    return (await inn.vault.list(user.id))[0]


async def test_the_root_leads_on(inn: Inn) -> None:
    browser, _ = await inn.guest()
    assert (await browser.get("/")).location == "/account"
    assert (await inn.browser().get("/")).location == "/signin"
    assert (await inn.browser().get("/account")).location == "/signin?next=%2Faccount"


async def test_an_empty_page_offers_what_there_is(inn: Inn) -> None:
    browser, _ = await inn.guest()
    page = await browser.get("/account")
    assert "Not connected" in page.text
    assert "/connect/spotify" in page.links


async def test_a_connection_in_plain_words(inn: Inn) -> None:
    browser, user = await inn.guest()
    connection = await connected(inn, browser, user)
    ends = connection.grant_expires_at
    assert ends is not None
    page = await browser.get("/account")
    assert f"Works. Reconnect by {ends.day} {ends:%B %Y}." in page.text
    assert "see what is playing" in page.text
    assert "start, pause and skip music" in page.text
    assert "not used yet" in page.text
    assert "/connect/spotify?another=1" in page.links
    assert f"/connect/spotify?reconnect={connection.id}" in page.links


async def test_a_smaller_grant_is_shown_as_it_is(inn: Inn) -> None:
    browser, user = await inn.guest()
    await connected(inn, browser, user, granted=READ)
    page = await browser.get("/account")
    assert "see what is playing" in page.text
    assert "start, pause and skip music" not in page.text
    await inn.run("UPDATE connections SET scopes = '{}'")
    assert "only knows which account this is" in (await browser.get("/account")).text


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("expired", "the permission ran out"),
        ("revoked", "it was withdrawn at the provider"),
        ("lost_rotation", "got lost on the way"),
        ("something_new", "the provider no longer accepts it"),
    ],
)
async def test_a_dead_connection_says_why(inn: Inn, reason: str, sentence: str) -> None:
    browser, user = await inn.guest()
    await connected(inn, browser, user)
    await inn.run("UPDATE connections SET status = 'needs_reauth', reason = %s", reason)
    page = await browser.get("/account")
    assert "Needs reconnecting:" in page.text
    assert sentence in page.text
    assert "Works." not in page.text


@pytest.mark.parametrize(
    ("left", "says"), [("15 days", "Works."), ("13 days", "Works, but not for long."), ("-1 day", "ran out")]
)
async def test_it_warns_before_a_permission_runs_out(inn: Inn, left: str, says: str) -> None:
    browser, user = await inn.guest()
    await connected(inn, browser, user)
    await inn.run("UPDATE connections SET grant_expires_at = now() + %s::interval", left)
    assert says in (await browser.get("/account")).text


async def test_disconnecting_asks_first_and_then_destroys_the_key(inn: Inn) -> None:
    browser, user = await inn.guest()
    connection = await connected(inn, browser, user)
    deks = await inn.count("SELECT count(*) FROM deks")
    page = await browser.get(f"/disconnect/{connection.id}")
    assert "Valet destroys the key" in page.text
    assert "Spotify can’t be told" in page.text
    assert "https://www.spotify.com/account/apps/" in page.links
    assert len(await inn.vault.list(user.id)) == 1
    page = await browser.submit(page.forms[0])
    assert page.location == "/account?ended=spotify&told=0"
    assert await inn.vault.list(user.id) == []
    assert await inn.count("SELECT count(*) FROM deks") == deks - 1
    page = await browser.get(page.location)
    assert "https://www.spotify.com/account/apps/" in page.links
    assert "still lists Valet" in page.text and "ends theirs" not in page.text


async def test_nobody_disconnects_for_somebody_else(inn: Inn) -> None:
    browser, user = await inn.guest()
    connection = await connected(inn, browser, user)
    stranger, _ = await inn.guest("ben")
    path = f"/disconnect/{connection.id}"
    assert (await stranger.get(path)).status == 404
    csrf = (await stranger.get("/account")).form("/signout").fields["csrf"]
    assert (await stranger.post(path, {"csrf": csrf})).status == 404
    assert (await inn.browser().get(path)).location.startswith("/signin")
    assert (await inn.browser().post(path, {})).location.startswith("/signin")
    assert len(await inn.vault.list(user.id)) == 1
    assert (await browser.get(f"/disconnect/{new_id()}")).status == 404


async def test_disconnecting_twice_is_no_accident(inn: Inn) -> None:
    browser, user = await inn.guest()
    connection = await connected(inn, browser, user)
    form = (await browser.get(f"/disconnect/{connection.id}")).forms[0]
    assert (await browser.submit(form)).status == 303
    page = await browser.submit(form)
    assert page.status == 404
    assert "disconnected before" in page.text


async def test_a_connection_of_a_provider_that_is_gone_can_still_be_ended(inn: Inn) -> None:
    browser, user = await inn.guest()
    connection = await connected(inn, browser, user)
    await inn.run("UPDATE connections SET provider = 'myspace'")
    page = await browser.get("/account")
    assert "Myspace" in page.text
    assert "is not set up here any more" in page.text
    page = await browser.submit((await browser.get(f"/disconnect/{connection.id}")).forms[0])
    assert (await browser.get(page.location)).status == 200


async def test_a_connection_of_a_provider_that_is_set_up_no_more_ends_like_any_other(inn: Inn) -> None:
    browser, user = await inn.guest()
    connection = await connected(inn, browser, user)
    inn.operated._apps = {}
    assert "is not set up here any more" in (await browser.get("/account")).text
    page = await browser.submit((await browser.get(f"/disconnect/{connection.id}")).forms[0])
    page = await browser.get(page.location)
    assert "Spotify is disconnected" in page.text and "spotify.com" in page.text


async def test_a_notice_cannot_be_made_to_say_anything(inn: Inn) -> None:
    browser, _ = await inn.guest()
    page = await browser.get("/account?ended=%3Cscript%3Ehello")
    assert "hello" not in page.text


async def test_who_is_blocked_or_off_the_guest_list_is_out_at_once(inn: Inn) -> None:
    browser, user = await inn.guest()
    assert (await browser.get("/account")).status == 200
    guests = inn.admission._guests
    inn.admission._guests = Guests()
    assert (await browser.get("/account")).location == "/signin?next=%2Faccount"
    inn.admission._guests = guests
    assert (await browser.get("/account")).status == 200
    await inn.stores.users.block(user.id)
    assert (await browser.get("/account")).location == "/signin?next=%2Faccount"
