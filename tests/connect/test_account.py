"""The account page: what it shows, and what its buttons end."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

import pytest
from pydantic import SecretStr

from connect.admission import Guests
from connect.words import date
from tests.connect.inn import READ, WRITE, Browser, Inn
from vault.health import health
from vault.ids import new_id
from vault.store.connections import Connection
from vault.store.users import User

OLD_READ = frozenset({"user-read-playback-state", "user-read-currently-playing"})
OLD_WRITE = frozenset({"user-modify-playback-state"})
"""What connections hold that were made before Valet knew the whole Web API."""


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
    assert "control the music" in page.text
    assert "not used yet" in page.text
    assert "/connect/spotify?another=1" in page.links
    assert f"/connect/spotify?reconnect={connection.id}" in page.links


async def test_a_smaller_grant_is_shown_as_it_is(inn: Inn) -> None:
    browser, user = await inn.guest()
    await connected(inn, browser, user, granted=READ)
    page = await browser.get("/account")
    assert "see what is playing" in page.text
    assert "control the music" not in page.text
    await inn.run("UPDATE connections SET scopes = '{}'")
    assert "only knows which account this is" in (await browser.get("/account")).text


@pytest.mark.parametrize(
    ("held", "parts"), [(OLD_READ, ["search"]), (OLD_READ | OLD_WRITE, ["search", "control"])]
)
async def test_what_was_allowed_before_valet_asked_for_more_is_not_broken(
    inn: Inn, held: frozenset[str], parts: list[str]
) -> None:
    browser, user = await inn.guest()
    connection = await connected(inn, browser, user, granted=held)
    page = await browser.get("/account")
    assert "Works." in page.text and "Needs reconnecting" not in page.text
    assert "Valet may</p>" not in page.text and "only knows which account" not in page.text
    shown = page.text[page.text.index("Valet may do a part of this") :].partition("</ul>")[0]
    assert [line.split()[0] for line in re.findall(r"<li>(.*?)</li>", shown)] == parts
    assert "What a chat uses today goes on." in page.text
    await inn.run("UPDATE connections SET status = 'needs_reauth', reason = 'revoked'")
    page = await browser.get("/account")
    assert "What a chat uses today goes on." not in page.text and "a part of this" in page.text
    page = await browser.submit((await browser.get(f"/connect/spotify?reconnect={connection.id}")).forms[0])
    asked = set(dict(parse_qsl(urlsplit(page.refresh).query))["scope"].split())
    assert asked == (WRITE if "control" in parts else READ), "never more than it was for, and nothing less"
    await browser.arrive(inn.spotify.consent(page.refresh, "ana"))
    assert "a part of this" not in (await browser.get("/account")).text


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("expired", "the permission ran out"),
        ("revoked", "it was withdrawn at the provider"),
        ("lost_rotation", "got lost on the way"),
        ("no_refresh_token", "could not be renewed"),
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
    ("left", "says", "prominent"),
    [
        ("15 days", "Works. Reconnect by", False),
        ("13 days 1 hour", "Works, but not for long. Reconnect by DATE, in 13 days.", False),
        ("3 days 1 hour", "Works, but not for long. Reconnect by DATE, in 3 days.", False),
        (
            "2 days 1 hour",
            "<b>Ends in 2 days.</b> The permission ends on DATE. From then on no",
            True,
        ),
        ("1 hour", "<b>Ends within a day.</b> The permission ends on DATE.", True),
        ("-1 day", "ran out", False),
    ],
)
async def test_it_warns_before_a_permission_runs_out(inn: Inn, left: str, says: str, prominent: bool) -> None:
    browser, user = await inn.guest()
    await connected(inn, browser, user)
    await inn.run("UPDATE connections SET grant_expires_at = now() + %s::interval", left)
    [row] = await inn.vault.list(user.id)
    assert row.grant_expires_at is not None
    page = await browser.get("/account")
    assert says.replace("DATE", date(row.grant_expires_at)) in page.text
    assert ('class="warn late"' in page.text) is prominent
    # Its button is the one to press from the first warning on.
    look = "button quiet" if left == "15 days" else "button"
    assert f'class="{look}" href="/connect/spotify?reconnect={row.id}">Reconnect</a>' in page.text


@pytest.mark.parametrize(
    ("change", "says", "works"),
    [
        (
            "reason = 'rate_limited', access_expires_at = now(), next_attempt_at = now() + interval '1 hour'",
            "Pausing at the moment: the provider asked Valet to wait. It goes on by itself.",
            True,
        ),
        (
            "access_expires_at = now(), next_attempt_at = now() + interval '1 hour',"
            " grant_expires_at = now() + interval '2 days 1 hour'",
            "Pausing at the moment: the provider has not answered lately. It goes on by itself.",
            True,
        ),
        ("next_attempt_at = now() + interval '1 hour'", "Works.", True),
        ("reason = 'unreadable'", "what Valet keeps of it can&#39;t be opened any more", False),
    ],
)
async def test_it_says_what_is_the_matter(inn: Inn, change: str, says: str, works: bool) -> None:
    browser, user = await inn.guest()
    await connected(inn, browser, user)
    await inn.run(f"UPDATE connections SET {change}")
    page = await browser.get("/account")
    assert says in page.text
    assert ("Needs reconnecting:" in page.text) is not works
    assert ("Ends in 2 days" in page.text) is ("2 days" in change)
    assert ("Works" in page.text) is (works and "Pausing" not in says)


async def test_reconnecting_is_for_that_very_account_its_app_and_all_it_was_allowed(inn: Inn) -> None:
    """The address stands in the answers of tools, too, and works whenever it is opened."""
    browser, user = await inn.guest()
    await connected(inn, browser, user)
    page = await browser.submit((await browser.get("/connect/spotify?another=1")).forms[0])
    await browser.arrive(inn.spotify.consent(page.refresh, "work", granted=READ))
    own = SecretStr("own-secret")
    await inn.vault.apps.save(user.id, "spotify", "0123456789abcdef0123456789abcdef", own)
    await inn.run("UPDATE connections SET grant_expires_at = now() + interval '2 days'")
    first, work = await inn.vault.list(user.id)
    page = await browser.get(f"/connect/spotify?reconnect={work.id}")
    assert "Reconnect Spotify" in page.text and "Allow more" not in page.text
    assert f"connected as <b>{work.account_label}</b>" in page.text
    page = await browser.submit(page.forms[0])
    asked = dict(parse_qsl(urlsplit(page.refresh).query))
    assert set(asked["scope"].split()) & WRITE == READ, "what it was allowed is asked for again, and no more"
    assert asked["client_id"] != "0123456789abcdef0123456789abcdef", "the app that issued it stays its app"
    page = await browser.arrive(inn.spotify.consent(page.refresh, "work"))
    rows = {row.id: row for row in await inn.vault.list(user.id)}
    assert rows.keys() == {first.id, work.id}
    assert not health(rows[work.id]).soon and health(rows[first.id]).urgent
    assert rows[work.id].scopes == work.scopes


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
