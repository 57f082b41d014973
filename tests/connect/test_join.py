"""Adding a way in: shown first, said yes to, never another person's, and never by anybody else's doing."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.connect.inn import ISSUER, Browser, Inn, Page
from tests.connect.test_again import grow_stale
from vault.opaque import digest

HERE = "/account/sign-in"
ADD, CONFIRM = f"{HERE}/add", f"{HERE}/confirm"


async def set_out(browser: Browser) -> Page:
    """The page that goes on to the provider."""
    return await browser.submit((await browser.get(HERE)).form(ADD))


async def ask(inn: Inn, browser: Browser, account: str = "zoe") -> Page:
    """Back from the provider with that account: the question."""
    back = await browser.get(inn.spotify.consent((await set_out(browser)).refresh, account))
    assert back.status == 303, back.text
    return await browser.get(back.location)


async def ways(inn: Inn, person: str = "ana") -> list[str]:
    return [way.label for way in await inn.stores.ways.list((await inn.user(person)).id)]


async def test_an_identity_is_shown_beside_its_person_and_added_by_their_yes(inn: Inn) -> None:
    browser, ana = await inn.guest()
    page = await ask(inn, browser)
    assert "Add Zoe at Spotify as a way to sign in?" in page.text
    assert "You are <b>Ana</b>" in page.text
    assert await ways(inn) == ["Ana"]
    done = await browser.submit(page.form(CONFIRM), decision="add")
    assert done.location == f"{HERE}?told=added"
    assert "You can sign in with that account now" in (await browser.get(done.location)).text
    assert await ways(inn) == ["Ana", "Zoe"]
    await inn.diary.flush()
    assert await inn.count("SELECT count(*) FROM activity WHERE action = 'identity_linked'") == 1
    assert await inn.vault.list(ana.id) == []  # nothing was connected by it
    other = inn.browser()
    assert (await inn.sign_in(other, "zoe")).status == 303  # though only Ana's is on the list
    assert "Signed in as Ana" in (await other.get("/account")).text
    assert await inn.count("SELECT count(*) FROM users") == 1


async def test_the_provider_lets_them_choose_the_account_and_is_asked_for_nothing_more(inn: Inn) -> None:
    browser, _ = await inn.guest()
    asked = parse_qs(urlsplit((await set_out(browser)).refresh).query)
    assert asked["show_dialog"] == ["true"]
    assert "scope" not in asked


async def test_a_way_in_goes_by_the_operators_app_never_by_ones_own(inn: Inn) -> None:
    browser, ana = await inn.guest()
    await inn.vault.apps.save(ana.id, "spotify", "anas-own-app", None)
    asked = parse_qs(urlsplit((await set_out(browser)).refresh).query)
    assert asked["client_id"] == ["client-1"]
    assert (await ask(inn, browser)).status == 200


async def test_no_means_no_and_uses_the_question_up(inn: Inn) -> None:
    browser, _ = await inn.guest()
    page = await ask(inn, browser)
    assert (await browser.submit(page.form(CONFIRM), decision="no")).location == HERE
    again = await browser.submit(page.form(CONFIRM), decision="add")
    assert again.status == 410
    assert "No way in was added" in again.text
    assert await ways(inn) == ["Ana"]


async def test_saying_no_at_the_provider_adds_nothing(inn: Inn) -> None:
    browser, _ = await inn.guest()
    page = await browser.get(inn.spotify.refusal((await set_out(browser)).refresh))
    assert page.status == 403
    assert "No way in was added" in page.text
    assert HERE in page.links
    assert await inn.count("SELECT count(*) FROM pendings") == 0


async def test_the_account_of_another_person_stays_theirs(inn: Inn) -> None:
    _, ben = await inn.guest("ben")
    browser, _ = await inn.guest()
    page = await browser.get(inn.spotify.consent((await set_out(browser)).refresh, "ben"))
    assert page.status == 409
    assert "signs in somebody else" in page.text
    assert await ways(inn) == ["Ana"]
    assert (await inn.user("ben")).id == ben.id


async def test_it_stays_theirs_when_they_came_between_question_and_yes(inn: Inn) -> None:
    browser, _ = await inn.guest()
    page = await ask(inn, browser, "ben")
    _, ben = await inn.guest("ben")
    assert (await browser.submit(page.form(CONFIRM), decision="add")).status == 409
    assert await ways(inn) == ["Ana"]
    assert (await inn.user("ben")).id == ben.id


async def test_ones_own_account_is_no_second_way_in(inn: Inn) -> None:
    browser, _ = await inn.guest()
    back = await browser.get(inn.spotify.consent((await set_out(browser)).refresh, "ana"))
    assert back.location == f"{HERE}?told=held"
    assert "Nothing was changed" in (await browser.get(back.location)).text


async def test_it_needs_a_proof_of_the_last_ten_minutes(inn: Inn) -> None:
    browser, ana = await inn.guest()
    await grow_stale(inn, ana)
    page = await set_out(browser)
    assert page.location == "/signin?next=%2Faccount%2Fsign-in&again=1"
    assert await inn.count("SELECT count(*) FROM states WHERE purpose = 'link'") == 0


@pytest.mark.parametrize("path", [ADD, CONFIRM])
async def test_no_other_site_adds_a_way_in(inn: Inn, path: str) -> None:
    browser, _ = await inn.guest()
    form = (await ask(inn, browser)).form(CONFIRM)
    fields = {**form.fields, "provider": "spotify", "decision": "add"}
    before = await inn.count("SELECT count(*) FROM states")
    assert (await browser.post(path, {**fields, "csrf": "0" * 64})).status == 403
    assert (await browser.post(path, fields, origin="https://evil.example")).status == 403
    assert await inn.count("SELECT count(*) FROM states") == before
    assert await ways(inn) == ["Ana"]


async def test_a_way_back_that_an_attacker_began_adds_nothing(inn: Inn) -> None:
    """Link CSRF: the attacker's own trip, finished in the victim's browser."""
    attacker, _ = await inn.guest("ben")
    callback = inn.spotify.consent((await set_out(attacker)).refresh, "mallory")
    victim, _ = await inn.guest()
    page = await victim.get(callback)
    assert page.status == 403
    assert "started somewhere else" in page.text
    assert await inn.count("SELECT count(*) FROM pendings") == 0


async def test_a_question_is_one_persons_in_one_browser(inn: Inn) -> None:
    browser, _ = await inn.guest()
    page = await ask(inn, browser)
    form = page.form(CONFIRM)
    path = f"{ADD}?p={form.fields['p']}"
    for stranger in ((await inn.guest("ben"))[0], (await inn.guest())[0]):
        assert (await stranger.get(path)).status == 410
        theirs = {**form.fields, "csrf": (await stranger.get(HERE)).form(ADD).fields["csrf"]}
        assert (await stranger.post(CONFIRM, {**theirs, "decision": "add"})).status == 410
    await inn.sign_in(browser, "ben")  # the same browser, another person
    assert (await browser.get(path)).status == 410
    assert await ways(inn, "ben") == ["Ben"]


async def test_what_waits_rests_sealed_and_its_handle_hashed(inn: Inn) -> None:
    browser, _ = await inn.guest()
    handle = (await ask(inn, browser)).form(CONFIRM).fields["p"]
    assert await inn.count("SELECT count(*) FROM pendings p WHERE p::text ILIKE %s", "%zoe%") == 0
    assert await inn.count("SELECT count(*) FROM pendings p WHERE p::text LIKE %s", f"%{handle}%") == 0
    assert await inn.count("SELECT count(*) FROM pendings WHERE hash = %s", digest(handle)) == 1


async def test_connecting_an_account_is_no_way_in(inn: Inn) -> None:
    browser, ana = await inn.guest()
    page = await browser.get("/connect/spotify")
    page = await browser.submit(page.forms[0])
    back = await browser.get(inn.spotify.consent(page.refresh, "zoe"))
    for form in (await browser.get(back.location)).forms:  # where it asks before it stores
        await browser.submit(form)
    assert await ways(inn) == ["Ana"]
    index = inn.vault.index(ISSUER, "zoe-1")
    assert await inn.count("SELECT count(*) FROM identities WHERE subject_index = %s", index) == 0
    assert (await inn.sign_in(inn.browser(), "zoe")).status == 403
    assert ana.id == (await inn.user("ana")).id


async def test_a_row_that_was_made_anothers_adds_nothing_to_them(inn: Inn) -> None:
    browser, _ = await inn.guest()
    form = (await ask(inn, browser)).form(CONFIRM)
    await inn.sign_in(browser, "ben")
    ben = await inn.user("ben")
    await inn.run("UPDATE pendings SET user_id = %s", ben.id)
    csrf = (await browser.get(HERE)).form(ADD).fields["csrf"]
    assert (await browser.get(f"{ADD}?p={form.fields['p']}")).status == 410
    assert (await browser.post(CONFIRM, {**form.fields, "csrf": csrf, "decision": "add"})).status == 410
    assert await ways(inn, "ben") == ["Ben"]
