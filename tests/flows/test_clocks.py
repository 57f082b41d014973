"""Clocks ten minutes apart: the provider's, and those of two hosts that serve one Valet."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from providers.transport import Transport
from tests.connect.inn import Page
from tests.flows.test_hostile import authorize, call, exchange
from tests.proof.calls import call as call_tool
from tests.proof.calls import client, outcome
from tests.proof.people import Person, expire, settle, standing, vault_over
from tests.support.emulator import EmulatorProcess
from tests.support.faketime import shifted
from tests.support.valet import ValetProcess
from vault.store.database import Database

APART = 600
PEOPLE = 10


@pytest.fixture
def hosts(empty_database_url: str, emulator: EmulatorProcess, tmp_path: Path) -> Iterator[list[ValetProcess]]:
    """Two servers that are one to the outside; the first's clock is ahead, the other's behind."""
    first, second = ValetProcess(), ValetProcess()
    for server, seconds in ((first, APART), (second, -APART)):
        server.environment_more = {
            "PUBLIC_URL": first.url,
            "DATABASE_URL": empty_database_url,
            "VALET_KEYRING": str(tmp_path / "keyring.json"),
            "VALET_EMULATOR_ORIGIN": emulator.origin,
            **shifted(seconds),
        }
    try:
        for server in (first, second):
            server.start()
        yield [first, second]
    finally:
        for server in (first, second):
            server.close()


@pytest.fixture
def doors(hosts: list[ValetProcess]) -> Iterator[list[httpx2.Client]]:
    """One browser's way to each of them, under their one public name."""
    host, jar = urlsplit(hosts[0].url).netloc, CookieJar()
    doors = [
        httpx2.Client(base_url=server.url, headers={"Host": host}, cookies=jar, trust_env=False)
        for server in hosts
    ]
    for door, seconds in zip(doors, (APART, -APART), strict=True):
        date = parsedate_to_datetime(door.get("/").headers["Date"])
        assert abs(date.timestamp() - time.time() - seconds) < 60, "else the tests would show nothing"
    yield doors
    for door in doors:
        door.close()


async def test_what_was_begun_at_one_host_goes_on_at_the_other(
    hosts: list[ValetProcess], doors: list[httpx2.Client], emulator: EmulatorProcess
) -> None:
    await _tokens(hosts, doors)
    await asyncio.to_thread(_trip, hosts, doors, emulator)


async def _tokens(hosts: list[ValetProcess], doors: list[httpx2.Client]) -> None:
    """What one host gave is good at the other."""
    ahead, behind = doors
    client_id, code, verifier = await authorize(hosts[0], ahead)
    answer = exchange(behind, client_id, code, verifier)
    assert answer.status_code == 200, answer.text
    tokens = answer.json()
    for turn in (ahead, behind, ahead):
        for door in doors:
            assert call(door, tokens["access_token"]).status_code == 200
        form = {
            "grant_type": "refresh_token",
            "refresh_token": tokens["refresh_token"],
            "client_id": client_id,
        }
        tokens = turn.post("/token", data=form).json()
        assert tokens["expires_in"] == 3600


def _trip(hosts: list[ValetProcess], doors: list[httpx2.Client], emulator: EmulatorProcess) -> None:
    """A session, and a way to the provider and back."""
    for there, back in (doors, doors[::-1]):
        there.cookies.clear()
        link = urlsplit(hosts[0].new_owner_link())
        [form] = Page(there.get(f"{link.path}?{link.query}")).forms
        signed_in = back.post(form.action, data=form.fields)
        assert signed_in.status_code == 303
        assert there.get("/account").status_code == 200
        [form, *_] = Page(there.get("/connect/spotify")).forms
        leaving = Page(there.post(form.action, data=form.fields))
        callback = urlsplit(emulator.agree(leaving.refresh))
        arrived = back.get(f"{callback.path}?{callback.query}")
        assert arrived.status_code == 303, arrived.text
        assert "state" in parse_qs(callback.query)
        asked = Page(there.get(arrived.headers["location"]))
        [form] = [form for form in asked.forms if ("decision", "connect") in form.buttons]
        assert back.post(form.action, data={**form.fields, "decision": "connect"}).status_code == 303
        assert "Ana Duarte" in there.get("/account").text


async def test_connections_are_refreshed_once_when_due_and_no_dead_token_is_used(
    hosts: list[ValetProcess],
    empty_database: Database,
    emulator: EmulatorProcess,
    tmp_path: Path,
) -> None:
    emulator.settings(rotate=True, reuse_detection=True, grace_seconds=0)
    async with AsyncExitStack() as stack:
        transport = await stack.enter_async_context(Transport(emulator_origin=emulator.origin))
        vault = await vault_over(empty_database, tmp_path / "keyring.json", transport)
        people = await settle(empty_database, vault, emulator, hosts[0].url, PEOPLE)
        host = urlsplit(hosts[0].url).netloc
        ways = [await stack.enter_async_context(client(server.url, host)) for server in hosts]
        # Ours and the provider's clock differ more and more; what it says is "in an hour", never "at four".
        for moved, refused in ((0, False), (APART, False), (-2 * APART, False), (3600 + APART, True)):
            emulator.advance(moved)
            if not refused:
                await expire(empty_database)
            emulator.forget()
            assert await _storm(ways, people) == {"ok": PEOPLE * 4}
            assert emulator.refreshes() == PEOPLE, "each once"
            refusals = Counter(e["status"] for e in emulator.requests() if e["status"] == 401)
            assert bool(refusals) == refused, "a dead token is used only where nobody could know"
            assert await _storm(ways, people) == {"ok": PEOPLE * 4}
            assert emulator.refreshes() == PEOPLE, "and not again while it lives"
        assert await standing(empty_database) == {("active", None): PEOPLE}


async def _storm(ways: list[httpx2.AsyncClient], people: list[Person]) -> Counter[str]:
    answers = await asyncio.gather(
        *(call_tool(ways[turn % 2], person.token) for turn in range(4) for person in people)
    )
    return Counter(outcome(answer) if outcome(answer) != "wrong" else answer.text[:300] for answer in answers)
