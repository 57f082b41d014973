"""A process of the tests that was told to end, and does not, is no process any more, and a failure."""

from __future__ import annotations

import signal
import subprocess

import pytest

from tests.support.ending import ended


def test_its_status_is_told_once_it_has_one() -> None:
    assert ended(subprocess.Popen(["sh", "-c", "exit 3"])) == 3


def test_who_does_not_end_is_killed_and_that_is_told() -> None:
    process = subprocess.Popen(["sleep", "600"])
    with pytest.raises(subprocess.TimeoutExpired):
        ended(process, 0.01)
    assert process.returncode == -signal.SIGKILL
