"""Personal tokens: made by their person after a proof, shown once, good at /mcp and nowhere else."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from structlog.testing import capture_logs

from connect.personal import LIVES
from tests.connect.inn import Browser, Inn, Page
from tests.connect.test_again import grow_stale
from tests.support.bearer import speaks_for
from vault.ids import new_id
from vault.opaque import digest
from vault.store.callers import Principal
from vault.store.personal import MOST
from vault.store.users import User

HERE, NEW = "/account/tokens", "/account/tokens/new"


async def fill(browser: Browser, **changes: str | None) -> Page:
    page = await browser.get(NEW)
    return await browser.submit(page.form(NEW), **{"name": "Laptop", **changes})


def shown(page: Page) -> str:
    found = re.findall(r"vlt_pat_[A-Za-z0-9_-]{43}", page.text)
    assert len(found) == 1, page.text
    token: str = found[0]
    return token


async def csrf(browser: Browser) -> str:
    return (await browser.get("/account")).form("/signout").fields["csrf"]


async def who(inn: Inn, token: str) -> Principal | None:
    return await speaks_for(inn.database, digest(token))


async def made(inn: Inn, **changes: str | None) -> tuple[Browser, User, str]:
    browser, user = await inn.guest()
    return browser, user, shown(await fill(browser, **changes))


async def test_a_token_reads_for_three_months_unless_chosen_otherwise(inn: Inn) -> None:
    browser, user, token = await made(inn)
    principal = await who(inn, token)
    assert principal is not None
    assert principal.user_id == user.id
    assert principal.scopes == {"spotify:read"}
    assert principal.resource == f"{inn.public_url}/mcp"
    page = await browser.get(HERE)
    assert "Laptop" in page.text and "Works until" in page.text
    assert "last used" in page.text and "Start, pause" not in page.text
    (days,) = {int(form.fields["days"]) for form in (await browser.get(NEW)).forms if "days" in form.fields}
    assert days == 90


async def test_write_and_other_lives_are_a_choice(inn: Inn) -> None:
    _, _, token = await made(inn, **{"service-spotify": "write", "days": "7"})
    principal = await who(inn, token)
    assert principal is not None and principal.scopes == {"spotify:read", "spotify:write"}
    days = "SELECT round(extract(epoch FROM expires_at - now()) / 86400) FROM access_tokens WHERE hash = %s"
    assert await inn.count(days, digest(token)) == 7


async def test_it_is_shown_once_and_kept_by_nothing(inn: Inn) -> None:
    browser, _ = await inn.guest()
    form = (await browser.get(NEW)).form(NEW)
    form.fields["name"] = "Laptop"
    with capture_logs() as logs:
        page = await browser.submit(form)
        token = shown(page)
        again = await browser.submit(form)
    assert page.headers["cache-control"] == "no-store"
    assert (again.status, "vlt_pat_" in again.text) == (409, False)
    assert "made already" in again.text
    assert token not in (await browser.get(HERE)).text
    assert token not in repr(logs)
    assert await inn.count("SELECT count(*) FROM access_tokens WHERE hash = %s", digest(token)) == 1
    assert await inn.count("SELECT count(*) FROM access_tokens t WHERE t::text LIKE %s", f"%{token}%") == 0


async def test_without_script_the_whole_of_it_can_be_selected(inn: Inn) -> None:
    """A field that is only read: the keyboard gets there, and a browser selects all of it on the way."""
    browser, _ = await inn.guest()
    page = await fill(browser)
    assert f'<input id="token" value="{shown(page)}" readonly' in page.text
    assert '<label for="token">' in page.text
    assert '<button type="button" class="quiet" data-copy="token" hidden>' in page.text


async def test_making_one_takes_a_proof_of_the_last_ten_minutes(inn: Inn) -> None:
    browser, user = await inn.guest()
    form = (await browser.get(NEW)).form(NEW)
    form.fields["name"] = "Laptop"
    await grow_stale(inn, user)
    for page in (await browser.get(NEW), await browser.submit(form)):
        assert page.status == 303
        assert page.location == "/signin?next=%2Faccount%2Ftokens%2Fnew&again=1"
    assert await inn.count("SELECT count(*) FROM access_tokens") == 0
    assert (await browser.get(HERE)).status == 200, "looking and revoking need none"


async def test_revoking_ends_it_at_once(inn: Inn) -> None:
    browser, user, token = await made(inn)
    await grow_stale(inn, user)
    page = await browser.get(HERE)
    (form,) = [form for form in page.forms if form.action.endswith("/end")]
    after = await browser.submit(form)
    assert (after.status, after.location) == (303, f"{HERE}?ended=1")
    assert await who(inn, token) is None
    assert "is revoked" in (await browser.get(after.location)).text
    assert (await browser.submit(form)).status == 404


async def test_another_person_neither_sees_nor_ends_it(inn: Inn) -> None:
    ana, _, token = await made(inn)
    ben, _ = await inn.guest("ben")
    (form,) = [form for form in (await ana.get(HERE)).forms if form.action.endswith("/end")]
    page = await ben.get(HERE)
    assert "Laptop" not in page.text
    assert (await ben.post(form.action, {"csrf": await csrf(ben)})).status == 404
    assert (await ben.post(form.action, {"csrf": "x"})).status == 403
    assert await who(inn, token) is not None


async def test_a_chat_is_not_ended_as_a_token(inn: Inn) -> None:
    browser, user = await inn.guest()
    await inn.grant(user, await inn.client(), frozenset({"spotify:read"}))
    (grant,) = await inn.stores.grants.list(user.id)
    assert (await browser.post(f"{HERE}/{grant.id}/end", {"csrf": await csrf(browser)})).status == 404
    assert len(await inn.stores.grants.list(user.id)) == 1


async def test_it_is_no_chat_on_the_page_of_chats(inn: Inn) -> None:
    browser, _, _ = await made(inn)
    assert "Laptop" not in (await browser.get("/account/chats")).text


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": " \u200b "},
        {"name": "x" * 61},
        {"days": "366"},
        {"days": "0"},
        {"days": None},
        {"days": "-7"},
        {"service-spotify": "off"},
        {"service-spotify": "admin"},
        {"service-spotify": None},
        {"key": "x"},
        {"key": None},
    ],
)
async def test_what_makes_no_token(inn: Inn, changes: dict[str, Any]) -> None:
    browser, _ = await inn.guest()
    page = await fill(browser, **changes)
    assert (page.status, "No token was made" in page.text) == (400, True)
    assert await inn.count("SELECT count(*) FROM access_tokens") == 0


async def test_a_forged_form_makes_none(inn: Inn) -> None:
    browser, _ = await inn.guest()
    assert (await fill(browser, csrf="forged")).status == 403
    assert (await fill(browser, csrf=None)).status == 403
    assert await inn.count("SELECT count(*) FROM access_tokens") == 0


async def test_a_stranger_is_led_to_sign_in(inn: Inn) -> None:
    stranger = inn.browser()
    for path in (HERE, NEW):
        assert (await stranger.get(path)).location.startswith("/signin?next=%2Faccount%2Ftokens")
    for path in (NEW, f"{HERE}/{new_id()}/end"):
        assert (await stranger.post(path, {"name": "x"})).location.startswith("/signin?")


async def test_nobody_gathers_them_without_end(inn: Inn) -> None:
    browser, user = await inn.guest()
    for _ in range(MOST - 1):
        await inn.stores.personal.add(new_id(), user.id, "x", frozenset({"spotify:read"}), "r", 90)
    # Forms sent at once are no way around: each counts what the one before it made.
    pages = [await browser.get(NEW) for _ in range(8)]
    sent = await asyncio.gather(*(browser.submit(page.form(NEW), name="Laptop") for page in pages))
    assert sorted(page.status for page in sent) == [200, *[409] * 7]
    assert await inn.count("SELECT count(*) FROM access_tokens") == MOST
    # What has run out takes no place.
    async with inn.database.connection() as link:
        await link.execute(
            "UPDATE access_tokens SET expires_at = now() WHERE hash IN"
            " (SELECT hash FROM access_tokens LIMIT 1)"
        )
    assert (await fill(browser)).status == 200


def test_no_life_is_longer_than_a_year() -> None:
    assert max(LIVES) == 365


async def test_no_page_takes_it_for_a_session(inn: Inn) -> None:
    _, _, token = await made(inn)
    stranger = inn.browser()
    bearer = {"Authorization": f"Bearer {token}"}
    for path in ("/account", HERE, "/account/data"):
        page = await stranger.get(path, **bearer)
        assert (page.status, page.location.partition("?")[0]) == (303, "/signin")
    stranger.client.cookies.set("valet", token)
    assert (await stranger.get("/account")).location.startswith("/signin")
