"""Buckets at `/mcp`: what one grant may ask, and that nobody else pays for it."""

from __future__ import annotations

from uuid import UUID

from mcp_server.buckets import BURST, PER_SECOND, Buckets
from tests.mcp_server.conftest import Serve
from vault.ids import new_id
from vault.opaque import digest

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def spend(buckets: Buckets, grant: UUID) -> int:
    for used in range(10_000):
        if buckets.take(grant):
            return used
    raise AssertionError("never empty")


def test_a_burst_passes_and_comes_back_evenly() -> None:
    clock, grant = Clock(), new_id()
    buckets = Buckets(burst=5, per_second=2, clock=clock)
    assert spend(buckets, grant) == 5
    assert buckets.take(grant) == 0.5
    clock.now += 1
    assert spend(buckets, grant) == 2
    clock.now += 3600
    assert spend(buckets, grant) == 5, "never more than a burst"


def test_grants_do_not_pay_for_each_other() -> None:
    buckets = Buckets(burst=5, per_second=2, clock=Clock())
    spend(buckets, new_id())
    assert spend(buckets, new_id()) == 5


def test_memory_is_bounded_and_the_busy_stay_remembered() -> None:
    buckets = Buckets(burst=5, per_second=2, most=10, clock=Clock())
    busy = new_id()
    spend(buckets, busy)
    for _ in range(100):
        buckets.take(new_id())
        assert buckets.take(busy) > 0
    assert buckets.remembered == 10


def test_the_defaults_are_generous() -> None:
    assert BURST >= 100
    assert PER_SECOND * 60 >= 600


async def test_an_empty_bucket_is_told_with_retry_after(serve: Serve) -> None:
    clock = Clock()
    async with serve(buckets=Buckets(burst=2, per_second=0.1, clock=clock)) as desk:
        who, other = await desk.resident(), await desk.resident()
        for _ in range(2):
            assert (await desk.post(LIST, token=who.token)).status_code != 429
        refused = await desk.post(LIST, token=who.token, headers={"origin": "http://127.0.0.1:6274"})
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "10"
        assert refused.headers["cache-control"] == "no-store"
        assert "Retry-After" in refused.headers["access-control-expose-headers"]
        body = refused.json()
        assert (body["jsonrpc"], body["id"], body["error"]["data"]) == (
            "2.0",
            None,
            {"error": "rate_limited"},
        )
        assert (await desk.post(LIST, token=other.token)).status_code != 429
        clock.now += 10
        assert (await desk.post(LIST, token=who.token)).status_code != 429


async def test_another_token_of_the_grant_is_no_second_bucket(serve: Serve) -> None:
    async with serve(buckets=Buckets(burst=2, per_second=0.1, clock=Clock())) as desk:
        who = await desk.resident()
        async with desk.database.connection() as link:
            await link.execute(
                "INSERT INTO access_tokens (hash, family_id, expires_at)"
                " SELECT %s, id, now() + interval '1 hour' FROM families WHERE grant_id = %s",
                (digest("another-token"), who.grant_id),
            )
        for token in (who.token, "another-token"):
            assert (await desk.post(LIST, token=token)).status_code != 429
        assert (await desk.post(LIST, token="another-token")).status_code == 429


async def test_a_wrong_token_takes_from_nobody(serve: Serve) -> None:
    """Looked up first: whoever has no token of ours can't empty anybody's bucket, from whatever address."""
    async with serve(buckets=Buckets(burst=1, per_second=0.1, clock=Clock())) as desk:
        who = await desk.resident()
        for _ in range(20):
            assert (await desk.post(LIST, token="wrong")).status_code == 401
        assert (await desk.post(LIST, token=who.token)).status_code != 429
