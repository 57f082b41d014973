"""The last question before an account is connected: whose it is, whose it will be, what each answer does."""

from __future__ import annotations

import asyncio
import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest
import structlog

from connect.offer import Offers
from tests.connect.inn import ALL, READ, WRITE, Browser, Inn, Page
from tests.connect.test_link import READ_ONLY, asked, chat, set_out

NAMED = re.compile(r"\bAna\b")
"""A word: what is random on a page may hold any three letters."""


async def offered(
    inn: Inn,
    browser: Browser,
    path: str = "/connect/spotify",
    *,
    person: str = "ana",
    granted: frozenset[str] | None = None,
) -> Page:
    """The page that asks."""
    page = await set_out(browser, path)
    page = await browser.get(inn.spotify.consent(page.refresh, person, granted=granted))
    assert page.status == 303, page.text
    assert page.location.startswith("/connect/spotify/confirm?p=")
    page = await browser.get(page.location)
    assert page.status == 200, page.text
    return page


def handle_of(page: Page) -> str:
    return page.forms[0].fields["p"]


async def lapse(inn: Inn) -> None:
    await inn.run("UPDATE pendings SET expires_at = now()")


async def test_it_names_the_account_the_person_and_what_it_may_do_and_stores_nothing(inn: Inn) -> None:
    browser, user = await inn.guest()
    _, handle = await chat(inn, user)
    page = await offered(inn, browser, f"/connect/spotify?h={handle}", person="cleo")
    assert "<h1>Connect Cleo (Spotify) to Valet as Ana?</h1>" in page.text
    assert "see what is playing" in page.text
    assert "control the music" in page.text
    assert "did not allow it to" not in page.text
    assert f"/signin?next=%2Fconnect%2Fspotify%3Fh%3D{handle}&amp;switch=1" in page.text
    assert await inn.vault.list(user.id) == []
    assert await inn.count("SELECT count(*) FROM connections") == 0
    assert not await inn.flows.connected(handle, user.id)
    # Reading it again uses nothing up.
    for _ in range(2):
        assert (await browser.get(f"/connect/spotify/confirm?p={handle_of(page)}")).status == 200
    page = await browser.submit(page.forms[0], decision="connect")
    assert page.location.startswith("/connected/")
    assert [c.account_label for c in await inn.vault.list(user.id)] == ["Cleo"]
    assert await inn.flows.connected(handle, user.id)


async def test_what_was_not_allowed_is_named_before_the_yes(inn: Inn) -> None:
    browser, _ = await inn.guest()
    page = await offered(inn, browser, granted=READ)
    lacks = page.text[page.text.index("You did not allow it to") :]
    assert "control the music" in lacks
    assert "see what is playing" not in lacks
    page = await offered(inn, browser, granted=frozenset())
    assert "nothing yet but know which account this is" in page.text


async def test_an_account_that_is_there_and_one_that_was_not_meant_are_said_so(inn: Inn) -> None:
    browser, user = await inn.guest()
    page = await browser.submit((await offered(inn, browser)).forms[0], decision="connect")
    assert "You have connected this account before." in (await offered(inn, browser)).text
    _, handle = await chat(inn, user)
    page = await offered(inn, browser, f"/connect/spotify?h={handle}", person="cleo")
    assert "The question was about your account <b>Ana</b>" in page.text
    page = await offered(inn, browser, "/connect/spotify?another=1")
    assert "it would be no further one" in page.text


async def test_nothing_of_it_rests_readable_or_reaches_the_log(inn: Inn) -> None:
    with structlog.testing.capture_logs() as logs:
        browser, user = await inn.guest()
        _, handle = await chat(inn, user)
        page = await offered(inn, browser, f"/connect/spotify?h={handle}")
        async with inn.database.connection() as link:
            [row] = await (await link.execute("SELECT pendings::text FROM pendings")).fetchall()
        await browser.submit(page.forms[0], decision="no")
        page = await offered(inn, browser, f"/connect/spotify?h={handle}")
        await browser.submit(page.forms[0], decision="connect")
    said = json.dumps(logs, default=str)
    assert "offer_dropped" in said and "connection_saved" in said
    for secret in (*inn.spotify.tokens, handle, handle_of(page)):
        for spelled in (secret, secret.encode().hex()):
            assert spelled not in row[0]
            assert spelled not in said


async def test_a_no_throws_it_away_and_leads_back(inn: Inn) -> None:
    browser, user = await inn.guest()
    request = await inn.asks(await inn.client())
    _, handle = await chat(inn, user)
    for path, link, words in (
        (f"/connect/spotify?h={handle}", None, "You can go back to your chat."),
        ("/connect/spotify", "/account", "Back to your account page"),
        (f"/connect/spotify?consent={request}", f"/consent?h={request}", "Go back to the request"),
    ):
        form = (await offered(inn, browser, path)).forms[0]
        page = await browser.submit(form, decision="no")
        assert page.status == 200
        assert "You did not connect Spotify" in page.text
        assert words in page.text
        assert link is None or link in page.links
        # Spotify can't be told, so its own page is named.
        assert "https://www.spotify.com/account/apps/" in page.links
        assert await inn.count("SELECT count(*) FROM pendings WHERE sealed IS NOT NULL") == 0
        again = await browser.submit(form, decision="connect")
        assert again.status == 409
        assert "You chose not to connect that account" in again.text
    assert await inn.vault.list(user.id) == []
    assert not await inn.flows.connected(handle, user.id)


async def test_another_account_is_asked_for_with_the_chooser_and_in_full(inn: Inn) -> None:
    browser, user = await inn.guest()
    _, handle = await chat(inn, user, ours=READ_ONLY)
    page = await offered(inn, browser, f"/connect/spotify?h={handle}")
    old = page.forms[0]
    page = await browser.submit(old, decision="other")
    assert asked(page.refresh)["show_dialog"] == "true"
    assert frozenset(asked(page.refresh)["scope"].split()) == READ
    page = await browser.get(inn.spotify.consent(page.refresh, "cleo"))
    page = await browser.get(page.location)
    assert "Connect Cleo (Spotify) to Valet as Ana?" in page.text
    assert (await browser.submit(old, decision="connect")).status == 409, "the first is thrown away"
    page = await browser.submit(page.forms[0], decision="connect")
    assert "Spotify is connected as Cleo" in (await browser.get(page.location)).text
    assert [c.account_label for c in await inn.vault.list(user.id)] == ["Cleo"]
    assert await inn.flows.connected(handle, user.id)


async def test_a_yes_that_comes_twice_stores_once_and_both_see_it(inn: Inn) -> None:
    browser, user = await inn.guest()
    _, handle = await chat(inn, user)
    form = (await offered(inn, browser, f"/connect/spotify?h={handle}")).forms[0]
    first, second = await asyncio.gather(*(browser.submit(form, decision="connect") for _ in range(2)))
    assert first.location == second.location
    assert "Spotify is connected as Ana" in (await browser.get(first.location)).text
    assert await inn.count("SELECT secret_version FROM connections WHERE owner = %s", user.id) == 1
    third = await browser.submit(form, decision="no")
    assert third.location == first.location
    assert len(await inn.vault.list(user.id)) == 1


async def test_a_second_yes_finishes_what_a_crash_left_open(inn: Inn) -> None:
    browser, user = await inn.guest()
    _, handle = await chat(inn, user, granted=READ_ONLY)
    form = (await offered(inn, browser, f"/connect/spotify?h={handle}")).forms[0]
    await browser.submit(form, decision="connect")
    # As if the process had died after the account was stored, before the chat's link was finished.
    await inn.run("UPDATE flows SET consumed_at = NULL WHERE kind = 'connect'")
    await inn.run("UPDATE grants SET scopes = '{spotify:read}'")
    assert (await browser.submit(form, decision="connect")).location.startswith("/connected/")
    assert await inn.flows.connected(handle, user.id)
    assert [g.scopes for g in await inn.stores.grants.list(user.id)] == [ALL]


async def test_where_it_can_t_be_stored_the_question_stays_open(inn: Inn) -> None:
    browser, user = await inn.guest()
    form = (await offered(inn, browser)).forms[0]
    await inn.run("ALTER TABLE connections RENAME TO away")
    try:
        assert (await browser.submit(form, decision="connect")).status == 500
    finally:
        await inn.run("ALTER TABLE away RENAME TO connections")
    assert await inn.count("SELECT count(*) FROM pendings WHERE sealed IS NOT NULL") == 1
    assert (await browser.submit(form, decision="connect")).location == "/account"
    assert len(await inn.vault.list(user.id)) == 1


async def test_two_tabs_with_two_accounts_are_two_questions(inn: Inn) -> None:
    browser, user = await inn.guest()
    ana, cleo = await offered(inn, browser), await offered(inn, browser, person="cleo")
    await browser.submit(cleo.forms[0], decision="connect")
    await browser.submit(ana.forms[0], decision="connect")
    assert [c.account_label for c in await inn.vault.list(user.id)] == ["Cleo", "Ana"]


async def test_a_link_that_lapsed_while_it_was_open_still_finishes(inn: Inn) -> None:
    browser, user = await inn.guest()
    _, handle = await chat(inn, user)
    form = (await offered(inn, browser, f"/connect/spotify?h={handle}")).forms[0]
    await inn.run("UPDATE flows SET expires_at = now() WHERE kind = 'connect'")
    await browser.submit(form, decision="connect")
    assert [c.scopes for c in await inn.vault.list(user.id)] == [WRITE]
    assert await inn.flows.connected(handle, user.id)


async def test_time_on_the_page_counts_against_what_was_got(inn: Inn) -> None:
    browser, _ = await inn.guest()
    form = (await offered(inn, browser)).forms[0]
    await inn.run("UPDATE pendings SET created_at = now() - interval '9 minutes'")
    await browser.submit(form, decision="connect")
    assert await inn.count(
        "SELECT count(*) FROM connections WHERE access_expires_at BETWEEN now() + interval '50 minutes 30"
        " seconds' AND now() + interval '51 minutes' AND grant_expires_at BETWEEN now() + interval '180 days'"
        " - interval '10 minutes' AND now() + interval '180 days' - interval '9 minutes'"
    )


@pytest.mark.parametrize("swept", [False, True])
async def test_after_ten_minutes_it_is_thrown_away_and_can_be_begun_afresh(inn: Inn, swept: bool) -> None:
    browser, user = await inn.guest()
    _, handle = await chat(inn, user)
    form = (await offered(inn, browser, f"/connect/spotify?h={handle}")).forms[0]
    assert await inn.count("SELECT extract(epoch FROM expires_at - created_at)::int FROM pendings") == 600
    await lapse(inn)
    offers = Offers(pendings=inn.stores.pendings, vault=inn.vault, registry=inn.registry)
    if swept:
        assert await offers.sweep() == 1
        assert await offers.sweep() == 0
        assert await inn.count("SELECT count(*) FROM pendings WHERE sealed IS NOT NULL") == 0
    for page in (
        await browser.get(f"/connect/spotify/confirm?p={form.fields['p']}"),
        await browser.submit(form, decision="connect"),
    ):
        assert page.status == 410
        assert "thrown away, and nothing was connected" in page.text
        assert f"/connect/spotify?h={handle}" in page.links
    assert await inn.vault.list(user.id) == []


async def test_an_open_question_is_not_swept(inn: Inn) -> None:
    browser, user = await inn.guest()
    form = (await offered(inn, browser)).forms[0]
    offers = Offers(pendings=inn.stores.pendings, vault=inn.vault, registry=inn.registry)
    assert await offers.sweep() == 0
    assert await inn.stores.pendings.sweep() == 0
    await browser.submit(form, decision="connect")
    assert len(await inn.vault.list(user.id)) == 1


@pytest.mark.parametrize("handle", ["", "x", "x" * 43, "%3Cscript%3E"])
async def test_an_invented_question_is_a_page(inn: Inn, handle: str) -> None:
    browser, _ = await inn.guest()
    page = await browser.get(f"/connect/spotify/confirm?p={handle}")
    assert page.status == 400
    assert "Nothing was connected" in page.text and "<script>" not in page.text


async def test_an_answer_that_is_none_leaves_the_question_open(inn: Inn) -> None:
    browser, user = await inn.guest()
    form = (await offered(inn, browser)).forms[0]
    assert (await browser.submit(form, decision="maybe")).status == 400
    await browser.submit(form, decision="connect")
    assert len(await inn.vault.list(user.id)) == 1


async def test_signed_out_meanwhile_it_leads_through_sign_in_and_back(inn: Inn) -> None:
    browser, user = await inn.guest()
    page = await offered(inn, browser)
    await inn.run("DELETE FROM sessions")
    for answer in (
        await browser.get(f"/connect/spotify/confirm?p={handle_of(page)}"),
        await browser.submit(page.forms[0], decision="connect"),
    ):
        [goal] = parse_qs(urlsplit(answer.location).query)["next"]
        assert goal == f"/connect/spotify/confirm?p={handle_of(page)}"
    page = await browser.get(answer.location)
    page = await browser.submit(page.form("/signin"))
    page = await browser.get(inn.spotify.consent(page.refresh, "ana"))
    assert page.location == goal
    page = await browser.submit((await browser.get(goal)).forms[0], decision="connect")
    assert len(await inn.vault.list(user.id)) == 1


# Whoever it is not for


async def test_nobody_answers_another_persons_question(inn: Inn) -> None:
    browser, user = await inn.guest()
    form = (await offered(inn, browser)).forms[0]
    mallory, other = await inn.guest("ben")
    assert (await mallory.get(f"/connect/spotify/confirm?p={form.fields['p']}")).status == 403
    csrf = (await mallory.get("/connect/spotify")).forms[0].fields["csrf"]
    for decision in ("connect", "other", "no"):
        page = await mallory.submit(form, csrf=csrf, decision=decision)
        assert page.status == 403
        assert "started somewhere else" in page.text and not NAMED.search(page.text)
    assert await inn.vault.list(user.id) == await inn.vault.list(other.id) == []
    await browser.submit(form, decision="connect")
    assert len(await inn.vault.list(user.id)) == 1, "it was not used up"


async def test_nobody_is_led_to_confirm_what_was_begun_in_another_browser(inn: Inn) -> None:
    """An attacker begins with their own account and sends its page to their victim."""
    mallory, _ = await inn.guest()
    form = (await offered(inn, mallory, person="mallory")).forms[0]
    victim, user = await inn.guest()
    page = await victim.get(f"/connect/spotify/confirm?p={form.fields['p']}")
    assert page.status == 403 and "Mallory" not in page.text
    csrf = (await victim.get("/connect/spotify")).forms[0].fields["csrf"]
    assert (await victim.submit(form, csrf=csrf, decision="connect")).status == 403
    assert await inn.vault.list(user.id) == []


async def test_an_account_does_not_slip_into_a_session_that_an_attacker_planted(inn: Inn) -> None:
    """The victim's browser holds the attacker's session: the page says whose the account would be."""
    attacker, theirs = await inn.guest("ben")
    victim = inn.browser()
    planted = attacker.cookie("valet")
    assert planted is not None
    victim.client.cookies.set("valet", planted)
    page = await offered(inn, victim)
    assert "Connect Ana (Spotify) to Valet as Ben?" in page.text
    assert "whoever is signed in here as Ben can use it" in page.text
    assert any("switch=1" in link for link in page.links)
    assert await inn.vault.list(theirs.id) == []
    # Nor can the attacker say yes in their own browser, with the very same session.
    assert (await attacker.submit(page.forms[0], decision="connect")).status == 403
    await victim.submit(page.forms[0], decision="no")
    assert await inn.vault.list(theirs.id) == []


async def test_somebody_else_in_the_same_browser_does_not_get_it(inn: Inn) -> None:
    browser, ana = await inn.guest()
    form = (await offered(inn, browser)).forms[0]
    await inn.sign_in(browser, "ben")
    ben = await inn.user("ben")
    assert (await browser.get(f"/connect/spotify/confirm?p={form.fields['p']}")).status == 403
    csrf = (await browser.get("/connect/spotify")).forms[0].fields["csrf"]
    assert (await browser.submit(form, csrf=csrf, decision="connect")).status == 403
    assert await inn.vault.list(ana.id) == await inn.vault.list(ben.id) == []


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE pendings SET user_id = %(other)s",
        "UPDATE pendings SET user_id = %(other)s, record_id = gen_random_uuid()",
        "UPDATE pendings SET provider = 'google', user_id = %(other)s",
        "UPDATE pendings SET sealed = set_byte(sealed, 70, 1 # get_byte(sealed, 70)), user_id = %(other)s",
    ],
)
async def test_a_row_that_was_made_anothers_does_not_open_for_them(inn: Inn, edit: str) -> None:
    """Somebody who can write to the database, but has no key."""
    browser, _ = await inn.guest()
    form = (await offered(inn, browser)).forms[0]
    mallory, other = await inn.guest("ben")
    await inn.run("UPDATE pendings SET browser_hash = p.browser_hash FROM (SELECT browser_hash FROM states"
                  " ORDER BY created_at DESC LIMIT 1) p")  # fmt: skip
    async with inn.database.connection() as link:
        await link.execute(edit.encode(), {"other": other.id})
    csrf = (await mallory.get("/connect/spotify")).forms[0].fields["csrf"]
    page = await mallory.submit(form, csrf=csrf, decision="connect")
    assert page.status in {400, 500}
    assert not NAMED.search(page.text)
    assert await inn.vault.list(other.id) == []


async def test_a_sign_in_that_also_connects_asks_nothing_more(inn: Inn) -> None:
    """It was chosen before the trip, and the account is the identity that was just proven."""
    browser = inn.browser()
    page = await inn.sign_in(browser, connect="1")
    assert page.location == "/account"
    user = await inn.user("ana")
    assert [c.account_label for c in await inn.vault.list(user.id)] == ["Ana"]
    assert await inn.count("SELECT count(*) FROM pendings") == 0
