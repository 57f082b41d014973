"""The limits at the front door: who is counted for what, and that nobody closes the door for others."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx2
import pytest

from connect.address import Proxies
from connect.limits import ACTIONS, ARRIVALS, MISSES, REFRESHES, REGISTRATIONS, REQUESTS, Gate
from tests.connect.authserver import CALLBACK, WRONG_VERIFIER, House, assert_error, open_house
from tests.connect.inn import Browser, Inn
from vault.opaque import digest
from vault.store.database import Database
from vault.store.limits import Limits

HERE, THERE = {"X-Forwarded-For": "203.0.113.9"}, {"X-Forwarded-For": "198.51.100.4"}


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    async with open_house(database) as house:
        house.http.headers.update(HERE)
        yield house


@pytest.fixture
async def client(house: House) -> str:
    return str((await house.register())["client_id"])


async def flood(times: int, once: Callable[[], Awaitable[httpx2.Response]]) -> list[httpx2.Response]:
    answers: list[httpx2.Response] = []
    for done in range(0, times, 30):
        answers += await asyncio.gather(*(once() for _ in range(min(30, times - done))))
    return answers


def assert_later(answer: httpx2.Response, most: float) -> None:
    """A 429 that says when to come back."""
    assert answer.status_code == 429, answer.text
    assert 1 <= int(answer.headers["retry-after"]) <= most + 1
    assert answer.headers["cache-control"] == "no-store"


async def wrong(house: House, client: str) -> httpx2.Response:
    return await house.refresh(client, f"vlt_rt_{secrets.token_urlsafe(32)}")


async def test_a_flood_of_bad_tokens_stops_nobody_at_the_same_address(house: House, client: str) -> None:
    """All people of a chat service share its address and client id; one of them may be an attacker."""
    neighbour = await house.person()
    mine, theirs = await house.login(client), await house.login(client, neighbour)
    code = await house.code(client, neighbour)
    ended = (await house.login(client))["refresh_token"]
    await house.http.post("/revoke", data={"client_id": client, "token": ended})
    answers = await flood(MISSES.burst + 30, lambda: wrong(house, client))
    assert sum(answer.status_code == 400 for answer in answers) >= MISSES.burst
    assert_later(answers[-1], MISSES.pace)
    assert answers[-1].json()["error"] == "temporarily_unavailable"

    for tokens in (mine, theirs):
        assert (await house.refresh(client, tokens["refresh_token"])).status_code == 200
    assert (await house.exchange(client, code)).status_code == 200
    assert await house.who(mine["access_token"]) is not None
    # What was somebody's token once is no guess: they hear at once that they have to sign in again.
    assert_error(await house.refresh(client, ended), "invalid_grant")
    assert_later(await wrong(house, client), MISSES.pace)


async def test_misses_count_by_address(house: House, client: str) -> None:
    await flood(MISSES.burst + 30, lambda: wrong(house, client))
    assert_later(await wrong(house, client), MISSES.pace)
    house.http.headers.update(THERE)
    assert_error(await wrong(house, client), "invalid_grant")


@pytest.mark.parametrize("guess", ["code", "client", "secret", "header"])
async def test_every_kind_of_guess_is_a_miss(house: House, client: str, guess: str) -> None:
    confidential = await house.register(token_endpoint_auth_method="client_secret_post")

    async def once() -> httpx2.Response:
        if guess == "code":
            return await house.exchange(client, f"vlt_ac_{secrets.token_urlsafe(32)}")
        if guess == "client":
            return await house.refresh(f"vlt_client_{secrets.token_hex(8)}", "x")
        if guess == "secret":
            return await house.refresh(confidential["client_id"], "x", client_secret=secrets.token_hex(8))
        return await house.http.post("/token", data={"a": "b"}, headers={"Authorization": "Basic !"})

    answers = await flood(MISSES.burst + 30, once)
    assert {answer.status_code for answer in answers} == {400 if guess == "code" else 401, 429}
    assert_later(answers[-1], MISSES.pace)


async def test_a_wrong_verifier_is_no_guess_at_a_code(house: House, client: str) -> None:
    await flood(MISSES.burst + 30, lambda: wrong(house, client))
    code = await house.code(client)
    assert_error(await house.exchange(client, code, code_verifier=WRONG_VERIFIER), "invalid_grant")


async def test_refusals_of_tokens_do_not_tell_apart_whose_they_are(house: House, client: str) -> None:
    other = str((await house.register())["client_id"])
    theirs = (await house.login(other))["refresh_token"]
    ended = (await house.login(client))["refresh_token"]
    await house.http.post("/revoke", data={"client_id": client, "token": ended})
    answers = [await house.refresh(client, given) for given in ("vlt_rt_" + "x" * 43, theirs, ended)]
    assert len({(answer.status_code, answer.text) for answer in answers}) == 1
    assert (await house.refresh(other, theirs)).status_code == 200


async def test_refreshes_count_by_person_and_client(house: House, client: str) -> None:
    """Six processes that share a token may refresh at every request; more than that has to wait, unharmed."""
    token = (await house.login(client))["refresh_token"]
    neighbour = (await house.login(client, await house.person()))["refresh_token"]
    answers = await flood(REFRESHES.burst, lambda: house.refresh(client, token))
    assert {answer.status_code for answer in answers} == {200}
    late = (await flood(30, lambda: house.refresh(client, token)))[-1]
    assert_later(late, REFRESHES.pace)
    assert (await house.refresh(client, neighbour)).status_code == 200
    await house.execute("UPDATE limits SET until = until - interval '10 seconds'")
    assert (await house.refresh(client, token)).status_code == 200, "the refused refresh spent nothing"


async def test_an_ended_token_that_got_about_uses_up_nothing_of_its_persons(
    house: House, client: str
) -> None:
    ended, mine = (await house.login(client))["refresh_token"], (await house.login(client))["refresh_token"]
    await house.http.post("/revoke", data={"client_id": client, "token": ended})
    answers = await flood(REFRESHES.burst + 30, lambda: house.refresh(client, ended))
    assert {answer.status_code for answer in answers} == {400}
    assert (await house.refresh(client, mine)).status_code == 200


async def test_a_whole_chat_service_may_register_from_one_address(house: House) -> None:
    """At least 60 in a minute, minute after minute; whoever is refused is told when to come back."""
    metadata = {"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none"}

    def once() -> Awaitable[httpx2.Response]:
        return house.http.post("/register", json=metadata)

    first = await flood(REGISTRATIONS.burst, once)
    assert {answer.status_code for answer in first} == {201}
    assert_later((await flood(10, once))[-1], REGISTRATIONS.pace)
    for _ in range(2):
        await house.execute("UPDATE limits SET until = until - interval '60 seconds'")
        assert {answer.status_code for answer in await flood(60, once)} == {201}
    assert_later((await flood(10, once))[-1], REGISTRATIONS.pace)
    assert_error(await house.http.post("/register", json={}), "invalid_redirect_uri")
    house.http.headers.update(THERE)
    assert (await once()).status_code == 201


async def test_the_requests_that_wait_from_one_address_are_bounded(house: House, client: str) -> None:
    answers = await flood(REQUESTS.burst + 30, lambda: house.ask(client))
    assert sum(answer.status_code == 303 for answer in answers) < REQUESTS.burst + 5
    assert_later(answers[-1], REQUESTS.pace)
    assert "Nothing was shared" in answers[-1].text
    assert "location" not in answers[-1].headers
    waiting = await house.execute("SELECT count(*) FROM flows WHERE client_id = %s", client)
    assert waiting[0][0] < REQUESTS.burst + 5
    house.http.headers.update(THERE)
    assert (await house.ask(client)).status_code == 303


async def test_another_page_can_not_use_up_what_its_visitors_network_may_ask(
    house: House, client: str
) -> None:
    """Pictures, frames and scripts of a page somewhere else, each of which would count for its visitor."""
    for destination in ("image", "iframe", "empty", "script"):
        headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": destination}

        async def shown(headers: dict[str, str] = headers) -> httpx2.Response:
            return await house.http.get("/authorize", params=house.question(client), headers=headers)

        answers = await flood(REQUESTS.burst // 3, shown)
        assert {answer.status_code for answer in answers} == {403}
    assert (await house.execute("SELECT count(*) FROM flows WHERE client_id = %s", client))[0][0] == 0
    opened = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate"}
    answer = await house.http.get("/authorize", params=house.question(client), headers=opened)
    assert answer.status_code == 303
    # A program names no site, whatever else it sends (Node's fetch sends a mode).
    answer = await house.http.get(
        "/authorize", params=house.question(client), headers={"Sec-Fetch-Mode": "cors"}
    )
    assert answer.status_code == 303


async def test_without_counting_a_miss_stays_what_it_is(database: Database) -> None:
    """Where the counters are away a refusal needs none; what would go through is told to come back."""
    away = Database("postgresql://nobody@127.0.0.1:9/none")
    async with open_house(database) as house:
        client = str((await house.register())["client_id"])
        token = (await house.login(client))["refresh_token"]
        house.gate = Gate(Limits(away, b"k" * 32), Proxies(), house.witness)
        house.http = house.browser()
        assert_error(await wrong(house, client), "invalid_grant")
        answer = await house.refresh(client, token)
        assert_error(answer, "temporarily_unavailable", 503)
        assert answer.headers["retry-after"]


# --- pages ------------------------------------------------------------------------------------------


async def crowd(browser: Browser, path: str, times: int = MISSES.burst + 30) -> httpx2.Response:
    return (await flood(times, lambda: browser.client.get(path)))[-1]


@pytest.mark.parametrize(
    "path",
    [
        "/callback/spotify?state=unknown-state&code=x",
        "/consent?h=" + "h" * 43,
        "/owner?t=x",
    ],
)
async def test_links_that_nobody_made_are_misses_and_stop_nobody(inn: Inn, path: str) -> None:
    stranger, ana = inn.browser(), inn.browser()
    # Both come from one address; Ana is on her way to the provider and back.
    page = await ana.get("/signin")
    page = await ana.submit(page.form("/signin"))
    answer = await crowd(stranger, path)
    assert_later(answer, MISSES.pace)
    assert "Nothing was changed" in answer.text and "<h1>" in answer.text
    assert (await ana.get(inn.spotify.consent(page.refresh, "ana"))).location == "/account"
    handle = await inn.asks(await inn.client())
    assert (await ana.get(f"/consent?h={handle}")).status == 200


async def test_a_person_is_told_in_words_a_program_in_a_line(inn: Inn) -> None:
    browser = inn.browser()
    await crowd(browser, "/consent?h=x")
    plain = await browser.client.get("/consent?h=x", headers={"accept": "application/json"})
    assert_later(plain, MISSES.pace)
    assert plain.text.startswith("That was a lot at once.")


async def test_forms_count_by_person(inn: Inn) -> None:
    ana, user = await inn.guest("ana")
    ben, _ = await inn.guest("ben")
    await inn.grant(user, await inn.client(), frozenset({"spotify:read"}))
    csrf = (await ana.get("/account")).form("/signout").fields["csrf"]
    gone = f"/chats/{user.id}/cut"
    answers = await flood(ACTIONS.burst + 30, lambda: ana.client.post(gone, data={"csrf": csrf}))
    assert sum(answer.status_code == 404 for answer in answers) >= ACTIONS.burst
    assert_later(answers[-1], ACTIONS.pace)
    assert (await ana.get("/account")).status == 200, "looking is free"
    csrf = (await ben.get("/account")).form("/signout").fields["csrf"]
    assert (await ben.post(gone, {"csrf": csrf})).status == 404


async def test_trips_to_a_provider_of_somebody_unknown_are_bounded(inn: Inn) -> None:
    """Each is a row; whoever is signed in already goes on undisturbed."""
    ana, _ = await inn.guest("ana")
    stranger = inn.browser()
    form = (await stranger.get("/signin")).form("/signin")
    answers = await flood(ARRIVALS.burst + 30, lambda: stranger.client.post("/signin", data=form.fields))
    assert_later(answers[-1], ARRIVALS.pace)
    assert await inn.count("SELECT count(*) FROM states") <= ARRIVALS.burst + 5
    page = await ana.get("/connect/spotify")
    assert (await ana.submit(page.form("/connect/spotify"))).status == 200


async def test_people_who_are_turned_away_are_counted(inn: Inn) -> None:
    """A refused sign-in costs calls to the provider, so it is a miss."""
    limits = Limits(inn.database, b"k" * 32)
    inn.gate._limits = limits
    for _ in range(MISSES.burst):
        await limits.take(MISSES, "127.0.0.1")
    assert (await inn.sign_in(inn.browser(), "zoe")).status == 429
    assert (await inn.sign_in(inn.browser(), "ana")).location == "/account"


async def test_no_address_rests_in_plain(house: House, client: str) -> None:
    await wrong(house, client)
    for (key,) in await house.execute("SELECT key FROM limits"):
        assert bytes(key) != digest("203.0.113.9")[:16]
        assert b"203" not in bytes(key)
