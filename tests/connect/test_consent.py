"""The consent page: what a person is shown, and what their answer does."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from connect.words import asker, place
from tests.connect.inn import ALL, Browser, Inn, Page
from vault.store.clients import Client

READ_ONLY = frozenset({"spotify:read"})


async def page_of(inn: Inn, browser: Browser, client: Client, **asked: object) -> tuple[Page, str]:
    handle = await inn.asks(client, **asked)  # type: ignore[arg-type]
    return await browser.get(f"/consent?h={handle}"), handle


async def scopes(inn: Inn, person: str = "ana") -> list[frozenset[str]]:
    user = await inn.user(person)
    return [grant.scopes for grant in await inn.stores.grants.list(user.id)]


async def test_without_a_session_it_leads_to_sign_in_and_back(inn: Inn) -> None:
    browser, client = inn.browser(), await inn.client()
    page, handle = await page_of(inn, browser, client)
    assert page.status == 303
    page = await browser.get(page.location)
    page = await browser.submit(page.form("/signin"))
    page = await browser.arrive(inn.spotify.consent(page.refresh, "ana"))
    assert page.location == f"/consent?h={handle}"
    assert (await browser.get(page.location)).status == 200


async def test_a_client_that_registered_itself_is_called_by_its_place(inn: Inn) -> None:
    browser, _ = await inn.guest()
    page, _ = await page_of(inn, browser, await inn.client("Claude", redirect="https://evil.example/cb"))
    assert "<h1>An app at evil.example wants to use your Spotify through Valet</h1>" in page.text
    assert page.text.index("evil.example") < page.text.index("It calls itself")
    assert "unverified name" in page.text


async def test_a_client_with_a_document_is_vouched_for_by_its_host(inn: Inn) -> None:
    browser, _ = await inn.guest()
    page, _ = await page_of(inn, browser, await inn.client("Claude", "cimd"))
    assert "<h1>Claude wants to use your Spotify through Valet</h1>" in page.text
    assert "Vouched for by" in page.text
    assert "unverified name" not in page.text


@pytest.mark.parametrize("kind", ["dcr", "cimd"])
async def test_a_loopback_redirect_carries_a_warning(inn: Inn, kind: str) -> None:
    browser, _ = await inn.guest()
    client = await inn.client("Cursor", kind, "http://127.0.0.1:3334/cb")  # type: ignore[arg-type]
    page, _ = await page_of(inn, browser, client)
    assert "any app here could be asking" in page.text
    web, _ = await page_of(inn, browser, await inn.client("Cursor", kind))  # type: ignore[arg-type]
    assert "any app here could be asking" not in web.text


@pytest.mark.parametrize(
    "name",
    ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 12345 * 67890 }}", "O'Neil & Söhne"],
)
@pytest.mark.parametrize("kind", ["dcr", "cimd"])
async def test_a_hostile_name_is_only_text(inn: Inn, name: str, kind: str) -> None:
    browser, user = await inn.guest()
    client = await inn.client(name, kind)  # type: ignore[arg-type]
    page, _ = await page_of(inn, browser, client)
    await inn.grant(user, client, ALL)
    for text in (page.text, (await browser.get("/account")).text):
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "838102050" not in text
    page = await browser.submit(page.forms[0], decision="allow")
    assert page.status == 200
    assert "<script>alert" not in page.text
    assert "<img src=x" not in page.text


def test_a_name_cannot_turn_text_around() -> None:
    assert asker(
        "Claude\u202egnp\u2066\n<b>", "cimd", "https://claude.ai/x", "https://claude.ai/cb"
    ).name == ("Claudegnp <b>")
    nameless = asker("\u200b", "cimd", "https://claude.ai/x", "https://claude.ai/cb")
    assert nameless.name == "an app at claude.ai"


def test_places_are_what_a_person_would_call_them() -> None:
    for url in ("http://localhost/cb", "http://127.0.0.1:1/cb", "http://[::1]:1/", "http://127.9.9.9/"):
        assert place(url).loopback
    assert place("https://Claude.AI:444/cb").host == "claude.ai"
    assert not place("https://localhost.evil.example/").loopback
    cursor = place("cursor://anysphere.cursor-mcp/oauth/callback")
    assert (cursor.host, cursor.app, cursor.loopback) == ("Cursor", True, False)


async def test_the_preset_is_what_was_asked_and_nothing_more_is_on_offer(inn: Inn) -> None:
    browser, _ = await inn.guest()
    both, _ = await page_of(inn, browser, await inn.client())
    assert both.forms[0].fields["service-spotify"] == "write"
    assert "It may also control the music" in both.text
    read, _ = await page_of(inn, browser, await inn.client(), scopes=READ_ONLY)
    assert read.forms[0].fields["service-spotify"] == "read"
    assert 'value="write"' not in read.text
    await browser.submit(read.forms[0], service__spotify="write", decision="allow")
    assert await scopes(inn) == [READ_ONLY]


async def test_what_the_client_may_already_is_said_before_anything_is_allowed(inn: Inn) -> None:
    """Any program can come under a client id that many share; an allow gives it what that id has, too."""
    browser, user = await inn.guest()
    client = await inn.client("Claude Code", "cimd", "http://localhost:3118/callback")
    first, _ = await page_of(inn, browser, client, scopes=READ_ONLY)
    assert "You allowed it more before" not in first.text
    await inn.grant(user, client, ALL)
    page, _ = await page_of(inn, browser, client, scopes=READ_ONLY)
    assert "You allowed it more before" in page.text
    assert "it may control the music" in page.text
    all_of_it, _ = await page_of(inn, browser, client)
    assert "You allowed it more before" not in all_of_it.text
    await browser.submit(page.forms[0], decision="allow")
    assert await scopes(inn) == [ALL]
    # Another person's grant, or one with another client, is none of this page's.
    other, _ = await inn.guest("ben")
    page, _ = await page_of(inn, other, client, scopes=READ_ONLY)
    assert "You allowed it more before" not in page.text


async def test_a_service_turned_off_is_off_whatever_was_allowed_before(inn: Inn) -> None:
    """The page says that the client may not use it, so it may not, though only reading was asked for now."""
    browser, user = await inn.guest()
    client = await inn.client()
    await inn.grant(user, client, ALL)
    page, _ = await page_of(inn, browser, client, scopes=READ_ONLY)
    await browser.submit(page.forms[0], service__spotify="off", decision="allow")
    assert await scopes(inn) == [frozenset()]


@pytest.mark.parametrize(
    ("choice", "given"),
    [
        ("write", ALL),
        ("read", READ_ONLY),
        ("off", frozenset()),
        ("everything", frozenset()),
        (None, frozenset()),
    ],
)
async def test_allow_gives_what_was_chosen(inn: Inn, choice: str | None, given: frozenset[str]) -> None:
    browser, _ = await inn.guest()
    page, _ = await page_of(inn, browser, await inn.client())
    page = await browser.submit(page.forms[0], service__spotify=choice, decision="allow")
    assert await scopes(inn) == [given]
    assert page.status == 200
    back = urlsplit(page.refresh)
    answer = parse_qs(back.query)
    assert f"{back.scheme}://{back.netloc}{back.path}" == "https://claude.ai/api/mcp/auth_callback"
    assert (answer["state"], answer["iss"]) == (["st"], [inn.public_url])
    assert len(answer["code"][0]) > 40
    assert page.refresh in page.links


async def test_not_allowing_gives_nothing_and_tells_the_client(inn: Inn) -> None:
    browser, _ = await inn.guest()
    page, handle = await page_of(inn, browser, await inn.client())
    page = await browser.submit(page.forms[0], decision="deny")
    assert parse_qs(urlsplit(page.refresh).query)["error"] == ["access_denied"]
    assert await scopes(inn) == []
    assert await inn.flows.find_authorize(handle) is None


async def test_looking_decides_nothing_and_an_answer_decides_once(inn: Inn) -> None:
    browser, _ = await inn.guest()
    page, handle = await page_of(inn, browser, await inn.client())
    for _ in range(3):
        assert (await browser.get(f"/consent?h={handle}")).status == 200
    assert (await browser.submit(page.forms[0], decision="allow")).status == 200
    again = await browser.submit(page.forms[0], decision="allow")
    assert again.status == 410
    assert "Go back to your chat" in again.text
    assert await inn.count("SELECT count(*) FROM codes") == 1


async def test_neither_button_decides_nothing(inn: Inn) -> None:
    browser, _ = await inn.guest()
    page, handle = await page_of(inn, browser, await inn.client())
    assert (await browser.submit(page.forms[0])).status == 400
    assert await inn.flows.find_authorize(handle) is not None


@pytest.mark.parametrize("query", ["", "?h=", "?h=short", "?h=" + "x" * 43, "?h=%00%3Cscript%3E"])
async def test_an_unknown_request_is_over(inn: Inn, query: str) -> None:
    browser, _ = await inn.guest()
    page = await browser.get(f"/consent{query}")
    assert page.status == 410
    assert "<script>" not in page.text


async def test_an_expired_request_is_over(inn: Inn) -> None:
    browser, _ = await inn.guest()
    page, handle = await page_of(inn, browser, await inn.client())
    await inn.run("UPDATE flows SET expires_at = now()")
    assert (await browser.get(f"/consent?h={handle}")).status == 410
    assert (await browser.submit(page.forms[0], decision="allow")).status == 410
    assert await scopes(inn) == []


async def test_it_says_what_is_connected_and_offers_what_is_not(inn: Inn) -> None:
    browser, _ = await inn.guest()
    page, handle = await page_of(inn, browser, await inn.client())
    assert "not connected yet" in page.text
    assert f"/connect/spotify?consent={handle}" in page.links
    page = await browser.get(f"/connect/spotify?consent={handle}")
    page = await browser.submit(page.forms[0])
    page = await browser.arrive(inn.spotify.consent(page.refresh, "ana"))
    assert page.location == f"/consent?h={handle}"
    page = await browser.get(page.location)
    assert "connected as <b>Ana</b>" in page.text
    await inn.run("UPDATE connections SET status = 'needs_reauth', reason = 'revoked'")
    assert "Spotify needs reconnecting" in (await browser.get(f"/consent?h={handle}")).text
    await inn.run("UPDATE connections SET status = 'active', reason = NULL, grant_expires_at = now()")
    assert "Spotify needs reconnecting" in (await browser.get(f"/consent?h={handle}")).text


async def test_it_names_the_person_and_offers_another(inn: Inn) -> None:
    browser, _ = await inn.guest()
    page, handle = await page_of(inn, browser, await inn.client())
    assert "Signed in as Ana" in page.text
    switch = next(link for link in page.links if link.startswith("/signin"))
    page = await browser.get(switch)
    page = await browser.submit(page.form("/signin"))
    page = await browser.get(inn.spotify.consent(page.refresh, "ben"))
    assert page.location == f"/consent?h={handle}"
    assert "Signed in as Ben" in (await browser.get(page.location)).text


async def test_a_known_app_of_this_device_gets_its_answer(inn: Inn) -> None:
    browser, _ = await inn.guest()
    redirect = "cursor://anysphere.cursor-mcp/oauth/callback"
    page, _ = await page_of(inn, browser, await inn.client("Cursor", redirect=redirect))
    assert "Cursor on this device" in page.text
    page = await browser.submit(page.forms[0], decision="allow")
    assert page.refresh.startswith(f"{redirect}?code=")


async def test_a_redirect_that_runs_code_is_never_put_on_a_page(inn: Inn) -> None:
    browser, _ = await inn.guest()
    for bad in ("javascript:alert(1)//", "data:text/html,x", "evil://x"):
        client = await inn.client("Bad", redirect=bad)
        page, _ = await page_of(inn, browser, client)
        page = await browser.submit(page.forms[0], decision="allow")
        assert page.status == 500
        assert bad not in page.text
