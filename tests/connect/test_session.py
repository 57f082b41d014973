"""Cookies and CSRF: what a browser holds, and whose form it is."""

from __future__ import annotations

import re

import pytest

from connect.session import safe_next
from tests.connect.inn import Browser, Inn
from vault.opaque import digest


async def test_the_cookie_is_not_in_the_database(inn: Inn) -> None:
    browser, _ = await inn.guest()
    cookie = browser.cookie("valet")
    assert cookie is not None
    assert len(cookie) == 43
    assert await inn.count("SELECT count(*) FROM sessions WHERE hash = %s", digest(cookie)) == 1
    assert await inn.count("SELECT count(*) FROM sessions WHERE hash = %s", cookie.encode()) == 0


async def test_cookies_on_https_are_host_bound_and_secure(hotel: Inn) -> None:
    browser = hotel.browser()
    first = await browser.get("/signin")
    arrived = await hotel.sign_in(browser)
    made = {
        line.split("=")[0]: line
        for page in (first, arrived)
        for line in page.headers.get_list("set-cookie")
        if "Max-Age=0" not in line
    }
    assert set(made) == {"__Host-valet", "__Host-valet-browser"}
    for line in made.values():
        attributes = {part.strip().lower() for part in line.split(";")[1:]}
        assert {"httponly", "secure", "samesite=lax", "path=/"} <= attributes
        assert not any(attribute.startswith("domain") for attribute in attributes)


async def test_cookies_on_loopback_http_have_no_prefix_and_are_not_secure(inn: Inn) -> None:
    browser = inn.browser()
    arrived = await inn.sign_in(browser)
    line = next(c for c in arrived.headers.get_list("set-cookie") if c.startswith("valet="))
    assert re.search("httponly", line, re.I)
    assert not re.search("secure", line, re.I)


async def test_a_new_sign_in_has_a_new_id_and_ends_the_old_one(inn: Inn) -> None:
    browser, _ = await inn.guest()
    old = browser.cookie("valet")
    await inn.sign_in(browser)
    assert browser.cookie("valet") != old
    other = inn.browser()
    other.client.cookies.set("valet", old or "")
    assert (await other.get("/account")).location.startswith("/signin")


async def test_a_planted_session_id_is_never_taken_over(inn: Inn) -> None:
    browser, planted = inn.browser(), "p" * 43
    browser.client.cookies.set("valet", planted)
    await inn.sign_in(browser)
    assert await inn.count("SELECT count(*) FROM sessions WHERE hash = %s", digest(planted)) == 0


async def test_signing_out_is_a_post_and_ends_the_session_for_good(inn: Inn) -> None:
    browser, _ = await inn.guest()
    cookie = browser.cookie("valet") or ""
    assert (await browser.get("/signout")).status == 405
    page = await browser.get("/account")
    assert (await browser.submit(page.form("/signout"))).location == "/signin"
    assert browser.cookie("valet") is None
    browser.client.cookies.set("valet", cookie)
    assert (await browser.get("/account")).location.startswith("/signin")


async def posts(inn: Inn, browser: Browser) -> list[tuple[str, dict[str, str]]]:
    """Every form that changes something, as an attacker would send it: complete but for the token."""
    client = await inn.client()
    handle = await inn.asks(client)
    page = await browser.get("/connect/spotify")
    page = await browser.submit(page.forms[0])
    await browser.arrive(inn.spotify.consent(page.refresh, "ana"))
    page = await browser.submit((await browser.get("/connect/spotify")).forms[0])
    offered = (await browser.get(inn.spotify.consent(page.refresh, "ana"))).location.partition("?p=")[2]
    user = await inn.user("ana")
    await inn.grant(user, client, frozenset({"spotify:read"}))
    [connection] = await inn.vault.list(user.id)
    [grant] = await inn.stores.grants.list(user.id)
    return [
        ("/signin", {"provider": "spotify", "next": "/account"}),
        ("/signout", {}),
        ("/owner", {"t": "t" * 43}),
        ("/consent", {"h": handle, "decision": "allow", "service-spotify": "write"}),
        ("/connect/spotify", {}),
        ("/connect/spotify/confirm", {"p": offered, "decision": "connect"}),
        ("/connect/spotify/confirm", {"p": offered, "decision": "other"}),
        ("/connect/spotify/confirm", {"p": offered, "decision": "no"}),
        (f"/disconnect/{connection.id}", {}),
        (f"/chats/{grant.id}/cut", {}),
    ]


async def test_no_form_works_without_its_token(inn: Inn) -> None:
    browser, user = await inn.guest()
    stranger, _ = await inn.guest("ben")
    foreign = (await stranger.get("/account")).form("/signout").fields["csrf"]
    every = await posts(inn, browser)
    before = await inn.count("SELECT count(*) FROM states")
    for path, fields in every:
        for token in ({}, {"csrf": ""}, {"csrf": "0" * 64}, {"csrf": foreign}, {"csrf": "\u00e9"}):
            page = await browser.post(path, {**fields, **token})
            assert page.status == 403, path
            assert "Nothing was changed" in page.text
    assert (await browser.get("/account")).status == 200
    assert len(await inn.vault.list(user.id)) == 1
    assert len(await inn.stores.grants.list(user.id)) == 1
    assert await inn.count("SELECT count(*) FROM states") == before
    assert await inn.count("SELECT count(*) FROM pendings WHERE sealed IS NOT NULL") == 1
    assert await inn.count("SELECT count(*) FROM flows WHERE consumed_at IS NULL") == 1


async def test_a_form_from_before_the_sign_in_is_out_of_date(inn: Inn) -> None:
    browser = inn.browser()
    before = (await browser.get("/signin")).form("/signin").fields["csrf"]
    await inn.sign_in(browser)
    assert (await browser.post("/signout", {"csrf": before})).status == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"origin": "http://127.0.0.1:8420", "sec_fetch_site": "same-origin"}, 303),
        ({"origin": "null", "sec_fetch_site": "same-origin"}, 303),
        ({"sec_fetch_site": "none"}, 303),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"origin": "null", "sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site"}, 403),
    ],
)
async def test_what_the_browser_calls_foreign_is_refused(
    inn: Inn, headers: dict[str, str], status: int
) -> None:
    browser, _ = await inn.guest()
    form = (await browser.get("/account")).form("/signout")
    assert (await browser.post("/signout", form.fields, **headers)).status == status


async def test_a_form_sent_after_the_session_ended_leads_to_sign_in(inn: Inn) -> None:
    browser, _ = await inn.guest()
    handle = await inn.asks(await inn.client())
    consent = (await browser.get(f"/consent?h={handle}")).forms[0]
    connect = (await browser.get(f"/connect/spotify?consent={handle}")).forms[0]
    await inn.run("UPDATE sessions SET expires_at = now()")
    page = await browser.submit(consent, decision="allow")
    assert page.location == f"/signin?next=%2Fconsent%3Fh%3D{handle}"
    page = await browser.submit(connect)
    assert page.location == f"/signin?next=%2Fconnect%2Fspotify%3Fconsent%3D{handle}"
    assert await inn.flows.find_authorize(handle) is not None


async def test_uploads_and_other_bodies_are_no_form(inn: Inn) -> None:
    browser, _ = await inn.guest()
    upload = await browser.client.post("/signout", files={"csrf": b"x"})
    assert upload.status_code == 400
    json = await browser.client.post("/signout", json={"csrf": "x"})
    assert json.status_code == 400
    for charset in ("unicode_escape", "undefined"):
        odd = {"Content-Type": f"application/x-www-form-urlencoded; charset={charset}"}
        assert (await browser.client.post("/signout", content="csrf=x", headers=odd)).status_code == 400


async def test_odd_cookies_are_no_cookies(inn: Inn) -> None:
    browser = inn.browser()
    for value in ("", "x", "x" * 5000, "%00", "'; DROP TABLE sessions; --"):
        browser.client.cookies.set("valet", value)
        assert (await browser.get("/account")).status == 303


@pytest.mark.parametrize(
    "path",
    ["/account", "/account?ended=spotify", "/consent?h=abc", "/connect/spotify?h=abc", "/connect/spotify"],
)
def test_our_own_pages_are_safe_to_go_to(path: str) -> None:
    assert safe_next(path) == path
