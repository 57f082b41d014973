"""The watch over the embedded PostgreSQL goes on after a failure, and ends in peace."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import SecretStr

from valet.embedded import EmbeddedError
from valet.guard import Served, guarded


class Mortal:
    """A supervisor whose server is dead and whose first starts fail as told."""

    def __init__(self, *failures: Exception) -> None:
        self.pid: int | None = None
        self.failures = list(failures)
        self.started = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def start(self) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.pid = 1
        self._loop.call_soon_threadsafe(self.started.set)


@pytest.mark.parametrize("failure", [EmbeddedError("no room"), OSError("canary"), RuntimeError("canary")])
async def test_a_failed_start_is_tried_again(failure: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    mortal: Any = Mortal(failure)
    async with guarded(Served(SecretStr("x"), mortal), every=0.001):
        await asyncio.wait_for(mortal.started.wait(), 10)
    assert mortal.pid == 1
    assert "canary" not in capsys.readouterr().out


async def test_somebody_elses_database_is_left_alone() -> None:
    async with guarded(Served(SecretStr("x"), None)):
        pass
