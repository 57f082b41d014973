"""The refresh: one line of tokens, a grace for bursts and lost answers, and the end of it on theft."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from tests.connect.authserver import (
    SCOPES,
    House,
    another_worker,
    assert_error,
    open_house,
)
from vault.errors import Tampered
from vault.opaque import digest
from vault.store.database import Database


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    async with open_house(database) as house:
        yield house


@pytest.fixture
async def client(house: House) -> str:
    return str((await house.register())["client_id"])


async def test_a_refresh_gives_the_next_pair(house: House, client: str) -> None:
    first = await house.login(client)
    answer = await house.refresh(client, first["refresh_token"])
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    second = answer.json()
    assert second["expires_in"] == 3600
    assert second["scope"] == "spotify:read"
    assert len({first["refresh_token"], second["refresh_token"]}) == 2
    assert await house.who(second["access_token"]) is not None
    assert await house.who(first["access_token"]) is not None


async def test_a_burst_of_refreshes_gets_one_successor(house: House, client: str) -> None:
    first = await house.login(client)
    answers = await asyncio.gather(*(house.refresh(client, first["refresh_token"]) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    bodies = [answer.json() for answer in answers]
    assert len({body["refresh_token"] for body in bodies}) == 1
    assert len({body["access_token"] for body in bodies}) == 50
    assert all([await house.who(body["access_token"]) for body in bodies])
    assert (await house.refresh(client, bodies[0]["refresh_token"])).status_code == 200


async def test_a_burst_over_two_workers_gets_one_successor(
    house: House, client: str, database_url: str
) -> None:
    first = await house.login(client)
    async with another_worker(database_url, house.safe) as second:
        answers = await asyncio.gather(
            *(each.refresh(client, first["refresh_token"]) for _ in range(25) for each in (house, second))
        )
    assert {answer.status_code for answer in answers} == {200}
    (successor,) = {answer.json()["refresh_token"] for answer in answers}
    assert all([await house.who(answer.json()["access_token"]) for answer in answers])
    assert (await house.refresh(client, successor)).status_code == 200


async def test_within_the_grace_the_end_of_the_line_is_answered(house: House, client: str) -> None:
    first = (await house.login(client))["refresh_token"]
    second = (await house.refresh(client, first)).json()["refresh_token"]
    assert (await house.refresh(client, first)).json()["refresh_token"] == second
    third = (await house.refresh(client, second)).json()["refresh_token"]
    for late in (first, second):
        assert (await house.refresh(client, late)).json()["refresh_token"] == third
    assert (await house.refresh(client, third)).status_code == 200


async def test_after_the_grace_reuse_of_a_passed_on_token_ends_the_family(house: House, client: str) -> None:
    first = (await house.login(client))["refresh_token"]
    second = (await house.refresh(client, first)).json()["refresh_token"]
    third = (await house.refresh(client, second)).json()
    await house.age(first)
    other = await house.login(client)
    with capture_logs() as logs:
        assert_error(await house.refresh(client, first), "invalid_grant")
    assert [(e["event"], e["why"]) for e in logs] == [("refresh_refused", "replayed")]
    assert await house.who(third["access_token"]) is None
    assert_error(await house.refresh(client, third["refresh_token"]), "invalid_grant")
    assert await house.who(other["access_token"]) is not None


async def test_after_the_grace_a_lost_answer_is_made_good(house: House, client: str) -> None:
    first = (await house.login(client))["refresh_token"]
    lost = (await house.refresh(client, first)).json()["refresh_token"]
    await house.age(first)
    answers = await asyncio.gather(*(house.refresh(client, first) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    (again,) = {answer.json()["refresh_token"] for answer in answers}
    assert again != lost
    assert (await house.refresh(client, again)).status_code == 200


async def test_a_withdrawn_successor_ends_the_family(house: House, client: str) -> None:
    first = (await house.login(client))["refresh_token"]
    withdrawn = (await house.refresh(client, first)).json()["refresh_token"]
    await house.age(first)
    again = (await house.refresh(client, first)).json()
    assert_error(await house.refresh(client, withdrawn), "invalid_grant")
    assert await house.who(again["access_token"]) is None
    assert_error(await house.refresh(client, again["refresh_token"]), "invalid_grant")


async def test_a_successor_rests_sealed_and_only_for_its_grace(house: House, client: str) -> None:
    async def sealed() -> list[bytes | None]:
        rows = await house.execute(
            "SELECT successor FROM refresh_tokens r JOIN families f ON f.id = r.family_id"
            " JOIN grants g ON g.id = f.grant_id WHERE g.client_id = %s ORDER BY r.record_id",
            client,
        )
        return [row[0] for row in rows]

    first = (await house.login(client))["refresh_token"]
    assert await sealed() == [None]
    second = (await house.refresh(client, first)).json()["refresh_token"]
    used, fresh = await sealed()
    assert used is not None
    assert second.encode() not in used
    assert fresh is None
    await house.age(first)
    await house.refresh(client, second)
    assert [bool(row) for row in await sealed()] == [False, True, False]


async def test_a_refresh_token_for_another_resource_is_no_use(house: House, client: str) -> None:
    """As after a move of the server: its access tokens would be refused at /mcp for ever."""
    tokens = await house.login(client)
    await house.execute(
        "UPDATE families SET resource = 'https://moved.example/mcp' WHERE id ="
        " (SELECT family_id FROM refresh_tokens WHERE hash = %s)",
        digest(tokens["refresh_token"]),
    )
    assert_error(await house.refresh(client, tokens["refresh_token"]), "invalid_grant")


async def test_an_expired_refresh_token_is_no_use(house: House, client: str) -> None:
    tokens = await house.login(client)
    key = digest(tokens["refresh_token"])
    assert await house.execute(
        "SELECT expires_at - created_at FROM refresh_tokens WHERE hash = %s"
        " AND expires_at - created_at = interval '30 days'",
        key,
    )
    await house.execute("UPDATE refresh_tokens SET expires_at = now() WHERE hash = %s", key)
    assert_error(await house.refresh(client, tokens["refresh_token"]), "invalid_grant")


async def test_another_client_can_neither_use_nor_end_a_refresh_token(house: House, client: str) -> None:
    thief = (await house.register())["client_id"]
    first = (await house.login(client))["refresh_token"]
    second = (await house.refresh(client, first)).json()
    await house.refresh(client, second["refresh_token"])
    await house.age(first)
    for token in (first, second["refresh_token"], "vlt_rt_" + "x" * 43, second["access_token"]):
        assert_error(await house.refresh(thief, token), "invalid_grant")
    assert await house.who(second["access_token"]) is not None


async def test_whoever_may_not_sign_in_any_more_gets_no_new_tokens(house: House, client: str) -> None:
    tokens = await house.login(client)
    house.banned.add(house.user)
    assert_error(await house.refresh(client, tokens["refresh_token"]), "invalid_grant")
    house.banned.clear()
    assert (await house.refresh(client, tokens["refresh_token"])).status_code == 200


async def test_a_blocked_person_gets_no_new_tokens(house: House, client: str) -> None:
    tokens = await house.login(client)
    await house.execute("UPDATE users SET blocked_at = now() WHERE id = %s", house.user)
    assert_error(await house.refresh(client, tokens["refresh_token"]), "invalid_grant")
    assert await house.who(tokens["access_token"]) is None


async def test_a_cut_grant_ends_everything_at_once(house: House, client: str) -> None:
    one, two = await house.login(client), await house.login(client)
    successor = (await house.refresh(client, one["refresh_token"])).json()
    (grant,) = await house.grants.list(house.user)
    assert await house.grants.cut(house.user, grant.id)
    for tokens in (one, two, successor):
        assert await house.who(tokens["access_token"]) is None
        assert_error(await house.refresh(client, tokens["refresh_token"]), "invalid_grant")


async def test_a_raised_grant_needs_no_new_login(house: House, client: str) -> None:
    tokens = await house.login(client)
    (grant,) = await house.grants.list(house.user)
    await house.grants.raise_(house.user, grant.id, frozenset({"notes:write"}))
    who = await house.who(tokens["access_token"])
    assert who is not None
    assert who.scopes == {"spotify:read", "notes:write"}
    again = (await house.refresh(client, tokens["refresh_token"])).json()
    assert again["scope"] == "notes:write spotify:read"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("spotify:write", "spotify:write"),
        ("spotify:read offline_access", "spotify:read"),
        ("spotify:write notes:write", "spotify:write"),
        (None, "spotify:write"),
    ],
)
async def test_scope_at_a_refresh_narrows_only_the_answer(
    house: House, client: str, asked: str | None, said: str
) -> None:
    handle = await house.pending(client)
    code = (await house.approve(handle, frozenset({"spotify:write"})))["code"]
    tokens = (await house.exchange(client, code)).json()
    answer = await house.refresh(client, tokens["refresh_token"], scope=asked)
    assert answer.json()["scope"] == said
    who = await house.who(answer.json()["access_token"])
    assert who is not None
    assert who.scopes == {"spotify:write"}


async def test_a_scope_that_was_never_granted_is_refused(house: House, client: str) -> None:
    tokens = await house.login(client)
    answer = await house.refresh(client, tokens["refresh_token"], scope="notes:write")
    assert_error(answer, "invalid_scope")
    assert (await house.refresh(client, tokens["refresh_token"])).status_code == 200


async def test_a_grant_of_nothing_is_still_a_grant(house: House, client: str) -> None:
    code = (await house.approve(await house.pending(client), frozenset()))["code"]
    tokens = (await house.exchange(client, code)).json()
    assert tokens["scope"] == ""
    again = await house.refresh(client, tokens["refresh_token"], scope=" ".join(SCOPES))
    assert again.json()["scope"] == ""


async def test_a_revocation_under_way_is_not_missed_by_a_refresh(house: House, client: str) -> None:
    tokens = await house.login(client)
    async with house.database.transaction() as link:
        await link.execute(
            "UPDATE families SET revoked_at = now() WHERE id ="
            " (SELECT family_id FROM refresh_tokens WHERE hash = %s)",
            (digest(tokens["refresh_token"]),),
        )
        refresh = asyncio.create_task(house.refresh(client, tokens["refresh_token"]))
        await _blocked(house, link.info.backend_pid)
    assert_error(await refresh, "invalid_grant")


async def _blocked(house: House, by: int) -> None:
    """Wait until somebody waits for this backend."""
    async with asyncio.timeout(60):
        while not await house.execute(
            "SELECT 1 FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))", by
        ):
            await asyncio.sleep(0.01)


async def test_refreshes_and_a_revocation_at_once_leave_nothing_alive(house: House, client: str) -> None:
    for _ in range(5):
        tokens = await house.login(client)
        *answers, revoked = await asyncio.gather(
            *(house.refresh(client, tokens["refresh_token"]) for _ in range(8)),
            house.http.post("/revoke", data={"client_id": client, "token": tokens["access_token"]}),
        )
        assert revoked.status_code == 200
        for body in [tokens, *(answer.json() for answer in answers if answer.status_code == 200)]:
            assert await house.who(body["access_token"]) is None
            assert_error(await house.refresh(client, body["refresh_token"]), "invalid_grant")


async def test_a_database_that_is_away_is_said_so(empty_database: Database) -> None:
    async with open_house(empty_database) as house:
        client = (await house.register())["client_id"]
        await empty_database.close()
        answer = await house.exchange(client, "x")
        assert_error(answer, "temporarily_unavailable", 503)
        assert answer.headers["retry-after"] == "2"
        back = await house.ask(client)
        assert back.status_code == 503


async def test_a_successor_that_does_not_open_is_an_alarm_not_a_secret(
    house: House, client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = (await house.login(client))["refresh_token"]
    await house.refresh(client, first)

    def broken(*_: object) -> bytes:
        raise Tampered

    monkeypatch.setattr(house.safe, "open", broken)
    async with house.browser() as http:
        form = {"grant_type": "refresh_token", "refresh_token": first, "client_id": client}
        with capture_logs() as logs:
            answer = await http.post("/token", data=form)
    assert_error(answer, "server_error", 500)
    assert [(e["event"], e["error"]) for e in logs] == [("endpoint_failed", "Tampered")]
    assert first not in repr(logs)
