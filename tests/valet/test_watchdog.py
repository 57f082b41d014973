"""A loop that stands still ends its process; one that turns does not, however long."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.doors import ROOT, environment

PROCESS = """
import asyncio, re, time, uvloop
from valet.watchdog import watched

def block():
    {block}

async def main():
    async with watched(0.6):
        for _ in range(15):
            await asyncio.sleep(0.1)
        print("turned", flush=True)
        block()
    print("ended", flush=True)
    time.sleep(1)

with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    runner.run(main())
"""


def ran(block: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROCESS.format(block=block)],
        env=environment({"PYTHONPATH": str(ROOT)}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "block",
    ["time.sleep(50)", "re.match('(a+)+$', 'a' * 60 + 'canary')"],
    ids=["waiting", "with_the_interpreters_lock"],
)
def test_a_process_whose_loop_stands_still_ends_and_says_where(block: str) -> None:
    ended = ran(block)
    assert (ended.returncode, ended.stdout) == (1, "turned\n")
    assert "in block" in ended.stderr and "canary" not in ended.stderr


def test_one_that_turns_goes_on_and_after_its_end_nobody_watches() -> None:
    ended = ran("pass")
    assert (ended.returncode, ended.stdout) == (0, "turned\nended\n")
