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
