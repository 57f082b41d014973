"""Connecting an account: from a chat, from the consent page, from the account page, and what goes wrong."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import structlog

from tests.connect.inn import ALL, READ, WRITE, Browser, Inn, Page, state_of
from vault.health import health
from vault.store.grants import Grant
from vault.store.users import User

READ_ONLY = frozenset({"spotify:read"})


async def chat(
    inn: Inn, user: User, *, granted: frozenset[str] = ALL, ours: frozenset[str] = ALL
) -> tuple[Grant, str]:
    """A grant of a chat client, and the link its tool got for what it lacks."""
    client = await inn.client()
    await inn.grant(user, client, granted)
    grant = next(g for g in await inn.stores.grants.list(user.id) if g.client_id == client.id)
    return grant, await ask(inn, user, grant, ours)


async def ask(inn: Inn, user: User, grant: Grant, ours: frozenset[str]) -> str:
    return await inn.flows.ask_connect(
        user_id=user.id,
        client_id=grant.client_id,
        grant_id=grant.id,
        provider="spotify",
        ours=ours,
        upstream=inn.registry.upstream("spotify", ours),
        label=None,
    )


async def set_out(browser: Browser, path: str) -> Page:
    """The page that goes on to the provider."""
    page = await browser.get(path)
    assert page.status == 200, page.text
    page = await browser.submit(page.forms[0])
    assert page.status == 200, page.text
    return page


async def connect(
    inn: Inn,
    browser: Browser,
    path: str = "/connect/spotify",
    *,
    person: str = "ana",
    granted: frozenset[str] | None = None,
) -> Page:
    """The whole way; the answer of the callback."""
    page = await set_out(browser, path)
    return await browser.arrive(inn.spotify.consent(page.refresh, person, granted=granted))


def asked(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


# From a chat


async def test_a_chat_link_connects_and_says_so(inn: Inn) -> None:
    browser, user = await inn.guest()
    _, handle = await chat(inn, user)
    page = await browser.get(f"/connect/spotify?h={handle}")
    assert "An app at claude.ai asked for this" in page.text
    assert "unverified name" in page.text
    assert "see what is playing" in page.text
    assert "<b>Ana</b>’s keys" in page.text
    page = await connect(inn, browser, f"/connect/spotify?h={handle}")
    assert page.status == 303
    page = await browser.get(page.location)
    assert "Spotify is connected as Ana" in page.text
    assert "You can go back to your chat." in page.text
    assert '<script src="/static/done.js" defer>' in page.text
    assert await inn.flows.connected(handle, user.id)
    [connection] = await inn.vault.list(user.id)
    assert (connection.provider, connection.app, connection.scopes) == ("spotify", "operator", WRITE)


async def test_looking_at_the_page_uses_nothing_up(inn: Inn) -> None:
    browser, user = await inn.guest()
    _, handle = await chat(inn, user)
    for visitor in (browser, inn.browser(), browser):
        await visitor.get(f"/connect/spotify?h={handle}")
    assert await inn.flows.find_connect(handle) is not None
    assert await inn.count("SELECT count(*) FROM states WHERE purpose = 'connect'") == 0


async def test_it_leads_through_sign_in_and_back(inn: Inn) -> None:
    _, user = await inn.guest()
    _, handle = await chat(inn, user)
    browser = inn.browser()
    page = await browser.get(f"/connect/spotify?h={handle}")
    assert page.location == f"/signin?next=%2Fconnect%2Fspotify%3Fh%3D{handle}"
    page = await browser.get(page.location)
    page = await browser.submit(page.form("/signin"))
    page = await browser.arrive(inn.spotify.consent(page.refresh, "ana"))
    assert page.location == f"/connect/spotify?h={handle}"


async def test_another_persons_link_connects_neither(inn: Inn) -> None:
    _, ana = await inn.guest()
    _, handle = await chat(inn, ana)
    ben_browser, ben = await inn.guest("ben")
    page = await ben_browser.get(f"/connect/spotify?h={handle}")
    assert page.status == 403
    assert "This link is for someone else" in page.text
    assert any("switch=1" in link and handle in link for link in page.links)
    form = (await ben_browser.get("/connect/spotify")).forms[0]
    assert (await ben_browser.submit(form, h=handle)).status == 403
    assert await inn.vault.list(ana.id) == await inn.vault.list(ben.id) == []
    assert await inn.flows.find_connect(handle) is not None
    assert await inn.count("SELECT count(*) FROM states WHERE purpose = 'connect'") == 0


async def test_switching_to_the_right_person_comes_back_to_the_link_and_uses_nothing_up(inn: Inn) -> None:
    _, ana = await inn.guest()
    _, handle = await chat(inn, ana)
    browser, _ = await inn.guest("ben")
    page = await browser.get(f"/connect/spotify?h={handle}")
    [switch] = [link for link in page.links if handle in link]
    page = await browser.get(switch)
    assert "You are signed in as <b>Ben</b>" in page.text
    page = await browser.submit(page.form("/signin"))
    assert asked(page.refresh)["show_dialog"] == "true"
    page = await browser.get(inn.spotify.consent(page.refresh, "ana"))
    assert page.location == f"/connect/spotify?h={handle}"
    await connect(inn, browser, page.location)
    assert [c.account_label for c in await inn.vault.list(ana.id)] == ["Ana"]
    assert await inn.flows.connected(handle, ana.id)


async def test_only_what_is_missing_is_shown_and_the_union_is_asked(inn: Inn) -> None:
    browser, user = await inn.guest()
    await connect(inn, browser, granted=READ)
    _, handle = await chat(inn, user)
    page = await browser.get(f"/connect/spotify?h={handle}")
    assert "control the music" in page.text
    assert "see what is playing" not in page.text
    assert "So far you are connected as <b>Ana</b>" in page.text
    page = await browser.submit(page.forms[0])
    assert frozenset(asked(page.refresh)["scope"].split()) == WRITE
    assert "show_dialog" not in asked(page.refresh)
    await browser.arrive(inn.spotify.consent(page.refresh, "ana"))
    [connection] = await inn.vault.list(user.id)
    assert connection.scopes == WRITE


async def test_a_read_link_does_not_lose_what_was_granted_before(inn: Inn) -> None:
    browser, user = await inn.guest()
    await connect(inn, browser)
    await inn.run("UPDATE connections SET status = 'needs_reauth', reason = 'revoked'")
    _, handle = await chat(inn, user, ours=READ_ONLY)
    page = await set_out(browser, f"/connect/spotify?h={handle}")
    assert frozenset(asked(page.refresh)["scope"].split()) == WRITE
    assert asked(page.refresh)["show_dialog"] == "true"
    await browser.arrive(inn.spotify.consent(page.refresh, "ana"))
    [connection] = await inn.vault.list(user.id)
    assert (connection.status, connection.scopes) == ("active", WRITE)


@pytest.mark.parametrize(
    "change",
    ["grant_expires_at = now()", "reason = 'unreadable'", "status = 'needs_reauth', reason = 'revoked'"],
)
async def test_what_works_no_more_is_connected_again_as_a_whole_and_never_settled_by_a_click(
    inn: Inn, change: str
) -> None:
    browser, user = await inn.guest()
    await connect(inn, browser)
    _, handle = await chat(inn, user, granted=READ_ONLY)
    page = await browser.get(f"/connect/spotify?h={handle}")
    assert "wants to do more" in page.text and "Continue to Spotify" not in page.text
    await inn.run(f"UPDATE connections SET {change}")
    page = await browser.get(f"/connect/spotify?h={handle}")
    assert "Reconnect Spotify" in page.text and "wants to do more" not in page.text
    page = await browser.submit(page.forms[0])
    assert frozenset(asked(page.refresh)["scope"].split()) == WRITE
    assert asked(page.refresh)["show_dialog"] == "true"
    await browser.arrive(inn.spotify.consent(page.refresh, "ana"))
    [connection] = await inn.vault.list(user.id)
    assert health(connection).state == "healthy"
    assert [g.scopes for g in await inn.stores.grants.list(user.id)] == [ALL]


async def test_a_link_to_reconnect_is_for_its_person_and_while_the_account_is_there(inn: Inn) -> None:
    browser, user = await inn.guest()
    await connect(inn, browser)
    [connection] = await inn.vault.list(user.id)
    path = f"/connect/spotify?reconnect={connection.id}"
    form = (await browser.get(path)).forms[0]
    stranger, _ = await inn.guest("ben")
    await connect(inn, stranger)
    page = await stranger.get(path)
    assert page.status == 404 and "not among yours" in page.text and page.forms == []
    assert (await inn.browser().get(path)).location == f"/signin?{urlencode({'next': path})}"
    await inn.vault.disconnect(user.id, connection.id)
    assert (await browser.get(path)).status == 404
    assert (await browser.submit(form)).status == 404


async def test_a_partial_grant_is_kept_named_and_does_not_finish_the_link(inn: Inn) -> None:
    browser, user = await inn.guest()
    _, handle = await chat(inn, user, granted=frozenset())
    page = await connect(inn, browser, f"/connect/spotify?h={handle}", granted=READ)
    page = await browser.get(page.location)
    assert "You did not allow everything" in page.text
    assert "control the music" in page.text
    assert "see what is playing" not in page.text
    assert f"/connect/spotify?h={handle}" in page.links
    assert "done.js" not in page.text
    [connection] = await inn.vault.list(user.id)
    assert connection.scopes == READ
    assert not await inn.flows.connected(handle, user.id)
    assert [g.scopes for g in await inn.stores.grants.list(user.id)] == [READ_ONLY]
    await connect(inn, browser, f"/connect/spotify?h={handle}")
    assert await inn.flows.connected(handle, user.id)
    assert [g.scopes for g in await inn.stores.grants.list(user.id)] == [ALL]


async def test_what_the_chat_will_also_be_allowed_is_shown_and_then_given(inn: Inn) -> None:
    browser, user = await inn.guest()
    _, handle = await chat(inn, user, granted=READ_ONLY)
    page = await browser.get(f"/connect/spotify?h={handle}")
    after = page.text[page.text.index("From then on this chat may") :]
    assert "control the music" in after
    assert "see what is playing" not in after
    await connect(inn, browser, f"/connect/spotify?h={handle}")
    assert [g.scopes for g in await inn.stores.grants.list(user.id)] == [ALL]


async def test_saying_no_at_the_provider_raises_nothing(inn: Inn) -> None:
    browser, user = await inn.guest()
    _, handle = await chat(inn, user, granted=READ_ONLY)
    page = await set_out(browser, f"/connect/spotify?h={handle}")
    page = await browser.get(inn.spotify.refusal(page.refresh))
    assert page.status == 403
    assert "You did not connect Spotify" in page.text
    assert "Nothing was changed" in page.text
    assert f"/connect/spotify?h={handle}" in page.links
    assert [g.scopes for g in await inn.stores.grants.list(user.id)] == [READ_ONLY]
    assert await inn.vault.list(user.id) == []
    assert await inn.flows.find_connect(handle) is not None


async def test_where_the_provider_has_nothing_to_add_one_click_raises_the_grant(inn: Inn) -> None:
    browser, user = await inn.guest()
    await connect(inn, browser)
    _, handle = await chat(inn, user, granted=READ_ONLY)
    page = await browser.get(f"/connect/spotify?h={handle}")
    assert "wants to do more with your Spotify" in page.text
    page = await browser.submit(page.forms[0])
    assert page.location.startswith("/connected/")
    assert [g.scopes for g in await inn.stores.grants.list(user.id)] == [ALL]
    assert await inn.flows.connected(handle, user.id)


async def test_a_link_without_more_scopes_still_goes_to_the_provider(inn: Inn) -> None:
    """The row says all is granted, the provider said it is not: only a new consent can mend that."""
    browser, user = await inn.guest()
    await connect(inn, browser)
    _, handle = await chat(inn, user)
    page = await set_out(browser, f"/connect/spotify?h={handle}")
    assert page.refresh.startswith("https://accounts.spotify.com/authorize")


async def test_a_link_of_a_chat_that_was_cut_off_asks_for_nothing(inn: Inn) -> None:
    browser, user = await inn.guest()
    grant, handle = await chat(inn, user)
    page = await set_out(browser, f"/connect/spotify?h={handle}")
    await inn.stores.grants.cut(user.id, grant.id)
    assert (await browser.get(f"/connect/spotify?h={handle}")).status == 410
    await browser.arrive(inn.spotify.consent(page.refresh, "ana"))
    assert await inn.stores.grants.list(user.id) == []


async def test_an_expired_link_offers_a_fresh_one(inn: Inn) -> None:
    browser, user = await inn.guest()
    _, handle = await chat(inn, user)
    await inn.run("UPDATE flows SET expires_at = now() WHERE kind = 'connect'")
    page = await browser.get(f"/connect/spotify?h={handle}")
    assert page.status == 410
    [fresh] = [link for link in page.links if link.startswith("/connect/spotify?h=")]
    assert fresh != f"/connect/spotify?h={handle}"
    assert "An app at claude.ai asked for this" in (await browser.get(fresh)).text
    again = await browser.get(f"/connect/spotify?h={handle}")
    assert fresh in again.links
    stranger, _ = await inn.guest("ben")
    page = await stranger.get(f"/connect/spotify?h={handle}")
    assert not any(link.startswith("/connect/spotify?h=") for link in page.links)


async def test_a_finished_link_says_that_it_is_done(inn: Inn) -> None:
    browser, user = await inn.guest()
    _, handle = await chat(inn, user)
    await connect(inn, browser, f"/connect/spotify?h={handle}")
    page = await browser.get(f"/connect/spotify?h={handle}")
    assert page.status == 410
    assert "connected already" in page.text


@pytest.mark.parametrize("handle", ["x", "x" * 43, "%3Cscript%3E", ""])
async def test_a_broken_link_offers_to_connect_from_here(inn: Inn, handle: str) -> None:
    browser, _ = await inn.guest()
    page = await browser.get(f"/connect/spotify?h={handle}")
    assert page.status == (410 if handle else 200)
    assert "<script>" not in page.text.replace('<script src="/static/done.js"', "")


async def test_a_provider_that_is_not_set_up_is_a_page(inn: Inn) -> None:
    browser, _ = await inn.guest()
    assert (await browser.get("/connect/myspace")).status == 404
    assert (await browser.post("/connect/myspace", {})).status == 404


# The way back


async def test_another_browser_of_the_same_person_cannot_finish_it(inn: Inn) -> None:
    browser, user = await inn.guest()
    other, _ = await inn.guest()
    page = await set_out(browser, "/connect/spotify")
    callback = inn.spotify.consent(page.refresh, "ana")
    page = await other.get(callback)
    assert page.status == 403
    assert "started somewhere else" in page.text
    assert await inn.vault.list(user.id) == []
    assert (await browser.arrive(callback)).status == 303


async def test_another_person_in_the_same_browser_cannot_finish_it(inn: Inn) -> None:
    browser, ana = await inn.guest()
    page = await set_out(browser, "/connect/spotify")
    callback = inn.spotify.consent(page.refresh, "ana")
    await inn.sign_in(browser, "ben")
    ben = await inn.user("ben")
    assert (await browser.get(callback)).status == 403
    assert await inn.vault.list(ana.id) == await inn.vault.list(ben.id) == []


async def test_signed_out_meanwhile_connects_nothing(inn: Inn) -> None:
    browser, user = await inn.guest()
    page = await set_out(browser, "/connect/spotify")
    await inn.run("DELETE FROM sessions")
    page = await browser.arrive(inn.spotify.consent(page.refresh, "ana"))
    assert page.status == 403
    assert await inn.vault.list(user.id) == []


async def test_a_replayed_callback_does_nothing_twice(inn: Inn) -> None:
    browser, user = await inn.guest()
    page = await set_out(browser, "/connect/spotify")
    callback = inn.spotify.consent(page.refresh, "ana")
    assert (await browser.arrive(callback)).status == 303
    page = await browser.get(callback)
    assert page.status == 409
    assert "already done" in page.text
    assert len(await inn.vault.list(user.id)) == 1


async def test_a_preview_of_the_callback_does_not_use_it_up(inn: Inn) -> None:
    browser, _ = await inn.guest()
    page = await set_out(browser, "/connect/spotify")
    callback = inn.spotify.consent(page.refresh, "ana")
    assert (await browser.client.head(callback)).status_code == 405
    assert (await browser.arrive(callback)).status == 303


async def test_an_expired_state_offers_to_start_afresh(inn: Inn) -> None:
    browser, user = await inn.guest()
    _, handle = await chat(inn, user)
    page = await set_out(browser, f"/connect/spotify?h={handle}")
    await inn.run("UPDATE states SET expires_at = now() WHERE hash = %s", state_of(page.refresh))
    page = await browser.arrive(inn.spotify.consent(page.refresh, "ana"))
    assert page.status == 410
    assert f"/connect/spotify?h={handle}" in page.links
    assert await inn.vault.list(user.id) == []


@pytest.mark.parametrize("query", ["", "?code=x", "?state=", "?state=x&code=y", "?error=access_denied"])
async def test_an_invented_callback_is_a_page(inn: Inn, query: str) -> None:
    browser, _ = await inn.guest()
    for visitor in (browser, inn.browser()):
        page = await visitor.get(f"/callback/spotify{query}")
        assert page.status == 400
        assert "Nothing was changed" in page.text


async def test_a_state_and_its_verifier_do_not_rest_readable(inn: Inn) -> None:
    browser, user = await inn.guest()
    _, handle = await chat(inn, user)
    page = await set_out(browser, f"/connect/spotify?h={handle}")
    state = asked(page.refresh)["state"]
    async with inn.database.connection() as link:
        rows = await (
            await link.execute("SELECT states::text FROM states WHERE purpose = 'connect'")
        ).fetchall()
    [row] = rows
    assert state not in row[0]
    assert handle not in row[0]
    assert handle.encode().hex() not in row[0]


@pytest.mark.parametrize(
    ("token_status", "me_status"), [(503, 200), (429, 200), (200, 500), (200, 403), (200, 401), (400, 200)]
)
async def test_a_provider_that_fails_changes_nothing_and_is_not_quoted(
    inn: Inn, token_status: int, me_status: int
) -> None:
    browser, user = await inn.guest()
    await connect(inn, browser)
    before = await inn.vault.list(user.id)
    page = await set_out(browser, f"/connect/spotify?reconnect={before[0].id}")
    inn.spotify.token_status, inn.spotify.me_status = token_status, me_status
    page = await browser.arrive(inn.spotify.consent(page.refresh, "ana"))
    assert page.status == 502
    assert "server_error" not in page.text
    assert "Traceback" not in page.text
    assert f"/connect/spotify?reconnect={before[0].id}" in page.links
    assert [c.scopes for c in await inn.vault.list(user.id)] == [WRITE]


async def test_a_code_of_somebody_else_is_refused_by_pkce(inn: Inn) -> None:
    browser, user = await inn.guest()
    mallory, _ = await inn.guest("ben")
    theirs = asked((await set_out(mallory, "/connect/spotify")).refresh)
    ours = (await set_out(browser, "/connect/spotify")).refresh
    callback = inn.spotify.consent(ours, "ana")
    code = asked(callback)["code"]
    inn.spotify.codes[code]["code_challenge"] = theirs["code_challenge"]
    page = await browser.get(callback)
    assert page.status == 502
    assert "took its answer back" in page.text
    assert "secret detail" not in page.text
    assert await inn.vault.list(user.id) == []


async def test_another_answer_of_the_provider_is_not_shown(inn: Inn) -> None:
    browser, _ = await inn.guest()
    page = await set_out(browser, "/connect/spotify")
    callback = inn.spotify.refusal(page.refresh, "<script>evil</script>")
    page = await browser.get(callback)
    assert page.status == 502
    assert "evil" not in page.text


async def test_a_person_the_app_does_not_list_is_told_whom_to_ask(inn: Inn) -> None:
    browser, _ = await inn.guest()
    page = await set_out(browser, "/connect/spotify")
    inn.spotify.me_status = 403
    inn.spotify.me_error = "User not registered in the Developer Dashboard"
    page = await browser.arrive(inn.spotify.consent(page.refresh, "ana"))
    assert page.status == 403
    assert "does not know you at this app yet" in page.text


async def test_no_secret_of_a_trip_reaches_the_log(inn: Inn) -> None:
    with structlog.testing.capture_logs() as logs:
        browser, user = await inn.guest()
        _, handle = await chat(inn, user)
        page = await set_out(browser, f"/connect/spotify?h={handle}")
        callback = inn.spotify.consent(page.refresh, "ana")
        page = await browser.arrive(callback)
        await browser.get(page.location)
        await browser.get(callback)
        page = await set_out(browser, "/connect/spotify")
        inn.spotify.token_status = 503
        await browser.arrive(inn.spotify.consent(page.refresh, "ana"))
    cookies = [cookie.value for cookie in browser.client.cookies.jar]
    secrets = [handle, asked(callback)["code"], asked(callback)["state"], *inn.spotify.tokens, *cookies]
    said = json.dumps(logs, default=str)
    assert "connection_saved" in said
    assert "trip_failed" in said
    assert all(secret and secret not in said for secret in secrets)


# From the account page and the consent page


async def test_from_the_account_page_it_asks_for_everything_and_returns_there(inn: Inn) -> None:
    browser, _ = await inn.guest()
    page = await connect(inn, browser)
    assert page.location == "/account"
    assert frozenset(inn.spotify.authorized[-1]["scope"].split()) == WRITE
    page = await set_out(browser, "/connect/spotify")
    page = await browser.get(inn.spotify.refusal(page.refresh))
    assert "/account" in page.links


async def test_another_account_stands_beside_the_first(inn: Inn) -> None:
    browser, user = await inn.guest()
    await connect(inn, browser)
    page = await set_out(browser, "/connect/spotify?another=1")
    assert asked(page.refresh)["show_dialog"] == "true"
    await browser.arrive(inn.spotify.consent(page.refresh, "cleo"))
    labels = [(c.account_label, c.is_default) for c in await inn.vault.list(user.id)]
    assert labels == [("Ana", True), ("Cleo", False)]


async def test_reconnecting_asks_for_what_it_had(inn: Inn) -> None:
    browser, user = await inn.guest()
    await connect(inn, browser, granted=READ)
    [connection] = await inn.vault.list(user.id)
    page = await set_out(browser, f"/connect/spotify?reconnect={connection.id}")
    assert frozenset(asked(page.refresh)["scope"].split()) == READ
    assert asked(page.refresh)["show_dialog"] == "true"


async def test_two_people_may_connect_the_same_account(inn: Inn) -> None:
    for person in ("ana", "ben"):
        browser, user = await inn.guest(person)
        await connect(inn, browser, person="cleo")
        assert [c.account_label for c in await inn.vault.list(user.id)] == ["Cleo"]


async def test_from_the_consent_page_it_asks_for_what_the_client_asked(inn: Inn) -> None:
    browser, _ = await inn.guest()
    handle = await inn.asks(await inn.client(), READ_ONLY)
    page = await connect(inn, browser, f"/connect/spotify?consent={handle}")
    assert page.location == f"/consent?h={handle}"
    assert frozenset(inn.spotify.authorized[-1]["scope"].split()) == READ
    page = await set_out(browser, f"/connect/spotify?consent={handle}")
    page = await browser.get(inn.spotify.refusal(page.refresh))
    assert f"/consent?h={handle}" in page.links


async def test_a_partial_grant_on_the_way_to_consent_says_so_first(inn: Inn) -> None:
    browser, _ = await inn.guest()
    handle = await inn.asks(await inn.client())
    page = await connect(inn, browser, f"/connect/spotify?consent={handle}", granted=READ)
    page = await browser.get(page.location)
    assert "You did not allow everything" in page.text
    assert f"/consent?h={handle}" in page.links


async def test_a_request_that_ended_meanwhile_can_still_be_connected(inn: Inn) -> None:
    browser, _ = await inn.guest()
    page = await browser.get(f"/connect/spotify?consent={'x' * 43}")
    assert page.status == 410
    assert "/connect/spotify" in page.links


# The page at the end


async def test_the_last_page_shows_only_ones_own_connections(inn: Inn) -> None:
    browser, user = await inn.guest()
    await connect(inn, browser)
    [connection] = await inn.vault.list(user.id)
    stranger, _ = await inn.guest("ben")
    assert (await stranger.get(f"/connected/{connection.id}")).location == "/account"
    assert (await inn.browser().get(f"/connected/{connection.id}")).location.startswith("/signin")
    assert (await browser.get("/connected/nonsense")).status == 404


async def test_the_last_page_leads_nowhere_else(inn: Inn) -> None:
    browser, user = await inn.guest()
    await connect(inn, browser)
    [connection] = await inn.vault.list(user.id)
    for evil in ("https://evil.example", "//evil.example", "javascript:alert(1)"):
        page = await browser.get(f"/connected/{connection.id}?then={evil}&again={evil}&asked=spotify:read")
        assert all("evil" not in link and "javascript" not in link for link in page.links)


async def test_a_label_is_cut_to_one_short_line(inn: Inn) -> None:
    inn.spotify.me = {"account_id": "ana-1", "display_name": "Ana\u202e\n" + "x" * 5000}
    await inn.sign_in(inn.browser(), connect="1")
    user = await inn.user("ana")
    [connection] = await inn.vault.list(user.id)
    found = await inn.stores.users.find(user.id)
    assert found is not None
    assert connection.account_label == found.display_name == ("Ana " + "x" * 76)


async def test_a_hostile_account_label_is_only_text(inn: Inn) -> None:
    inn.spotify.me = {"account_id": "ana-1", "display_name": "<script>alert(1)</script>{{ 1 }}"}
    browser = inn.browser()
    await inn.sign_in(browser, connect="1")
    user = await inn.user("ana")
    [connection] = await inn.vault.list(user.id)
    handle = await inn.asks(await inn.client())
    for path in ("/account", f"/connected/{connection.id}", f"/disconnect/{connection.id}",
                 "/connect/spotify", f"/consent?h={handle}", "/signin?switch=1"):  # fmt: skip
        page = await browser.get(path)
        assert page.status == 200
        assert "<script>alert" not in page.text
        assert "{{ 1 }}" in page.text
