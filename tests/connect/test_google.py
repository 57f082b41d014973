"""Google, over the wire of the emulator: signing in by id_token, consents that add up, ends that are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from connect.admission import Guests
from connect.offer import Offers
from providers.google import CALENDAR_LIST, EVENTS, EVENTS_READ, GOOGLE
from providers.google.services import FREE_BUSY
from providers.transport import Transport
from tests.connect.inn import Browser, Form, Inn, Page
from tests.support.emulator import EmulatorProcess as Emulator
from vault.errors import ConnectionExpired, NotConnected
from vault.health import health
from vault.store.database import Database
from vault.store.grants import Grant
from vault.store.users import User

EVERYTHING = GOOGLE.least(frozenset().union(*(service.upstream("write") for service in GOOGLE.services)))
READ = frozenset({"calendar:read"})
WRITE = frozenset({"calendar:write"})
REVOKE = "POST oauth2.googleapis.com/revoke"


@pytest.fixture
async def inn(inn_database: Database, inn_ring: Path, google: Emulator) -> AsyncIterator[Inn]:
    async with Transport(emulator_origin=google.origin) as transport:
        yield await Inn.open(inn_database, inn_ring, everyone=True, emulator=transport)


def asked(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def scopes(url: str) -> set[str]:
    return set(asked(url)["scope"].split())


async def leave(browser: Browser, **fields: str) -> Page:
    """Sign in with Google: the page that goes on there."""
    page = await browser.get("/signin?switch=1")
    form = next(f for f in page.forms if f.fields.get("provider") == "google")
    return await browser.submit(form, **{"switch": None, **fields})  # type: ignore[arg-type]


async def sign_in(inn: Inn, google: Emulator, account: str = "ana", **fields: str) -> tuple[Browser, Page]:
    browser = inn.browser()
    page = await leave(browser, **fields)
    return browser, await browser.get(google.agree(page.refresh, account))


async def guest(inn: Inn, google: Emulator, account: str = "ana") -> tuple[Browser, User]:
    browser, page = await sign_in(inn, google, account)
    assert page.location == "/account", page.text
    row = google.read("accounts", upstream="google")
    sub = next(each["sub"] for each in row if each["account"] == account)
    user = await inn.stores.users.sign_in(GOOGLE.issuer, inn.vault.index(GOOGLE.issuer, sub), account)
    return browser, user


async def connect(
    inn: Inn, google: Emulator, browser: Browser, path: str = "/connect/google", account: str = "ana"
) -> Page:
    page = await browser.get(path)
    page = await browser.submit(page.forms[0])
    page = await browser.arrive(google.agree(page.refresh, account))
    return await browser.get(page.location) if page.status == 303 else page


async def chat(inn: Inn, user: User, ours: frozenset[str]) -> tuple[Grant, str]:
    """A chat that may do all of this already, and the link its tool got."""
    grant, handle = await inn.question(user, "google", ours)
    return grant, f"/connect/google?h={handle}"


# Signing in


async def test_signing_in_asks_who_it_is_and_for_nothing_that_lasts(inn: Inn, google: Emulator) -> None:
    browser = inn.browser()
    page = await leave(browser)
    wanted = asked(page.refresh)
    assert set(wanted["scope"].split()) == {"openid", "email"}
    assert not {"access_type", "prompt", "include_granted_scopes", "login_hint"} & wanted.keys()
    assert len(wanted["nonce"]) == 43
    assert wanted["code_challenge_method"] == "S256"
    page = await browser.arrive(google.agree(page.refresh, "ana"))
    assert page.location == "/account"
    assert "Signed in as ana.duarte@gmail.com" in (await browser.get("/account")).text
    assert google.tokens()["refresh"] == []
    assert await inn.count("SELECT count(*) FROM connections") == 0


async def test_each_trip_has_a_nonce_of_its_own_that_rests_sealed(inn: Inn, google: Emulator) -> None:
    nonces = {asked((await leave(inn.browser())).refresh)["nonce"] for _ in range(3)}
    assert len(nonces) == 3
    for nonce in nonces:
        assert not await inn.count("SELECT count(*) FROM states s WHERE s::text LIKE %s", f"%{nonce}%")
        assert not await inn.count(
            "SELECT count(*) FROM states WHERE position(%s::bytea IN sealed) > 0", nonce.encode()
        )


async def test_the_box_connects_as_well(inn: Inn, google: Emulator) -> None:
    browser, page = await sign_in(inn, google, "ana", connect="1")
    assert page.location == "/account"
    assert "add, change and cancel events" in (await browser.get("/account")).text
    assert len(google.tokens()["refresh"]) == 1


async def test_two_accounts_are_two_people_whatever_their_name(inn: Inn, google: Emulator) -> None:
    _, ana = await guest(inn, google, "ana")
    _, work = await guest(inn, google, "ana-work")
    _, again = await guest(inn, google, "ana")
    assert ana.id == again.id != work.id


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "emulator-other"},
        {"iss": "https://accounts.example"},
        {"nonce": "somebody-elses"},
        {"nonce": None},
        {"exp": 1_000_000_000},
        {"azp": "emulator-other"},
        {"sub": None},
    ],
    ids=str,
)
async def test_an_id_token_that_is_not_for_us_signs_nobody_in(
    inn: Inn, google: Emulator, claims: dict[str, Any]
) -> None:
    google.settings(id_token=claims)
    browser, page = await sign_in(inn, google)
    assert page.status == 502
    assert "did not prove whose account this is" in page.text
    assert (await browser.get("/account")).location.startswith("/signin")
    assert await inn.count("SELECT count(*) FROM users") == 0


async def test_a_forged_signature_signs_nobody_in(inn: Inn, google: Emulator) -> None:
    google.settings(id_token_forged=True)
    _, page = await sign_in(inn, google)
    assert page.status == 502
    assert await inn.count("SELECT count(*) FROM users") == 0


async def test_it_connects_nothing_either(inn: Inn, google: Emulator) -> None:
    browser, user = await guest(inn, google)
    google.settings(id_token={"nonce": "x"})
    page = await connect(inn, google, browser)
    assert "did not prove whose account this is" in page.text
    assert await inn.vault.list(user.id) == []


async def test_the_key_document_is_kept_and_a_new_key_is_found(inn: Inn, google: Emulator) -> None:
    def reads() -> int:
        return int(google.counters()["calls"].get("GET www.googleapis.com/oauth2/v3/certs", 0))

    await guest(inn, google, "ana")
    await guest(inn, google, "ben")
    assert reads() == 1
    google.control("google/keys/rotate")
    inn.clock += 60
    _, again = await guest(inn, google, "ana")
    assert again.display_name == "ana.duarte@gmail.com"
    assert reads() == 2


async def test_who_left_the_organisation_is_out_when_google_says_so(inn: Inn, google: Emulator) -> None:
    inn.admission._guests = Guests(domains=frozenset({"duarte-atelier.example"}))
    browser, _ = await sign_in(inn, google, "ana-work")
    assert (await browser.get("/account")).status == 200
    google.settings(id_token={"hd": None, "email": "ana@elsewhere.example"})
    _, page = await sign_in(inn, google, "ana-work")
    assert page.status == 403
    assert (await browser.get("/account")).location.startswith("/signin"), "her old session is over too"


async def test_a_consent_that_does_not_name_its_scopes_adds_to_what_there_was(
    inn: Inn, google: Emulator
) -> None:
    browser, user = await guest(inn, google)
    _, link = await chat(inn, user, READ)
    await connect(inn, google, browser, link)
    before = (await inn.vault.list(user.id))[0].scopes
    _, link = await chat(inn, user, WRITE)
    page = await browser.submit((await browser.get(link)).forms[0])
    callback = google.agree(page.refresh, "ana")
    inn.forget_scopes = True
    await browser.arrive(callback)
    [row] = await inn.vault.list(user.id)
    assert row.scopes >= before | {EVENTS}


@pytest.mark.parametrize(
    ("guests", "let_in"),
    [
        (Guests(emails=frozenset({"ana.duarte@gmail.com", "cleo@martin.example"})), {"ana"}),
        (Guests(domains=frozenset({"duarte-atelier.example"})), {"ana-work", "emil"}),
        (Guests(domains=frozenset({"gmail.com", "martin.example"})), set()),
        (Guests(everyone=True), {"ana", "ana-work", "ben", "cleo", "emil"}),
    ],
)
async def test_the_guest_list(inn: Inn, google: Emulator, guests: Guests, let_in: set[str]) -> None:
    inn.admission._guests = guests
    for account in ("ana", "ana-work", "ben", "cleo", "emil"):
        browser, page = await sign_in(inn, google, account)
        if account in let_in:
            assert page.location == "/account"
            assert (await browser.get("/account")).status == 200
        else:
            assert page.status == 403
            assert "not on the guest list" in page.text
    # Off the list is out at once.
    browser, _ = await guest(inn, google, "ana") if "ana" in let_in else (inn.browser(), None)
    inn.admission._guests = Guests()
    assert (await browser.get("/account")).location.startswith("/signin")


async def test_the_line_for_the_list_is_the_address_where_it_is_verified(inn: Inn, google: Emulator) -> None:
    inn.admission._guests = Guests()
    _, page = await sign_in(inn, google, "ben")
    assert "for the guest list: ben.okafor@gmail.com" in page.text
    _, page = await sign_in(inn, google, "cleo")
    assert "for the guest list: google:1" in page.text


# Connecting


async def test_connecting_asks_for_what_lasts(inn: Inn, google: Emulator) -> None:
    browser, user = await guest(inn, google)
    page = await browser.get("/connect/google")
    page = await browser.submit(page.forms[0])
    wanted = asked(page.refresh)
    assert wanted["access_type"] == "offline"
    assert wanted["include_granted_scopes"] == "true"
    assert wanted["prompt"] == "consent"
    # What is covered by another scope is not asked for twice.
    assert scopes(page.refresh) == {"openid", "email", *EVERYTHING}
    await browser.arrive(google.agree(page.refresh, "ana"))
    [row] = await inn.vault.list(user.id)
    assert (row.account_label, row.label) == ("ana.duarte@gmail.com", "personal")
    assert row.scopes >= {CALENDAR_LIST, EVENTS}
    assert row.grant_expires_at is None


async def test_a_second_account_is_called_by_its_organisation(inn: Inn, google: Emulator) -> None:
    browser, user = await guest(inn, google)
    await connect(inn, google, browser)
    page = await browser.get("/connect/google?another=1")
    page = await browser.submit(page.forms[0])
    assert asked(page.refresh)["prompt"] == "consent select_account"
    assert "login_hint" not in asked(page.refresh)
    await browser.arrive(google.agree(page.refresh, "ana-work"))
    rows = await inn.vault.list(user.id)
    assert [(r.label, r.is_default) for r in rows] == [("personal", True), ("duarte-atelier.example", False)]


async def test_a_link_asks_for_what_is_missing_only_and_the_consents_add_up(
    inn: Inn, google: Emulator
) -> None:
    browser, user = await guest(inn, google)
    _, link = await chat(inn, user, READ)
    await connect(inn, google, browser, link)
    [row] = await inn.vault.list(user.id)
    assert EVENTS not in row.scopes
    _, link = await chat(inn, user, WRITE)
    page = await browser.submit((await browser.get(link)).forms[0])
    assert scopes(page.refresh) == {"openid", "email", EVENTS}
    assert asked(page.refresh)["login_hint"] == "ana.duarte@gmail.com"
    await browser.arrive(google.agree(page.refresh, "ana"))
    [row] = await inn.vault.list(user.id)
    assert row.scopes >= {CALENDAR_LIST, EVENTS_READ, EVENTS}


async def test_a_box_that_is_unticked_is_stored_as_such_and_named(inn: Inn, google: Emulator) -> None:
    browser, user = await guest(inn, google)
    google.settings(withheld_scopes=[EVENTS])
    _, link = await chat(inn, user, WRITE)
    page = await connect(inn, google, browser, link)
    assert "You did not allow everything" in page.text
    assert "add, change and cancel events" in page.text
    [row] = await inn.vault.list(user.id)
    assert CALENDAR_LIST in row.scopes
    assert EVENTS not in row.scopes
    google.settings(withheld_scopes=[])
    page = await browser.submit((await browser.get(link)).forms[0])
    assert scopes(page.refresh) == {"openid", "email", EVENTS}


async def test_what_was_revoked_is_asked_for_again_as_a_whole(inn: Inn, google: Emulator) -> None:
    browser, user = await guest(inn, google)
    await connect(inn, google, browser)
    google.control("revoke", upstream="google", account="ana")
    await inn.run("UPDATE connections SET access_expires_at = now()")
    with pytest.raises(ConnectionExpired):
        await inn.vault.credential(user.id, "google")
    page = await browser.get("/account")
    assert "Needs reconnecting" in page.text
    _, link = await chat(inn, user, READ)
    page = await browser.submit((await browser.get(link)).forms[0])
    assert scopes(page.refresh) >= {CALENDAR_LIST, EVENTS}
    await browser.arrive(google.agree(page.refresh, "ana"))
    assert (await inn.vault.credential(user.id, "google")).scopes >= {CALENDAR_LIST, EVENTS}


async def test_an_answer_without_a_refresh_token_keeps_the_old_one(inn: Inn, google: Emulator) -> None:
    browser, user = await guest(inn, google)
    await connect(inn, google, browser)
    for _ in range(3):
        await inn.run("UPDATE connections SET access_expires_at = now()")
        await inn.vault.credential(user.id, "google")
    assert google.refreshes() == 3
    assert len(google.tokens()["refresh"]) == 1


async def test_in_testing_the_end_in_seven_days_is_known(inn: Inn, google: Emulator) -> None:
    google.settings(testing=True)
    browser, user = await guest(inn, google)
    await connect(inn, google, browser)
    assert await inn.count(
        "SELECT count(*) FROM connections WHERE owner = %s AND grant_expires_at"
        " BETWEEN now() + interval '6 days 23 hours' AND now() + interval '7 days'",
        user.id,
    )
    assert "Works, but not for long" in (await browser.get("/account")).text


async def test_in_testing_a_refresh_does_not_prolong_it_and_a_consent_does(
    inn: Inn, google: Emulator
) -> None:
    """To allow more is a consent, and so is to reconnect. The answer to a refresh says nothing of the end."""
    google.settings(testing=True)
    browser, user = await guest(inn, google)
    _, link = await chat(inn, user, READ)
    await connect(inn, google, browser, link)
    near = "UPDATE connections SET access_expires_at = now(), grant_expires_at = now() + interval '1 hour'"
    await inn.run(near)
    await inn.vault.credential(user.id, "google")
    [first] = await inn.vault.list(user.id)
    assert google.refreshes() == 1
    assert health(first).urgent
    _, link = await chat(inn, user, WRITE)
    for path in (link, f"/connect/google?reconnect={first.id}"):
        await connect(inn, google, browser, path)
        [row] = await inn.vault.list(user.id)
        assert row.id == first.id and row.ends_in is not None and row.ends_in.days == 6, path
        assert row.scopes >= {CALENDAR_LIST, EVENTS}
        await inn.run(near)
    google.advance(7 * 86400 - 3600)
    await inn.vault.credential(user.id, "google")
    google.advance(3600)
    await inn.run("UPDATE connections SET access_expires_at = now(), grant_expires_at = now()")
    with pytest.raises(ConnectionExpired) as over:
        await inn.vault.credential(user.id, "google")
    assert over.value.reason == "expired"


async def test_saying_no_changes_nothing(inn: Inn, google: Emulator) -> None:
    browser, user = await guest(inn, google)
    page = await browser.submit((await browser.get("/connect/google")).forms[0])
    page = await browser.get(google.agree(page.refresh, "ana", "cancel"))
    assert "You did not connect Google" in page.text
    assert await inn.vault.list(user.id) == []


async def test_disconnecting_revokes_at_google_and_ends_only_that_account(inn: Inn, google: Emulator) -> None:
    browser, user = await guest(inn, google)
    await connect(inn, google, browser)
    await connect(inn, google, browser, "/connect/google?another=1", "ana-work")
    first, second = await inn.vault.list(user.id)
    page = await browser.get(f"/disconnect/{first.id}")
    assert "Valet also tells Google, which then ends everything" in page.text
    page = await browser.submit(page.form(f"/disconnect/{first.id}"))
    page = await browser.get(page.location)
    assert "Google is disconnected" in page.text and "Google has ended it too" in page.text
    assert GOOGLE.manage_url not in page.links
    assert google.counters()["answers"][f"{REVOKE} 200"] == 1
    living = {g["account"] for g in google.tokens()["grants"] if g["ended"] is None}
    assert living == {"ana-work"}
    assert [c.id for c in await inn.vault.list(user.id)] == [second.id]
    assert (await inn.vault.credential(user.id, "google")).connection == str(second.id)


async def test_one_account_of_two_people_ends_at_google_with_the_last_of_them(
    inn: Inn, google: Emulator
) -> None:
    """Google ends everything that the account granted the app, whichever token it is told."""
    ana, her = await guest(inn, google)
    ben, him = await guest(inn, google, "ben")
    for browser in (ana, ben):
        await connect(inn, google, browser)
    [hers], [his] = await inn.vault.list(her.id), await inn.vault.list(him.id)
    page = await ana.get(f"/disconnect/{hers.id}")
    assert "Where somebody else still uses the same account here" in page.text
    page = await ana.get((await ana.submit(page.form(f"/disconnect/{hers.id}"))).location)
    assert "still lists Valet" in page.text and GOOGLE.manage_url in page.links
    assert "ended it too" not in page.text and "that ends theirs too" in page.text
    await inn.run("UPDATE connections SET access_expires_at = now()")
    assert (await inn.vault.credential(him.id, "google")).connection == str(his.id), "his goes on"
    assert await inn.vault.list(her.id) == []
    page = await ben.get(f"/disconnect/{his.id}")
    page = await ben.get((await ben.submit(page.form(f"/disconnect/{his.id}"))).location)
    assert "Google has ended it too" in page.text
    assert all(grant["ended"] for grant in google.tokens()["grants"] if grant["account"] == "ana")


async def test_while_google_can_not_be_told_the_page_says_so_and_it_is_told_later(
    inn: Inn, google: Emulator
) -> None:
    browser, user = await guest(inn, google)
    await connect(inn, google, browser)
    [row] = await inn.vault.list(user.id)
    google.fault(REVOKE, "status", status=503, times=1)
    page = await browser.get(f"/disconnect/{row.id}")
    page = await browser.get((await browser.submit(page.form(f"/disconnect/{row.id}"))).location)
    assert "still lists Valet" in page.text
    await inn.vault.drain()
    assert google.counters()["answers"][f"{REVOKE} 200"] == 1


async def test_a_disconnect_during_a_refresh_wins_and_what_was_got_is_revoked(
    inn: Inn, google: Emulator
) -> None:
    google.settings(rotate=True)
    browser, user = await guest(inn, google)
    await connect(inn, google, browser)
    [row] = await inn.vault.list(user.id)
    await inn.run("UPDATE connections SET access_expires_at = now()")
    google.fault("POST oauth2.googleapis.com/token refresh_token", "late")
    flight = asyncio.create_task(inn.vault.credential(user.id, "google"))
    await asyncio.to_thread(google.wait_hanging)
    await inn.vault.disconnect(user.id, row.id)
    google.release()
    with pytest.raises(NotConnected):
        await flight
    await inn.vault.drain()
    assert await inn.vault.list(user.id) == []
    assert all(grant["ended"] for grant in google.tokens()["grants"] if grant["account"] == "ana")
    assert google.counters()["calls"][REVOKE] >= 2, "the stored token and the one that was just got"


# The question before it is connected


async def offered(inn: Inn, google: Emulator, browser: Browser, account: str = "ana") -> Form:
    """The form of the page that asks, for an account that came back from Google."""
    page = await browser.submit((await browser.get("/connect/google?another=1")).forms[0])
    page = await browser.get(google.agree(page.refresh, account))
    return (await browser.get(page.location)).forms[0]


def ended(google: Emulator, account: str = "ana") -> bool:
    return all(grant["ended"] for grant in google.tokens()["grants"] if grant["account"] == account)


async def test_what_nobody_wants_is_ended_at_google(inn: Inn, google: Emulator) -> None:
    browser, user = await guest(inn, google)
    page = await browser.submit(await offered(inn, google, browser), decision="no")
    assert "Google has ended it too" in page.text
    assert ended(google)
    assert await inn.vault.list(user.id) == []


async def test_a_question_that_nobody_answers_ends_at_google(inn: Inn, google: Emulator) -> None:
    browser, user = await guest(inn, google)
    form = await offered(inn, google, browser)
    offers = Offers(pendings=inn.stores.pendings, vault=inn.vault, registry=inn.registry)
    assert await offers.sweep() == 0
    assert not ended(google)
    await inn.run("UPDATE pendings SET expires_at = now()")
    assert await offers.sweep() == 1
    assert ended(google)
    assert (await browser.submit(form, decision="connect")).status == 410
    assert await inn.vault.list(user.id) == []


async def test_what_nobody_wants_is_left_alone_while_somebody_uses_the_account(
    inn: Inn, google: Emulator
) -> None:
    """Google ends all that an account granted: a no must not take away what stands, whoever's it is."""
    ben, his = await guest(inn, google, "ben")
    await connect(inn, google, ben)
    browser, user = await guest(inn, google)
    page = await browser.submit(await offered(inn, google, browser), decision="no")
    assert "may still list Valet" in page.text and "ends theirs too" in page.text
    assert GOOGLE.manage_url in page.links
    await inn.run("UPDATE connections SET access_expires_at = now()")
    [row] = await inn.vault.list(his.id)
    assert (await inn.vault.credential(his.id, "google")).connection == str(row.id)
    assert await inn.vault.list(user.id) == []


async def test_a_no_in_one_tab_spares_the_question_in_another(inn: Inn, google: Emulator) -> None:
    browser, user = await guest(inn, google)
    first, second = [await offered(inn, google, browser) for _ in range(2)]
    await browser.submit(first, decision="no")
    assert not ended(google)
    await browser.submit(second, decision="connect")
    await inn.run("UPDATE connections SET access_expires_at = now()")
    [row] = await inn.vault.list(user.id)
    assert (await inn.vault.credential(user.id, "google")).connection == str(row.id)


async def test_another_account_ends_the_first_and_asks_for_all_of_it(inn: Inn, google: Emulator) -> None:
    """The first had allowed reading, so only writing was asked of it; the other has allowed nothing."""
    browser, user = await guest(inn, google)
    _, link = await chat(inn, user, READ)
    await connect(inn, google, browser, link)
    _, link = await chat(inn, user, WRITE)
    page = await browser.submit((await browser.get(link)).forms[0])
    assert scopes(page.refresh) == {"openid", "email", EVENTS}
    page = await browser.get((await browser.get(google.agree(page.refresh, "emil"))).location)
    assert "The question was about your account <b>ana.duarte@gmail.com</b>" in page.text
    page = await browser.submit(page.forms[0], decision="other")
    assert ended(google, "emil")
    assert asked(page.refresh)["prompt"] == "consent select_account"
    assert "login_hint" not in asked(page.refresh)
    assert scopes(page.refresh) == {"openid", "email", CALENDAR_LIST, EVENTS, FREE_BUSY}


async def test_who_deletes_everything_leaves_nothing_behind_at_google(inn: Inn, google: Emulator) -> None:
    browser, _ = await guest(inn, google)
    await offered(inn, google, browser)
    page = await browser.get("/account/data/delete")
    page = await browser.submit(page.form("/account/data/delete"), sure="yes")
    assert page.status == 200, page.text
    assert ended(google)
    assert await inn.count("SELECT count(*) FROM pendings") == 0
