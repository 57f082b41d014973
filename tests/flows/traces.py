"""Where something that was only to pass through would have stayed: the database, and what was logged."""

from __future__ import annotations

import subprocess

import pytest

from valet.embedded.binaries import locate

THEIRS = ("mcp.client", "httpx2")
"""`httpx2` speaks for clients only; what Valet sends goes through a transport of its own."""


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """What was logged at DEBUG, but for what the chat program here and the emulator's switches say."""
    return "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith(THEIRS))


def dump(url: str) -> str:
    """All of a database, as text."""
    command = [str(locate().program("pg_dump")), "--dbname", url]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
