"""Where databases of the tests rest: in memory, where there is room for them, else on the disk.

A database is some 300 files. On ext4 each new file is looked for a place past all that were deleted in the
minutes before, and the tests make and delete databases all the time: 150 ms of a core for a copy that takes
20 in memory, and 700 for a cluster that takes 90. What is proven is the same: a process that is killed keeps
what it wrote in either, and no test turns a machine off.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import re
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

_NAME = "VALET_TEST_ROOM"
_HELD = "held"
_MEMORY = Path("/dev/shm")
_ENOUGH = 4 << 30
"""Bytes. A run with three workers takes less than half of it."""


def begin() -> None:
    """Make room for this run and all its workers. Whoever made it clears it away at its end.

    A run that was killed could not: the next one does it. A database that still runs in there ends by itself
    when its files have gone.
    """
    if _NAME not in os.environ:
        for place in {_MEMORY, Path(tempfile.gettempdir())}:
            _sweep(place)
        made = _made(_best())
        _hold(made)
        os.environ[_NAME] = str(made)
        atexit.register(shutil.rmtree, made, ignore_errors=True)


def whole() -> Path:
    """The room of this run; what is in it is for all workers."""
    return Path(os.environ[_NAME])


def folder() -> Path:
    """A new folder in it that other users may pass through."""
    return _made(whole())


def _hold(room: Path) -> None:
    """Whoever sees the file finds it locked, as long as this process lives."""
    file = (room / "holding").open("w")
    fcntl.flock(file, fcntl.LOCK_EX)
    (room / "holding").rename(room / _HELD)
    atexit.register(file.close)


def _sweep(place: Path) -> None:
    for file in place.glob(f"vt-*/{_HELD}"):
        with suppress(OSError), file.open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(file.parent, ignore_errors=True)


def _made(within: Path | None) -> Path:
    made = Path(tempfile.mkdtemp(prefix="vt-", dir=within)).resolve()
    made.chmod(0o755)
    return made


def _best() -> Path | None:
    try:
        kinds = dict(re.findall(r"^\S+ (\S+) (\S+) ", Path("/proc/mounts").read_text(), re.MULTILINE))
        [left] = re.findall(r"^MemAvailable: +(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
        room = min(shutil.disk_usage(_MEMORY).free, int(left) * 1024)
        programs_run = not os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC
    except (OSError, ValueError):
        return None
    usable = kinds.get(str(_MEMORY)) == "tmpfs" and programs_run and os.access(_MEMORY, os.W_OK)
    return _MEMORY if usable and room >= _ENOUGH else None
