"""The operator's setup: who gets in, what it keeps, and when it counts."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from providers.base import App
from providers.transport import Transport
from tests.connect.inn import HTTPS_URL, Browser, Inn, Page
from tests.connect.test_signin import link as owner_link
from tests.support.emulator import EmulatorProcess as Emulator
from valet.directory import OperatorApps
from valet.links import mint_setup_link
from vault.ids import operator_id
from vault.store.database import Database
from vault.store.invitations import Invitations

SECRET = "canary-secret-of-the-operator"
APP = "emulator-of-the-operator"
HERE = "/setup/apps/spotify"
SPENT, CLOSED = 410, 403


@pytest.fixture(scope="module")
def process() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def emulator(process: Emulator) -> Emulator:
    process.reset()
    process.clear_faults()
    process.client(APP, secret=SECRET)
    return process


@pytest.fixture
async def wire(emulator: Emulator) -> AsyncIterator[Transport]:
    async with Transport(emulator_origin=emulator.origin) as transport:
        yield transport


@pytest.fixture
async def inn(inn_database: Database, inn_ring: Path, wire: Transport) -> Inn:
    """A server on which no provider is set up."""
    return await Inn.open(inn_database, inn_ring, emulator=wire, apps={})


async def printed(inn: Inn) -> str:
    """A fresh link, as the terminal prints it; its path."""
    return (await mint_setup_link(inn.database, inn.public_url, inn.audit)).removeprefix(inn.public_url)


async def opened(inn: Inn) -> Browser:
    """A browser in which the setup is open."""
    browser = inn.browser()
    page = await browser.get(await printed(inn))
    page = await browser.submit(page.form("/setup"))
    assert (page.status, page.location) == (303, "/setup"), page.text
    return browser


async def keep(browser: Browser, client_id: str = APP, secret: str = SECRET, path: str = HERE) -> Page:
    page = await browser.get(path)
    return await browser.submit(page.form(path), client_id=client_id, client_secret=secret)


# Who gets in


async def test_the_first_visitor_is_told_to_go_to_the_terminal(inn: Inn) -> None:
    stranger, (guest, _) = inn.browser(), (inn.browser(), None)
    page = await guest.get(await owner_link(inn))
    await guest.submit(page.form("/owner"))
    for browser in (stranger, guest):
        for path in ("/setup", HERE, "/setup?done=x", "/setup?t="):
            page = await browser.get(path)
            assert page.status == CLOSED and "valet setup" in page.text, path
        csrf = (await browser.get(await printed(inn))).form("/setup").fields["csrf"]
        for path in (HERE, f"{HERE}/remove", "/setup/guests", "/setup/guests/remove", "/setup/done"):
            sent = {"csrf": csrf, "client_id": APP, "client_secret": SECRET, "entry": "*"}
            assert (await browser.post(path, sent)).status == CLOSED, path
        assert (await browser.post("/setup", {"csrf": csrf, "t": "x" * 43})).status == SPENT
    assert await inn.count("SELECT count(*) FROM apps") == 0
    assert await Invitations(inn.database).entries() == []


async def test_a_link_opens_once_and_looking_does_not_use_it_up(inn: Inn) -> None:
    path = await printed(inn)
    first, second = inn.browser(), inn.browser()
    for browser in (first, second, first):
        assert (await browser.get(path)).status == 200
    form = (await first.get(path)).form("/setup")
    other = (await second.get(path)).form("/setup")
    assert (await first.submit(form)).status == 303
    page = await second.submit(other)
    assert page.status == SPENT and "valet setup" in page.text
    assert (await second.get(path)).status == SPENT
    assert (await second.get("/setup")).status == CLOSED
    assert (await first.get("/setup")).status == 200
    # Its own browser, too, can't use it a second time.
    await first.submit((await first.get("/setup")).form("/setup/done"))
    assert (await first.submit(form)).status == SPENT
    assert (await first.get("/setup")).status == CLOSED


async def test_of_many_that_use_it_at_once_one_gets_in(inn: Inn) -> None:
    path = await printed(inn)
    forms = []
    for browser in [inn.browser() for _ in range(8)]:
        forms.append((browser, (await browser.get(path)).form("/setup")))
    pages = await asyncio.gather(*(browser.submit(form) for browser, form in forms))
    assert sorted(page.status for page in pages) == [303] + [SPENT] * 7


async def test_a_link_is_good_for_an_hour_and_its_setup_for_half_of_one(inn: Inn) -> None:
    browser, path = await opened(inn), await printed(inn)
    await inn.run(
        "UPDATE setups SET session_until = now() + interval '1 second' WHERE consumed_at IS NOT NULL"
    )
    assert (await browser.get("/setup")).status == 200
    await inn.run("UPDATE setups SET session_until = now() WHERE consumed_at IS NOT NULL")
    assert (await browser.get("/setup")).status == CLOSED
    left = "SELECT extract(epoch FROM expires_at - now())::int FROM setups WHERE consumed_at IS NULL"
    assert 3500 < await inn.count(left) <= 3600
    form = (await browser.get(path)).form("/setup")
    await inn.run("UPDATE setups SET expires_at = now()")
    assert (await browser.get(path)).status == SPENT
    assert (await browser.submit(form)).status == SPENT


async def test_a_second_browser_can_not_join(inn: Inn) -> None:
    """Not even with the cookie: it counts only in the browser that used the link up."""
    browser, thief = await opened(inn), inn.browser()
    await thief.get("/signin")
    stolen = browser.cookie("valet-setup")
    assert stolen is not None
    thief.client.cookies.set("valet-setup", stolen, domain="127.0.0.1", path="/")
    assert (await thief.get("/setup")).status == CLOSED
    assert (await browser.get("/setup")).status == 200


async def test_the_cookie_is_for_this_host_and_no_script(
    inn_database: Database, inn_ring: Path, wire: Transport
) -> None:
    hotel = await Inn.open(
        inn_database, inn_ring, public_url=HTTPS_URL, owner_links=False, emulator=wire, apps={}
    )
    browser = hotel.browser()
    page = await browser.get("/signin")
    assert "valet setup" in page.text, "a public server without a provider says what to do"
    page = await browser.submit((await browser.get(await printed(hotel))).form("/setup"))
    cookies = [c for c in page.response.headers.get_list("set-cookie") if "setup" in c]
    [cookie] = cookies
    assert cookie.startswith("__Host-valet-setup=")
    assert all(word in cookie for word in ("HttpOnly", "Secure", "SameSite=strict", "Path=/", "Max-Age=1800"))
    row = "SELECT count(*) FROM setups WHERE session_hash IS NOT NULL AND length(session_hash) = 32"
    assert await hotel.count(row) == 1


async def test_a_form_of_elsewhere_sets_nothing_up(inn: Inn) -> None:
    browser = await opened(inn)
    for path in (HERE, f"{HERE}/remove", "/setup/guests", "/setup/done"):
        page = await browser.post(
            path, {"csrf": "x", "client_id": APP, "client_secret": SECRET, "entry": "*"}
        )
        assert page.status == 403
    assert await inn.count("SELECT count(*) FROM apps") == 0
    assert (await browser.get("/setup")).status == 200


# What it keeps


async def test_an_app_is_tested_kept_and_counts_at_once(inn: Inn, emulator: Emulator) -> None:
    assert inn.registry.scopes == ()
    with capture_logs() as logs:
        browser = await opened(inn)
        overview = await browser.get("/setup")
        assert "not set up" in overview.text and f"{inn.public_url}/mcp" in overview.text
        guide = await browser.get(HERE)
        assert f"{inn.public_url}/callback/spotify" in guide.text
        wrong = await keep(browser, secret="another")
        assert wrong.status == 400 and 'role="alert"' in wrong.text
        assert inn.registry.scopes == ()
        done = await keep(browser)
        assert done.location == "/setup?done=spotify"
        pages = [wrong, done, await browser.get(done.location), await browser.get(HERE)]
    assert "spotify:read" in inn.registry.scopes
    assert APP in pages[-1].text
    for page in pages:
        assert SECRET not in page.text
    assert SECRET not in repr(logs)
    # People sign in through it.
    page = await browser.get("/signin?switch=1")
    page = await browser.submit(next(f for f in page.forms if f.fields.get("provider") == "spotify"))
    assert f"client_id={APP}&" in page.refresh
    page = await browser.get(emulator.agree(page.refresh))
    assert page.status in {303, 403}, "303, or not on the guest list: either way the app works"


async def test_another_worker_knows_it_without_a_restart(
    inn: Inn, inn_database: Database, inn_ring: Path, wire: Transport
) -> None:
    other = await Inn.open(inn_database, inn_ring, emulator=wire, apps={})
    now = [0.0]
    apps = OperatorApps({}, seconds=2.0, clock=lambda: now[0])
    await apps.rest_in(other.vault.apps)
    await keep(await opened(inn))
    await apps.fresh()
    assert dict(apps) == {}, "one look in two seconds is enough"
    now[0] = 2.0
    await apps.fresh()
    app = apps["spotify"]
    assert (app.ref, app.client_id) == ("operator", APP)
    assert app.client_secret is not None and app.client_secret.get_secret_value() == SECRET
    assert SECRET not in repr(dict(apps))


async def test_an_app_whose_key_comes_later_is_found_without_a_restart(
    inn_database: Database, inn_ring: Path, wire: Transport, emulator: Emulator, tmp_path: Path
) -> None:
    """It was sealed on a host that had the new key ring already; here the ring is still the old one."""
    await Inn.open(inn_database, inn_ring, emulator=wire, apps={})
    old, new = json.loads(inn_ring.read_bytes()), json.loads(inn_ring.read_bytes())
    new["keys"][new["active"]]["state"] = "decrypt_only"
    new["active"] = "file:main:2"
    key = base64.b64encode(os.urandom(32)).decode()
    new["keys"]["file:main:2"] = {**old["keys"][old["active"]], "key": key}
    here, there = ring(tmp_path / "here.json", old), ring(tmp_path / "there.json", new)
    other = await Inn.open(inn_database, here, emulator=wire, apps={})
    now = [0.0]
    apps = OperatorApps({}, clock=lambda: now[0])
    await apps.rest_in(other.vault.apps)
    await keep(await opened(await Inn.open(inn_database, there, emulator=wire, apps={})))
    alarms = []
    for seconds in (2.0, 30.0, 61.9):
        now[0] = seconds
        with capture_logs() as logs:
            await apps.fresh()
        alarms += [entry for entry in logs if entry["event"] == "sealed_record_refused"]
        assert dict(apps) == {}
    assert len(alarms) == 1, "not one at each look"
    ring(here, new)
    now[0] = 64.0
    await apps.fresh()
    assert apps["spotify"].client_id == APP


def ring(path: Path, content: dict[str, object]) -> Path:
    path.touch(mode=0o600)
    path.write_text(json.dumps(content))
    return path


async def test_settings_win_and_the_page_says_so(
    inn_database: Database, inn_ring: Path, wire: Transport
) -> None:
    given = {"spotify": App("operator", "emulator-spotify", SecretStr("emulator-secret"))}
    inn = await Inn.open(inn_database, inn_ring, emulator=wire, apps=given)
    await inn.vault.apps.save(operator_id(), "spotify", APP, SecretStr(SECRET))
    await inn.operated.changed()
    assert inn.operated["spotify"].client_id == "emulator-spotify"
    browser = await opened(inn)
    overview = await browser.get("/setup")
    assert "SPOTIFY_CLIENT_ID" in overview.text and HERE not in overview.links
    page = await browser.get(HERE)
    assert "wins over this page" in page.text and page.forms == []
    csrf = overview.form("/setup/done").fields["csrf"]
    assert (await browser.post(HERE, {"csrf": csrf, "client_id": "emulator-x"})).status == 409


async def test_an_app_can_be_replaced_and_removed(inn: Inn, emulator: Emulator) -> None:
    keys = "SELECT count(*) FROM deks WHERE purpose = 'app'"
    browser, before = await opened(inn), await inn.count(keys)
    await keep(browser)
    await keep(browser, "emulator-second", "")
    assert await inn.count(keys) == before + 1
    assert inn.operated["spotify"].client_id == "emulator-second"
    page = await browser.get(HERE)
    page = await browser.submit(page.form(f"{HERE}/remove"))
    assert page.location == "/setup?done=removed"
    assert "spotify" not in inn.operated and inn.registry.scopes == ()
    assert await inn.count(keys) == before


async def test_an_app_that_was_edited_is_not_used_and_can_be_mended(inn: Inn) -> None:
    browser = await opened(inn)
    await keep(browser)
    await inn.run("UPDATE apps SET client_id = 'emulator-evil'")
    await inn.operated.changed()
    assert "spotify" not in inn.operated
    assert "does not open" in (await browser.get("/setup")).text
    await keep(browser)
    assert inn.operated["spotify"].client_id == APP


async def test_guests_are_listed_added_and_taken_off(inn: Inn) -> None:
    browser = await opened(inn)
    page = await browser.get("/setup")
    assert "spotify:ana-1" in page.text and "VALET_ALLOW" in page.text
    bad = await browser.submit(page.form("/setup/guests"), entry="nobody")
    assert bad.status == 400 and 'role="alert"' in bad.text
    page = await browser.submit(page.form("/setup/guests"), entry=" Ben@Example.org ")
    # One spelling, the one that `valet users` has.
    assert page.location == "/setup?done=guest"
    assert await Invitations(inn.database).entries() == ["ben@example.org"]
    page = await browser.get(page.location)
    assert "ben@example.org" in page.text
    await browser.submit(page.form("/setup/guests/remove"))
    assert await Invitations(inn.database).entries() == []


async def test_what_is_not_on_the_list_is_taken_off_in_peace(inn: Inn) -> None:
    browser = await opened(inn)
    form = (await browser.get("/setup")).form("/setup/guests")
    for entry in ("", "zoe@example.org", "\x00", "\ud7ff"):
        page = await browser.post("/setup/guests/remove", {"csrf": form.fields["csrf"], "entry": entry})
        assert page.location == "/setup?done=unlisted", entry
