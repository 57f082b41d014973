"""promtool, Prometheus' own judge of rules and configuration (Debian: prometheus)."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def promtool(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """One command, to its end. Skips where it is not installed, and fails where it has to be."""
    program = shutil.which("promtool", path=f"{os.environ.get('PATH', '')}:/usr/bin:/usr/local/bin")
    if program is None:
        told = "promtool is not installed (Debian: prometheus): the alerts were not judged"
        if os.environ.get("VALET_REQUIRE_TOWN") == "1":
            pytest.fail(told)
        pytest.skip(told)
    return subprocess.run(
        [program, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
