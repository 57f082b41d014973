"""A signal to stop: what nobody waits for ends at once, requests are answered first."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from starlette.applications import Starlette

from tests.vault.upstreams import until
from valet.serve import _Server


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_it_is_passed_on_before_the_server_waits_for_requests(number: signal.Signals) -> None:
    told: list[bool] = []
    server = _Server(Starlette(), lambda: None, lambda: told.append(server.should_exit))
    try:
        with server.capture_signals():
            os.kill(os.getpid(), number)
            await until(lambda: server.should_exit)
    finally:
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().remove_signal_handler(each)
    assert told == [False]
