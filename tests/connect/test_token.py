"""The token endpoint: a code gives one pair of tokens, to its own client, once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.connect.authserver import (
    CALLBACK,
    RESOURCE,
    VERIFIER,
    WRONG_VERIFIER,
    House,
    another_worker,
    assert_error,
    challenge,
    open_house,
)
from vault.opaque import digest
from vault.store.database import Database

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    async with open_house(database) as house:
        yield house


@pytest.fixture
async def client(house: House) -> str:
    return str((await house.register())["client_id"])


async def test_a_code_gives_a_pair_of_tokens(house: House, client: str) -> None:
    answer = await house.exchange(client, await house.code(client))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"
    assert answer.headers["access-control-allow-origin"] == "*"
    body = answer.json()
    assert body["access_token"].startswith("vlt_at_")
    assert body["refresh_token"].startswith("vlt_rt_")
    assert {n: body[n] for n in ("token_type", "expires_in", "scope")} == {
        "token_type": "Bearer",
        "expires_in": 3600,
        "scope": "spotify:read",
    }
    who = await house.who(body["access_token"])
    assert who is not None
    assert (who.user_id, who.client_id, who.resource) == (house.user, client, RESOURCE)
    assert who.scopes == {"spotify:read"}
    assert await house.who(body["refresh_token"]) is None


async def test_of_many_exchanges_at_once_one_succeeds(house: House, client: str) -> None:
    code = await house.code(client)
    answers = await asyncio.gather(*(house.exchange(client, code) for _ in range(50)))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 400: 49}
    assert {a.json()["error"] for a in answers if a.status_code == 400} == {"invalid_grant"}
    (tokens,) = [answer.json() for answer in answers if answer.status_code == 200]
    assert await house.who(tokens["access_token"]) is not None
    assert (await house.refresh(client, tokens["refresh_token"])).status_code == 200


async def test_over_two_workers_one_exchange_succeeds_too(
    house: House, client: str, database_url: str
) -> None:
    code = await house.code(client)
    async with another_worker(database_url, house.safe) as second:
        answers = await asyncio.gather(
            *(each.exchange(client, code) for _ in range(25) for each in (house, second))
        )
    (tokens,) = [answer.json() for answer in answers if answer.status_code == 200]
    assert await house.who(tokens["access_token"]) is not None


async def spent_ago(house: House, code: str, seconds: float) -> None:
    await house.execute(
        "UPDATE codes SET consumed_at = consumed_at - make_interval(secs => %s) WHERE hash = %s",
        seconds,
        digest(code),
    )


async def test_a_client_that_sends_its_code_again_at_once_keeps_what_it_has(
    house: House, client: str
) -> None:
    code = await house.code(client)
    tokens = (await house.exchange(client, code)).json()
    await spent_ago(house, code, 9)
    assert_error(await house.exchange(client, code), "invalid_grant")
    assert await house.who(tokens["access_token"]) is not None


@pytest.mark.parametrize(
    "wrong",
    [
        {"code_verifier": WRONG_VERIFIER},
        {"code_verifier": "short"},
        {"redirect_uri": "https://evil.example/cb"},
        {"redirect_uri": None},
    ],
)
async def test_a_replay_without_the_proof_ends_what_the_code_gave_at_once(
    house: House, client: str, wrong: dict[str, str | None]
) -> None:
    code = await house.code(client)
    tokens = (await house.exchange(client, code)).json()
    assert_error(await house.exchange(client, code, **wrong), "invalid_grant")
    assert await house.who(tokens["access_token"]) is None
    assert_error(await house.refresh(client, tokens["refresh_token"]), "invalid_grant")


async def test_a_replayed_code_ends_what_it_gave(house: House, client: str) -> None:
    code = await house.code(client)
    first = (await house.exchange(client, code)).json()
    await spent_ago(house, code, 11)
    second = (await house.refresh(client, first["refresh_token"])).json()
    assert await house.who(second["access_token"]) is not None
    assert_error(await house.exchange(client, code), "invalid_grant")
    assert await house.who(first["access_token"]) is None
    assert await house.who(second["access_token"]) is None
    assert_error(await house.refresh(client, second["refresh_token"]), "invalid_grant")


async def test_a_replay_ends_nothing_else(house: House, client: str) -> None:
    other = await house.login(client)
    code = await house.code(client)
    mine = (await house.exchange(client, code)).json()
    await house.exchange(client, code, code_verifier=WRONG_VERIFIER)
    assert await house.who(mine["access_token"]) is None
    assert await house.who(other["access_token"]) is not None
    assert (await house.refresh(client, other["refresh_token"])).status_code == 200


async def test_a_wrong_verifier_spends_the_code(house: House, client: str) -> None:
    for wrong in (WRONG_VERIFIER, "short", VERIFIER + " ", "ü" * 50, VERIFIER[:-1], VERIFIER + "x" * 100):
        code = await house.code(client)
        assert_error(await house.exchange(client, code, code_verifier=wrong), "invalid_grant")
        assert_error(await house.exchange(client, code), "invalid_grant")


async def test_a_verifier_has_at_least_43_characters(house: House, client: str) -> None:
    for length, status in ((42, 400), (43, 200), (128, 200), (129, 400)):
        verifier = "v" * length
        code = await house.code(client, code_challenge=challenge(verifier))
        assert (await house.exchange(client, code, code_verifier=verifier)).status_code == status


async def test_a_code_for_another_resource_is_no_use(house: House, client: str) -> None:
    code = await house.code(client)
    await house.execute(
        "UPDATE codes SET resource = 'https://moved.example/mcp' WHERE hash = %s", digest(code)
    )
    assert_error(await house.exchange(client, code), "invalid_grant")


async def test_a_missing_verifier_does_not(house: House, client: str) -> None:
    code = await house.code(client)
    assert_error(await house.exchange(client, code, code_verifier=None), "invalid_request")
    assert (await house.exchange(client, code)).status_code == 200


@pytest.mark.parametrize(
    "wrong", ["https://evil.example/cb", "http://localhost:4444/oauth/callback", None, ""]
)
async def test_the_address_must_be_the_one_of_the_request(
    house: House, client: str, wrong: str | None
) -> None:
    answer = await house.exchange(client, await house.code(client), redirect_uri=wrong)
    assert_error(answer, "invalid_grant")


async def test_an_address_left_out_need_not_be_named(house: House, client: str) -> None:
    for given, status in ((None, 200), (CALLBACK, 200), ("https://evil.example/cb", 400)):
        code = await house.code(client, redirect_uri=None)
        assert (await house.exchange(client, code, redirect_uri=given)).status_code == status


async def test_a_loopback_address_is_the_one_that_was_asked(house: House) -> None:
    client = (await house.register(redirect_uris=["http://localhost/cb"]))["client_id"]
    asked = "http://localhost:50123/cb"
    for given, status in ((asked, 200), ("http://localhost:50124/cb", 400), ("http://localhost/cb", 400)):
        code = await house.code(client, redirect_uri=asked)
        assert (await house.exchange(client, code, redirect_uri=given)).status_code == status


async def test_another_client_can_neither_use_nor_spend_a_code(house: House, client: str) -> None:
    thief = (await house.register())["client_id"]
    code = await house.code(client)
    assert_error(await house.exchange(thief, code), "invalid_grant")
    tokens = await house.exchange(client, code)
    assert tokens.status_code == 200
    assert_error(await house.exchange(thief, code), "invalid_grant")
    assert await house.who(tokens.json()["access_token"]) is not None


async def test_an_expired_code_is_no_use(house: House, client: str) -> None:
    code = await house.code(client)
    lives = "SELECT expires_at - created_at = interval '5 minutes' FROM codes WHERE hash = %s"
    assert await house.execute(lives, digest(code)) == [(True,)]
    await house.execute("UPDATE codes SET expires_at = now() WHERE hash = %s", digest(code))
    assert_error(await house.exchange(client, code), "invalid_grant")


@pytest.mark.parametrize("code", ["vlt_ac_" + "x" * 43, "nonsense", "ü"])
async def test_an_unknown_code_is_no_use(house: House, client: str, code: str) -> None:
    assert code not in assert_error(await house.exchange(client, code), "invalid_grant")


async def test_a_code_of_a_cut_grant_or_a_blocked_person_is_no_use(house: House, client: str) -> None:
    code = await house.code(client)
    (grant,) = await house.grants.list(house.user)
    assert await house.grants.cut(house.user, grant.id)
    assert_error(await house.exchange(client, code), "invalid_grant")
    code = await house.code(client)
    await house.execute("UPDATE users SET blocked_at = now() WHERE id = %s", house.user)
    assert_error(await house.exchange(client, code), "invalid_grant")


@pytest.mark.parametrize("name", ["grant_type", "code", "code_verifier"])
async def test_what_is_missing_is_named(house: House, client: str, name: str) -> None:
    fields: dict[str, str | None] = {name: None}
    assert name in assert_error(await house.exchange(client, "x", **fields), "invalid_request")


async def test_other_grant_types_are_refused(house: House, client: str) -> None:
    for grant in ("client_credentials", "password", "urn:ietf:params:oauth:grant-type:jwt-bearer"):
        assert_error(await house.token(client, grant_type=grant), "unsupported_grant_type")
    assert_error(await house.token(client, grant_type="refresh_token"), "invalid_request")


async def test_another_resource_is_refused_and_spends_nothing(house: House, client: str) -> None:
    code = await house.code(client)
    wrong = "https://other.example/mcp"
    assert_error(await house.exchange(client, code, resource=wrong), "invalid_target")
    tokens = (await house.exchange(client, code, resource=None)).json()
    assert_error(await house.refresh(client, tokens["refresh_token"], resource=wrong), "invalid_target")
    again = await house.refresh(client, tokens["refresh_token"], resource=RESOURCE + "/")
    assert again.status_code == 200


async def test_only_a_plain_form_is_read(house: House, client: str) -> None:
    fields = f"grant_type=authorization_code&client_id={client}&code=x&code_verifier={VERIFIER}"

    async def post(body: str, headers: dict[str, str] = FORM) -> httpx2.Response:
        return await house.http.post("/token", content=body, headers=headers)

    assert_error(await post("{}", {"Content-Type": "application/json"}), "invalid_request")
    assert_error(await post(fields, {}), "invalid_request")
    assert_error(await post(fields + "&code=y"), "invalid_request")
    assert_error(await post(fields + "&made_up=1&made_up=1"), "invalid_request")
    assert_error(await post(fields + "&x=%00"), "invalid_request")
    assert_error(await post(fields + "&x=%ed%a0%80"), "invalid_request")
    assert_error(await post("&".join(f"n{n}=1" for n in range(65))), "invalid_request")
    assert_error(await post(fields + "&x=" + "y" * 16384), "invalid_request", 413)
    assert_error(await post(fields), "invalid_grant")
    in_query = await house.http.post(f"/token?{fields}", headers=FORM)
    assert_error(in_query, "invalid_client", 401)
    assert_error(await house.http.get(f"/token?{fields}"), "invalid_request", 405)


async def test_a_page_of_any_origin_may_call_it(house: House) -> None:
    preflight = await house.http.options("/token", headers={"Origin": "https://inspector.example"})
    assert preflight.status_code == 204
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert "authorization" in preflight.headers["access-control-allow-headers"].lower()
