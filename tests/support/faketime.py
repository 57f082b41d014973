"""Processes whose wall clock is wrong, by Debian's libfaketime."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def shifted(seconds: int) -> dict[str, str]:
    """The environment of a process whose wall clock is that much ahead; its monotonic clock is right.

    Without the library the test is skipped, or fails where VALET_REQUIRE_FAKETIME is set.
    """
    found = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    if found is None:
        reason = "needs libfaketime (Debian: apt-get install libfaketime)"
        if os.environ.get("VALET_REQUIRE_FAKETIME"):
            pytest.fail(reason)
        pytest.skip(reason)
    return {"LD_PRELOAD": str(found), "FAKETIME": f"{seconds:+d}", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


class Clock:
    """A wall clock that its processes see, and that can be moved while they run.

    `environment` is theirs; it needs the library as `shifted` does. `file` keeps how far it is ahead.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._ahead = 0
        library = shifted(0)["LD_PRELOAD"]
        self.advance(0)
        self.environment = {
            "LD_PRELOAD": library,
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def advance(self, seconds: int) -> None:
        """Move it, for all its processes at once."""
        self._ahead += seconds
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{self._ahead:+d}\n")
        fresh.replace(self._file)
