"""Several accounts of one provider: names, a default, and which one a link is about."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.connect.inn import ALL, Browser, Inn, Page
from vault.errors import LabelTaken, NotConnected
from vault.ids import new_id
from vault.store.connections import Connection
from vault.store.flows import ANOTHER
from vault.store.users import User


async def add(inn: Inn, browser: Browser, person: str, path: str = "/connect/spotify?another=1") -> Page:
    """Connect that person's account; the page that says what came of it."""
    page = await browser.get(path)
    page = await browser.submit(page.forms[0])
    page = await browser.arrive(inn.spotify.consent(page.refresh, person))
    return await browser.get(page.location) if page.status == 303 else page


async def two(inn: Inn) -> tuple[Browser, User, Connection, Connection]:
    browser, user = await inn.guest()
    await add(inn, browser, "ana")
    await add(inn, browser, "ben")
    first, second = await inn.vault.list(user.id)
    return browser, user, first, second


async def press(browser: Browser, action: str, **fields: str) -> Page:
    page = await browser.get("/account")
    return await browser.submit(page.form(action), **fields)


async def test_the_first_is_the_default_and_both_have_names(inn: Inn) -> None:
    browser, _, first, second = await two(inn)
    assert [(c.label, c.is_default) for c in (first, second)] == [("Ana", True), ("Ben", False)]
    page = await browser.get("/account")
    assert page.text.count('class="tag calm">default<') == 1
    assert page.text.count("Make it the default") == 1
    assert page.text.count("Chats call it") == 2


async def test_one_alone_needs_no_name(inn: Inn) -> None:
    browser, _ = await inn.guest()
    await add(inn, browser, "ana")
    assert "Chats call it" not in (await browser.get("/account")).text


async def test_a_name_is_given_and_stays_when_the_account_is_connected_again(inn: Inn) -> None:
    browser, user, first, second = await two(inn)
    page = await press(browser, f"/accounts/{second.id}/name", label="  the   kitchen ")
    page = await browser.get(page.location)
    assert "Chats call Ben “the kitchen” now" in page.text
    await add(inn, browser, "ben", f"/connect/spotify?reconnect={second.id}")
    assert [c.label for c in await inn.vault.list(user.id)] == ["Ana", "the kitchen"]
    credential = await inn.vault.credential(user.id, "spotify", "THE KITCHEN")
    assert credential.connection == str(second.id)
    assert first.id != second.id


@pytest.mark.parametrize("label", ["", "   ", "x" * 61, "a\0b", "a\u202eb", "ana", "ANA"])
async def test_a_name_that_can_t_be_used_changes_nothing(inn: Inn, label: str) -> None:
    browser, user, _, second = await two(inn)
    page = await press(browser, f"/accounts/{second.id}/name", label=label)
    assert page.status == 400
    assert "keeps the name it had" in page.text
    assert [c.label for c in await inn.vault.list(user.id)] == ["Ana", "Ben"]


@pytest.mark.parametrize("label", ["<b>x</b>", "'; DROP TABLE users; --", "%s {label}", "кухня 🍳", "x" * 60])
async def test_a_name_is_data(inn: Inn, label: str) -> None:
    browser, user, _, second = await two(inn)
    assert (await press(browser, f"/accounts/{second.id}/name", label=label)).status == 303
    assert (await inn.vault.list(user.id))[1].label == label
    assert "<b>x</b>" not in (await browser.get("/account")).text


async def test_another_becomes_the_default(inn: Inn) -> None:
    browser, user, first, second = await two(inn)
    page = await press(browser, f"/accounts/{second.id}/default")
    assert "use it when they name no other" in (await browser.get(page.location)).text
    assert [c.is_default for c in await inn.vault.list(user.id)] == [False, True]
    assert (await inn.vault.credential(user.id, "spotify")).connection == str(second.id)
    # Ending the default leaves the other one in its place.
    await inn.vault.disconnect(user.id, second.id)
    assert (await inn.vault.credential(user.id, "spotify")).connection == str(first.id)


async def test_many_at_once_leave_exactly_one_default(inn: Inn) -> None:
    _, user, first, second = await two(inn)
    await asyncio.gather(*(inn.vault.prefer(user.id, c.id) for c in (first, second) * 5))
    assert sum(c.is_default for c in await inn.vault.list(user.id)) == 1


async def test_two_at_once_do_not_get_the_same_name(inn: Inn) -> None:
    _, user, first, second = await two(inn)
    results = await asyncio.gather(
        *(inn.vault.rename(user.id, c.id, "music") for c in (first, second)), return_exceptions=True
    )
    assert sorted(type(result) for result in results if isinstance(result, Exception)) == [LabelTaken]


@pytest.mark.parametrize("name", ["ΝΙΚΟΣ", "İbrahim", "STRASSE", "ÀÉÎ"])
async def test_two_accounts_of_one_name_whatever_its_letters(inn: Inn, name: str) -> None:
    """Python and PostgreSQL fold some letters differently; one of them decides."""
    browser, user = await inn.guest()
    for person in ("ana", "ben", "cleo"):
        inn.spotify.me = {"account_id": f"{person}-1", "display_name": name}
        page = await add(inn, browser, person)
        assert page.status == 200 and f"<small>{name}</small>" in page.text
    first, second, third = await inn.vault.list(user.id)
    assert [c.label for c in (first, second, third)] == [name, f"{name} 2", f"{name} 3"]
    for spelling in (name, name.lower(), name.upper()):
        page = await press(browser, f"/accounts/{third.id}/name", label=spelling)
        assert page.status in {400, 303}
    assert (await press(browser, f"/accounts/{third.id}/name", label=name)).status == 400
    credential = await inn.vault.credential(user.id, "spotify", f"{name} 2")
    assert credential.connection == str(second.id)


async def test_nobody_names_or_prefers_what_is_not_theirs(inn: Inn) -> None:
    _, ana, first, _ = await two(inn)
    stranger, ben = await inn.guest("ben")
    csrf = (await stranger.get("/account")).form("/signout").fields["csrf"]
    for action in ("name", "default"):
        path = f"/accounts/{first.id}/{action}"
        assert (await stranger.post(path, {"csrf": csrf, "label": "mine"})).status == 404
        assert (await stranger.post(path, {"label": "mine"})).status == 403
        assert (await inn.browser().post(path, {})).location.startswith("/signin")
    for wanted in (first.id, new_id()):
        with pytest.raises(NotConnected):
            await inn.vault.rename(ben.id, wanted, "mine")
        with pytest.raises(NotConnected):
            await inn.vault.prefer(ben.id, wanted)
    assert [(c.label, c.is_default) for c in await inn.vault.list(ana.id)] == [("Ana", True), ("Ben", False)]


async def test_what_is_disconnected_has_no_name(inn: Inn) -> None:
    _, user, first, second = await two(inn)
    await inn.vault.disconnect(user.id, second.id)
    with pytest.raises(NotConnected):
        await inn.vault.rename(user.id, second.id, "gone")
    with pytest.raises(NotConnected):
        await inn.vault.prefer(user.id, second.id)
    # Its name is free, and it comes back under its nickname.
    await inn.vault.rename(user.id, first.id, "Ben")
    browser, _ = await inn.guest()
    await add(inn, browser, "ben")
    assert [c.label for c in await inn.vault.list(user.id)] == ["Ben", "Ben 2"]


async def ask(inn: Inn, user: User, label: str | None) -> str:
    """The link of a chat's tool that is about the account of that name."""
    _, handle = await inn.question(user, "spotify", ALL, label)
    return f"/connect/spotify?h={handle}"


async def test_choosing_another_account_than_the_link_is_about_does_not_answer_it(inn: Inn) -> None:
    browser, user, _, second = await two(inn)
    link = await ask(inn, user, "ben")
    page = await add(inn, browser, "ana", link)
    assert "This was about your account <b>Ben</b>" in page.text
    assert link in page.links
    assert "done.js" not in page.text
    handle = parse_qs(urlsplit(link).query)["h"][0]
    assert not await inn.flows.connected(handle, user.id)
    page = await add(inn, browser, "ben", link)
    assert "You can go back to your chat" in page.text
    assert await inn.flows.connected(handle, user.id)
    assert len(await inn.vault.list(user.id)) == 2
    assert second.label == "Ben"


async def test_a_link_for_one_more_account_asks_for_the_chooser(inn: Inn) -> None:
    browser, user = await inn.guest()
    await add(inn, browser, "ana")
    link = await ask(inn, user, ANOTHER)
    page = await browser.get(link)
    assert "So far you are connected" not in page.text
    page = await browser.submit(page.forms[0])
    assert parse_qs(urlsplit(page.refresh).query)["show_dialog"] == ["true"]
    page = await browser.arrive(inn.spotify.consent(page.refresh, "ben"))
    assert "Spotify is connected as Ben" in (await browser.get(page.location)).text
    assert await inn.flows.connected(parse_qs(urlsplit(link).query)["h"][0], user.id)
    assert [c.label for c in await inn.vault.list(user.id)] == ["Ana", "Ben"]


async def test_one_more_account_is_not_one_that_is_there(inn: Inn) -> None:
    browser, user = await inn.guest()
    await add(inn, browser, "ana")
    link = await ask(inn, user, ANOTHER)
    page = await add(inn, browser, "ana", link)
    assert "You had connected this account before" in page.text
    assert link in page.links
    assert "done.js" not in page.text
    handle = parse_qs(urlsplit(link).query)["h"][0]
    assert not await inn.flows.connected(handle, user.id)
    await add(inn, browser, "ben", link)
    assert await inn.flows.connected(handle, user.id)
    page = await add(inn, browser, "ben")
    assert "You had connected this account before" in page.text
    assert len(await inn.vault.list(user.id)) == 2


async def test_a_link_about_a_name_that_is_gone_connects_nobody_under_it(inn: Inn) -> None:
    browser, user, _, second = await two(inn)
    link = await ask(inn, user, "Ben")
    await inn.vault.rename(user.id, second.id, "office")
    page = await browser.get(link)
    assert page.status == 410
    assert "That account has another name now" in page.text
    form = (await browser.get("/connect/spotify")).forms[0]
    handle = parse_qs(urlsplit(link).query)["h"][0]
    assert (await browser.submit(form, h=handle)).status == 410


async def test_the_default_goes_to_one_that_works(inn: Inn) -> None:
    browser, user, first, second = await two(inn)
    await add(inn, browser, "cleo")
    third = (await inn.vault.list(user.id))[2]
    await inn.run("UPDATE connections SET status = 'needs_reauth' WHERE id = %s", second.id)
    await inn.vault.disconnect(user.id, first.id)
    assert {c.id: c.is_default for c in await inn.vault.list(user.id)} == {second.id: False, third.id: True}
