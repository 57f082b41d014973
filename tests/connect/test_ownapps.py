"""Bring your own app, over the emulator's wire: tested at once, connected through, refreshed, deleted."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from structlog.testing import capture_logs

from providers.base import OPERATOR
from providers.spotify import SPOTIFY
from providers.transport import Transport
from tests.connect.inn import Browser, Inn, Page, emulator_apps
from tests.connect.test_again import grow_stale
from tests.connect.test_trouble import oauth
from tests.support.emulator import EmulatorProcess as Emulator
from vault.store.connections import Connection
from vault.store.database import Database
from vault.store.users import User

HERE = "/account/apps/spotify"
MINE = "emulator-of-ana"
SECRET = "canary-secret-of-ana"


@pytest.fixture(scope="module")
def spotify_process() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def spotify(spotify_process: Emulator) -> Emulator:
    spotify_process.reset()
    spotify_process.clear_faults()
    spotify_process.forget()
    return spotify_process


@pytest.fixture
async def wire(spotify: Emulator) -> AsyncIterator[Transport]:
    async with Transport(emulator_origin=spotify.origin) as transport:
        yield transport


@pytest.fixture
async def inn(inn_database: Database, inn_ring: Path, wire: Transport) -> Inn:
    return await Inn.open(inn_database, inn_ring, everyone=True, emulator=wire)


async def guest(inn: Inn, spotify: Emulator, account: str = "ana") -> tuple[Browser, User]:
    browser = inn.browser()
    page = await browser.get("/signin?switch=1")
    form = next(f for f in page.forms if f.fields.get("provider") == "spotify")
    page = await browser.submit(form, switch=None)
    page = await browser.get(spotify.agree(page.refresh, account))
    assert page.location == "/account", page.text
    subject = spotify.accounts()[account]["account_id"]
    index = inn.vault.index(SPOTIFY.issuer, subject)
    return browser, await inn.stores.users.sign_in(SPOTIFY.issuer, index, account)


async def add(browser: Browser, client_id: str = MINE, secret: str = "", path: str = HERE) -> Page:
    page = await browser.get(path)
    return await browser.submit(page.form(HERE), client_id=client_id, client_secret=secret)


async def leave(browser: Browser, path: str = "/connect/spotify") -> str:
    """Where the connect page sends the browser."""
    page = await browser.get(path)
    page = await browser.submit(page.forms[0])
    return page.refresh


async def connect(
    inn: Inn, browser: Browser, spotify: Emulator, path: str = "/connect/spotify", account: str = "ana"
) -> Page:
    return await browser.arrive(spotify.agree(await leave(browser, path), account))


def app_of(url: str) -> str:
    return parse_qs(urlsplit(url).query)["client_id"][0]


async def held(inn: Inn, user: User) -> list[Connection]:
    return await inn.vault.list(user.id)


async def test_the_guide_says_what_to_do_and_where_to_come_back(inn: Inn, spotify: Emulator) -> None:
    browser, _ = await guest(inn, spotify)
    account = await browser.get("/account")
    assert HERE in account.links and "five people" in account.text
    page = await browser.get(HERE)
    assert page.status == 200
    assert f'<code class="whole" id="redirect-spotify">{inn.public_url}/callback/spotify</code>' in page.text
    assert SPOTIFY.dashboard is not None
    assert page.text.count("<li>") >= len(SPOTIFY.dashboard.steps)
    assert SPOTIFY.dashboard.url in page.links
    assert re.search(r'<button type="button" class="quiet" data-copy="redirect-spotify" hidden>', page.text)
    assert (await inn.browser().get(HERE)).location.startswith("/signin?")


async def test_a_client_id_alone_is_enough_from_the_first_connect_to_a_refresh(
    inn: Inn, spotify: Emulator
) -> None:
    spotify.client(MINE, redirects=[f"{inn.public_url}/callback/spotify"])
    browser, user = await guest(inn, spotify)
    page = await add(browser)
    assert (page.status, page.location) == (303, f"{HERE}?done=added")
    assert MINE in (await browser.get(page.location)).text
    await connect(inn, browser, spotify)
    [connection] = await held(inn, user)
    [own] = await inn.vault.apps.list(user.id)
    assert connection.app == own.ref
    spotify.expire("access")
    before = await inn.vault.credential(user.id, "spotify")
    fresh = await inn.vault.credential(user.id, "spotify", refused=before.version)
    assert fresh.version == before.version + 1
    grants = [grant for grant in spotify.tokens("spotify")["grants"] if grant["client_id"] == MINE]
    assert len(grants) == 1


async def test_a_secret_is_tested_kept_and_never_shown(inn: Inn, spotify: Emulator) -> None:
    spotify.client(MINE, secret=SECRET)
    with capture_logs() as logs:
        browser, user = await guest(inn, spotify)
        wrong = await add(browser, secret=f"{SECRET}-not")
        assert wrong.status == 400 and 'role="alert"' in wrong.text
        missing = await add(browser)
        assert missing.status == 400
        assert await inn.vault.apps.list(user.id) == []
        right = await add(browser, secret=SECRET)
        assert right.location == f"{HERE}?done=added"
        pages = [wrong, missing, right]
        for path in (right.location, HERE, "/account/apps", f"{HERE}/delete", "/account"):
            pages.append(await browser.get(path))
        await connect(inn, browser, spotify)
        await inn.vault.credential(user.id, "spotify", refused=1)
    for page in pages:
        assert SECRET not in page.text and SECRET not in str(page.headers)
    assert SECRET not in repr(logs)
    dump = await inn.count("SELECT count(*) FROM apps a WHERE a::text LIKE %s", f"%{SECRET}%")
    assert dump == 0
    [own] = await inn.vault.apps.list(user.id)
    assert own.has_secret


@pytest.mark.parametrize(
    ("client_id", "secret", "said"),
    [
        ("", "", "Paste the client ID"),
        ("   ", "", "Paste the client ID"),
        ("https://developer.spotify.com/dashboard/1234", "", "That is an address"),
        ("emulator one", "", "without spaces"),
        ("emulator-\u00e9", "", "without spaces"),
        ("emulator-" + "x" * 300, "", "without spaces"),
        (MINE, "two words", "client secret is one row"),
        (MINE, MINE, "client secret where the client ID belongs"),
        ("0123456789abcdef0123456789abcdef", "", "knows no app with this client ID"),
    ],
)
async def test_bad_input_gets_a_sentence_and_is_not_said_back(
    inn: Inn, spotify: Emulator, client_id: str, secret: str, said: str
) -> None:
    browser, user = await guest(inn, spotify)
    page = await add(browser, client_id, secret)
    assert page.status == 400
    assert said in page.text and "Nothing was kept." in page.text
    # A secret may have been pasted into the wrong field: no field comes back filled.
    assert {name for name, value in page.form(HERE).fields.items() if value} == {"csrf"}
    assert await inn.vault.apps.list(user.id) == []


async def test_spaces_around_what_was_copied_do_no_harm(inn: Inn, spotify: Emulator) -> None:
    browser, user = await guest(inn, spotify)
    assert (await add(browser, f"  {MINE}\n")).status == 303
    assert [own.client_id for own in await inn.vault.apps.list(user.id)] == [MINE]


@pytest.mark.parametrize("status", [503, 429])
async def test_nothing_is_kept_while_the_provider_is_away(inn: Inn, spotify: Emulator, status: int) -> None:
    browser, user = await guest(inn, spotify)
    spotify.fault("POST accounts.spotify.com/api/token*", kind="status", status=status)
    page = await add(browser)
    assert page.status == 503 and "did not answer" in page.text
    assert await inn.vault.apps.list(user.id) == []


async def test_a_secret_takes_a_new_proof_and_a_client_id_does_not(inn: Inn, spotify: Emulator) -> None:
    spotify.client(MINE, secret=SECRET)
    browser, user = await guest(inn, spotify)
    await grow_stale(inn, user)
    page = await add(browser, secret=SECRET)
    assert page.status == 303 and page.location.startswith("/signin?") and "again=1" in page.location
    assert SECRET not in page.location
    assert await inn.vault.apps.list(user.id) == []
    assert (await add(browser, "emulator-other")).location == f"{HERE}?done=added"
    asked = await browser.get(f"{HERE}/delete")
    assert "again=1" in asked.location
    csrf = (await browser.get(HERE)).form(HERE).fields["csrf"]
    page = await browser.post(f"{HERE}/delete", {"csrf": csrf})
    assert "again=1" in page.location
    assert len(await inn.vault.apps.list(user.id)) == 1


async def test_a_second_app_does_not_take_the_firsts_place(inn: Inn, spotify: Emulator) -> None:
    browser, user = await guest(inn, spotify)
    await add(browser)
    page = await browser.get(HERE)
    assert "client_id" not in page.form(HERE).fields
    page = await browser.submit(page.form(HERE), client_id="emulator-other", client_secret="")
    assert page.location == f"{HERE}?done=changed"
    assert [own.client_id for own in await inn.vault.apps.list(user.id)] == [MINE]


async def test_deleting_says_what_ends_then_ends_it(inn: Inn, spotify: Emulator) -> None:
    browser, user = await guest(inn, spotify)
    await connect(inn, browser, spotify, account="ben")
    await add(browser)
    await connect(inn, browser, spotify, "/connect/spotify?another=1")
    shared, through = await held(inn, user)
    assert shared.app == OPERATOR and through.app.startswith("own:")
    page = await browser.get(f"{HERE}/delete")
    assert through.account_label in page.text and shared.account_label not in page.text.split("</header>")[1]
    assert len(await held(inn, user)) == 2, "looking deletes nothing"
    page = await browser.submit(page.form(f"{HERE}/delete"))
    assert page.location == "/account/apps?gone=spotify"
    assert "deleted here" in (await browser.get(page.location)).text
    assert [c.id for c in await held(inn, user)] == [shared.id]
    assert await inn.count("SELECT count(*) FROM deks WHERE owner = %s", user.id) == 1
    assert (await browser.get(f"{HERE}/delete")).status == 404
    assert app_of(await leave(browser, "/connect/spotify?another=1")) == "emulator-spotify"


async def test_ones_own_app_serves_nobody_else(inn: Inn, spotify: Emulator) -> None:
    ana, _ = await guest(inn, spotify, "ana")
    await add(ana)
    ben, user = await guest(inn, spotify, "ben")
    assert "Delete" not in (await ben.get("/account/apps")).text
    assert MINE not in (await ben.get(HERE)).text
    url = await leave(ben)
    assert app_of(url) == "emulator-spotify"
    # Not even where the database says that this trip goes through it.
    await inn.run("UPDATE states SET app = (SELECT 'own:' || id FROM apps) WHERE user_id = %s", user.id)
    page = await ben.get(spotify.agree(url, "ben"))
    assert page.status == 410 and "app is gone" in page.text
    assert await held(inn, user) == []
    assert (await ben.get(f"{HERE}/delete")).status == 404


async def test_a_sign_in_goes_through_the_operators_app_only(inn: Inn, spotify: Emulator) -> None:
    browser, _ = await guest(inn, spotify)
    await add(browser)
    page = await browser.get("/signin?switch=1")
    form = next(f for f in page.forms if f.fields.get("provider") == "spotify")
    page = await browser.submit(form, connect="1")
    assert app_of(page.refresh) == "emulator-spotify"


async def test_a_connection_is_renewed_through_the_app_that_issued_it(inn: Inn, spotify: Emulator) -> None:
    browser, user = await guest(inn, spotify)
    await connect(inn, browser, spotify)
    [before] = await held(inn, user)
    await add(browser)
    assert app_of(await leave(browser, f"/connect/spotify?reconnect={before.id}")) == "emulator-spotify"
    assert app_of(await leave(browser, "/connect/spotify?another=1")) == MINE
    assert before.account_label in (await browser.get(HERE)).text, "it says what still goes the other way"


async def test_an_app_that_is_deleted_on_the_way_connects_nothing(inn: Inn, spotify: Emulator) -> None:
    browser, user = await guest(inn, spotify)
    await add(browser)
    url = await leave(browser)
    await inn.vault.delete_app(user.id, "spotify")
    page = await browser.get(spotify.agree(url))
    assert page.status == 410 and "Nothing was connected" in page.text
    assert await held(inn, user) == []


async def test_an_app_that_is_deleted_while_the_last_question_is_open_connects_nothing(
    inn: Inn, spotify: Emulator
) -> None:
    browser, user = await guest(inn, spotify)
    await add(browser)
    page = await browser.get(spotify.agree(await leave(browser)))
    form = (await browser.get(page.location)).forms[0]
    await inn.vault.delete_app(user.id, "spotify")
    page = await browser.submit(form, decision="connect")
    assert page.status == 410 and "Nothing was connected" in page.text
    assert await held(inn, user) == []


async def test_an_app_that_was_edited_sends_nobody_anywhere(inn: Inn, spotify: Emulator) -> None:
    browser, user = await guest(inn, spotify)
    await add(browser)
    await inn.run("UPDATE apps SET client_id = 'emulator-evil' WHERE user_id = %s", user.id)
    page = await browser.get("/connect/spotify")
    page = await browser.submit(page.forms[0])
    assert page.status == 409 and page.refresh == ""
    assert HERE in page.links


async def test_an_app_that_the_provider_no_longer_takes_is_its_persons_to_mend(
    inn: Inn, spotify: Emulator
) -> None:
    browser, user = await guest(inn, spotify)
    await add(browser)
    url = await leave(browser)
    spotify.client(MINE, refused=True)
    page = await browser.get(spotify.agree(url))
    assert page.status == 502 and HERE in page.links
    assert await held(inn, user) == []


@pytest.mark.parametrize(
    ("arrange", "step"),
    [
        (lambda e: e.settings(unregistered=["ana"]), "Add this account to your app"),
        (lambda e: e.settings(owner_premium=False), "It is your own app"),
        (
            oauth(400, "redirect_uri_mismatch"),
            "settings at Spotify, add exactly this address: http://127.0.0.1:8420/callback/spotify",
        ),
        (lambda e: e.settings(callback_error="unauthorized_client"), "Look after your app"),
    ],
)
async def test_what_is_wrong_with_ones_own_app_is_not_the_operators_to_mend(
    inn: Inn, spotify: Emulator, arrange: Callable[[Emulator], object], step: str
) -> None:
    browser, user = await guest(inn, spotify)
    await add(browser)
    url = await leave(browser)
    arrange(spotify)
    page = await browser.get(spotify.agree(url))
    spotify.settings(unregistered=[], owner_premium=True, callback_error="")
    assert step in page.text and "whoever runs this Valet" not in page.text.lower()
    assert await held(inn, user) == []


async def test_a_provider_that_lets_nobody_bring_one_has_no_page(inn: Inn, spotify: Emulator) -> None:
    browser, _ = await guest(inn, spotify)
    for provider in ("google", "nothing"):
        assert (await browser.get(f"/account/apps/{provider}")).status == 404
        csrf = (await browser.get(HERE)).form(HERE).fields["csrf"]
        assert (await browser.post(f"/account/apps/{provider}", {"csrf": csrf})).status == 404


async def test_where_the_provider_is_set_up_no_more_an_app_can_still_be_deleted(
    inn: Inn, spotify: Emulator
) -> None:
    browser, user = await guest(inn, spotify)
    await add(browser)
    inn.operated._apps = {"google": inn.operated["google"]}
    page = await browser.get("/account/apps")
    assert "Spotify is not set up here any more" in page.text
    assert (await browser.get(HERE)).status == 404
    page = await browser.get(f"{HERE}/delete")
    page = await browser.submit(page.form(f"{HERE}/delete"))
    assert "is deleted here" in (await browser.get(page.location)).text
    assert await inn.vault.apps.list(user.id) == []
    # Without one there is nothing to see.
    assert "Spotify" not in (await browser.get("/account/apps")).text.partition("<main>")[2]


async def test_a_form_of_elsewhere_adds_and_deletes_nothing(inn: Inn, spotify: Emulator) -> None:
    browser, user = await guest(inn, spotify)
    for path in (HERE, f"{HERE}/delete"):
        assert (await browser.post(path, {"client_id": MINE, "csrf": "x"})).status == 403
    assert await inn.vault.apps.list(user.id) == []


async def test_without_the_operators_app_ones_own_is_what_there_is(
    inn_database: Database, inn_ring: Path, wire: Transport, spotify: Emulator
) -> None:
    """Enabled by the operator, connected through the person's own; nobody can sign in that way."""
    google = {"google": emulator_apps()["google"]}
    inn = await Inn.open(
        inn_database,
        inn_ring,
        everyone=True,
        emulator=wire,
        apps=google,
        own=frozenset({"spotify", "google"}),
    )
    assert "spotify:read" in inn.registry.scopes
    browser = inn.browser()
    page = await browser.get("/signin")
    assert [form.fields["provider"] for form in page.forms if form.action == "/signin"] == ["google"]
    forged = {**page.form("/signin").fields, "provider": "spotify"}
    assert (await browser.post("/signin", forged)).status == 404
    page = await browser.submit(page.form("/signin"))
    assert (await browser.get(spotify.agree(page.refresh))).location == "/account"
    page = await browser.get("/connect/spotify")
    page = await browser.submit(page.forms[0])
    assert page.status == 404 and HERE in page.links, "what to do next is on the page"
    assert (await add(browser)).location == f"{HERE}?done=added"
    await connect(inn, browser, spotify)
    [user] = [await inn.count("SELECT count(*) FROM connections WHERE app LIKE %s", "own:%")]
    assert user == 1
