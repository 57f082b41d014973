"""Every form there is, found by walking the routes: a new one is under these rules from its first day."""

from __future__ import annotations

import re
from collections.abc import Iterator
from uuid import UUID

from starlette.routing import Route

from tests.connect.inn import Browser, Inn
from valet.links import mint_setup_link

PROTOCOL = {"/authorize"}
"""For chat clients, which have no token of a page; it changes nothing."""
LINKS = {"/files/{handle}"}
"""For whoever holds the link, with any session or none (docs/decisions/0026-files.md)."""
SOMETHING = str(UUID(int=7))


def addresses(inn: Inn, method: str) -> Iterator[str]:
    """The address of every page that knows the method, with something in its places."""
    for route in inn.app.routes:
        if not isinstance(route, Route) or (method == "POST" and route.path in LINKS):
            continue
        if method in (route.methods or ()) and route.path not in PROTOCOL:
            yield re.sub(r"\{\w+:uuid\}", SOMETHING, route.path.replace("{provider}", "spotify"))


async def operating(inn: Inn) -> Browser:
    """Somebody who is signed in, in the browser in which the setup is open: every form is within reach."""
    browser, _ = await inn.guest()
    page = await browser.get(
        (await mint_setup_link(inn.database, inn.public_url, inn.audit))[len(inn.public_url) :]
    )
    assert (await browser.submit(page.form("/setup"))).location == "/setup"
    return browser


async def rows(inn: Inn) -> list[int]:
    """How much there is of all that a form could make or end."""
    tables = ("sessions", "states", "flows", "grants", "connections", "apps", "identities", "users")
    counts = [await inn.count(f"SELECT count(*) FROM {table}") for table in (*tables, "invitations")]
    return [*counts, await inn.count("SELECT count(*) FROM setups WHERE session_until > now()")]


async def test_no_form_of_any_page_works_without_this_sessions_token(inn: Inn) -> None:
    browser = await operating(inn)
    own = (await browser.get("/account")).form("/signout").fields["csrf"]
    stranger, _ = await inn.guest("ben")
    foreign = (await stranger.get("/account")).form("/signout").fields["csrf"]
    early = (await inn.browser().get("/signin")).form("/signin").fields["csrf"]
    every, before = list(addresses(inn, "POST")), await rows(inn)
    assert len(every) > 20
    for path in every:
        for token in ({}, {"csrf": ""}, {"csrf": foreign}, {"csrf": early}):
            page = await browser.post(path, {"sure": "yes", "entry": "*", **token})
            assert (page.status, page.headers.get_list("set-cookie")) == (403, []), (path, token)
        for told in ({"sec_fetch_site": "cross-site"}, {"origin": "https://evil.example"}):
            page = await browser.post(path, {"sure": "yes", "csrf": own}, **told)
            assert (page.status, page.headers.get_list("set-cookie")) == (403, []), (path, told)
    assert await rows(inn) == before


async def test_a_form_that_another_site_sends_takes_no_cookie_away(inn: Inn) -> None:
    """SameSite=Lax: a foreign page's POST comes without the cookies, but the answer could."""
    await operating(inn)
    for path in addresses(inn, "POST"):
        page = await inn.browser().post(path, {"csrf": "0" * 64}, sec_fetch_site="cross-site")
        assert page.status in {303, 403}, path
        assert page.headers.get_list("set-cookie") == [], path


async def test_no_page_of_any_address_can_be_framed(inn: Inn) -> None:
    browser = await operating(inn)
    for path in addresses(inn, "GET"):
        for visitor in (browser, inn.browser()):
            answer = await visitor.get(path)
            assert answer.headers["x-frame-options"] == "DENY", path
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"], path
            assert answer.headers["cache-control"] == "no-store", path
