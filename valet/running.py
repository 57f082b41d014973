"""The note that a running Valet leaves in its data folder, for the commands in a second terminal."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

_NAME = "running.json"


@dataclass(frozen=True, slots=True)
class Running:
    """Where a Valet answers. No secret is in it."""

    public_url: str
    pid: int
    emulator_origin: str | None = None


def write(folder: Path, running: Running) -> None:
    """Leave the note, atomically."""
    draft = folder / f".{_NAME}.{os.getpid()}"
    draft.write_text(json.dumps(asdict(running)), encoding="utf-8")
    draft.replace(folder / _NAME)


def read(folder: Path) -> Running | None:
    """The note of a Valet that still lives, or None."""
    try:
        running = Running(**json.loads((folder / _NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    if sys.platform == "win32":
        return None  # none serves there, and that signal would be Ctrl-C to everybody at the console
    try:
        os.kill(running.pid, 0)
    except PermissionError:
        return running  # it lives, as somebody else's
    except OSError:
        return None
    return running


def clear(folder: Path, pid: int) -> None:
    """Remove the note that the process `pid` left; another's stays."""
    note = read(folder)
    if note is not None and note.pid == pid:
        with suppress(OSError):
            (folder / _NAME).unlink()
