"""Room for the embedded database, on a file system that has as much as the test gives it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.debian import program
from tests.support.doors import ROOT, environment


def found(folder: Path, size: int, **given: str) -> list[dict[str, str]]:
    """What the doctor says of the disk, with its data folder on a file system of so many bytes."""
    data = folder / "data"
    data.mkdir()
    mounted = [
        program("bwrap", "bubblewrap"),
        "--dev-bind",
        "/",
        "/",
        "--size",
        str(size),
        "--tmpfs",
        str(data),
    ]
    if subprocess.run([*mounted, "true"], check=False).returncode:
        pytest.skip("NOT VALIDATED: a disk that is full, for no file system may be mounted here")
    ran = subprocess.run(
        [*mounted, sys.executable, "-m", "valet", "doctor", "--json"],
        cwd=folder,
        env={**environment(given), "VALET_DATA_DIR": str(data), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    said: list[dict[str, str]] = json.loads(ran.stdout)["findings"]
    shutil.rmtree(data)
    return [each for each in said if each["about"] == "disk"]


@pytest.mark.parametrize(
    ("size", "level", "text"),
    [(200_000_000, "fault", "0.2 GB"), (1_500_000_000, "warning", "1.5 GB"), (2_500_000_000, "ok", "2.5 GB")],
    ids=["full", "little", "enough"],
)
def test_room_that_is_left_is_told(tmp_path: Path, size: int, level: str, text: str) -> None:
    [told] = found(tmp_path, size)
    assert told["level"] == level and told["text"].startswith(f"{text} free for {tmp_path}")
    assert ("VALET_DATA_DIR" in told["fix"]) == (level != "ok")


def test_of_another_servers_disk_nothing_is_said(tmp_path: Path) -> None:
    assert found(tmp_path, 200_000_000, DATABASE_URL="postgresql://x@127.0.0.1:9/x") == []
