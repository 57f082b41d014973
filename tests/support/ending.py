"""The end of a process that was told to end."""

from __future__ import annotations

import subprocess
from typing import Protocol


class Process(Protocol):
    """What is used of subprocess.Popen."""

    def wait(self, timeout: float | None = None) -> int: ...

    def kill(self) -> None: ...


def ended(process: Process, seconds: float = 60) -> int:
    """Its exit status. Raises TimeoutExpired; then it has been killed."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
