"""Somebody deletes their account in one tab while something of theirs is under way in another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from connect.session import Desk
from connect.trip import Trips
from providers.base import TokenSet
from tests.connect.inn import Browser, Form, Inn, Page
from vault.erasure import Erasure
from vault.revocation import Stray
from vault.store.users import User

GONE = 410
TABLES = ("users", "identities", "sessions", "pendings", "grants", "connections", "apps", "clients")


async def left(inn: Inn) -> dict[str, int]:
    """What there is of anybody."""
    counts = {table: await inn.count(f"SELECT count(*) FROM {table}") for table in TABLES}
    # A trip to sign in is nobody's yet.
    return counts | {"states": await inn.count("SELECT count(*) FROM states WHERE user_id IS NOT NULL")}


def afterwards(monkeypatch: pytest.MonkeyPatch, kind: type, name: str, inn: Inn, user: User) -> None:
    """Let the person be deleted as soon as that step is done."""
    step: Callable[..., Awaitable[Any]] = getattr(kind, name)

    async def and_gone(self: object, *given: Any, **more: Any) -> Any:
        done = await step(self, *given, **more)
        await Erasure(inn.stores.dossiers, inn.vault).erase(user.id)
        return done

    monkeypatch.setattr(kind, name, and_gone)


async def connecting(browser: Browser) -> Form:
    return (await browser.get("/connect/spotify")).forms[0]


async def making(browser: Browser) -> Form:
    return (await browser.get("/account/tokens/new")).form("/account/tokens/new")


async def adding(browser: Browser) -> Form:
    return (await browser.get("/account/sign-in")).form("/account/sign-in/add")


@pytest.mark.parametrize("form", [connecting, making, adding])
async def test_what_they_sent_before_they_went_comes_to_nothing(
    inn: Inn, monkeypatch: pytest.MonkeyPatch, form: Callable[[Browser], Awaitable[Form]]
) -> None:
    browser, user = await inn.guest()
    sent = await form(browser)
    afterwards(monkeypatch, Desk, "form", inn, user)
    page = await browser.submit(sent, name="A script")
    assert page.status == GONE
    assert "You are not here any more" in page.text
    assert set((await left(inn)).values()) == {0}


async def test_a_chat_that_they_allowed_on_their_way_out_gets_nothing(
    inn: Inn, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, user = await inn.guest()
    handle = await inn.asks(await inn.client())
    form = (await browser.get(f"/consent?h={handle}")).forms[0]
    afterwards(monkeypatch, Desk, "form", inn, user)
    page = await browser.submit(form, decision="allow", service__spotify="write")
    assert page.status == GONE
    assert await inn.count("SELECT count(*) FROM codes") == 0
    assert {name: count for name, count in (await left(inn)).items() if count} == {"clients": 1}


class Provider:
    """Takes note of what it is told is over."""

    def __init__(self, inn: Inn, monkeypatch: pytest.MonkeyPatch) -> None:
        self.told: list[tuple[Stray, str]] = []
        monkeypatch.setattr(inn.vault, "forsake", self.forsake)

    async def forsake(self, stray: Stray, tokens: TokenSet) -> bool:
        assert tokens.refresh_token is not None
        self.told.append((stray, tokens.refresh_token.get_secret_value()))
        return True


async def test_what_comes_back_for_nobody_is_ended_at_the_provider(
    inn: Inn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a grant would stand there that nobody here knows of, after a page that said that all is gone."""
    browser, user = await inn.guest()
    page = await browser.submit(await connecting(browser))
    callback = inn.spotify.consent(page.refresh, "ana")
    provider = Provider(inn, monkeypatch)
    afterwards(monkeypatch, Trips, "collect", inn, user)
    page = await browser.get(callback)
    assert page.status == GONE
    [(stray, token)] = provider.told
    assert (stray.owner, stray.provider, stray.app) == (user.id, "spotify", "operator")
    assert token
    assert set((await left(inn)).values()) == {0}


async def test_so_is_what_they_connected_by_signing_in(inn: Inn, monkeypatch: pytest.MonkeyPatch) -> None:
    _, user = await inn.guest()
    other, provider = inn.browser(), Provider(inn, monkeypatch)
    page: Page = await other.submit((await other.get("/signin")).form("/signin"), connect="1")
    known = inn.stores.users.sign_in

    async def and_gone(*given: Any) -> User:
        found = await known(*given)
        await Erasure(inn.stores.dossiers, inn.vault).erase(user.id)
        return found

    monkeypatch.setattr(inn.stores.users, "sign_in", and_gone)
    page = await other.get(inn.spotify.consent(page.refresh, "ana"))
    assert page.status == GONE
    assert other.cookie("valet") is None
    assert [stray.owner for stray, _ in provider.told] == [user.id]
    assert set((await left(inn)).values()) == {0}
