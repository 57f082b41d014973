"""The restarts of tests/town, again and again, by more people."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.proof.conftest import Say
from tests.proof.people import ended
from tests.support.crowd import crowd
from tests.support.town import Town
from tests.town.test_restarts import outages

TURNS = 10


@pytest.fixture(scope="module")
def town(nobody_stays: None) -> Iterator[Town]:
    with Town() as town:
        yield town


async def test_ten_rolling_restarts_fail_nothing(town: Town, say: Say) -> None:
    async with crowd(town, 16, pause=0) as load:
        async with load.running():
            for _ in range(TURNS):
                for door in town.doors:
                    await load.more()
                    await asyncio.to_thread(door.restart)
            await load.more()
        assert load.failed == [] and set(load.answers) == {"ok", "call ok", "token ok"}
    say(f"{TURNS} rolling restarts of 2 workers and 2 sidecars: {load.answers['ok']} requests, 0 failed")


async def test_thirty_outages_lose_nothing(town: Town, say: Say) -> None:
    town.emulator.settings(rotate=True, reuse_detection=True, grace_seconds=0)
    async with crowd(town, 16, pause=0) as load:
        async with load.running():
            for _ in range(TURNS):
                await outages(town, load)
        assert load.failed == [], blamed(town)
        assert ended(town.emulator) == []
        assert {await load.renew(chat) for chat in load.chats} == {"ok"}
    say(
        f"PostgreSQL restarted in order and at once, and PgBouncer, {TURNS} times each: {load.answers['ok']} "
        f"requests answered, {load.answers['retry']} told to try again, 0 failed, nothing lost"
    )


def blamed(town: Town) -> list[str]:
    """What the processes say of requests that they could not answer."""
    lines = [line for door in town.doors for line in door.logs.read_text().splitlines()]
    return [line for line in lines if "_failed" in line]
