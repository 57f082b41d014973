"""The two commands of the README, as they are typed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from tests.support.emulator import EmulatorProcess
from tests.support.valet import ROOT, ValetProcess


def said(output: Path, words: str, process: subprocess.Popen[bytes]) -> str:
    """What was printed, once `words` are among it."""
    deadline = time.monotonic() + 60
    while words not in (text := output.read_text()):
        assert process.poll() is None, text
        assert time.monotonic() < deadline, text
        time.sleep(0.02)
    return text


@pytest.mark.skipif(
    not (ROOT / ".venv" / "ready-run").exists(), reason="these are not run by make: .venv is not made by it"
)
def test_make_run_and_make_try_and_ctrl_c() -> None:
    with EmulatorProcess() as emulator:
        place = ValetProcess(VALET_EMULATOR_ORIGIN=emulator.origin)
        try:
            output = place.folder / "output.txt"
            with output.open("wb") as sink:
                run = subprocess.Popen(
                    ["make", "run"], cwd=ROOT, env=place.environment, stdout=sink, start_new_session=True
                )
            try:
                banner = said(output, "Ctrl-C stops everything and loses nothing.", run)
                assert f"{place.url}/mcp" in banner
                tried = subprocess.run(
                    ["make", "try"],
                    cwd=ROOT,
                    env=place.environment,
                    capture_output=True,
                    text=True,
                    check=False,
                )
                assert tried.returncode == 0, tried.stdout + tried.stderr
                assert '"Despacito" is playing' in tried.stdout
                tried = subprocess.run(
                    ["make", "try", "ASK=what is on my calendar tomorrow"],
                    cwd=ROOT,
                    env=place.environment,
                    capture_output=True,
                    text=True,
                    check=False,
                )
                assert tried.returncode == 0, tried.stdout + tried.stderr
                assert re.search(r"done  [1-9]\d* events in 2 accounts", tried.stdout)
                children = psutil.Process(run.pid).children(recursive=True)
                assert any("postgres" in child.name() for child in children)
            finally:
                # A terminal's Ctrl-C reaches the whole group.
                os.killpg(run.pid, signal.SIGINT)
                run.wait(30)
            assert not [child for child in children if child.is_running()]
        finally:
            place.close()
