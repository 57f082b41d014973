"""Programs of Debian that the town is built of."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest


def program(name: str, package: str) -> str:
    """Where it is; without it the test is skipped, or fails where VALET_REQUIRE_TOWN is set."""
    places = [*Path("/usr/lib/postgresql").glob("*/bin"), Path("/usr/sbin"), Path("/usr/bin")]
    for place in sorted(places, reverse=True):
        if (place / name).exists():
            return str(place / name)
    found = shutil.which(name)
    if found is None:
        reason = f"needs {name} (Debian: apt-get install {package})"
        if os.environ.get("VALET_REQUIRE_TOWN"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found
