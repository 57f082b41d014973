"""Environments with an earlier Python SDK, made once from pinned versions and kept under `.venv/clients`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_PINS = Path(__file__).parent / "pins"
_FOLDER = Path(__file__).resolve().parents[3] / ".venv" / "clients"


def python_with(version: str) -> Path:
    """The interpreter of an environment with that version of the SDK.

    Where it can't be installed the test is skipped, or fails where VALET_REQUIRE_CLIENTS is set.
    """
    pins = _PINS / f"mcp-{version}.txt"
    place = _FOLDER / pins.stem
    stamp, python = place / "installed.txt", place / "bin" / "python"
    if stamp.is_file() and stamp.read_bytes() == pins.read_bytes():
        return python
    shutil.rmtree(place, ignore_errors=True)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--python",
        python,
        "install",
        "--quiet",
    ]
    for command in (
        [sys.executable, "-m", "venv", "--without-pip", place],
        [*pip, "--no-deps", "-r", pins],
    ):
        ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if ran.returncode != 0:
            reason = f"mcp {version} could not be installed: {ran.stderr.strip()[-300:]}"
            if os.environ.get("VALET_REQUIRE_CLIENTS"):
                pytest.fail(reason)
            pytest.skip(reason)
    stamp.write_bytes(pins.read_bytes())
    return python
