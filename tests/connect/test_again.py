"""Proving once more who one is, before what whoever finds an open browser must not do."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from starlette.requests import Request

from connect.session import Desk, Guest, to_signin
from tests.connect.inn import Browser, Inn, Page
from tests.connect.test_signin import link
from vault.store.users import User

NEXT = "/account/tokens"
AGAIN = f"/signin?{urlencode({'next': NEXT, 'again': '1'})}"


async def grow_stale(inn: Inn, user: User) -> None:
    """Let the proof of this person's sessions be older than counts."""
    statement = "UPDATE sessions SET authenticated_at = now() - interval '10 minutes' WHERE user_id = %s"
    await inn.run(statement, user.id)


async def seen(inn: Inn, browser: Browser) -> tuple[Desk, Guest]:
    """How the sidecar's desk sees that browser."""
    desk = Desk(
        inn.stores.sessions, inn.vault.derive("csrf"), inn.public_url, inn.admission.recheck, inn.gate.acts
    )
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.client.cookies.jar)
    request = Request({"type": "http", "headers": [(b"cookie", cookies.encode())]})
    return desk, await desk.guest(request)


async def test_a_sign_in_is_proof_for_ten_minutes(inn: Inn) -> None:
    browser, user = await inn.guest()
    desk, guest = await seen(inn, browser)
    assert guest.authenticated is not None
    assert not desk.stale(guest)
    await inn.run("UPDATE sessions SET authenticated_at = now() - interval '9 minutes 50 seconds'")
    assert not desk.stale((await seen(inn, browser))[1])
    await grow_stale(inn, user)
    assert desk.stale((await seen(inn, browser))[1])
    assert desk.stale((await seen(inn, inn.browser()))[1])


async def test_a_visit_is_no_proof(inn: Inn) -> None:
    browser, user = await inn.guest()
    await grow_stale(inn, user)
    await inn.run("UPDATE sessions SET last_seen_at = now() - interval '1 day'")
    assert (await browser.get("/account")).status == 200
    desk, guest = await seen(inn, browser)
    assert desk.stale(guest)


async def leave_again(inn: Inn) -> tuple[Browser, User, Page]:
    """Ana, whose proof is stale, on her way to the provider to give a new one."""
    browser, user = await inn.guest()
    await grow_stale(inn, user)
    assert to_signin(NEXT, again=True).headers["location"] == AGAIN
    page = await browser.get(AGAIN)
    assert "sign in again" in page.text
    form = page.form("/signin")
    assert (form.fields["next"], form.fields["again"]) == (NEXT, "1")
    return browser, user, await browser.submit(form)


async def test_it_leads_to_the_provider_which_asks_anew_and_back(inn: Inn) -> None:
    browser, _, page = await leave_again(inn)
    assert parse_qs(urlsplit(page.refresh).query)["show_dialog"] == ["true"]
    old = browser.cookie("valet")
    arrived = await browser.get(inn.spotify.consent(page.refresh, "ana"))
    assert (arrived.status, arrived.location) == (303, NEXT)
    assert browser.cookie("valet") != old
    desk, guest = await seen(inn, browser)
    assert not desk.stale(guest)
    assert (await browser.get(AGAIN)).location == NEXT
    assert await inn.count("SELECT count(*) FROM sessions") == 1


async def test_the_page_says_why_and_offers_only_ones_own_ways_in(inn: Inn) -> None:
    browser, user = await inn.guest()
    await grow_stale(inn, user)
    page = await browser.get(AGAIN)
    assert "Is it still you?" in page.text
    assert "Continue with Spotify" in page.text
    assert "valet link" not in page.text  # she is not the owner: it would make her somebody else
    assert "Also connect" not in page.text
    owner = inn.browser()
    page = await owner.get(await link(inn))
    await owner.submit(page.form("/owner"))
    await inn.run("UPDATE sessions SET authenticated_at = now() - interval '1 hour'")
    page = await owner.get(AGAIN)
    assert "valet link" in page.text
    assert page.forms == []
    page = await owner.get(await link(inn))
    assert (await owner.submit(page.form("/owner"))).location == NEXT


async def test_coming_back_as_somebody_else_carries_nothing_of_the_first_along(inn: Inn) -> None:
    browser, ana, page = await leave_again(inn)
    form = (await browser.get("/account")).form("/signout")
    arrived = await browser.get(inn.spotify.consent(page.refresh, "ben"))
    assert arrived.location == NEXT
    _, guest = await seen(inn, browser)
    assert guest.user is not None
    assert guest.user.id != ana.id
    assert (await browser.submit(form)).status == 403  # Ana's form died with her session
    assert await inn.count("SELECT count(*) FROM sessions WHERE user_id = %s", ana.id) == 0


async def test_saying_no_there_keeps_the_session_and_its_old_proof(inn: Inn) -> None:
    browser, _, page = await leave_again(inn)
    page = await browser.get(inn.spotify.refusal(page.refresh))
    assert page.status == 403
    assert AGAIN in page.links
    assert (await browser.get("/account")).status == 200
    desk, guest = await seen(inn, browser)
    assert desk.stale(guest)


async def test_who_is_not_signed_in_just_signs_in(inn: Inn) -> None:
    page = await inn.browser().get(AGAIN)
    assert "Good to see you" in page.text
    assert "again" not in page.form("/signin").fields


@pytest.mark.parametrize("evil", ["//evil.example/account/", "/account/../signout", "/account/%2e%2e/x"])
async def test_it_goes_on_to_our_own_pages_only(inn: Inn, evil: str) -> None:
    browser, user = await inn.guest()
    await grow_stale(inn, user)
    page = await browser.get(f"/signin?{urlencode({'next': evil, 'again': '1'})}")
    assert page.form("/signin").fields["next"] == "/account"
