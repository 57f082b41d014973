"""What can't be stored is tried for as long as it takes, and served meanwhile for as long as it lives."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any, cast
from uuid import uuid4

import pytest
from pydantic import SecretStr

from providers.base import Credential
from tests.vault.upstreams import Clock, until
from vault.backlog import Backlog
from vault.errors import Busy


class Row:
    """As much of a row as is looked at."""

    def __init__(self) -> None:
        self.owner, self.id, self.provider, self.secret_version = uuid4(), uuid4(), "spotify", 1


async def test_a_database_that_is_away_for_far_more_than_two_minutes_loses_nothing() -> None:
    clock, row, tried = Clock(), cast("Any", Row()), list[float]()
    clock.stop()
    began, back = clock(), 600.0

    async def sleep(seconds: float) -> None:
        clock.move(seconds)
        await asyncio.sleep(0)

    async def store(expires_in: float) -> None:
        tried.append(clock() - began)
        if tried[-1] < back:
            raise Busy("away")
        assert expires_in == pytest.approx(3600 - tried[-1]), (
            "what is stored late is stored with the time it has left"
        )

    backlog = Backlog(sleep=sleep, clock=clock)
    bought = Credential(str(row.id), SecretStr("fresh"), 3600, 2, frozenset())
    backlog.add(row, SecretStr("spent"), bought, store)
    await until(lambda: len(tried) > 130)
    assert tried[-1] > 120, "two minutes, and it still tries"
    served = backlog.find(row)
    assert served is not None and served.access_token == bought.access_token
    assert served.expires_in == pytest.approx(3600 - (clock() - began))
    assert backlog.spent(row, SecretStr("spent"))
    await until(lambda: not backlog.holds(row.owner, row.id))
    assert back <= tried[-1] < back + 1.01, "stored within a second of the database's return"
    pauses = [later - earlier for earlier, later in pairwise(tried)]
    assert max(pauses) < 1.01 and min(pauses[5:]) > 0.99, "about once a second: neither a flood nor too late"
