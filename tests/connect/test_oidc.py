"""Signing in by the operator's own OpenID provider, over the wire of the emulator."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from pydantic import SecretStr

from connect.admission import Guests
from providers.base import App
from providers.transport import Transport
from tests.connect.inn import HOUSE, Browser, Inn, Page, emulator_apps
from tests.connect.test_again import grow_stale
from tests.connect.test_join import ADD, CONFIRM, HERE
from tests.support.emulator import EmulatorProcess
from vault.store.database import Database
from vault.store.users import User

DESCRIPTION = "GET id.emulator.example/.well-known/openid-configuration"
AGAIN = "/signin?next=%2Faccount%2Fsign-in&again=1"


@pytest.fixture(scope="module")
def process() -> Iterator[EmulatorProcess]:
    with EmulatorProcess() as emulator:
        yield emulator


@pytest.fixture
def house(process: EmulatorProcess) -> EmulatorProcess:
    process.reset()
    process.forget()
    return process


@pytest.fixture
async def inn(inn_database: Database, inn_ring: Path, house: EmulatorProcess) -> AsyncIterator[Inn]:
    apps = {**emulator_apps(), "oidc": App("operator", "emulator-oidc", SecretStr("emulator-secret"))}
    async with Transport(emulator_origin=house.origin) as transport:
        yield await Inn.open(inn_database, inn_ring, everyone=True, emulator=transport, apps=apps)


async def leave(browser: Browser, path: str = "/signin?switch=1") -> Page:
    page = await browser.get(path)
    return await browser.submit(next(f for f in page.forms if f.fields.get("provider") == "oidc"))


async def sign_in(inn: Inn, house: EmulatorProcess, account: str = "ana") -> tuple[Browser, Page]:
    browser = inn.browser()
    page = await leave(browser)
    assert page.refresh, page.text
    return browser, await browser.get(house.agree(page.refresh, account))


async def person(inn: Inn, account: str = "ana") -> User:
    index = inn.vault.index(HOUSE.issuer, f"house|{account}")
    found = await inn.stores.users.note(HOUSE.issuer, index, f"{account}@house.example", ())
    assert found is not None
    return found


async def test_a_person_signs_in_and_is_called_by_their_address(inn: Inn, house: EmulatorProcess) -> None:
    page = await inn.browser().get("/signin")
    assert "Continue with House ID" in page.text
    browser, arrived = await sign_in(inn, house)
    assert arrived.location == "/account"
    assert "Signed in as ana@house.example" in (await browser.get("/account")).text
    await sign_in(inn, house)
    assert await inn.count("SELECT count(*) FROM users") == 1
    _, other = await sign_in(inn, house, "ben")
    assert other.location == "/account"
    assert await inn.count("SELECT count(*) FROM users") == 2


async def test_it_is_asked_who_it_is_by_pkce_and_nonce(inn: Inn) -> None:
    asked = dict(parse_qsl(urlsplit((await leave(inn.browser())).refresh).query))
    assert asked["scope"] == "email openid profile"
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["nonce"]) == 43
    assert asked["redirect_uri"].endswith("/callback/oidc")
    assert "max_age" not in asked


@pytest.mark.parametrize(
    ("bend", "forged"),
    [
        ({"iss": "https://evil.example"}, False),
        ({"iss": "https://id.emulator.example/"}, False),
        ({"aud": "emulator-other"}, False),
        ({"aud": ["emulator-oidc", "emulator-other"]}, False),
        ({"azp": "emulator-other"}, False),
        ({"exp": 1}, False),
        ({"nonce": "another"}, False),
        ({"nonce": None}, False),
        ({"sub": None}, False),
        ({"sub": 7}, False),
        ({"sub": ""}, False),
        ({}, True),
    ],
)
async def test_an_identity_that_is_not_for_us_signs_nobody_in(
    inn: Inn, house: EmulatorProcess, bend: dict[str, Any], forged: bool
) -> None:
    house.settings(id_token=bend, id_token_forged=forged)
    browser, page = await sign_in(inn, house)
    assert page.status == 502, bend
    assert browser.cookie("valet") is None
    assert await inn.count("SELECT count(*) FROM users") == 0


@pytest.mark.parametrize("issuer", [None, "https://evil.example", "https://id.emulator.example/"])
async def test_an_answer_must_say_that_it_is_from_there(
    inn: Inn, house: EmulatorProcess, issuer: str | None
) -> None:
    """RFC 9207 §2.4: it says that it always names itself, so an answer without is somebody else's."""
    browser = inn.browser()
    parts = urlsplit(house.agree((await leave(browser)).refresh))
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    assert query.pop("iss") == HOUSE.issuer
    page = await browser.get(f"{parts.path}?{urlencode(query | ({'iss': issuer} if issuer else {}))}")
    assert page.status == 400
    assert browser.cookie("valet") is None


async def test_saying_no_there_is_a_page(inn: Inn, house: EmulatorProcess) -> None:
    browser = inn.browser()
    url = (await leave(browser)).refresh
    refused = house.http.post(url, data={"decision": "cancel"})
    page = await browser.get(refused.headers["location"])
    assert page.status == 403
    assert "You did not sign in with House ID" in page.text


async def test_while_it_is_down_there_is_a_sentence_and_then_it_works(
    inn: Inn, house: EmulatorProcess
) -> None:
    house.fault(DESCRIPTION, kind="status", status=503, times=3)
    page = await leave(inn.browser())
    assert page.status == 502
    assert "House ID" in page.text
    assert "Nothing was changed" in page.text
    assert await inn.count("SELECT count(*) FROM states") == 0
    assert "Continue with Spotify" in (await inn.browser().get("/signin")).text
    _, arrived = await sign_in(inn, house)
    assert arrived.location == "/account"


async def test_its_description_is_read_once_in_an_hour_and_an_old_one_helps_for_a_day(
    inn: Inn, house: EmulatorProcess
) -> None:
    house.forget()
    await sign_in(inn, house)
    await sign_in(inn, house)
    assert house.counters()["calls"][DESCRIPTION] == 1
    inn.clock = 3601
    house.fault(DESCRIPTION, kind="status", status=500, times=None)
    assert (await sign_in(inn, house))[1].location == "/account"
    inn.clock = 90_000
    assert (await leave(inn.browser())).status == 502


@pytest.mark.parametrize(
    ("entry", "account", "status"),
    [
        ("oidc:house|ana", "ana", 303),
        ("oidc:house|ana", "ben", 403),
        ("ana@house.example", "ana", 303),
        ("cleo@house.example", "cleo", 403),  # not verified
        ("@house.example", "ana", 403),  # a domain is Google's to vouch for
        ("google:house|ana", "ana", 403),
    ],
)
async def test_the_guest_list(
    inn: Inn, house: EmulatorProcess, entry: str, account: str, status: int
) -> None:
    issuers = {provider.name: provider.issuer for provider in inn.registry.known}
    inn.admission._guests = Guests.read([entry], issuers)
    house.settings(id_token={"hd": "house.example"})
    _, page = await sign_in(inn, house, account)
    assert page.status == status, page.text


async def test_a_new_proof_is_asked_for_and_an_old_one_is_none(inn: Inn, house: EmulatorProcess) -> None:
    browser, _ = await sign_in(inn, house)
    await grow_stale(inn, await person(inn))
    now = int(house.read("clock")["now"])
    for auth_time in (now - 700, "yesterday"):
        house.settings(id_token={"auth_time": auth_time})
        page = await leave(browser, AGAIN)
        asked = dict(parse_qsl(urlsplit(page.refresh).query))
        assert (asked["max_age"], asked["prompt"]) == ("0", "login")
        assert asked["login_hint"] == "ana@house.example"
        page = await browser.get(house.agree(page.refresh))
        assert page.status == 502
        assert "without asking who you are" in page.text
        assert (await browser.get(AGAIN)).status == 200  # still stale
    house.settings(id_token={})
    page = await leave(browser, AGAIN)
    assert (await browser.get(house.agree(page.refresh))).location == HERE
    assert (await browser.get(AGAIN)).location == HERE


@pytest.mark.parametrize("age", [None, 700])
async def test_a_sign_in_by_its_old_session_is_no_proof(
    inn: Inn, house: EmulatorProcess, age: int | None
) -> None:
    """Whoever finds an open browser could sign in once more without a question, just not as a new proof."""
    now = int(house.read("clock")["now"])
    house.settings(id_token={} if age is None else {"auth_time": now - age})
    browser, _ = await sign_in(inn, house)
    page = await leave(browser)
    await browser.get(house.agree(page.refresh))
    assert "Is it still you?" in (await browser.get(AGAIN)).text
    assert (await browser.get("/account/data/delete")).location.endswith("&again=1")
    # Asked anew, at its word that it just did, it is one.
    house.settings(id_token={})
    page = await leave(browser, AGAIN)
    assert (await browser.get(house.agree(page.refresh))).location == HERE
    assert (await browser.get("/account/data/delete")).status == 200


async def test_a_sign_in_that_it_just_asked_for_is_proof(inn: Inn, house: EmulatorProcess) -> None:
    house.settings(id_token={"auth_time": int(house.read("clock")["now"]) - 30})
    browser, _ = await sign_in(inn, house)
    assert (await browser.get("/account/data/delete")).status == 200


async def test_it_can_be_added_as_a_way_in(inn: Inn, house: EmulatorProcess) -> None:
    house.settings(id_token={"auth_time": int(house.read("clock")["now"])})
    browser, _ = await sign_in(inn, house)
    house.settings(id_token={})
    page = await browser.get(HERE)
    form = next(f for f in page.forms if f.action == ADD and f.fields["provider"] == "google")
    page = await browser.submit(form)
    page = await browser.get((await browser.get(house.agree(page.refresh))).location)
    assert "ana.duarte@gmail.com at Google" in page.text
    assert (await browser.submit(page.form(CONFIRM), decision="add")).location == f"{HERE}?told=added"
    assert "House ID <small>ana@house.example</small>" in (await browser.get(HERE)).text


async def test_it_is_nothing_to_connect(inn: Inn, house: EmulatorProcess) -> None:
    assert not [scope for scope in inn.registry.scopes if "oidc" in scope]
    browser, _ = await sign_in(inn, house)
    for path in ("/account", "/account/chats", "/account/activity"):
        assert "Connect House ID" not in (await browser.get(path)).text
    assert (await browser.get("/connect/oidc")).status == 404
    handle = await inn.asks(await inn.client())
    assert "House ID" not in (await browser.get(f"/consent?h={handle}")).text
    page = await inn.browser().get("/signin")
    forms = {form.fields["provider"]: form for form in page.forms if "provider" in form.fields}
    text = page.text.partition('value="oidc"')[2].partition("</form>")[0]
    assert "Also connect" not in text
    assert set(forms) == {"spotify", "google", "oidc"}
    # Somebody who writes the choice into the form themselves signs in, and that is all.
    browser = inn.browser()
    page = await browser.get("/signin")
    form = next(form for form in page.forms if form.fields.get("provider") == "oidc")
    page = await browser.submit(form, connect="1")
    assert (await browser.get(house.agree(page.refresh))).location == "/account"
    assert await inn.vault.list((await person(inn)).id) == []


async def test_where_nothing_else_is_set_up_the_pages_say_so(
    inn_database: Database, inn_ring: Path, house: EmulatorProcess
) -> None:
    apps = {"oidc": App("operator", "emulator-oidc", SecretStr("emulator-secret"))}
    async with Transport(emulator_origin=house.origin) as transport:
        inn = await Inn.open(inn_database, inn_ring, everyone=True, emulator=transport, apps=apps)
        browser, _ = await sign_in(inn, house)
        assert (await browser.get("/account")).text.count("Not set up here") == 2
        page = await browser.get("/account/tokens/new")
        assert page.status == 409 and "nothing yet that a token could do" in page.text
        # A chat may come in all the same: it asks for more when there is more.
        page = await browser.get(f"/consent?h={await inn.asks(await inn.client())}")
        assert "Nothing is set up here yet that it could use" in page.text
        page = await browser.submit(page.form("/consent"), decision="allow")
        assert "code=" in page.refresh
        [grant] = await inn.stores.grants.list((await person(inn)).id)
        assert grant.scopes == frozenset()
