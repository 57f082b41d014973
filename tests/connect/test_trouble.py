"""Every way in which connecting can end without an account, on the wire: a sentence, a next step each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import pytest

from connect.trouble import _SAID
from providers.google import GOOGLE
from providers.spotify import SPOTIFY
from providers.transport import Transport
from tests.connect.inn import Browser, Inn, Page
from tests.support.emulator import EmulatorProcess as Emulator
from vault.store.database import Database
from vault.store.users import User

TOKEN = {"spotify": "POST accounts.spotify.com/api/token*", "google": "POST oauth2.googleapis.com/token*"}
ME = "GET api.spotify.com/v1/me"

Arrange = Callable[[Emulator], object]


@dataclass(frozen=True)
class Row:
    """What goes wrong, and what the person then reads. `step` is its text; `link` where it leads."""

    name: str
    arrange: Arrange
    status: int
    title: str
    words: str
    step: str
    link: str = "again"
    provider: str = "spotify"
    decision: str = "agree"


def said(word: str) -> Arrange:
    return lambda emulator: emulator.settings(callback_error=word)


def token(kind: str, **how: object) -> Arrange:
    return lambda emulator: emulator.fault(TOKEN["spotify"], kind, **how)


def me(kind: str, **how: object) -> Arrange:
    return lambda emulator: emulator.fault(ME, kind, **how)


def oauth(status: int, error: str) -> Arrange:
    return token("status", status=status, body={"error": error, "error_description": "<b>canary</b>"})


HANGS = "no answer"
NOTHING = "Nothing was changed"
DOWN = "could not be reached, or gave no answer that could be read"
APP = "The app that Valet is registered as at Spotify is set up wrong"
ROWS = (
    Row("cancelled", lambda _: None, 403, "You did not connect Spotify", "go back to your chat", "Try again",
        decision="cancel"),
    Row("its own trouble", said("server_error"), 502, "Spotify has trouble of its own",
        "says that it can't do this right now", "Try again in a minute"),
    Row("for the moment", said("temporarily_unavailable"), 502, "Spotify has trouble of its own",
        "says that it can't do this right now", "Try again in a minute"),
    Row("a scope it does not give", said("invalid_scope"), 502, "Spotify refuses what Valet asks for",
        "does not give its app here what these services need", "may not ask for one of its scopes", ""),
    Row("not this app", said("unauthorized_client"), 502, "Spotify does not accept this Valet", APP,
        "the client id and secret for Spotify are not accepted", ""),
    Row("not this request", said("invalid_request"), 502, "Spotify does not accept this Valet", APP,
        "the client id and secret for Spotify are not accepted", ""),
    Row("another way back", said("redirect_uri_mismatch"), 502, "Spotify does not know the way back here",
        "names another address to return to", "must be exactly http://127.0.0.1:8420/callback/spotify", ""),
    Row("unseen", said("interaction_required"), 502, "Google wants to see you first",
        "asks you to sign in or to choose something", "Try again, and answer there", provider="google"),
    Row("signed out there", said("login_required"), 502, "Google wants to see you first",
        "asks you to sign in or to choose something", "Try again, and answer there", provider="google"),
    Row("closed by the house", said("admin_policy_enforced"), 403,
        "Your organisation does not allow this at Google", "has closed it to apps such as this Valet",
        "Use another account, or ask them to allow it", provider="google"),
    Row("for the house only", said("org_internal"), 403, "Your organisation does not allow this at Google",
        "has closed it to apps such as this Valet", "Use another account", provider="google"),
    Row("something new", said("<script>canary</script>"), 502, "Spotify did not finish this",
        "gave no answer we could use", "Try again in a minute"),
    Row("down at the exchange", token("status", status=503), 502, "Spotify is not answering", DOWN,
        "Try again in a minute"),
    Row("no connection", token("close"), 502, "Spotify is not answering", DOWN, "Try again in a minute"),
    Row(HANGS, token("hang"), 502, "Spotify is not answering", DOWN, "Try again in a minute"),
    Row("garbage", token("garbage"), 502, "Spotify is not answering", DOWN, "Try again in a minute"),
    Row("half an answer", token("truncated"), 502, "Spotify is not answering", DOWN, "Try again in a minute"),
    Row("down at the account", me("status", status=502, times=None), 502, "Spotify is not answering", DOWN,
        "Try again in a minute"),
    Row("too many", token("status", status=429, retry_after=30), 502, "Spotify is too busy",
        "takes no more requests for the moment", "Try again in a few minutes"),
    Row("a code that is no good", oauth(400, "invalid_grant"), 502, "Spotify took its answer back",
        "no longer good when we used it", "Try again"),
    Row("a wrong secret", lambda e: e.client("emulator-spotify", refused=True), 502,
        "Spotify does not accept this Valet", APP,
        "the client id and secret for Spotify are not accepted", ""),
    Row("a wrong secret at Google", lambda e: e.client("emulator-google", upstream="google", refused=True),
        502, "Google does not accept this Valet", "The app that Valet is registered as at Google",
        "the client id and secret for Google are not accepted", "", provider="google"),
    Row("another way back at the exchange", oauth(400, "redirect_uri_mismatch"), 502,
        "Spotify does not know the way back here", "names another address to return to",
        "must be exactly http://127.0.0.1:8420/callback/spotify", ""),
    Row("not on the list", lambda e: e.settings(unregistered=["ana"]), 403,
        "Spotify does not know you at this app yet", "only the people its owner has listed",
        "Ask whoever runs this Valet to add you to the app at Spotify", ""),
    Row("an owner without Premium", lambda e: e.settings(owner_premium=False), 403,
        "Spotify has switched this app off", "only while the owner of the app has Premium",
        "the owner of the Spotify app needs Premium again", ""),
    Row("nobody", me("status", status=200, body={"id": "ana", "display_name": "Ana"}), 502,
        "Spotify did not finish this", "did not say which account this is", "Try again"),
    Row("an identity that is not genuine", lambda e: e.settings(id_token={"nonce": "another"}), 502,
        "Google did not finish this", "did not prove whose account this is", "Try again",
        provider="google"),
)  # fmt: skip


@pytest.fixture(scope="module")
def process() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def emulator(process: Emulator) -> Iterator[Emulator]:
    process.reset()
    process.forget()
    yield process
    mend(process)


def mend(emulator: Emulator) -> None:
    """Everything as usual again; what was consented stays."""
    emulator.clear_faults()
    emulator.settings(callback_error="", unregistered=[], owner_premium=True, id_token={})
    for name in ("spotify", "google"):
        emulator.client(f"emulator-{name}", upstream=name, refused=False)


@pytest.fixture
async def inn(inn_database: Database, inn_ring: Path, emulator: Emulator) -> AsyncIterator[Inn]:
    async with Transport(emulator_origin=emulator.origin) as transport:
        inn = await Inn.open(inn_database, inn_ring, everyone=True, emulator=transport)
        yield inn


async def guest(inn: Inn, emulator: Emulator) -> tuple[Browser, User]:
    browser = inn.browser()
    page = await browser.get("/signin?switch=1")
    form = next(f for f in page.forms if f.fields.get("provider") == "google")
    page = await browser.get(emulator.agree((await browser.submit(form)).refresh, "ben"))
    assert page.location == "/account", page.text
    sub = emulator.accounts("google")["ben"]["sub"]
    user = await inn.stores.users.sign_in(GOOGLE.issuer, inn.vault.index(GOOGLE.issuer, sub), "ben")
    return browser, user


async def link(inn: Inn, user: User, provider: str) -> tuple[str, str]:
    """A chat's link, and the handle in it."""
    service = {"spotify": "spotify", "google": "calendar"}[provider]
    _, handle = await inn.question(user, provider, frozenset({f"{service}:write"}))
    return f"/connect/{provider}?h={handle}", handle


async def trouble(inn: Inn, emulator: Emulator, row: Row, browser: Browser, page: Page) -> Page:
    """What the person comes back to. Only where the provider hangs is its answer not waited for."""
    row.arrange(emulator)
    usual = inn.oauth._deadline
    inn.oauth._deadline = 0.5 if row.name == HANGS else usual
    page = await browser.arrive(emulator.agree(page.refresh, "ana", row.decision))
    inn.oauth._deadline = usual
    return page


def heading(page: Page) -> str:
    return unescape(page.text.partition("<h1>")[2].partition("</h1>")[0])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_each_trouble_has_its_sentence_and_its_next_step(
    inn: Inn, emulator: Emulator, row: Row
) -> None:
    browser, user = await guest(inn, emulator)
    again, handle = await link(inn, user, row.provider)
    page = await browser.submit((await browser.get(again)).forms[0])
    page = await trouble(inn, emulator, row, browser, page)
    text = unescape(page.text)
    assert (page.status, heading(page)) == (row.status, row.title)
    assert row.words in text
    assert row.step in text
    assert NOTHING in text or "nothing was changed" in text
    assert (again in page.links) is (row.link == "again")
    assert text.count('class="button"') == (1 if row.link else 0), "one next step"
    for word in ("canary", "invalid_", "redirect_uri_", "error", "HTTP", "Traceback", "scope "):
        assert word not in text.partition("<main>")[2], "no protocol words"
    # Nothing was stored, and the chat's link is as good as before.
    assert await inn.vault.list(user.id) == []
    assert await inn.count("SELECT count(*) FROM pendings") == 0
    assert await inn.flows.find_connect(handle) is not None


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_after_it_passes_the_same_link_connects(inn: Inn, emulator: Emulator, row: Row) -> None:
    browser, user = await guest(inn, emulator)
    again, handle = await link(inn, user, row.provider)
    page = await browser.submit((await browser.get(again)).forms[0])
    await trouble(inn, emulator, row, browser, page)
    mend(emulator)
    page = await browser.submit((await browser.get(again)).forms[0])
    await browser.arrive(emulator.agree(page.refresh, "ana"))
    assert len(await inn.vault.list(user.id)) == 1
    assert await inn.flows.connected(handle, user.id)


async def test_the_same_at_a_sign_in(inn: Inn, emulator: Emulator) -> None:
    for word, title in (("server_error", "Google has trouble of its own"),
                        ("org_internal", "Your organisation does not allow this at Google"),
                        ("access_denied", "You did not sign in with Google")):  # fmt: skip
        emulator.settings(callback_error=word)
        browser = inn.browser()
        page = await browser.get("/signin")
        form = next(f for f in page.forms if f.fields.get("provider") == "google")
        page = await browser.get(emulator.agree((await browser.submit(form)).refresh, "ben"))
        assert heading(page) == title
        assert any(link.startswith("/signin?") for link in page.links)
        assert (await browser.get("/account")).location.startswith("/signin")


def test_what_providers_may_answer_is_all_known() -> None:
    """RFC 6749 §4.1.2.1 and OpenID Connect Core 1.0 §3.1.2.6, but for what a person said themselves."""
    oauth_words = {"invalid_request", "unauthorized_client", "unsupported_response_type", "invalid_scope",
                   "server_error", "temporarily_unavailable"}  # fmt: skip
    openid = {"interaction_required", "login_required", "account_selection_required", "consent_required"}
    assert oauth_words | openid <= set(_SAID)
    assert SPOTIFY.reasons["USER_NOT_ALLOW_LISTED"].told and SPOTIFY.reasons["OWNER_NOT_PREMIUM"].told
