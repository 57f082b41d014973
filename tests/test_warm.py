"""A command that is a copy of a process is what it is when it is typed."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.support import warm
from tests.support.doors import environment
from tests.support.emulator import EmulatorProcess
from tests.support.ports import free_port


@pytest.mark.parametrize(
    "typed",
    [["--help"], ["users", "list", "--no-such-option"], ["link"]],
    ids=" ".join,
)
def test_a_copy_says_what_the_command_says(
    typed: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = environment({"VALET_DATA_DIR": str(tmp_path / "none"), "PUBLIC_URL": "http://127.0.0.1:1"})
    copied = warm.run(["-m", "valet", *typed], cwd=tmp_path, env=given)
    monkeypatch.setenv("VALET_TEST_COLD", "1")
    assert vars(copied) == vars(warm.run(["-m", "valet", *typed], cwd=tmp_path, env=given))


def test_a_copy_has_a_session_a_directory_and_an_end_of_its_own(tmp_path: Path) -> None:
    command = ["-m", "providers.emulator", "--port", str(free_port()), "--exit-with-stdin"]
    pipe = subprocess.PIPE
    process = warm.start(command, cwd=tmp_path, env=environment({}), stdin=pipe, stdout=pipe)
    assert isinstance(process, warm.Copy) and process.stdout is not None and process.stdin is not None
    with process.stdout, process.stdin:
        assert "http://" in process.stdout.readline()
        seen = psutil.Process(process.pid)
        assert seen.cwd() == str(tmp_path.resolve()) and os.getsid(process.pid) == process.pid
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0)
        process.kill()
        assert process.wait(30) == process.poll() == -signal.SIGKILL
        process.kill()  # nobody else's process by now


def test_copies_do_not_hold_each_others_ends(tmp_path: Path) -> None:
    with EmulatorProcess() as first, EmulatorProcess(), EmulatorProcess():
        assert first.stop() == 0, "its stdin was closed, and it saw that"


@pytest.mark.parametrize("name", ["LD_PRELOAD", "TZ"])
def test_what_is_read_early_makes_a_command_start_as_ever(name: str, tmp_path: Path) -> None:
    given = environment({name: "" if name == "LD_PRELOAD" else "0"})
    process = warm.start(["-m", "valet", "--help"], cwd=tmp_path, env=given, stdout=subprocess.DEVNULL)
    assert isinstance(process, subprocess.Popen) and process.wait(60) == 0


def test_another_checkout_is_started_as_ever(tmp_path: Path) -> None:
    (tmp_path / "valet.py").write_text("print('another')\n")
    ran = warm.run(["-m", "valet"], cwd=tmp_path, env=environment({}), root=tmp_path)
    assert (ran.returncode, ran.stdout) == (0, "another\n")
