"""A fresh cluster of the embedded PostgreSQL, made once in a run of the tests and copied from then on.

To make one takes two seconds of a core: initdb, the roles, the database. Whoever is about the making itself
(tests/valet/test_embedded*.py, a first start in tests/flows and tests/valet) has it made anew.
"""

from __future__ import annotations

import fcntl
import subprocess
from pathlib import Path

from tests.support import room
from valet.embedded import Supervisor


def made() -> Path:
    """A data folder with a cluster that was stopped in order, to be copied."""
    place = room.whole()
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "data").exists():
            with Supervisor(place / "new"):
                pass
            (place / "new").rename(place / "data")
    return place / "data"


def copy(target: Path) -> None:
    """Copy it to a data folder that does not exist yet."""
    target.parent.mkdir(parents=True, exist_ok=True)
    copy_folder(made(), target)


def copy_folder(source: Path, target: Path) -> None:
    """Copy a data folder with its owners."""
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)
