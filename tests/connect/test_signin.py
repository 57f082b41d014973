"""Signing in: through a provider, by the owner link, and who is turned away."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from connect.admission import OWNER_ISSUER, OWNER_SUBJECT, Admission, Guests
from providers.base import Account
from tests.connect.inn import ISSUER, WRITE, Inn, state_of
from vault.ids import new_id
from vault.opaque import digest, mint
from vault.store.database import Database


async def test_a_person_signs_in_and_is_recognised_the_next_time(inn: Inn) -> None:
    browser = inn.browser()
    arrived = await inn.sign_in(browser)
    assert (arrived.status, arrived.location) == (303, "/account")
    assert "Ana" in (await browser.get("/account")).text
    await inn.sign_in(inn.browser())
    assert await inn.count("SELECT count(*) FROM users") == 1


async def test_the_subject_rests_as_a_keyed_hash(inn: Inn) -> None:
    await inn.guest()
    assert await inn.count("SELECT count(*) FROM identities WHERE subject_index = %s", digest("ana-1")) == 0
    index = inn.vault.index(ISSUER, "ana-1")
    assert await inn.count("SELECT count(*) FROM identities WHERE subject_index = %s", index) == 1


async def test_leaving_for_a_provider_is_a_page_and_not_a_redirect(inn: Inn) -> None:
    page = await inn.browser().get("/signin")
    assert "Continue with Spotify" in page.text
    browser = inn.browser()
    page = await browser.get("/signin")
    page = await browser.submit(page.form("/signin"))
    assert page.status == 200
    assert "location" not in page.headers
    assert page.refresh.startswith("https://accounts.spotify.com/authorize?")
    assert page.refresh in page.links
    asked = parse_qs(urlsplit(page.refresh).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == [f"{inn.public_url}/callback/spotify"]


async def test_without_the_choice_the_tokens_are_dropped(inn: Inn) -> None:
    _, user = await inn.guest()
    assert "scope" not in inn.spotify.authorized[0]
    assert await inn.vault.list(user.id) == []


async def test_with_the_choice_the_account_is_connected_too(inn: Inn) -> None:
    browser = inn.browser()
    await inn.sign_in(browser, connect="1")
    user = await inn.user("ana")
    [connection] = await inn.vault.list(user.id)
    assert (connection.account_label, connection.scopes) == ("Ana", WRITE)
    assert connection.grant_expires_at is not None


async def test_the_choice_is_not_ticked_beforehand(inn: Inn) -> None:
    page = await inn.browser().get("/signin")
    assert 'name="connect"' in page.text
    assert "connect" not in page.form("/signin").fields


async def test_someone_who_is_not_invited_is_told_so_and_leaves_no_trace(inn: Inn) -> None:
    browser = inn.browser()
    page = await inn.sign_in(browser, "zoe")
    assert page.status == 403
    assert "not on the guest list" in page.text
    assert "spotify:zoe-1" in page.text
    assert browser.cookie("valet") is None
    assert await inn.count("SELECT count(*) FROM users") == 0


async def test_a_blocked_person_is_turned_away(inn: Inn) -> None:
    _, user = await inn.guest()
    await inn.stores.users.block(user.id)
    browser = inn.browser()
    page = await inn.sign_in(browser)
    assert page.status == 403
    assert browser.cookie("valet") is None
    assert (await browser.get("/account")).location.startswith("/signin")


@pytest.mark.parametrize(
    "evil",
    [
        "https://evil.example/",
        "//evil.example/account",
        "/\\evil.example",
        "/account\\..\\x",
        "javascript:alert(1)",
        "/account\r\nSet-Cookie:x=1",
        "/\t/evil.example",
        "/account/../../evil",
        "account",
        "/callback/spotify?state=x",
        "/signout",
        "/authorize?client_id=x",
        "/account#//evil.example",
        "/consent?h=" + "x" * 600,
        "/connect//evil.example",
        "",
    ],
)
async def test_next_never_leads_anywhere_but_our_own_pages(inn: Inn, evil: str) -> None:
    browser = inn.browser()
    page = await browser.get(f"/signin?next={quote(evil, safe='')}")
    assert page.form("/signin").fields["next"] == "/account"
    arrived = await inn.sign_in(browser, next=evil)
    assert arrived.location == "/account"
    assert (await browser.get(f"/signin?next={quote(evil, safe='')}")).location == "/account"


async def test_next_and_a_consent_handle_are_kept_over_the_trip(inn: Inn) -> None:
    browser, handle = inn.browser(), "h" * 43
    page = await browser.get(f"/signin?h={handle}")
    page = await browser.submit(page.form("/signin"))
    arrived = await browser.get(inn.spotify.consent(page.refresh, "ana"))
    assert arrived.location == f"/consent?h={handle}"
    assert (await browser.get(f"/signin?next=/connect/spotify%3Fh%3D{handle}")).location == (
        f"/connect/spotify?h={handle}"
    )


async def test_a_hostile_handle_is_dropped(inn: Inn) -> None:
    page = await inn.browser().get("/signin?h=%22%3E%3Cscript%3E")
    assert page.form("/signin").fields["next"] == "/account"


async def test_saying_no_at_the_provider_is_a_page_with_a_way_on(inn: Inn) -> None:
    browser = inn.browser()
    page = await browser.get("/signin")
    page = await browser.submit(page.form("/signin"))
    page = await browser.get(inn.spotify.refusal(page.refresh))
    assert page.status == 403
    assert "You did not sign in with Spotify" in page.text
    assert any(link.startswith("/signin?next=") for link in page.links)
    assert browser.cookie("valet") is None


async def test_a_sign_in_that_another_browser_began_signs_nobody_in(inn: Inn) -> None:
    ours, theirs = inn.browser(), inn.browser()
    page = await theirs.get("/signin")
    page = await theirs.submit(page.form("/signin"))
    callback = inn.spotify.consent(page.refresh, "ana")
    page = await ours.get(callback)
    assert page.status == 403
    assert ours.cookie("valet") is None
    assert (await theirs.get(callback)).status == 303


async def test_a_state_works_once_and_not_after_ten_minutes(inn: Inn) -> None:
    browser = inn.browser()
    page = await browser.get("/signin")
    page = await browser.submit(page.form("/signin"))
    callback = inn.spotify.consent(page.refresh, "ana")
    assert (await browser.get(callback)).status == 303
    assert (await browser.get(callback)).status == 409
    page = await browser.get("/signin?switch=1")
    page = await browser.submit(page.form("/signin"))
    await inn.run("UPDATE states SET expires_at = now() WHERE hash = %s", state_of(page.refresh))
    page = await browser.get(inn.spotify.consent(page.refresh, "ana"))
    assert page.status == 410
    assert any(link.startswith("/signin?") for link in page.links)


async def test_without_an_account_id_nobody_is_signed_in(inn: Inn) -> None:
    inn.spotify.me = {"id": "ana", "display_name": "Ana"}
    browser = inn.browser()
    page = await inn.sign_in(browser)
    assert page.status == 502
    assert "Spotify did not say which account this is" in page.text
    assert browser.cookie("valet") is None


async def test_an_unknown_provider_is_no_way_in(inn: Inn) -> None:
    browser = inn.browser()
    page = await browser.get("/signin")
    page = await browser.submit(page.form("/signin"), provider="myspace")
    assert page.status == 404
    assert (await browser.get("/callback/myspace?state=x&code=y")).status == 404


async def test_switching_asks_the_provider_for_another_account(inn: Inn) -> None:
    browser, _ = await inn.guest()
    assert (await browser.get("/signin")).location == "/account"
    page = await browser.get("/signin?switch=1")
    assert "Sign in as someone else" in page.text
    page = await browser.submit(page.form("/signin"))
    assert parse_qs(urlsplit(page.refresh).query)["show_dialog"] == ["true"]
    before = browser.cookie("valet")
    await browser.get(inn.spotify.consent(page.refresh, "ben"))
    assert browser.cookie("valet") != before
    assert "Ben" in (await browser.get("/account")).text
    assert await inn.count("SELECT count(*) FROM sessions") == 1


# The owner link


async def link(inn: Inn, lifetime: timedelta = timedelta(hours=1)) -> str:
    token = mint().get_secret_value()
    await inn.stores.owner_links.add(digest(token), lifetime)
    return f"/owner?t={token}"


async def test_looking_at_an_owner_link_uses_nothing_up(inn: Inn) -> None:
    path = await link(inn)
    for _ in range(3):
        page = await inn.browser().get(path)
        assert page.status == 200
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cache-control"] == "no-store"
    browser = inn.browser()
    page = await browser.get(path)
    arrived = await browser.submit(page.form("/owner"))
    assert (arrived.status, arrived.location) == (303, "/account")
    assert "the owner" in (await browser.get("/account")).text


async def test_an_owner_link_opens_once(inn: Inn) -> None:
    path = await link(inn)
    first, second = inn.browser(), inn.browser()
    forms = [(browser, (await browser.get(path)).form("/owner")) for browser in (first, second)]
    answers = [await browser.submit(form) for browser, form in forms]
    assert [answer.status for answer in answers] == [303, 410]
    assert "valet link" in answers[1].text
    assert second.cookie("valet") is None


async def test_an_expired_or_invented_owner_link_says_how_to_get_a_new_one(inn: Inn) -> None:
    for path in (await link(inn, timedelta(0)), f"/owner?t={mint().get_secret_value()}"):
        browser = inn.browser()
        page = await browser.get(path)
        page = await browser.submit(page.form("/owner"))
        assert page.status == 410
        assert "valet link" in page.text
    page = await inn.browser().get("/owner")
    assert page.status == 410


async def test_an_owner_link_needs_the_form_of_this_browser(inn: Inn) -> None:
    path = await link(inn)
    browser = inn.browser()
    form = (await browser.get(path)).form("/owner")
    assert (await browser.submit(form, csrf=None)).status == 403
    assert (await inn.browser().submit(form)).status == 403
    assert (await browser.submit(form)).status == 303


async def test_an_owner_link_goes_on_to_where_the_person_was_going(inn: Inn) -> None:
    browser, handle = inn.browser(), "h" * 43
    await browser.get(f"/signin?h={handle}")
    await browser.follow("/")
    page = await browser.get(await link(inn))
    arrived = await browser.submit(page.form("/owner"))
    assert arrived.location == f"/consent?h={handle}"
    assert browser.cookie("valet-next") is None


async def test_what_was_remembered_is_checked_like_any_other_next(inn: Inn) -> None:
    browser = inn.browser()
    browser.client.cookies.set("valet-next", "//evil.example/account")
    page = await browser.get(await link(inn))
    assert (await browser.submit(page.form("/owner"))).location == "/account"


async def test_owner_links_do_not_exist_on_a_public_server(hotel: Inn) -> None:
    path = await link(hotel)
    browser = hotel.browser()
    assert (await browser.get(path)).status == 404
    assert (await browser.post("/owner", {"t": path[9:]})).status == 404
    assert "terminal" not in (await browser.get("/signin")).text


# Who may come in, asked again at every token refresh


async def test_the_recheck_follows_the_list_and_the_block(inn: Inn) -> None:
    _, ana = await inn.guest()
    assert await inn.admission.recheck(ana.id)
    closed = Admission(
        inn.stores.users, inn.vault.index, Guests(frozenset({(ISSUER, "ben-1")})), owner_links=True
    )
    assert not await closed.recheck(ana.id)
    everyone = Admission(inn.stores.users, inn.vault.index, Guests(everyone=True))
    assert await everyone.recheck(ana.id)
    await inn.stores.users.block(ana.id)
    assert not await everyone.recheck(ana.id)
    assert not await everyone.recheck(new_id())


async def test_the_owner_counts_only_while_owner_links_are_on(inn: Inn) -> None:
    browser = inn.browser()
    page = await browser.get(await link(inn))
    await browser.submit(page.form("/owner"))
    owner = await inn.stores.users.sign_in(
        OWNER_ISSUER, inn.vault.index(OWNER_ISSUER, OWNER_SUBJECT), "the owner"
    )
    assert await inn.admission.recheck(owner.id)
    for everyone in (False, True):
        public = Admission(inn.stores.users, inn.vault.index, Guests(everyone=everyone))
        assert not await public.recheck(owner.id)
        assert not await public.allowed(Account(OWNER_ISSUER, OWNER_SUBJECT, "the owner"))


async def test_the_star_lets_everybody_in(inn_database: Database, inn_ring: Path) -> None:
    inn = await Inn.open(inn_database, inn_ring, everyone=True)
    assert (await inn.sign_in(inn.browser(), "zoe")).status == 303


async def test_a_list_entry_of_one_issuer_is_nothing_at_another(inn: Inn) -> None:
    assert await inn.admission.allowed(Account(ISSUER, "ana-1", "Ana"))
    assert not await inn.admission.allowed(Account("https://elsewhere.example", "ana-1", "Ana"))
    assert not await inn.admission.allowed(Account(ISSUER, "ana", "Ana"))
    assert not await inn.admission.allowed(Account(ISSUER, os.urandom(4).hex(), "Ana"))


GOOGLE = "https://accounts.google.com"


@pytest.mark.parametrize(
    ("entry", "account", "in_"),
    [
        ("ana@example.org", Account(GOOGLE, "1", "a", email="ana@example.org"), True),
        ("Ana@Example.org", Account(GOOGLE, "1", "a", email="ana@example.org"), True),
        ("ana@example.org", Account(GOOGLE, "1", "ana@example.org"), False),  # not verified
        ("ana@example.org", Account(GOOGLE, "1", "a", email="xana@example.org"), False),
        ("ana@example.org", Account(GOOGLE, "1", "a", email="bob@example.org", domain="example.org"), False),
        ("@example.org", Account(GOOGLE, "1", "a", email="bob@gmail.com", domain="example.org"), True),
        ("@example.org", Account(GOOGLE, "1", "a", email="bob@example.org"), False),  # not of the domain
        ("@example.org", Account(GOOGLE, "1", "a", domain="sub.example.org"), False),
        ("google:1", Account(GOOGLE, "1", "a"), True),
        ("google:1", Account(GOOGLE, "12", "a"), False),
        ("google:1", Account(ISSUER, "1", "a"), False),
        ("*", Account(GOOGLE, "1", "a"), True),
        ("*", Account(OWNER_ISSUER, OWNER_SUBJECT, "the owner"), False),
    ],
)
async def test_who_is_on_the_list_and_still_is_at_the_next_page(
    inn: Inn, entry: str, account: Account, in_: bool
) -> None:
    guests = Guests.read([entry], {"google": GOOGLE, "spotify": ISSUER})
    admission = Admission(inn.stores.users, inn.vault.index, guests)
    assert await admission.allowed(account) is in_
    claims = admission.claims(account)
    subject = inn.vault.index(account.issuer, account.subject)
    user = await inn.stores.users.sign_in(account.issuer, subject, account.label, claims)
    assert await admission.recheck(user.id) is in_


async def test_a_claim_that_is_gone_at_the_next_sign_in_lets_nobody_in_any_more(inn: Inn) -> None:
    admission = Admission(inn.stores.users, inn.vault.index, Guests(domains=frozenset({"example.org"})))
    before = Account(GOOGLE, "77", "Ana", domain="example.org")
    index = inn.vault.index(GOOGLE, "77")
    user = await inn.stores.users.sign_in(GOOGLE, index, "Ana", admission.claims(before))
    assert await admission.recheck(user.id)
    await inn.stores.users.sign_in(GOOGLE, index, "Ana", admission.claims(Account(GOOGLE, "77", "Ana")))
    assert not await admission.recheck(user.id)


async def test_what_the_list_is_held_against_rests_as_keyed_hashes(inn: Inn) -> None:
    admission = Admission(inn.stores.users, inn.vault.index, Guests())
    account = Account(GOOGLE, "78", "Ana", email="canary@example.org", domain="canary.example")
    index = inn.vault.index(GOOGLE, "78")
    await inn.stores.users.sign_in(GOOGLE, index, "Ana", admission.claims(account))
    assert not await inn.count("SELECT count(*) FROM identities i WHERE i::text LIKE %s", "%canary%")
