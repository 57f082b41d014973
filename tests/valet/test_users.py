"""`valet users` beside a Valet that runs: who is let in, and what a block ends at once."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest

from tests.flows.test_hostile import authorize, call, exchange
from tests.support.emulator import EmulatorProcess
from tests.support.valet import ValetProcess
from valet.browser import Browser


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorProcess]:
    with EmulatorProcess() as emulator:
        yield emulator


@pytest.fixture(scope="module")
def valet(emulator: EmulatorProcess) -> Iterator[ValetProcess]:
    """A Valet whose guest list has nobody but one account that nobody has."""
    with ValetProcess(VALET_EMULATOR_ORIGIN=emulator.origin, VALET_ALLOW="spotify:nobody") as valet:
        yield valet


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    browser = Browser()
    yield browser
    await browser.close()


def users(valet: ValetProcess, *words: str) -> str:
    ran = valet.run("users", *words)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def refused(valet: ValetProcess, *words: str) -> str:
    ran = valet.run("users", *words)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("valet: ")
    return ran.stderr


async def enter(valet: ValetProcess, browser: Browser, account: str) -> str:
    """Sign in with that Spotify account; where it led."""
    await browser.open(f"{valet.url}/signin?switch=1")
    await browser.press("Continue with Spotify")
    page = await browser.press("Agree", account=account)
    return page.url.removeprefix(valet.url)


async def test_an_entry_counts_at_once_and_no_longer_than_it_stands(
    valet: ValetProcess, emulator: EmulatorProcess, browser: Browser
) -> None:
    entry = f"spotify:{emulator.accounts()['ben']['account_id']}"
    assert (await enter(valet, browser, "ben")).startswith("/callback/")
    assert browser.page is not None
    assert entry in browser.page.text
    assert "may sign in now" in users(valet, "allow", entry)
    assert "on the list already" in users(valet, "allow", entry)
    assert await enter(valet, browser, "ben") == "/account"
    listed = json.loads(users(valet, "list", "--json"))
    assert {"entry": entry, "from": "valet users allow"} in listed["allowed"]
    assert {"entry": "spotify:nobody", "from": "VALET_ALLOW"} in listed["allowed"]
    assert "off the list" in users(valet, "disallow", entry)
    assert (await browser.open(f"{valet.url}/account")).url.endswith("/signin?next=%2Faccount")
    assert "was not on the list" in users(valet, "disallow", entry)


async def test_a_block_ends_tokens_and_sessions_at_once(valet: ValetProcess, browser: Browser) -> None:
    with httpx2.Client(base_url=valet.url, trust_env=False) as http:
        client_id, code, verifier = await authorize(valet, http)
        tokens = exchange(http, client_id, code, verifier).json()
        await browser.open(valet.new_owner_link())
        assert (await browser.press("Open Valet")).url == f"{valet.url}/account"
        assert call(http, tokens["access_token"]).status_code == 200
        said = users(valet, "block", "the owner")
        assert "blocked" in said
        assert "signed out everywhere" in said
        assert call(http, tokens["access_token"]).status_code == 401
        assert (await browser.open(f"{valet.url}/account")).url.endswith("/signin?next=%2Faccount")
        spent = {"grant_type": "refresh_token", "client_id": client_id}
        again = http.post("/token", data={**spent, "refresh_token": tokens["refresh_token"]})
        assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
        await browser.open(valet.new_owner_link())
        assert (await browser.press("Open Valet")).status == 403
        listed = json.loads(users(valet, "list", "--json"))
        [owner] = [each for each in listed["people"] if each["identities"][0]["label"] == "the owner"]
        assert owner["blocked"] is True
        assert "BLOCKED" in users(valet, "list")
        # The same by id; what a block ended stays ended.
        assert "unblocked" in users(valet, "unblock", owner["id"])
        assert "was not blocked" in users(valet, "unblock", owner["id"])
        assert call(http, tokens["access_token"]).status_code == 401
        await browser.open(valet.new_owner_link())
        assert (await browser.press("Open Valet")).url == f"{valet.url}/account"
        client_id, code, verifier = await authorize(valet, http)
        fresh = exchange(http, client_id, code, verifier).json()
        assert call(http, fresh["access_token"]).status_code == 200


def test_what_can_not_be_done_is_a_sentence(valet: ValetProcess) -> None:
    assert "nobody here is called that" in refused(valet, "block", "zoe")
    assert "no entry of a guest list" in refused(valet, "allow", "@gmail.com")
    elsewhere = ValetProcess()
    try:
        assert "no Valet runs here" in refused(elsewhere, "list")
    finally:
        elsewhere.close()
