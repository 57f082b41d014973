"""Where the tests' databases rest: it is given back, whether or not a run could do that itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BEGUN = """
import sys
from tests.support import room

room.begin()
print(room.folder(), flush=True)
sys.stdin.read()
"""


@contextmanager
def begun() -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A run of its own, and its room. It ends where nobody speaks to it any more."""
    environment = {name: value for name, value in os.environ.items() if name != "VALET_TEST_ROOM"}
    with subprocess.Popen(
        [sys.executable, "-c", BEGUN],
        cwd=ROOT,
        env={**environment, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stdout is not None
        yield run, Path(run.stdout.readline().strip()).parent


def test_a_run_clears_its_room_away_and_those_of_runs_that_were_killed() -> None:
    with begun() as (killed, left), begun() as (_, other):
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert left.is_dir() and other.is_dir()
        with begun() as (last, own):
            assert not left.exists() and other.is_dir() and own.is_dir()
            last.communicate("")
            assert not own.exists()
